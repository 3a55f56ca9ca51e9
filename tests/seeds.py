"""
Which random networks the differential tests draw.

A few hundred by default; SNNCC_LONG=1 asks for 10,000 of each kind, and SNNCC_LONG=FIRST:COUNT
for some of them, such as the one that a failure names (SNNCC_LONG=4711:1).
"""

from __future__ import annotations

import os

LONG = 10_000


def is_long() -> bool:
    """Whether tests that take some builds, losses or rounds in turn take all of them."""
    return os.environ.get("SNNCC_LONG", "") not in ("", "0")


def examples(few: int) -> int:
    """How many networks hypothesis draws: `few`, and 20 times as many in the long run."""
    return few * 20 if is_long() else few


def seeds(few: int) -> range:
    """The seeds to take: the first `few` where SNNCC_LONG does not say."""
    asked = os.environ.get("SNNCC_LONG", "")
    if asked in ("", "0"):
        return range(few)
    if asked == "1":
        return range(LONG)
    first, _, count = asked.partition(":")
    return range(int(first), int(first) + int(count))
