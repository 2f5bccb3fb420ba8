"""Filters in the command palette: built-in ones, and those of the configuration."""

from collections.abc import Iterator
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.domain.text import visible
from tui.screens.shared.context import Context
from tui.screens.shared.words import MUTED

FILTERS = (
    ("failed", "state:failed"),
    ("retrying", "state:retrying"),
    ("not routed", "state:unrouted"),
    ("critical and high", "severity:>=high"),
    ("last hour", "since:1h"),
    ("no test alerts", "-test:yes"),
    ("all alerts", ""),
)


class Filtered(Protocol):
    """The screen that these commands apply to."""

    @property
    def context(self) -> Context: ...
    def filter_by(self, text: str) -> None: ...


class FilterCommands(Provider):
    async def discover(self) -> Hits:
        for name, text in self._filters():
            title = _title(name, text)
            yield DiscoveryHit(title, partial(self._alerts.filter_by, text), title.plain)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, text in self._filters():
            title = _title(name, text)
            if (score := matcher.match(title.plain)) > 0:
                # Neither matcher.highlight nor help: both would interpret the filter as markup.
                yield Hit(score, title, partial(self._alerts.filter_by, text), title.plain)

    @property
    def _alerts(self) -> Filtered:
        return cast("Filtered", self.screen)

    def _filters(self) -> Iterator[tuple[str, str]]:
        yield from self._alerts.context.filters
        yield from FILTERS


def _title(name: str, text: str) -> Content:
    return Content.assemble(f"Filter: {visible(name)}", (f"  {visible(text)}", MUTED))
