"""The commands in a piece of shell, as far as the documentation uses it."""

import shlex
from collections.abc import Iterator, Sequence

_BETWEEN = {"|", "||", "&", "&&", ";", "(", ")"}
_REDIRECTIONS = {">", ">>", "<", "2>", ">&"}


def lines(script: str) -> Iterator[str]:
    """Yield each line of a script, joined where a backslash or an open quote continues it."""
    given = ""
    for line in script.replace("\\\n", " ").splitlines():
        given = f"{given}\n{line}" if given else line
        try:
            shlex.split(given, comments=True)
        except ValueError:
            continue
        yield given
        given = ""
    if given:
        raise ValueError(f"a quote is not closed: {given}")


def simple_commands(script: str) -> Iterator[list[str]]:
    """Yield each command of a script as its words, without redirections. Raises ValueError."""
    for line in lines(script):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        redirected = False
        for word in lexer:
            if word in _BETWEEN:
                if words:
                    yield words
                words, redirected = [], False
            elif word in _REDIRECTIONS:
                redirected = True
            elif redirected:
                redirected = False
            else:
                words.append(word)
        if words:
            yield words


def arguments_of_tocsin(words: Sequence[str]) -> list[str] | None:
    """Return the arguments if this command runs `tocsin`, also by `uv run` or by a path; else None."""
    words = [*words]
    while words and ("=" in words[0] and words[0].partition("=")[0].isidentifier()):
        words.pop(0)
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words and (words[0] == "tocsin" or words[0].endswith("/bin/tocsin")):
        return words[1:]
    return None
