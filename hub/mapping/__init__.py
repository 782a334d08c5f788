"""The mapping document, connector-neutral: reading its text, and working out the values in it."""
