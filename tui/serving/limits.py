"""Checks requests against the limits that vendors publish.

The limits are those of the pages that the shape of the same name cites. Lengths are counted in UTF-16 units.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from tui.serving import ocsf as ocsf_schema

_TAGS = re.compile(r"</?(?:b|i|u|s|code|pre|a)(?: href=\"[^\"<>]*\")?>")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as a vendor sees it. `body` is the decoded JSON."""

    path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: Any
    size: int
    """Bytes of the body."""


def units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="replace")) // 2


def _texts(value: Any, where: str, limit: int, *, least: int = 1) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where} must be a string"
    elif not least <= units(value) <= limit:
        yield f"{where} must have {least} to {limit:,} characters; it has {units(value):,}"


def _link(value: Any, where: str, limit: int = 2048) -> Iterator[str]:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s<>\"]+", value) or len(value) > limit:
        yield f"{where} must be an http or https URL of at most {limit:,} characters"


def _size(seen: Seen, limit: int) -> Iterator[str]:
    if seen.size > limit:
        yield f"the body has {seen.size:,} bytes; at most {limit:,} are allowed"


def object_of(seen: Seen) -> dict[str, Any]:
    return seen.body if isinstance(seen.body, dict) else {}


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


# --- Slack

_SLACK_TEXTS = {"header": 150, "section": 3000, "markdown": 12_000}
_SLACK_OTHERS = ("divider", "image", "rich_text", "table", "video", "file")
_SLACK_ALL_BLOCKS = 13_000
"""Slack answers `msg_blocks_too_long` a little above. Its pages do not name this limit
(https://github.com/slackapi/bolt-js/issues/2509, 2026-11-29)."""


def slack(seen: Seen) -> Iterator[str]:
    body = object_of(seen)
    yield from _texts(body.get("text", ""), "text", 40_000, least=0)
    blocks = [block for each in _list(body.get("attachments")) for block in _list(each.get("blocks"))]
    blocks += _list(body.get("blocks"))
    if not body.get("text") and not blocks:
        yield "no_text"
    if len(blocks) > 50:
        yield "a message can have at most 50 blocks"
    for block in blocks:
        yield from _slack_block(block)
    if units(json.dumps(blocks, ensure_ascii=False)) > _SLACK_ALL_BLOCKS:
        yield "msg_blocks_too_long"
    yield from (f"{entity} is not escaped" for entity in re.findall(r"<[!@#]\w+", json.dumps(body)))


def _slack_block(block: dict[str, Any]) -> Iterator[str]:
    elements = _list(block.get("elements"))
    match block.get("type"):
        case "section" if "fields" in block:
            for each in _list(block["fields"]):
                yield from _texts(each.get("text"), "a field of a section", 2000)
        case "section" | "header" | "markdown" as kind:
            text = block.get("text")
            written = text.get("text") if isinstance(text, dict) else text
            yield from _texts(written, f"the text of a {kind}", _SLACK_TEXTS[kind])
        case "context":
            if not 1 <= len(elements) <= 10:
                yield "a context can have 1 to 10 elements"
            for element in elements:
                if element.get("type") != "image":
                    yield from _texts(element.get("text"), "the text of a context", 3000)
        case "actions":
            if not 1 <= len(elements) <= 25:
                yield "actions can have 1 to 25 elements"
            for element in elements:
                yield from _texts(element.get("text", {}).get("text"), "the text of a button", 75)
                yield from _link(element.get("url"), "the URL of a button", 3000)
        case other if other not in _SLACK_OTHERS:
            yield f"invalid_blocks: {other}"
        case _:
            pass


# --- Teams


def teams(seen: Seen) -> Iterator[str]:
    yield from _size(seen, 28 * 1024)
    attachments = _list(object_of(seen).get("attachments"))
    if object_of(seen).get("type") != "message" or not attachments:
        yield "type must be message, with attachments"
    for attachment in attachments:
        card = attachment.get("content", {})
        if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive":
            yield "contentType must be application/vnd.microsoft.card.adaptive"
        if attachment.get("contentUrl", "") is not None:
            yield "Required properties are missing from object: contentUrl"
        if card.get("type") != "AdaptiveCard" or not card.get("version") or not card.get("body"):
            yield "an Adaptive Card needs type, version and body"
        for block in _list(card.get("body")):
            for run in _list(block.get("inlines")):
                yield from _texts(run.get("text"), "a text run", 28_000)
        for action in _list(card.get("actions")):
            yield from _link(action.get("url"), "the URL of an action")


# --- Discord


def discord(seen: Seen) -> Iterator[str]:
    embeds = _list(object_of(seen).get("embeds"))
    if not embeds and not object_of(seen).get("content"):
        yield "Cannot send an empty message"
    total = 0
    for embed in embeds:
        fields = _list(embed.get("fields"))
        for key, limit in (("title", 256), ("description", 4096)):
            if embed.get(key):
                yield from _texts(embed[key], key, limit)
            total += units(str(embed.get(key, "")))
        if "url" in embed:
            yield from _link(embed["url"], "url")
        if not isinstance(embed.get("color", 0), int) or not 0 <= embed.get("color", 0) <= 0xFFFFFF:
            yield "color must be a number up to 16777215"
        if len(fields) > 25:
            yield "an embed can have at most 25 fields"
        for entry in fields:
            yield from _texts(entry.get("name"), "the name of a field", 256)
            yield from _texts(entry.get("value"), "the value of a field", 1024)
            total += units(str(entry.get("name"))) + units(str(entry.get("value")))
        footer = embed.get("footer", {}).get("text", "")
        yield from _texts(footer, "the footer", 2048, least=0)
        total += units(footer)
    if total > 6000:
        yield f"the embeds have {total:,} characters; at most 6,000 are allowed"


# --- Google Chat, Mattermost, Telegram


def google_chat(seen: Seen) -> Iterator[str]:
    yield from _size(seen, 32_000)
    cards = _list(object_of(seen).get("cardsV2"))
    if not cards and not object_of(seen).get("text"):
        yield "a message needs text or cardsV2"
    for card in cards:
        yield from _texts(card.get("card", {}).get("header", {}).get("title"), "the title", 32_000)
        for section in _list(card.get("card", {}).get("sections")):
            if not 1 <= len(_list(section.get("widgets"))) <= 100:
                yield "a section needs 1 to 100 widgets"
            for widget in _list(section.get("widgets")):
                for kind in ("textParagraph", "decoratedText"):
                    if kind in widget:
                        yield from _texts(widget[kind].get("text"), f"the text of {kind}", 32_000)


def mattermost(seen: Seen) -> Iterator[str]:
    attachments = _list(object_of(seen).get("attachments"))
    if not attachments and not object_of(seen).get("text"):
        yield "No text specified"
    if units(json.dumps(attachments, ensure_ascii=False)) > 7900:
        yield "Maximum attachments length is 7900 characters"
    for attachment in attachments:
        yield from _texts(attachment.get("fallback"), "fallback", 16_383)
        if "title_link" in attachment:
            yield from _link(attachment["title_link"], "title_link")
        if "@channel" in json.dumps(attachment) or "@all" in json.dumps(attachment):
            yield "a mention is not escaped"


def telegram(seen: Seen) -> Iterator[str]:
    body = object_of(seen)
    if not body.get("chat_id") and not parse_qs(seen.query).get("chat_id"):
        yield "Bad Request: chat_id is empty"
    text = str(body.get("text", ""))
    if body.get("parse_mode") == "HTML":
        bare = _TAGS.sub("", text)
        if "<" in bare or ">" in bare:
            yield "Bad Request: can't parse entities"
        text = html.unescape(bare)
    yield from (f"Bad Request: {wrong}" for wrong in _texts(text.strip(), "the message", 4096))


# --- PagerDuty, Opsgenie, ntfy


def pagerduty(seen: Seen) -> Iterator[str]:
    yield from _size(seen, 512 * 1024)
    body, payload = object_of(seen), object_of(seen).get("payload", {})
    yield from _texts(body.get("routing_key"), "routing_key", 100)
    if body.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        yield "'event_action' must be trigger, acknowledge or resolve"
    yield from _texts(body.get("dedup_key"), "dedup_key", 255)
    yield from _texts(payload.get("summary"), "payload.summary", 1024)
    yield from _texts(payload.get("source"), "payload.source", 1024)
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        yield "'payload.severity' must be critical, error, warning or info"
    for link in _list(body.get("links")):
        yield from _link(link.get("href"), "href")


def opsgenie(seen: Seen) -> Iterator[str]:
    body = object_of(seen)
    yield from _texts(body.get("message"), "message", 130)
    yield from _texts(body.get("alias", ""), "alias", 512, least=0)
    yield from _texts(body.get("description", ""), "description", 15_000, least=0)
    yield from _texts(body.get("entity", ""), "entity", 512, least=0)
    yield from _texts(body.get("source", ""), "source", 100, least=0)
    tags, details = body.get("tags", []), body.get("details", {})
    if not isinstance(tags, list) or len(tags) > 20:
        yield "tags must be a list of at most 20"
    elif isinstance(tags, list):
        for tag in tags:
            yield from _texts(tag, "a tag", 50, least=0)
    if not all(isinstance(value, str) for value in details.values()):
        yield "details must be strings"
    elif sum(units(key) + units(value) for key, value in details.items()) > 8000:
        yield "details may have at most 8,000 characters"
    if body.get("priority") not in ("P1", "P2", "P3", "P4", "P5"):
        yield "priority must be P1 to P5"


def ntfy(seen: Seen) -> Iterator[str]:
    body = object_of(seen)
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", str(body.get("topic", ""))):
        yield "invalid topic"
    if len(str(body.get("message", "")).encode()) > 4096:
        yield "the message has more than 4,096 bytes"
    if body.get("priority") not in (1, 2, 3, 4, 5):
        yield "invalid priority parameter"
    if not all(isinstance(tag, str) for tag in body.get("tags", [])):
        yield "tags must be strings"
    if "click" in body:
        yield from _link(body["click"], "click")


# --- CloudEvents, Splunk


def cloudevents(seen: Seen) -> Iterator[str]:
    body = object_of(seen)
    if not seen.headers.get("content-type", "").startswith("application/cloudevents+json"):
        yield "Content-Type must be application/cloudevents+json"
    if body.get("specversion") != "1.0":
        yield "specversion must be 1.0"
    for key in ("id", "source", "type"):
        yield from _texts(body.get(key), key, 10_000)


def splunk(seen: Seen) -> Iterator[str]:
    if not seen.headers.get("authorization", "").startswith("Splunk "):
        yield "Token is required"
    if not object_of(seen).get("event"):
        yield "Event field is required"


def any_object(seen: Seen) -> Iterator[str]:
    if not isinstance(seen.body, dict):
        yield "the body must be a JSON object"


# --- OCSF, Grafana IRM


def ocsf(seen: Seen) -> Iterator[str]:
    yield from ocsf_schema.mistakes(seen.body)


def grafana_irm(seen: Seen) -> Iterator[str]:
    """None of the recognized keys is required; values of another form are ignored there."""
    yield from any_object(seen)
    body = object_of(seen)
    for key in ("alert_uid", "title", "message"):
        if key in body:
            yield from _texts(body[key], key, 1_000_000, least=0)
    if body.get("state", "ok") not in ("ok", "alerting"):
        yield "state must be ok or alerting"
    for key in ("image_url", "link_to_upstream_details"):
        if key in body:
            yield from _link(body[key], key, 10_000)
