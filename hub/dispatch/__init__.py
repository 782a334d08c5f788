"""The work: prepare, send, look, poll. One flush at a time for each connection."""
