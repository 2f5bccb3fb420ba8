"""The commands in a piece of shell, as far as the documentation uses it."""

import shlex
from collections.abc import Iterator, Sequence

_BETWEEN = {"|", "||", "&", "&&", ";", "(", ")"}
_REDIRECTIONS = {">", ">>", "<", "2>", ">&"}


def simple_commands(script: str) -> Iterator[list[str]]:
    """Yield each command of a script as its words, without redirections. Raises ValueError if a quote is open."""
    for line in script.replace("\\\n", " ").splitlines():
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
    """Return what is passed to `tocsin` if this command runs it, also by `uv run` or by its path; else None."""
    words = [*words]
    while words and ("=" in words[0] and words[0].partition("=")[0].isidentifier()):
        words.pop(0)
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words and (words[0] == "tocsin" or words[0].endswith("/bin/tocsin")):
        return words[1:]
    return None
