"""Which keys of a document a JMESPath expression found its result in, for explanations."""

from collections.abc import Callable, Sequence

from tui.intake.formats.detection import Node, children_of
from tui.intake.json_text import JSON

Evaluate = Callable[[Node, JSON], JSON]

_PATHS = ("field", "subexpression", "index_expression", "projection", "value_projection", "filter_projection")
_STEPS = {"projection": "[]", "value_projection": ".*", "filter_projection": "[?…]", "flatten": "[]"}


def alternatives(node: Node, value: JSON, evaluate: Evaluate) -> list[tuple[list[str], JSON]]:
    """Return the values among which a format chooses, in order, each with the keys it was found in."""
    children = children_of(node)
    if node["type"] == "or_expression":
        return alternatives(_chosen(children, value, evaluate), value, evaluate)
    if node["type"] == "projection" and children[0]["type"] == "flatten":
        inner = children[0]["children"][0]
        if inner["type"] == "multi_select_list" and children[1]["type"] == "identity":
            return alternatives(inner, value, evaluate)
    if node["type"] == "multi_select_list":
        return [each for child in children for each in alternatives(child, value, evaluate)]
    return [(list(dict.fromkeys(_keys(node, value, evaluate))), evaluate(node, value))]


def _chosen(children: Sequence[Node], value: JSON, evaluate: Evaluate) -> Node:
    left, right = children
    return left if _holds(evaluate(left, value)) else right


def _keys(node: Node, value: JSON, evaluate: Evaluate) -> list[str]:
    kind, children = node["type"], children_of(node)
    if kind in _PATHS:
        return [_path(node)] if evaluate(node, value) is not None else []
    if kind == "or_expression":
        return _keys(_chosen(children, value, evaluate), value, evaluate)
    if kind == "and_expression":
        left, right = children
        # A constant on the right was chosen because of what is on the left.
        return _keys(right, value, evaluate) or _keys(left, value, evaluate)
    if kind == "pipe":
        return _keys_of_pipe(children, value, evaluate)
    return [key for child in children for key in _keys(child, value, evaluate)]


def _keys_of_pipe(children: Sequence[Node], value: JSON, evaluate: Evaluate) -> list[str]:
    left, right = children
    inner = _keys(right, evaluate(left, value), evaluate)
    if left["type"] == "multi_select_dict":
        named = {pair["value"]: pair["children"][0] for pair in left["children"]}
        read = [named[key.partition(".")[0]] for key in inner if key.partition(".")[0] in named]
        return [key for child in read for key in _keys(child, value, evaluate)]
    outer = _keys(left, value, evaluate)
    return [f"{outer[0]}.{key}" for key in inner] if len(outer) == 1 and inner else outer


def _path(node: Node) -> str:
    kind, children = node["type"], children_of(node)
    if kind == "field":
        return node["value"]
    if kind == "index":
        return f"[{node['value']}]"
    parts = [part for child in children if (part := _path(child))]
    if kind in _STEPS and parts:
        parts.insert(1, _STEPS[kind])
    return parts[0] + "".join(part if part[0] in "[." else f".{part}" for part in parts[1:]) if parts else ""


def _holds(value: JSON) -> bool:
    return not (value is None or value is False or value in ("", [], {}))
