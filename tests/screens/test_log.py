"""The log, followed as it is written."""

from pathlib import Path

from tests.screens.conftest import Opens


def write(log: Path, *lines: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def rotate(log: Path) -> None:
    log.rename(log.with_suffix(".1"))


def line(level: str, text: str) -> str:
    return f"2026-01-31T09:30:00.000Z {level} dispatcher: {text}"


async def test_before_anything_was_logged_it_says_so(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("3")
        await user.sees("Nothing has been logged yet.")


async def test_it_follows_the_file(viewer: Opens, log: Path) -> None:
    write(log, line("INFO", "the first"))
    async with viewer() as user:
        await user.press("3")
        await user.sees("09:30:00 INFO    dispatcher: the first")
        write(log, line("WARNING", "the second"))
        await user.sees("09:30:00 WARNING dispatcher: the second")
        rotate(log)
        write(log, line("INFO", "in a new file"))
        await user.sees("in a new file", "the second")


async def test_f_shows_failures_only_and_all_again(viewer: Opens, log: Path) -> None:
    write(log, line("INFO", "attempt"), line("ERROR", "failed for good"), line("WARNING", "late answer"))
    async with viewer() as user:
        await user.press("3")
        await user.sees("attempt")
        await user.press("f")
        await user.sees("failures only", "failed for good", "late answer")
        assert "attempt" not in user.screen
        write(log, line("INFO", "attempt two"), line("ERROR", "failed again"))
        await user.sees("failed again")
        assert "attempt" not in user.screen
        await user.press("f")
        await user.sees("attempt two")


async def test_away_from_the_end_it_stays_where_it_is_and_at_the_end_it_follows(
    viewer: Opens, log: Path
) -> None:
    write(log, *(line("INFO", f"number {number:03}") for number in range(200)))
    async with viewer() as user:
        await user.press("3")
        await user.sees("number 199")
        await user.press("g")
        await user.sees("number 000")
        write(log, line("INFO", "while reading"))
        await user.press("j", "j", "k")
        await user.misses("number 000")
        await user.sees("number 001")
        await user.press("G")
        await user.sees("while reading")
        write(log, line("INFO", "at the end"))
        await user.sees("at the end")
