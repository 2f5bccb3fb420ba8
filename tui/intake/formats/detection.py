"""Which formats a document can be in: an index over the keys that their `detect` expressions need."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.intake.json_text import JSON

Node = Mapping[str, Any]
"""A node of a parsed JMESPath expression."""
_NONE: frozenset[str] = frozenset()
_OF_FIRST = {
    "subexpression",
    "index_expression",
    "projection",
    "filter_projection",
    "flatten",
    "value_projection",
}
"""Nodes that find nothing if their first child finds nothing."""
_ORDERED = {"lt", "lte", "gt", "gte"}
_FAILING = {"starts_with", "ends_with", "length", "keys", "without_prefix", "text"}
"""Functions that fail or find nothing if their first argument is missing."""


class Index:
    """Finds the candidates for a document by its keys, without evaluating the expression of each format."""

    def __init__(self, needed: Iterable[frozenset[str]]) -> None:
        """Take the needed keys of each format, in the order of detection."""
        self._by_key: dict[str, tuple[int, ...]] = {}
        always: list[int] = []
        for number, keys in enumerate(needed):
            if not keys:
                always.append(number)
            for key in keys:
                self._by_key[key] = (*self._by_key.get(key, ()), number)
        self._always = tuple(always)

    def candidates(self, document: JSON) -> list[int]:
        """Return the positions of the formats that can fit, in order."""
        found = set(self._always)
        if isinstance(document, dict):
            for key in self._by_key.keys() & document.keys():
                found.update(self._by_key[key])
        return sorted(found)


def children_of(node: Node) -> Sequence[Node]:
    """Return the nodes inside a node. A slice has numbers in their place."""
    return () if node["type"] == "slice" else node.get("children", ())


def needed_keys(node: Node) -> frozenset[str]:
    """Return keys of which an object has at least one if this expression is true for it.

    Empty if no such keys are known, as for `a != 'b'`. The keys of an `and` are those of its first operand
    with the fewest, so a format names the rarest key of its tool first.
    """
    kind, children = node["type"], children_of(node)
    if kind == "field":
        return frozenset((node["value"],))
    if kind in _OF_FIRST:
        return needed_keys(children[0])
    if kind == "and_expression":
        return min((keys for child in children if (keys := needed_keys(child))), key=len, default=_NONE)
    if kind == "or_expression":
        each = [needed_keys(child) for child in children]
        return _NONE.union(*each) if all(each) else _NONE
    if kind == "comparator":
        return _of_comparison(node["value"], *children)
    if kind == "function_expression":
        return _of_call(node["value"], children)
    return _NONE


def _of_comparison(operator: str, left: Node, right: Node) -> frozenset[str]:
    if operator in _ORDERED:  # null is neither less nor greater
        return needed_keys(left) or needed_keys(right)
    if left["type"] == "literal":
        left, right = right, left
    if operator != "eq" or right["type"] != "literal" or right["value"] is None:
        return _NONE
    if left["type"] == "function_expression" and left["value"] == "type":
        return needed_keys(left["children"][0]) if right["value"] != "null" else _NONE
    return needed_keys(left) if left["type"] in (*_OF_FIRST, "field") else _NONE


def _of_call(name: str, arguments: Sequence[Node]) -> frozenset[str]:
    if name == "contains" and arguments[0]["type"] in ("literal", "multi_select_list"):
        return needed_keys(arguments[1])
    return needed_keys(arguments[0]) if name in (*_FAILING, "contains") and arguments else _NONE
