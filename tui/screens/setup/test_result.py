"""The test step of the form: the request, then the result in its place."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Collapsible, Static

from tui.delivery.request import masked_request
from tui.domain.alert import make_test_alert
from tui.domain.destination import Destination
from tui.domain.text import visible
from tui.screens.setup.sending_tests import in_full, send_test
from tui.screens.shared import bodies, words
from tui.screens.shared.context import Context


class TestResult(Vertical):
    __test__ = False

    def __init__(self, context: Context) -> None:
        super().__init__(id="test")
        self.context = context

    def compose(self) -> ComposeResult:
        yield Static(id="test-result")
        with Collapsible(title="Request", collapsed=True, id="sent"):
            yield Static(id="request")

    def introduce(self, destination: Destination) -> None:
        saved = Content.assemble((visible(destination.name), "bold"), " is saved.")
        if destination.paused:
            self._show(
                Content.assemble(
                    saved,
                    " It is paused: a test alert would wait too.\n",
                    "In the list of destinations, press p to resume it, then t to test it.",
                )
            )
        else:
            self._show(
                Content.assemble(
                    saved,
                    f" Send a test alert to {visible(destination.masked_url)}\n",
                    "and see the response. Tocsin sends one request, without retries.",
                )
            )
        self._show_request(destination)

    async def run(self, destination: Destination) -> bool:
        """Send the test alert and return whether it was delivered.

        Raises StoreUnavailable or Invalid.
        """
        url = visible(destination.masked_url)
        tested = Content.assemble((visible(destination.name), "bold"), (f"  {url}\n\n", words.MUTED))
        end = await send_test(self.context, destination, lambda told: self._show(tested + told))
        self._show(tested + in_full(end))
        return end.delivered

    def _show_request(self, destination: Destination) -> None:
        now = self.context.clock()
        alert = make_test_alert(
            destination.name, now=now, alert_id="…", link_template=self.context.link_template
        )
        request = masked_request(alert, destination, webhook_id="…", round=1, timestamp=now // 1000)
        self.query_one("#request", Static).update(
            Content.assemble(
                (f"{request.method} ", "bold"),
                f"{visible(request.url)}\n",
                Content("\n").join(line.content for line in bodies.header_lines(request.headers)),
                "\n\n",
                bodies.body(request.body),
            )
        )

    def _show(self, content: Content) -> None:
        self.query_one("#test-result", Static).update(content)
