"""Lines that mean something only together with earlier ones: rows of Zeek's tables, lines in parts."""

import gzip
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.intake.conftest import Post, stored
from tests.intake.follower import Follow, Reader, append, rotate
from tests.store.bench import Bench
from tui.intake.documents import read_items
from tui.intake.following import SETTLED
from tui.intake.lines import KEPT, LONGEST_LINE
from tui.intake.lost import Lost
from tui.intake.strict import items_in

HEADER = "\n".join(
    ("#separator \\x09", "#unset_field\t-", "#path\tnotice", "#fields\tts\tnote", "#types\ttime\tenum", "")
)
OTHER = HEADER.replace("notice", "weird").replace("note", "name")


def cri(stream: str, tag: str, text: str) -> str:
    return f"2026-01-31T09:15:00.5Z {stream} {tag} {text}\n"


def notice(note: str) -> bytes:
    return json.dumps({"_path": "notice", "ts": "1", "note": note}, separators=(",", ":")).encode()


def kill(reader: Reader) -> None:
    reader.restart()


def truncate(reader: Reader) -> None:
    """As logrotate's copytruncate: the writer goes on without a new header."""
    shutil.copy(reader.path, reader.path.with_name("eve.json.1"))
    reader.path.write_text("")


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([kill], id="kill"),
        pytest.param([truncate], id="truncate"),
        pytest.param([truncate, kill], id="truncate and kill"),
        pytest.param([Reader.catch_up, truncate, Reader.catch_up, kill], id="truncate, read and kill"),
    ],
)
def test_a_row_is_read_by_the_header_before_it(
    log: Path, follow: Follow, between: list[Callable[[Reader], object]]
) -> None:
    reader = follow()
    append(log, "#separator \\x7c\n#fields|old\n" + HEADER + "1\tA\n")
    reader.look()
    for step in between:
        step(reader)
    append(log, "1\tB\n")
    assert reader.catch_up() == [notice("A"), notice("B")]
    assert reader.lost == []


def test_a_table_that_is_followed_from_its_end_has_its_header(log: Path, follow: Follow) -> None:
    append(log, HEADER + "1\told\n" * 100_000)  # the header is far back
    reader = follow(from_start=False)
    append(log, "1\tA\n")
    assert reader.catch_up() == [notice("A")]


def test_a_compressed_table_is_continued_with_its_header(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, HEADER + "1\tA\n")
    reader.look()
    append(log, "1\tB\n")
    log.with_name("eve.json.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, OTHER + "1\tC\n")
    reader.restart()
    assert reader.catch_up()[:2] == [notice("A"), notice("B")]
    assert reader.lines[2:] == [b'{"_path":"weird","ts":"1","name":"C"}']


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("#separator \\xzz\n#fields\ta\tb\n", "x"),
        ("#separator \\x09\n", "1\tA"),
        (HEADER, "no row"),
        (HEADER, "#comment"),
        (HEADER, '{"title":"x"}'),
        (HEADER, '[{"title":"x"}]'),
    ],
)
def test_a_line_that_is_no_row_is_left_as_it_is(log: Path, follow: Follow, header: str, line: str) -> None:
    append(log, header + line + "\n")
    assert follow().catch_up() == [line.encode()]


WHOLE = '{"title":"x","id":"a b"}'
PARTS = [cri("stdout", "P", WHOLE[:9]), cri("stderr", "F", "{}"), cri("stdout", "P", WHOLE[9:15])]
PARTS.append(cri("stdout", "F", WHOLE[15:]))
JOINED = cri("stdout", "F", WHOLE).encode().strip()
OTHERS = cri("stderr", "F", "{}").encode().strip()


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("step", [kill, truncate, rotate])
def test_a_line_in_parts_is_read_as_a_whole(
    log: Path, follow: Follow, step: Callable[..., None], at: int
) -> None:
    reader = follow()
    for number, part in enumerate([*PARTS, ""]):
        if number == at:
            step(reader if step is not rotate else log) if log.exists() else None
        append(log, part)
        reader.look()
    assert reader.catch_up() == [OTHERS, JOINED]
    assert reader.lost == []
    reader.restart()
    assert reader.catch_up() == [OTHERS, JOINED]


def test_the_place_is_kept_before_a_line_that_is_not_complete(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, PARTS[1] + PARTS[0])
    reader.catch_up()
    assert reader.place is not None
    assert reader.place.position == len(PARTS[1])


def test_a_rotation_splits_a_line_and_a_kill_loses_neither_part(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, PARTS[1] + PARTS[0] + PARTS[2])
    reader.look()
    rotate(log)
    append(log, PARTS[1])
    for _ in range(SETTLED + 5):  # to the end of the rotated file, and into the next one
        reader.look()
    reader.restart()
    append(log, PARTS[3])
    assert reader.catch_up() == [OTHERS, OTHERS, JOINED]


def test_a_line_that_is_never_ended_does_not_hold_the_next_file_for_ever(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, PARTS[1] + PARTS[0])
    reader.look()
    rotate(log)
    append(log, PARTS[1])
    for _ in range(4):
        reader.catch_up()
    assert reader.lines == [OTHERS, OTHERS, cri("stdout", "F", WHOLE[:9]).encode().strip()]
    assert reader.lost == []


def test_a_line_in_parts_is_as_long_as_any_line_may_be(log: Path, follow: Follow) -> None:
    part = cri("stdout", "P", "x" * (LONGEST_LINE // 4))
    reader = follow()
    append(log, part * 5 + cri("stdout", "F", "y") + PARTS[1])
    chunks = [reader.look() for _ in range(3 * SETTLED)]
    long, _ = (line for chunk in chunks if chunk is not None for line in chunk.lines)
    assert (long.at, long.raw) == (0, None)
    assert KEPT < len(long.start) < KEPT + 100
    assert reader.lines == [None, OTHERS]


def test_a_line_in_parts_of_a_removed_file_is_reported_as_lost(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, PARTS[1] + PARTS[0])
    reader.look()
    reader.close()
    log.unlink()
    reader.restart()
    reader.catch_up()
    assert [(lost.first, lost.certain) for lost in reader.lost] == [(len(PARTS[1]), True)]
    assert isinstance(reader.lost[0], Lost)


@given(
    st.lists(
        st.tuples(st.sampled_from(["stdout", "stderr"]), st.sampled_from("PPF"), st.booleans()), max_size=12
    )
)
def test_kills_do_not_change_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bool]]
) -> None:
    log = tmp_path_factory.mktemp("log") / "eve.json"
    reader = Reader(log)
    open_parts, expected = {"stdout": "", "stderr": ""}, []
    for number, (stream, tag, is_killed) in enumerate(steps):
        append(log, cri(stream, tag, f"<{number}>"))
        reader.look()
        if is_killed:
            reader.restart()
        open_parts[stream] += f"<{number}>"
        if tag == "F":
            expected.append(cri(stream, "F", open_parts[stream]).encode().strip())
            open_parts[stream] = ""
    reader.catch_up()
    reader.close()
    assert reader.lines == expected


@pytest.mark.parametrize("body", ["".join(PARTS), HEADER + '1\tA\n{"title":"x","id":"a b"}\n'])
def test_send_reads_such_files_as_http_does(body: str) -> None:
    sent = [item for batch in read_items(io.BytesIO(body.encode())) for item in batch]
    posted = list(items_in(body.encode()))
    assert [(item.place, item.value) for item in sent] == [(item.place, item.value) for item in posted]
    assert sent[-1].value == {"title": "x", "id": "a b"}


def test_http_stores_a_line_in_parts(post: Post, bench: Bench) -> None:
    body = "".join([PARTS[0], *PARTS[2:]])
    assert post(body.encode()).status_code == 202
    assert stored(bench) == ["x"]


def test_http_refuses_a_line_that_is_not_complete(post: Post, bench: Bench) -> None:
    refused = post((PARTS[1].replace("{}", WHOLE) + PARTS[0]).encode())
    assert refused.status_code == 422
    assert refused.json()["items"][0]["item"] == "line 2"
    assert stored(bench) == []
