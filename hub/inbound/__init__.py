"""What comes in: an event is read, judged and made into values of the hub."""
