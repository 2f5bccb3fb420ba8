"""Where lines go of which no alert can be made: whole ones, whatever the disk does."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tui.commands.sending.rejects import Rejects


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_of_lines_that_have_no_room_there_is_no_half(tmp_path: Path) -> None:
    rejects = Rejects(tmp_path / "rejected")
    assert rejects.keep([b"one", None, b"two"]) == 2
    with no_file_longer_than(10), pytest.raises(OSError, match="File too large"):
        rejects.keep([b"three"])
    assert rejects.keep([b"three"]) == 1
    assert (tmp_path / "rejected").read_text() == "one\ntwo\nthree\n"
