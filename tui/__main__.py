"""`python -m tui` is `tocsin`."""

from tui.cli import main

main()
