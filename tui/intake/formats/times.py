"""Read the times that tools write: RFC 3339, RFC 2822, numbers since 1970, and forms without an offset."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_tz
from zoneinfo import ZoneInfo

from tui.intake.formats.values import as_number, candidates, scalar
from tui.intake.json_text import JSON

_LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that Python's datetime supports."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((1e8, 1e11, 0.001), (1e11, 1e14, 1.0), (1e14, 1e17, 1e3), (1e17, 1e20, 1e6))
"""Seconds, milliseconds, µs and ns since 1970: lower bound, upper bound, units per millisecond."""
_NO_TIMES = re.compile(r"|0001-01-01.*|1970-01-01T00:00:00(\.0+)?(Z|\+00:?00)|[-–—]|n/?a|none|null", re.I)
"""What tools write for no time, such as Go's zero time."""
_LONGEST = 80
_ZONE = re.compile(r"\s*(?:\[([\w/+-]+)\]|\(([^()]*)\)|\s([A-Z]\w+/[\w/+-]+))$")
"""A zone at the end, by name: `[Europe/Berlin]`, `(UTC)`."""
_CAPITALS = re.compile(r"\s([A-Z]{2,5})(?=\s|$)")
_NEEDLESS = re.compile(r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+|\s+at(?=\s)|(?<=\d{4}),(?=\s)")
"""The day of the week, "at" before the clock, a comma after the year."""
_SPACED_OFFSET = re.compile(r"\s+(?:(?:UTC|GMT)\s*)?(?=[+-]\d\d:?\d\d$)")
_OFFSET = re.compile(r"\s*(?:UTC|GMT)?([+-])(\d\d):?(\d\d)$")
_ABBREVIATIONS = {
    **dict.fromkeys(("UTC", "GMT", "UT", "Z"), 0),
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
}
"""Hours from UTC. Abbreviations with several meanings have that of RFC 2822, or are missing (IST)."""
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_BY_NUMBERS = (
    *(
        f"{day} {clock}"
        for day in ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d %b %Y", "%d %B %Y")
        for clock in _CLOCKS
    ),
    *("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d %b %Y", "%d %B %Y"),  # with points, the day always comes first
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p"),  # with AM and PM it is American: the month comes first
    *("%Y/%m/%d-%H:%M:%S", "%y/%m/%d-%H:%M:%S"),  # Snort with -y
    "%d/%b/%Y:%H:%M:%S",  # Apache
    "%Y%m%d%H%M%S",
)
_BY_NAMES = (
    "%b %d %H:%M:%S %Y",  # ctime, date
    *(f"{day} {clock}" for day in ("%b %d, %Y", "%B %d, %Y", "%b %d %Y") for clock in _CLOCKS),
    *("%b %d, %Y", "%B %d, %Y"),
)
_PATTERNS = {
    (by_name, colons): tuple(pattern for pattern in patterns if pattern.count(":") == colons)
    for by_name, patterns in ((True, _BY_NAMES), (False, _BY_NUMBERS))
    for colons in range(4)
}
"""The patterns for a text, by whether it begins with a letter, and by its colons: trying all takes long."""
_WITHOUT_YEAR = ("%m/%d-%H:%M:%S", "%b %d %H:%M:%S")
"""Snort; syslog (RFC 3164)."""
_DAY_FIRST = re.compile(r"(?:\d\d/\d\d-|[A-Z][a-z]{2} +\d\d? )\d\d:\d\d:\d\d$")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d{1,12})")
_RFC2822 = re.compile(r"\d\d? [A-Za-z]{3} \d{4} [\d:]{5,8}(?! ?[AaPp][Mm])")
_DIGITS = re.compile(r"\d.*\d")
_COMPACT = re.compile(r"\d{14}|\d{8}")
_YEAR_FIRST = re.compile(r"\d{4}-\d\d-\d\d")


def as_time(found: JSON, now: int) -> int | None:
    """Return the first time in milliseconds, or None. A time without an offset is in UTC.

    `now` (ms) gives the year to forms that have none.
    """
    return next((time for value in candidates(found) if (time := _time(value, now)) is not None), None)


def unread_time(found: JSON) -> str:
    """Return the first value that is given as a time, for a message that it was not understood."""
    given = (scalar(value) for value in candidates(found))
    return next((text for text in given if text and not _NO_TIMES.fullmatch(text.strip())), "")


def _time(value: JSON, now: int) -> int | None:
    if isinstance(value, str) and len(value) <= _LONGEST:
        text = value.strip()
        if text.startswith("0001-01-01") or not text:
            return None
        if _COMPACT.fullmatch(text) and (written := _written(text, now)) is not None:
            return written
        if _YEAR_FIRST.match(text):
            return _written(text, now)
        number = as_number(text)
        return _since_1970(number) if number is not None else _written(text, now)
    number = as_number(value) if not isinstance(value, str) else None
    return _since_1970(number) if number is not None else None


def _since_1970(number: float) -> int | None:
    # Times of these decades have ranges that do not overlap between the four units.
    for least, limit, per_millisecond in _UNITS:
        if least <= number < limit:
            return round(number / per_millisecond)
    return None


def _written(text: str, now: int) -> int | None:
    moment = _moment(text, now)
    if moment is None:
        return None
    try:
        milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        return None
    return milliseconds if 0 <= milliseconds <= _LATEST_MS else None


def _moment(text: str, now: int) -> datetime | None:
    if not _DIGITS.search(text):
        return None
    if (read := _iso(text, UTC)) is not None:
        return read
    zone: tzinfo | None = None
    if named := _ZONE.search(text):
        zone = _zone(named[1] or named[2] or named[3])
        text = text[: named.start()]
    for capitals in [found for found in _CAPITALS.finditer(text) if found[1] not in ("AM", "PM")]:
        if (zone := _zone(capitals[1])) is None:
            return None
        text = text[: capitals.start()] + text[capitals.end() :]
    if (read := _iso(text, zone or UTC)) is not None:
        return read
    plain = _NEEDLESS.sub("", text)
    for without_offset, own in _offset_cut(plain):
        written, fraction = _fraction_cut(without_offset)
        for moment in _by_patterns(written, now):
            return moment.replace(tzinfo=own or zone or UTC) + fraction
    return _rfc2822(text, zone)


def _iso(text: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_SPACED_OFFSET.sub("", text.upper()))
    except ValueError:
        return None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def _zone(name: str) -> tzinfo | None:
    if (hours := _ABBREVIATIONS.get(name.upper())) is not None:
        return timezone(timedelta(hours=hours))
    try:
        return ZoneInfo(name) if "/" in name else None
    except (ValueError, OSError):
        return None


def _offset_cut(text: str) -> Iterator[tuple[str, tzinfo | None]]:
    """Yield the text without an offset at its end, and the offset."""
    if cut := _OFFSET.search(text):
        offset = timedelta(hours=int(cut[2]), minutes=int(cut[3]))
        if offset < timedelta(hours=24):
            yield text[: cut.start()], timezone(-offset if cut[1] == "-" else offset)
    yield text, None


def _fraction_cut(text: str) -> tuple[str, timedelta]:
    if fraction := _FRACTION.search(text):
        seconds = timedelta(microseconds=int(float("0." + fraction[1]) * 1e6))
        return text[: fraction.start()] + text[fraction.end() :], seconds
    return text, timedelta()


def _by_patterns(text: str, now: int) -> Iterator[datetime]:
    for pattern in _PATTERNS.get((text[:1].isalpha(), text.count(":")), ()):
        try:
            yield datetime.strptime(text, pattern)
        except ValueError:
            continue
    year = (_EPOCH + timedelta(milliseconds=now)).year
    for pattern in _WITHOUT_YEAR if _DAY_FIRST.match(text) else ():
        for each in (year, year - 1):
            try:
                moment = datetime.strptime(f"{each} {text}", f"%Y {pattern}")
            except ValueError:
                continue
            # A line of December is read in January: a date in the future is of last year.
            if (moment.replace(tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1) < now + 86_400_000:
                yield moment


def _rfc2822(text: str, zone: tzinfo | None) -> datetime | None:
    try:
        parts = parsedate_tz(text) if _RFC2822.search(text) else None
        if parts is None:
            return None
        offset = timezone(timedelta(seconds=parts[9] or 0))
        return datetime(*parts[:6], tzinfo=zone or offset)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
