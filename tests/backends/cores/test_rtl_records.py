"""
The models against records of the chips' RTL in simulation: random command files, and what came of
them. Stored: the command file, what was read and sent, spikes, and checksums of the rest.
"""

from __future__ import annotations

import gzip
import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.backends.cores.reckon_chip import ReckonChip
from tests.backends.cores.tinyodin_chip import TinyODINChip

RECORDS = Path(__file__).with_name("rtl_records.json.gz")


@cache
def records() -> list[dict]:
    return json.loads(gzip.decompress(RECORDS.read_bytes()))


def checksum(values: np.ndarray) -> int:
    """CRC-32 of the values as 32-bit words."""
    return zlib.crc32(np.asarray(values).astype("<i4").tobytes())


def of_chip(chip: str) -> list:
    return [pytest.param(r, id=f"{i}") for i, r in enumerate(records()) if r["chip"] == chip]


@pytest.mark.parametrize("record", of_chip("reckon"))
def test_reckon(record):
    chip = ReckonChip().play(record["program"])
    for tick, expected in zip(chip.ticks, record["ticks"], strict=True):
        found = {k: checksum(v) for k, v in vars(tick).items() if v is not None}
        assert found == expected
    assert chip.reads == record["reads"]
    assert chip.sent == record["sent"]


@pytest.mark.parametrize("record", of_chip("tinyodin"))
def test_tinyodin(record):
    chip = TinyODINChip().play(record["program"])
    assert [list(spike) for spike in chip.spikes] == record["spikes"]
    assert [list(event) for event in chip.aer] == record["aer"]
    assert [checksum(v) for v in chip.membranes] == record["membranes"]
    assert chip.reads == record["reads"]
