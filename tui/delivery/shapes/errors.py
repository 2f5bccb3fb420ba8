"""What is wrong with a shape, or with an alert in one."""

from tui.domain.errors import Invalid


class ShapeError(Invalid):
    """A shape that cannot be read or rendered. `offset` is where the mistake is in the template, if known."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__("shape", message)
        self.offset = offset
