"""Command files are read strictly."""

from __future__ import annotations

import pytest

from tests.backends.cores.commands import Command, CommandError, parse_commands


def test_all_commands():
    text = "write 10000000 ff 0A\nread 90010000\nevent 1f\ntarget 3\npins 1 0 1\ntick\n"
    assert parse_commands(text) == [
        Command(1, "write", (0x10000000, 0xFF, 0x0A)),
        Command(2, "read", (0x90010000,)),
        Command(3, "event", (0x1F,)),
        Command(4, "target", (3,)),
        Command(5, "pins", (1, 0, 1)),
        Command(6, "tick", ()),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "tick",  # no newline
        "tick\n\ntick\n",
        "tick \n",
        " tick\n",
        "event  1\n",
        "event\t1\n",
        "event 0x1\n",
        "event 1_0\n",
        "event -1\n",
        "event 1 2\n",
        "event\n",
        "write 1\n",
        "read 1 2\n",
        "pins 1 0\n",
        "pins 2 0 0\n",
        "tick 1\n",
        "Tick\n",
        "# tick\n",
        "tick\r\n",
        "",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(CommandError):
        parse_commands(text)
