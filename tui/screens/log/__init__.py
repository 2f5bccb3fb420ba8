"""Log: the program's own log, followed."""
