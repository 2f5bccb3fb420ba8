"""A shape is bounded, sees only data, and says where its mistakes are."""

import contextlib
import json
import subprocess
import sys

import pytest

from tests.delivery.shapes.alerts import SAMPLES, URL, alert
from tui.delivery.shapes.errors import ShapeError
from tui.delivery.shapes.shape import Shape


def shape(body: str, more: str = "") -> Shape:
    return Shape("own", f"{more}\n[body]\n{body}\n")


def body(text: str, **fields: object):
    rendered = shape(f"x = {json.dumps(text)}").render(
        alert(**fields), URL, webhook_id="dlv_1", round=1, secret=lambda _: ""
    )
    return json.loads(rendered.body)["x"]


def test_a_leaf_of_one_expression_keeps_the_type_and_other_leaves_are_text():
    context = '{"n":1.5,"deep":{"list":[1,{"a":null}]}}'

    assert body("{{ alert.context }}", context=context) == json.loads(context)
    assert body("{{ alert.context.deep.list }}", context=context) == [1, {"a": None}]
    assert body("{{ alert.test }}") is False
    assert body("{{ alert.name }}") is None
    assert body("n={{ alert.context.n }} {{ alert.name }}|", context=context) == "n=1.5 |"
    assert body("{{ alert.context.missing.deeper }}") == ""
    assert (
        body("{% for tag in alert.tags %}{{ loop.index }}:{{ tag }} {% endfor %}", tags=("a", "b"))
        == "1:a 2:b "
    )
    assert body("{% set a = 1 %}{{ a ~ 'x' ~ alert.id }}") == "1xAWS.Root"


def test_nothing_in_an_alert_breaks_out_of_its_string():
    assert body("{{ alert.title }}!", title='"},{{ 7*7 }}\\') == '"},{{ 7*7 }}\\!'


def test_objects_and_items_can_be_left_out():
    made = shape(
        'a = [{ "?" = "{{ alert.name }}", b = 1 }, "{{ omit }}", "c"]\nd = "{{ alert.link or omit }}"'
    ).render(alert(), URL, webhook_id="dlv_1", round=1, secret=lambda _: "")

    assert json.loads(made.body) == {"a": ["c"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% for i in range(1000000) %}x{% endfor %}", "loops more than 10,000 times"),
        (
            "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
            "loops more than 10,000",
        ),
        ("{% for i in range(9000) %}{{ alert.description }}{% endfor %}", "more than 4,194,304 characters"),
        ("{{ alert.description * 1000000 }}", "numbers only"),
        ("{{ '%1000000000d' % 1 }}", "numbers only"),
        ("{{ alert.description | replace('d', alert.description * 2) }}", "numbers only"),
        ("{{ alert.description | replace('d', alert.description) }}", "more than 4,194,304 characters"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ alert.context }} in text", "a list or an object cannot be put into text"),
    ],
)
def test_a_template_that_does_too_much_fails_with_a_sentence(text, reason):
    with pytest.raises(ShapeError, match=reason):
        body(text, description="d" * 10_000)


@pytest.mark.parametrize(
    "text",
    [
        "{{ alert.__class__.__mro__ }}",
        "{{ alert.title.__class__ }}",
        "{{ alert['__class__'] ~ '' }}",
        "{{ alert | attr('__class__') }}",
        "{{ alert.items() }}",
        "{{ ''.format(alert) }}",
        "{{ self }}",
        "{{ _run }}",
        "{{ range.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% import 'os' as os %}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ alert.tags | map('_keep') | list }}",
        "{% for x in alert.tags recursive %}{{ loop(x) }}{% endfor %}",
    ],
)
def test_a_template_sees_only_data(text):
    with contextlib.suppress(ShapeError):
        assert body(text, tags=("a",)) == ""


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ('[body]\nx = "{{ alert.titel }}"\n', "line 2, column 15", "an alert has no 'titel'"),
        ('[body]\nx = "{{ alert.title"\n', "line 2", "unexpected end"),
        ('[body]\nx = "{{ title | nosuch }}"\n', "line 2, column 17", "no filter is named 'nosuch'"),
        ('[body]\na = "x"\nb = """\none\n{{ foo }}"""\n', "line 5, column 4", "there is no variable 'foo'"),
        ('[body]\nx = "{% if title %}"\n', "line 2", "unexpected end"),
        ('[body]\nx = "a\n', "line 2, column 7", "illegal character"),
        ('abuot = "x"\n[body]\n', "line 1, column 1", "no key 'abuot'"),
        ('[ack]\nanswer = "ok =="\n[body]\n', "line 2, column 11", "not JMESPath"),
        ('permanent = ["404"]\n[body]\n', "line 1, column 1", "list of HTTP statuses"),
        ('method = "GET"\n[body]\n', "line 1, column 1", "POST or PUT"),
        ("about = 'x'\n", "", "needs a body"),
        ("[body]\nx = nan\n", "line 2, column 5", "must be finite"),
        ('[body]\nx = "{% include title %}"\n', "line 2, column 7", "not allowed in a shape"),
        ('[body]\nx = "{{ title() }}"\n', "line 2", "cannot call"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, place, reason):
    with pytest.raises(ShapeError) as raised:
        Shape("own", text)

    assert raised.value.message.startswith(place)
    assert reason in raised.value.message


def test_an_answer_is_judged_by_status_and_content():
    judge = shape("", 'permanent = [404]\n[ack]\nstatuses = [200]\nanswer = "ok == `true`"').judge

    assert judge.objection(200, b'{"ok":true}') is None
    assert "but not with what acknowledges" in (judge.objection(200, b'{"ok":false,"error":"no"}') or "")
    assert "nothing" in (judge.objection(200, b"") or "")
    assert judge.objection(202, b'{"ok":true}') == "answered 202"
    assert judge.is_permanent(404)
    assert not judge.is_permanent(500)


def test_a_secret_comes_from_a_header_and_its_absence_is_said():
    made = shape('k = "{{ secret.key }}"', '[secrets]\nkey = "X-Key"')

    assert made.consumes("x-key")
    assert b'"k":"K1"' in made.render(alert(), URL, webhook_id="d", round=1, secret=lambda _: "K1").body
    with pytest.raises(ShapeError, match="needs the header X-Key"):
        made.render(alert(), URL, webhook_id="d", round=1, secret=lambda _: "")


def test_a_header_of_a_shape_cannot_start_another_one():
    made = shape("", '[headers]\nX-Title = "{{ alert.title }} é"')
    rendered = made.render(alert(title="a\r\nX-Evil: 1"), URL, webhook_id="d", round=1, secret=lambda _: "")

    [(name, value)] = rendered.headers
    assert name == "X-Title"
    assert "\n" not in value
    assert value.isascii()


def test_panther_imports_no_template_engine():
    script = (
        "import sys, tui.delivery.request, tui.delivery.sender, tui.commands.destination\n"
        "assert not {'jinja2', 'tui.delivery.shapes.template'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_body_is_the_same_in_every_attempt():
    made = shape('x = "{{ alert }}"')
    bodies = {
        made.render(SAMPLES["an alert"], URL, webhook_id="d", round=1, secret=lambda _: "").body
        for _ in range(3)
    }

    assert len(bodies) == 1
