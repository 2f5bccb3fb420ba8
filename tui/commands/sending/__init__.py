"""What `tocsin send` and `tocsin watch` read, store and report with."""
