"""What starts the work of every connection with something due."""
