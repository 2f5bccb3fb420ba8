"""Text as strangers write it: what it would do to a terminal, to markup, or to who reads it.

Each text carries a marker of its own, so that a test knows what it looks at.
"""

MARKUP = (
    "[bold]mk1[/bold]",
    "[@click=app.quit]mk2[/]",
    "mk3 x [/nope] y",
    "[mk4",
    "[link=https://evil.example]mk5[/link]",
    "[red on blue]mk6 \\[b]",
    ":bomb: mk7 {mk7}",
)
"""Harmless to a terminal; in markup it would be clicked, coloured, or crash."""

SEQUENCES = (
    "\x1b]52;c;cHduZWQ=\x07sq1",  # sets the clipboard
    "\x1b]8;;https://evil.example/\x1b\\sq2\x1b]8;;\x1b\\",  # a link
    "\x1b]0;owned\x07sq3",  # names the window
    "\x1b[5;9;53msq4",  # blinks
    "\x1b[7;777Hsq5",  # goes elsewhere
    "\x1b[?1337hsq6",  # turns a mode on
    "\x1bPsq7\x1b\\",  # DCS
    "\x1b_sq8\x1b\\",  # APC
    "\x1bc sq9",  # resets
    "\x9b5;9msqa",  # the same in one byte each
    "\x9d0;owned\x9csqb",
)

INVISIBLE = (
    "in1\u202egnp.exe\u202c",  # turns the reading round
    "in2\u2066x\u2069\u200f",
    "in3\u200bz\u200c\u2060\ufeff",
    "in4\x00\x07\x08\x7f",
    "in5\rover",
    "in6\u2028\u2029\x85",
    "in7\U000e0041\U000e007f",
)

EVERYTHING = (*MARKUP, *SEQUENCES, *INVISIBLE)

SURROGATE = "sg1\ud800x"
"""Comes in where JSON escapes it."""
