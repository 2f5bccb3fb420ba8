"""The exceptions of the domain. Their messages are shown to users as they are."""


class Invalid(ValueError):
    """A given value is not valid.

    `field` is the key or flag of the value (`url`, `severity`). The message says what is wrong and what is
    allowed.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Conflict(Invalid):
    """The given name is already in use."""


class Unknown(Invalid):
    """The given name matches nothing that is stored."""


class Refused(Exception):
    """The request is valid, but the current state does not allow it."""
