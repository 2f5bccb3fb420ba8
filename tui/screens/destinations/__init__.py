"""Destinations: the list, and the pane of the one under the cursor."""
