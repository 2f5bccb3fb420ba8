"""Activity: what is being delivered, as figures and graphs."""
