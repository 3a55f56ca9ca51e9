"""Random command files for tinyODIN: every kind of event, masks, and memories written as needed."""

from __future__ import annotations

import numpy as np


def memory_write(code: int, word: int, byte: int, data: int, mask: int = 0) -> str:
    """One SPI write of a byte of the neuron (code 1) or synapse (code 2) memory."""
    first = word | byte << (8 if code == 1 else 13)
    return f"write {1 << 18 | code << 16 | first:x} {mask << 8 | data:x}"


def register_write(address: int, value: int) -> str:
    """One SPI write of a register."""
    return f"write {1 << 18 | address:x} {value:x}"


def neuron_word(v: int = 0, threshold: int = 0, leak: int = 0, disabled: bool = False) -> int:
    """A word of the neuron memory."""
    return v & 0xFFF | threshold << 12 | leak << 24 | disabled << 31


def word_writes(code: int, word: int, value: int) -> list[str]:
    """SPI writes of the four bytes of a word."""
    return [memory_write(code, word, b, value >> 8 * b & 0xFF) for b in range(4)]


def random_program(seed: int, large: bool = False) -> str:
    """A command file. `large`: up to all neurons, and so many spikes that some may be lost."""
    draw = np.random.default_rng(seed)
    neurons = int(draw.integers(100, 257) if large else draw.integers(1, 30))
    inputs = int(draw.integers(1, 10))
    sources = sorted({*range(neurons), *draw.integers(0, 256, inputs).tolist()})
    open_loop = bool(draw.random() < 0.2)
    lines = [register_write(0, 1), register_write(1, 1)]
    lines += [register_write(2, int(draw.integers(0, 2))), register_write(3, neurons - 1)]
    high = int(draw.choice([8, 20, 200], p=[0.5, 0.4, 0.1]))
    for n in range(256):
        if n >= max(neurons, 16) and draw.random() < 0.9:
            continue
        thresholds = [draw.integers(1, high), 1, 0, 0x7FF, 0x800, 0xFFF]
        threshold = int(draw.choice(thresholds, p=[0.8, 0.1, 0.02, 0.04, 0.02, 0.02]))
        v = int(draw.choice([0, draw.integers(-2048, 2048)], p=[0.8, 0.2]))
        word = neuron_word(v, threshold, int(draw.integers(0, 128)), bool(draw.random() < 0.2))
        lines += word_writes(1, n, word)
    known = {int(line.split()[1], 16) & 0xFF for line in lines[4:]}
    sources = sorted({*sources, *known})  # single leaks and virtual events may fire them
    bias = int(draw.integers(-1, 5))
    for source in sources:
        weights = np.clip(draw.integers(-6, 8, 256) + bias, -8, 7)
        if not open_loop and source in known:
            # Spikes excite higher neurons only, so that loops of neurons come to rest.
            weights[: source + 1] = draw.integers(-8, 0, source + 1)
            weights[source + 1 :] = draw.integers(-5, 8, 255 - source)
        for block in range((neurons - 1) // 8 + 1):
            nibbles = (weights[8 * block : 8 * block + 8] & 15).tolist()
            word = sum(x << 4 * i for i, x in enumerate(nibbles))
            lines += word_writes(2, source << 5 | block, word)
    for _ in range(int(draw.integers(0, 5))):
        byte, mask, data = (int(x) for x in draw.integers(0, [4, 256, 256]))
        lines.append(memory_write(2, int(draw.choice(sources)) << 5, byte, data, mask))
        lines.append(f"read {2 << 18 | 2 << 16 | byte << 13 | int(draw.choice(sources)) << 5:x}")
    closed = False
    for n in draw.choice(neurons, min(neurons, 3), replace=False).tolist():
        if draw.random() < 0.3 and not open_loop:
            lines.append(register_write(1, 0))
            closed = True
        byte, mask, data = (int(x) for x in draw.integers(0, [4, 256, 256]))
        lines.append(memory_write(1, n, byte, data, mask))
        lines.append(f"read {2 << 18 | 1 << 16 | byte << 8 | n:x}")
    if not closed:
        lines.append(register_write(1, int(open_loop)))
    lines.append(register_write(0, 0))
    single = sorted(known - {255})
    outside = sorted({*sources} - known) or sources
    for _ in range(int(draw.integers(20, 80))):
        kind = draw.choice(["spike", "leak", "one", "virtual"], p=[0.6, 0.15, 0.1, 0.15])
        address = {
            "spike": int(draw.choice(outside if draw.random() < 0.7 else sources)),
            "leak": 0x1FF | int(draw.integers(0, 2)) << 9,
            "one": 0x100 | int(draw.choice(single)),
            "virtual": 0x200 | int(draw.integers(0, 256)),
        }[kind]
        if kind == "virtual" and not address & 0xF0 and address & 0xF not in sources:
            address |= 0x10
        lines.append(f"event {address:x}")
    lines.append(register_write(0, 1))
    lines += [f"read {2 << 18 | 1 << 16 | b << 8 | n:x}" for n in range(neurons) for b in (0, 1)]
    return "".join(f"{line}\n" for line in lines)
