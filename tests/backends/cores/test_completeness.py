"""A program that lacks a write is found out, or the write made no difference."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backends.cores import reckon_memory, reckon_programs, tinyodin_chip, tinyodin_programs
from tests.backends.cores.commands import parse_commands
from tests.backends.cores.reckon_chip import ReckonChip

REMOVED = 12


def without_one(text: str, candidates: list[int], draw: np.random.Generator):
    """Programs that lack one of some lines."""
    lines = text.splitlines(keepends=True)
    for i in draw.choice(candidates, min(REMOVED, len(candidates)), replace=False):
        yield "".join([*lines[:i], *lines[i + 1 :]])


def undefined_before(text: str, in_reset: frozenset[int]) -> list[int]:
    """Lines that write what nothing else has written or will write, nor reset."""
    writes = [c for c in parse_commands(text) if c.name == "write"]
    addresses = [c.numbers[0] for c in writes]
    return [
        c.line - 1
        for c, address in zip(writes, addresses, strict=True)
        if address not in in_reset and addresses.count(address) == 1
    ]


@pytest.mark.parametrize("seed", [3, 5, 15])
def test_reckon(seed):
    text = reckon_programs.random_program(seed, learning=seed == 15)
    with_reset = frozenset(
        1 << 16 | address
        for address, (name, _, reset) in reckon_memory.REGISTERS.items()
        if reset is not None or name.startswith("SEED")
    )
    whole, found = ReckonChip().play(text), 0
    draw = np.random.default_rng(seed)
    for part in without_one(text, undefined_before(text, with_reset), draw):
        try:
            chip = ReckonChip().play(part)
        except reckon_memory.Undefined:
            found += 1
            continue
        assert (chip.reads, chip.sent) == (whole.reads, whole.sent)
        for a, b in zip(chip.ticks, whole.ticks, strict=True):
            np.testing.assert_equal(vars(a), vars(b))
    assert found


@pytest.mark.parametrize("seed", [4, 15])
def test_tinyodin(seed):
    text = tinyodin_programs.random_program(seed)
    whole, found = tinyodin_chip.TinyODINChip().play(text), 0
    draw = np.random.default_rng(seed)
    for part in without_one(text, undefined_before(text, frozenset()), draw):
        try:
            chip = tinyodin_chip.TinyODINChip().play(part)
        except tinyodin_chip.Undefined:
            found += 1
            continue
        assert (chip.spikes, chip.reads) == (whole.spikes, whole.reads)
    assert found
