"""ReturnGO: approvals in by poll and hint, comments and shipment statuses out. See README.md here."""
