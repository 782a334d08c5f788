"""What the RMA must learn from the ERP."""
