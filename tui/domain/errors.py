"""The ways a rule says no, each carrying a sentence fit to show a person."""


class Invalid(ValueError):
    """What was given cannot be stored.

    `field` is the key or flag it was given under (`url`, `severity`); the message says
    what is wrong and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Conflict(Invalid):
    """What was given has the name of something else."""


class Unknown(Invalid):
    """What was given is the name of nothing there is."""


class Refused(Exception):
    """The request is well formed, but the state of things does not allow it."""
