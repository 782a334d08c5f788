"""The HTTP side of `hub serve`."""
