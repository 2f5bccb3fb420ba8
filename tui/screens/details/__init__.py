"""What the details of an alert say, as lines: no widget, nothing read."""
