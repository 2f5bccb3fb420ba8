"""The commands, a file each; loaded only when called, so that `tocsin --help` stays fast."""
