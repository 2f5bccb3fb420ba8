"""The footer: the keys that matter here."""

from textual.widgets import Footer


class Keys(Footer):
    """Textual's, which for as long as its screen lives holds on to every key it has ever shown."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    async def recompose(self) -> None:
        await super().recompose()
        self.mutate_reactive(Footer.compact)  # tells the keys bound to it, and lets go of those that are gone
