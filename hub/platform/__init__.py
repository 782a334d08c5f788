"""Returns platforms: where returns come from and where their updates go."""
