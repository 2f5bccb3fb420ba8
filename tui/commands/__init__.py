"""The commands: a module or a folder for each, loaded only when called so that `--help` stays fast.

`shared` holds what several commands need; `sending` what `send` and `watch` have in common.
"""
