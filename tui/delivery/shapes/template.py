"""The templates of a shape: one Jinja program for all of its text leaves.

A leaf that is a single expression yields a value of any JSON type; any other leaf yields text. All leaves
are compiled into one program, because setting up a Jinja context per leaf costs more than running it.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from tui.delivery.shapes.environment import ENVIRONMENT, MOST_SECONDS, OMIT, Exceeded, Run
from tui.delivery.shapes.errors import ShapeError

VARIABLES = frozenset(
    ("alert", "title", "resend", "resolved", "webhook_id", "secret", "path", "omit", "range")
)
"""What a template can use. `omit` leaves out the key or list item. `range` is the only function."""
ALERT_KEYS = frozenset(
    (
        "id",
        "alertId",
        "createdAt",
        "createdAtMillis",
        "createdAtSeconds",
        "severity",
        "type",
        "link",
        "title",
        "name",
        "context",
        "description",
        "runbook",
        "tags",
        "logTypes",
        "version",
        "dedupKey",
        "test",
    )
)
_PREFIX = "_alert_"
"""Of the variables that hold the parts of the alert. A template cannot name them."""
_KINDS = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.Assign,
    nodes.Name,
    nodes.NSRef,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Keyword,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Call,
)


class Program:
    """The compiled leaves of a shape, added in order."""

    def __init__(self) -> None:
        self._body: list[nodes.Node] = []
        self._template: Template | None = None
        self._leaves = 0
        self.names: set[str] = set()
        """The variables and, as `alert.KEY`, the parts of the alert that the leaves use."""

    def add(self, leaf: str) -> int:
        """Compile a leaf and return the index of its value. Raises ShapeError with the offset."""
        ENVIRONMENT.at = 0
        try:
            parsed = ENVIRONMENT.parse(leaf)
        except TemplateSyntaxError as error:
            offset = _place(leaf, error.message or "", ENVIRONMENT.at)
            raise ShapeError(_lower(error.message or "invalid template"), offset) from None
        except RecursionError:
            raise ShapeError("nested too deeply") from None
        self._check(parsed, leaf)
        _bound(parsed)
        parsed = _Flat().visit(parsed)
        self._body += _statements(parsed.body, self._leaves)
        self._leaves += 1
        return self._leaves - 1

    def _check(self, parsed: nodes.Template, leaf: str) -> None:
        for node in parsed.find_all(nodes.Node):
            wrong = _mistake(node)
            if wrong:
                raise ShapeError(wrong[0], _place(leaf, wrong[1], 0))
            if isinstance(node, nodes.Getattr) and _is_name(node.node, "alert"):
                self.names.add(f"alert.{node.attr}")
        names = find_undeclared_variables(parsed)
        for name in sorted(names - VARIABLES):
            raise ShapeError(f"there is no variable {name!r}", _place(leaf, f"'{name}'", 0))
        self.names |= names

    def run(self, data: Mapping[str, Any]) -> list[Any]:
        """Return the values of the leaves for the `VARIABLES` in `data`. Raises ShapeError."""
        if self._template is None:
            self._template = self._compile()
        run = Run(until=time.monotonic() + MOST_SECONDS)
        try:
            flat = {_PREFIX + key: value for key, value in data["alert"].items()}
            context = self._template.new_context({**data, **flat, "omit": OMIT, "_run": run})
            for _ in self._template.root_render_func(context):
                pass
        except Exceeded as error:
            raise ShapeError(str(error)) from None
        except RecursionError:
            raise ShapeError("it nests values too deeply") from None
        except Exception as error:
            # The alert's data meets filters of Jinja, which raise whatever Python raises.
            raise ShapeError(f"it cannot be rendered: {error}") from None
        if len(run.values) != self._leaves:
            raise ShapeError("an internal filter was called by name")
        return run.values

    def _compile(self) -> Template:
        whole = nodes.Template(self._body, lineno=1)
        whole.set_environment(ENVIRONMENT)
        for node in whole.find_all(nodes.Node):
            node.lineno = node.lineno or 1
        code = ENVIRONMENT.compile(whole)
        return Template.from_code(ENVIRONMENT, code, ENVIRONMENT.globals)


def _statements(body: Sequence[nodes.Node], number: int) -> list[nodes.Node]:
    """Return the statements that keep the value of a leaf."""
    if all(isinstance(node, nodes.Output) for node in body):
        parts = [part for node in body for part in cast("nodes.Output", node).nodes]
        if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
            return [_statement(_filter(parts[0], "_keep"))]
        texts = [nodes.Const(p.data) if isinstance(p, nodes.TemplateData) else p for p in parts]
        return [_statement(_filter(nodes.List(texts), "_keep_text"))]
    name = f"_text{number}"
    return [
        nodes.Scope(
            [
                nodes.AssignBlock(nodes.Name(name, "store"), None, list(body)),
                _statement(_filter(nodes.Name(name, "load"), "_keep")),
            ]
        )
    ]


def _statement(node: nodes.Expr) -> nodes.ExprStmt:
    """Return what evaluates `node` for its effect: an output would also be finalized and yielded."""
    return nodes.ExprStmt(node)


def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None)


class _Flat(NodeTransformer):
    """Makes `alert.KEY` a variable: looking up an attribute in the sandbox costs more."""

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        self.generic_visit(node)
        if not _is_name(node.node, "alert"):
            return node
        return nodes.Name(_PREFIX + node.attr, "load", lineno=node.lineno)


def _bound(parsed: nodes.Node) -> None:
    """Replace what could grow without limit by its counted form."""
    for loop in list(parsed.find_all(nodes.For)):
        loop.iter = _filter(cast("nodes.Expr", loop.iter), "_steps")
    for node in list(parsed.find_all(nodes.Node)):
        for name, value in list(node.iter_fields()):
            if isinstance(value, nodes.Concat):
                setattr(node, name, _filter(nodes.List(value.nodes), "_concat"))
            elif isinstance(value, list):
                items = cast("list[Any]", value)
                items[:] = [
                    _filter(nodes.List(item.nodes), "_concat") if isinstance(item, nodes.Concat) else item
                    for item in items
                ]


def _mistake(node: nodes.Node) -> tuple[str, str] | None:
    """Return what is wrong with a node, and a quoted word to find its place by."""
    match node:
        case nodes.Filter(name=name) if name.startswith("_") or name not in ENVIRONMENT.filters:
            return f"no filter is named {name!r}", f"'{name}'"
        case nodes.Test(name=name) if name not in ENVIRONMENT.tests:
            return f"no test is named {name!r}", f"'{name}'"
        case nodes.Name(name=name) if name.startswith("_"):
            return f"there is no variable {name!r}", f"'{name}'"
        case nodes.Name(name=name, ctx="store") if name in VARIABLES:
            return f"{name!r} cannot be set", f"'{name}'"
        case nodes.Call() if not _is_name(node.node, "range"):
            return "a template cannot call anything; use a filter", "'('"
        case nodes.Getattr(attr=attr) if _is_name(node.node, "alert") and attr not in ALERT_KEYS:
            return f"an alert has no {attr!r}; it has {', '.join(sorted(ALERT_KEYS))}", f"'{attr}'"
        case nodes.Getattr(attr=attr) if attr.startswith("_"):
            return f"{attr!r} is not data", f"'{attr}'"
        case nodes.For(recursive=True):
            return "a loop cannot be recursive", "'recursive'"
        case _ if not isinstance(node, _KINDS):
            return f"{type(node).__name__.lower()} is not allowed in a shape; use if, for and set", "'%'"
        case _:
            pass
    return None


def _is_name(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name


def _place(leaf: str, message: str, offset: int) -> int:
    """Return the offset of the word that a message quotes; `offset` if it is not in the leaf."""
    _, quote, rest = message.partition("'")
    word = rest.partition("'")[0] if quote else ""
    found = leaf.find(word, offset) if word else -1
    return found if found >= 0 else offset


def _lower(message: str) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".")
