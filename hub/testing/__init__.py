"""What connector authors test with: a server for sandboxes, and the conformance kit."""
