"""Schema versions, applied in order; never edited once released."""
