"""Updates on their way out: in order for each RMA, tried again until they arrive or a person is told."""
