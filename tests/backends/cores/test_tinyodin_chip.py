"""The model of tinyODIN against numbers worked out by hand."""

from __future__ import annotations

import pytest

from tests.backends.cores.tinyodin_chip import Misuse, TinyODINChip, Undefined
from tests.backends.cores.tinyodin_programs import (
    memory_write,
    neuron_word,
    register_write,
    word_writes,
)

NEVER = 0xFFF  # as a threshold: v is below 0x800
LEAK_ALL = 0x1FF


def configured(neurons, rows, open_loop=0, aer_source=0) -> list[str]:
    """Lines that write neurons and rows of weights {source: [w of neuron 0, 1, ...]}."""
    lines = [register_write(0, 1), register_write(1, 1), register_write(2, aer_source)]
    lines.append(register_write(3, len(neurons) - 1))
    for n, word in enumerate(neurons):
        lines += word_writes(1, n, word)
    for source, weights in rows.items():
        padded = weights + [0] * (-len(weights) % 8)
        for block in range(len(padded) // 8):
            nibbles = padded[8 * block : 8 * block + 8]
            word = sum((w & 15) << 4 * i for i, w in enumerate(nibbles))
            lines += word_writes(2, source << 5 | block, word)
    return [*lines, register_write(1, open_loop), register_write(0, 0)]


def played(lines, events=()) -> TinyODINChip:
    """The chip after the lines and some events."""
    lines = [*lines, *(f"event {address:x}" for address in events)]
    return TinyODINChip().play("".join(f"{line}\n" for line in lines))


def test_words_as_on_the_wire():
    # Neuron 5, bytes 0 to 3: core 0x9ab, thr 0x678, leak 0x2d, not disabled. Synapse word
    # {pre 3, post 16-23} byte 2: post 20 = -7, post 21 = 4; then only the low nibble.
    chip = TinyODINChip().play(
        "write 40000 1\nwrite 40001 1\n"
        "write 50005 ab\nwrite 50105 89\nwrite 50205 67\nwrite 50305 2d\n"
        "write 64062 49\nwrite 64062 f003\nread a4062\nread 90305\n"
    )
    neurons = chip.neurons
    assert neurons.bits(5, 0, 12) == 0x9AB
    assert neurons.bits(5, 12, 12) == 0x678
    assert neurons.bits(5, 24, 7) == 0x2D
    assert chip.synapses.bits(3 << 5 | 2, 16, 8) == 0x43
    assert chip.reads == [0x43, 0x2D]


def test_a_spike_reaches_all_neurons():
    # Even neurons take the low nibble of a byte.
    chip = played(configured([neuron_word(threshold=NEVER)] * 4, {200: [1, -2, 3, -8]}), [200, 200])
    assert [v[:4].tolist() for v in chip.membranes] == [[1, -2, 3, -8], [2, -4, 6, -16]]


def test_saturation():
    neurons = [neuron_word(v, NEVER) for v in (2045, -2045, 2047, -2048)]
    chip = played(configured(neurons, {9: [7, -8, 1, -1]}), [9])
    assert chip.membranes[0][:4].tolist() == [2047, -2048, 2047, -2048]


def test_leak_then_threshold():
    # 10 - 3 is below 8, 10 - 2 is not; -3 and 3 stop at 0, where only a threshold of 0 fires.
    neurons = [
        neuron_word(10, 8, 3),
        neuron_word(10, 8, 2),
        neuron_word(-3, 1, 5),
        neuron_word(3, 0, 5),
        neuron_word(-8, 0, 5),
    ]
    chip = played(configured(neurons, {}, open_loop=1), [LEAK_ALL])
    assert chip.membranes[0][:5].tolist() == [7, 0, 0, 0, -3]
    assert chip.spikes == [(0, 1), (0, 3)]


def test_leak_of_one_neuron():
    neurons = [neuron_word(10, NEVER, 3)] * 3
    assert played(configured(neurons, {}), [0x101]).membranes[0][:3].tolist() == [10, 7, 10]


def test_first_in_first_out():
    # Input 40 fires 0 and 1; 0 fires 4, then 1 fires 2 and 3; 4 fires nothing before they have.
    neurons = [neuron_word(threshold=5)] * 5
    rows = {40: [5, 5, 0, 0, 0], 0: [0, 0, 0, 0, 5], 1: [0, 0, 5, 5, 0]}
    rows |= {2: [1] * 5, 3: [1] * 5, 4: [-1] * 5}
    chip = played(configured(neurons, rows), [40])
    assert [neuron for _, neuron in chip.spikes] == [0, 1, 4, 2, 3]
    assert chip.membranes[0][:5].tolist() == [1, 1, 1, 1, 1]


def test_order_of_events():
    # -3 then 5 reaches 2; 5 then -3 fires at 5.
    rows = {40: [-3], 41: [5], 0: [0]}
    first = played(configured([neuron_word(threshold=5)], rows), [40, 41])
    second = played(configured([neuron_word(threshold=5)], rows), [41, 40])
    assert (first.spikes, first.membranes[1][0]) == ([], 2)
    assert (second.spikes, second.membranes[1][0]) == ([(0, 0)], -3)


def test_self_connection():
    chip = played(configured([neuron_word(threshold=5)], {40: [6], 0: [-4]}), [40, 40, 40])
    assert chip.spikes == [(0, 0), (2, 0)]
    assert [v[0].item() for v in chip.membranes] == [-4, 2, -4]


def test_disabled_neuron():
    # It falls to 0 as if it had fired.
    chip = played(configured([neuron_word(4, 5, disabled=True)], {40: [6]}), [40])
    assert chip.spikes == []
    assert chip.membranes[0][0] == 0


def test_virtual_events():
    # 0x2f1: -1 to neuron 1. 0x201: a weight of 0, so a spike of source 1.
    chip = played(configured([neuron_word(threshold=NEVER)] * 3, {1: [2, 3, 4]}), [0x2F1, 0x201])
    assert [v[:3].tolist() for v in chip.membranes] == [[0, -1, 0], [2, 2, 4]]


def test_open_loop():
    rows = {40: [5, 0]}
    chip = played(configured([neuron_word(threshold=5)] * 2, rows, open_loop=1), [40])
    assert chip.spikes == [(0, 0)]
    assert chip.membranes[0][:2].tolist() == [0, 0]


def test_output_bus():
    rows = {40: [5, 0], 0: [0, 5], 1: [0, 0]}
    neurons = [neuron_word(threshold=5)] * 2
    assert played(configured(neurons, rows), [40]).aer == [(0, 0), (0, 1)]
    assert played(configured(neurons, rows, aer_source=1), [40]).aer == [(0, 40), (0, 0), (0, 1)]


def test_full_fifo():
    # 200 neurons fire at once: 128 spikes wait, 72 are lost, and each of the 128 takes 8 away.
    neurons = [neuron_word()] * 200
    chip = played(configured(neurons, {n: [-8] * 200 for n in range(128)}), [LEAK_ALL])
    assert chip.spikes == [(0, n) for n in range(200)]
    assert chip.lost == [(0, n) for n in range(128, 200)]
    assert chip.membranes[0][:200].tolist() == [-1024] * 200


def test_a_write_that_spikes():
    # Neuron 0 holds v = 0 and thr = 0 when its leak is written: its spike runs when GATE falls.
    lines = configured([neuron_word(threshold=NEVER)] * 2, {0: [-3, 4]})
    lines = [*lines[:-1], memory_write(1, 0, 1, 0), memory_write(1, 0, 2, 0)]
    chip = played([*lines, memory_write(1, 0, 3, 1), register_write(0, 0)], [0x2F1])
    assert chip.spikes == []  # the bus does not show it
    assert chip.membranes[0][:2].tolist() == [-3, 3]


def test_a_write_that_does_not_spike():
    # v = -1 is below a threshold of 0.
    lines = configured([neuron_word(-1, 0)] * 2, {0: [0, 4]})
    lines = [*lines[:-1], memory_write(1, 0, 3, 1), register_write(0, 0)]
    assert played(lines, [0x2F1]).membranes[0][:2].tolist() == [-1, -2]


def test_networks_that_never_rest():
    rows = {40: [5], 0: [5]}
    with pytest.raises(Misuse, match="never rests"):
        played(configured([neuron_word(threshold=5)], rows), [40])


@pytest.mark.parametrize(
    ("left_out", "event", "message"),
    [
        ("write 40003", 40, "MAX_NEUR"),
        ("write 40002", 40, "AER_SRC"),
        ("write 50001", 40, "neuron memory, word 1"),
        ("write 50101", 40, "neuron memory, word 1"),
        ("write 50301", LEAK_ALL, "bits 30 to 24"),
        ("write 60500", 40, "synapse memory, word 1280"),
        ("write 60020", 0x2F1, "synapse memory, word 32"),
    ],
)
def test_what_was_not_written_is_missed(left_out, event, message):
    neurons = [neuron_word(threshold=4), neuron_word(16, 15, 1)]
    lines = configured(neurons, {40: [1, 1], 1: [1, -8], 0: [0, 0]})
    played(lines, [event])
    with pytest.raises(Undefined, match=message):
        played([line for line in lines if not line.startswith(left_out)], [event])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["event 1"], "GATE"),
        (["write 40000 0", "write 50000 0"], "GATE"),
        (["write 40000 1", "event 1"], "acknowledged"),
        (["write 40000 1", "write 50400 0"], "outside"),
        (["write 40000 1", "write 70000 0"], "outside"),
        (["write 40000 1", "write 20000 0"], "neither"),
        (["write 40000 1", "write a0000 0"], "address of a read"),
        (["write 40000 1", "read 60000"], "no address of a read"),
        (["write 40000 1", "write 60000 10000"], "mask"),
        (["write 40000 1", "write 60000 0 0"], "no command"),
        (["write 40000 2"], "1 bits"),
        (["write 40004 0"], "no register"),
        (["write 40000 0", "event 400"], "10 bits"),
        (["tick"], "no command"),
    ],
)
def test_misuse(lines, message):
    with pytest.raises((Misuse, Undefined), match=message):
        played(lines)


def test_first_writes_need_open_loop():
    with pytest.raises(Undefined, match="OPEN_LOOP"):
        played(["write 40000 1", "write 40001 0", "write 50000 0"])
