"""Returns hub: one approved return, exactly one credit note in the ERP."""
