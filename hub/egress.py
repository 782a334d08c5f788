"""Where the hub may connect to: an address that a user sets must not lead inside."""
