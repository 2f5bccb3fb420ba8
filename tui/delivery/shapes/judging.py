"""Judge a receiver's answer: whether it acknowledges the alert, and whether it will never change."""

import json
from typing import TYPE_CHECKING, Any

from tui.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Collection

_SHOWN = 200


class Judge:
    """`statuses` acknowledge; none given means every 2xx. `expression` is JMESPath that must hold as well.

    The expression sees the answer's decoded JSON, or its text if it is not JSON. Raises Invalid if it is not
    valid.
    """

    def __init__(self, statuses: "Collection[int]", expression: str, permanent: "Collection[int]") -> None:
        self._statuses = statuses
        self._permanent = permanent
        self._expression = expression
        self._compiled: Any = None
        if expression:
            import jmespath
            from jmespath.exceptions import JMESPathError

            try:
                self._compiled = jmespath.compile(expression)
            except JMESPathError as error:
                first = str(error).splitlines()[0].rstrip(":")
                raise Invalid("ack", f"answer is not JMESPath: {first}") from None

    def objection(self, status: int, body: bytes) -> str | None:
        """Return why an answer does not acknowledge, as a phrase; None if it does."""
        if not (status in self._statuses if self._statuses else 200 <= status <= 299):
            return f"answered {status}"
        if self._compiled is None:
            return None
        text = body.decode(errors="replace")
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = text
        try:
            holds = self._compiled.search(answer)
        except Exception:
            # The answer comes from outside: JMESPath raises for types that a function rejects.
            holds = False
        if holds is not None and holds is not False and holds not in ("", [], {}):
            return None
        said = " ".join(text.split())[:_SHOWN] or "nothing"
        return f"answered {status}, but not with what acknowledges ({self._expression}): {said}"

    def is_permanent(self, status: int) -> bool:
        """Whether sending the same request again cannot succeed."""
        return status in self._permanent
