"""Addresses that somebody subscribed to updates of RMAs."""
