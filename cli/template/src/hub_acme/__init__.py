"""Acme for the returns hub."""
