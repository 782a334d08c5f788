"""Takes the process down with it when it is imported."""

raise SystemExit(3)
