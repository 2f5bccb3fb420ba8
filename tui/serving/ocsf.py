"""Checks a finding against OCSF: class 2004, Detection Finding, without profiles.

The table holds what https://schema.ocsf.io/1.5.0/classes/detection_finding and the pages of its objects say
(seen 2026-11-29): the required attributes, and the types and values of those that Tocsin's shape sends.
Attributes that are not in the table are not checked.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Attribute:
    kind: type = str
    required: bool = False
    values: Collection[object] = ()
    """The permitted values; empty for any of the type."""
    object: str = ""
    """The entry of `OBJECTS` that describes the value."""
    pattern: str = ""


_CREATED_TO_OTHER = (0, 1, 2, 3, 99)
_SEMVER = r"\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?"

OBJECTS: Mapping[str, Mapping[str, Attribute]] = {
    "detection_finding": {
        "activity_id": Attribute(int, required=True, values=_CREATED_TO_OTHER),
        "category_uid": Attribute(int, required=True, values=(2,)),
        "class_uid": Attribute(int, required=True, values=(2004,)),
        "finding_info": Attribute(dict, required=True, object="finding_info"),
        "is_alert": Attribute(bool),
        "message": Attribute(),
        "metadata": Attribute(dict, required=True, object="metadata"),
        "remediation": Attribute(dict, object="remediation"),
        "severity": Attribute(),
        "severity_id": Attribute(int, required=True, values=(0, 1, 2, 3, 4, 5, 6, 99)),
        "status": Attribute(),
        "status_id": Attribute(int, values=(0, 1, 2, 3, 4, 5, 6, 99)),
        "time": Attribute(int, required=True),
        "type_uid": Attribute(int, required=True, values=[200_400 + each for each in _CREATED_TO_OTHER]),
        "unmapped": Attribute(dict),
    },
    "finding_info": {
        "analytic": Attribute(dict, object="analytic"),
        "created_time": Attribute(int),
        "desc": Attribute(),
        "src_url": Attribute(pattern=r"https?://\S+"),
        "title": Attribute(),
        "uid": Attribute(required=True),
    },
    "metadata": {
        "product": Attribute(dict, required=True, object="product"),
        "uid": Attribute(),
        "version": Attribute(required=True, pattern=_SEMVER),
    },
    "product": {"name": Attribute(), "uid": Attribute(), "vendor_name": Attribute(), "version": Attribute()},
    "analytic": {
        "name": Attribute(),
        "type_id": Attribute(int, required=True, values=(*range(12), 99)),
        "uid": Attribute(),
    },
    "remediation": {"desc": Attribute(required=True)},
}
_AT_LEAST_ONE = {"product": ("name", "uid"), "analytic": ("name", "uid")}
_TYPES = {str: "a string", int: "an integer", dict: "an object", bool: "true or false"}


def mistakes(finding: Any, described: str = "detection_finding", where: str = "") -> Iterator[str]:
    """Yield what is wrong with a decoded Detection Finding."""
    if not isinstance(finding, dict):
        yield "the body must be a JSON object"
        return
    values = cast("dict[str, Any]", finding)
    for name, attribute in OBJECTS[described].items():
        path = f"{where}{name}"
        if name in values:
            yield from _mistakes(values[name], attribute, path)
        elif attribute.required:
            yield f"{path} is required"
    either = _AT_LEAST_ONE.get(described, ())
    if either and not any(values.get(name) for name in either):
        yield f"{where.rstrip('.')} needs {' or '.join(either)}"
    if not where and values.get("type_uid") != 200_400 + _number(values.get("activity_id")):
        yield "type_uid must be class_uid * 100 + activity_id"


def _mistakes(value: Any, attribute: Attribute, path: str) -> Iterator[str]:
    if type(value) is not attribute.kind:
        yield f"{path} must be {_TYPES[attribute.kind]}"
    elif attribute.values and value not in attribute.values:
        yield f"{path} cannot be {value}"
    elif attribute.pattern and not re.fullmatch(attribute.pattern, value):
        yield f"{path} is malformed"
    elif attribute.required and value == "":
        yield f"{path} is empty"
    elif attribute.object:
        yield from mistakes(value, attribute.object, f"{path}.")


def _number(value: Any) -> int:
    return value if isinstance(value, int) else -1
