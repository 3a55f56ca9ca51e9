"""The model of ReckOn against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backends.cores.reckon_chip import ReckonChip
from tests.backends.cores.reckon_commands import (
    Program,
    configured,
    neuron_words,
    ticked,
    weight_words,
)
from tests.backends.cores.reckon_memory import Misuse, Undefined
from tests.backends.cores.shift_registers import ShiftRegister

SMALL = {"DO_EPROP": 0, "NUM_INP_NEUR": 1, "NUM_REC_NEUR": 1, "NUM_OUT_NEUR": 0}


def played(program: Program) -> ReckonChip:
    return ReckonChip().play(str(program))


def test_words_as_on_the_wire():
    # Pair 2 (address 8): thr -2, alpha 0x7ABC, u of neurons 4 and 5, and input weights 4 to 7 of
    # source 3 (address 3 * 64 + 1), lowest byte first.
    chip = ReckonChip().play(
        "write 10040008 00001234 fffc0000 3 abcfffe0\nwrite 300100c1 80ff7f01\nread b00100c1\n"
    )
    neurons = chip.network.neurons
    assert neurons.values["u"][4:6].tolist() == [0x1234, -1]
    assert neurons.values["thr"][2] == -2
    assert neurons.values["alpha"][2] == 0xABC
    assert chip.network.winp.values[3, 4:8].tolist() == [1, 127, -1, -128]
    assert chip.reads == [[0x80FF7F01]]


def test_three_ticks():
    program = configured(
        SMALL | {"FP_LOC_WINP": 1, "FP_LOC_WOUT": 2},
        [{"thr": 100}],
        winp=[[50, 60, 0, 0]],
        wrec=[[1, 2, 0, 0], [3, -4, 0, 0]],
        wout=[[10], [-3]],
    )
    first, second, third = played(ticked(program, [[0], [], []])).ticks
    assert first.z is None
    assert first.u[:2].tolist() == [100, 120]  # 50 << 1, 60 << 1
    # Threshold before decay, 100 >= 100. alpha = 0x7000: 87.5 - 100 and 105 - 100.
    assert second.z[:2].tolist() == [True, True]
    assert second.u_stepped[:2].tolist() == [-13, 5]
    assert second.u[:2].tolist() == [-13 + 1 + 3, 5 + 2 - 4]
    assert second.o[0] == 10 * 4 - 3 * 4
    # Floor: -9 * 0.875 = -7.875, 3 * 0.875 = 2.625, 28 * 122 / 128 = 26.6875.
    assert third.u_stepped[:2].tolist() == [-8, 2]
    assert third.o_stepped[0] == 26


def test_reset_to_zero():
    program = configured(
        SMALL | {"RST_MODE": 1},
        [{"thr": 100, "u": (100, 99)}],
        wrec=[[0, 0, 0, 0]],
        wout=[[0]],
    )
    second = played(ticked(program, [[], []])).ticks[1]
    assert second.z[:2].tolist() == [True, False]
    assert second.u[:2].tolist() == [0, 86]  # 99 * 0.875 = 86.625


def test_saturation_source_by_source():
    # 16256 three times is held at 32767, then -16384; not 3 * 16256 - 16384 = 32384.
    program = configured(
        SMALL | {"NUM_INP_NEUR": 3, "FP_LOC_WINP": 7},
        [{}, {}],
        winp=[[127, -128, 0, 0]] * 3 + [[-128, 127, 0, 0]],
    )
    tick = played(ticked(program, [[3, 2, 1, 0]])).ticks[0]  # ascending, however they are sent
    assert tick.u[:2].tolist() == [32767 - 16384, -32768 + 16256]


def test_outputs_saturate():
    registers = SMALL | {"NUM_INP_NEUR": 3, "NUM_REC_NEUR": 3, "FP_LOC_WOUT": 7, "RST_MODE": 1}
    program = configured(
        registers | {"NUM_OUT_NEUR": 1},
        [{"thr": 1, "u": (1, 1)}] * 2,
        wrec=[[0, 0, 0, 0]] * 4,
        wout=[[127, -128]] * 3 + [[-128, 127]],
    )
    assert played(ticked(program, [[], []])).ticks[1].o[:2].tolist() == [16383, -16512]


def test_alpha_of_a_pair():
    # alpha = 0x7800 and 0x8800: 0.9375 and 1.0625, floor; both neurons of a pair share them.
    program = configured(
        SMALL | {"NUM_REC_NEUR": 3, "ALPHA_CONF_0": 2},
        [{"alpha": 0x800, "u": (1000, -1000)}] * 2,
    )
    assert played(ticked(program, [[], []])).ticks[1].u[:4].tolist() == [937, -938, 1062, -1063]


def test_decay_and_reset_wrap():
    # 32766 * 0x8fff / 2^15 = 36860.75; 36860 - 65536. With thr = -30000 (1.0): 10000 + 30000.
    program = configured(
        SMALL | {"NUM_REC_NEUR": 3, "ALPHA_CONF_0": 3},
        [{"alpha": 0xFFF, "u": (32766, 0)}, {"thr": -30000, "u": (10000, -30001)}],
        wrec=[[0] * 4] * 4,
        wout=[[0]] * 4,
    )
    tick = played(ticked(program, [[], []])).ticks[1]
    assert tick.u[:4].tolist() == [-28676, 0, 40000 - 65536, -30001]
    assert tick.z[:4].tolist() == [False, False, True, False]


def test_odd_number_of_neurons():
    # Neuron 2 is the last: its pair is never stepped. Its partner takes weights, too.
    program = configured(
        SMALL | {"NUM_INP_NEUR": 0, "NUM_REC_NEUR": 2},
        [{"thr": 10}] * 2,
        winp=[[4, 0, 20, 30]],
    )
    ticks = played(ticked(program, [[0], [0], []])).ticks
    assert ticks[1].u[:4].tolist() == [3 + 4, 0, 40, 60]
    assert not ticks[2].z.any()


def test_neurons_that_are_not_in_use_are_stepped():
    # Input 3 makes STEP walk neurons 2 and 3; their threshold is 0, so they spike for ever.
    program = configured(
        SMALL | {"NUM_INP_NEUR": 3},
        [{}, {"thr": 0}],
        wrec=[[0] * 4, [0] * 4, [1, 2, 0, 0], [3, 4, 0, 0]],
        wout=[[0], [0], [5], [6]],
    )
    tick = played(ticked(program, [[], []])).ticks[1]
    assert (tick.z[:4].tolist(), tick.u[:2].tolist(), tick.o[0]) == (
        [False, False, True, True],
        [4, 6],
        11,
    )


def test_self_connection():
    program = configured(SMALL, [{"thr": 8, "u": (8, 0)}], wrec=[[5, 0, 0, 0]], wout=[[0]])
    assert played(ticked(program, [[], []])).ticks[1].u[0] == 7 - 8 + 5


def test_end_of_a_sample():
    # Two equal outputs: the first one counts. Input sent before the last tick is forgotten.
    program = configured(
        SMALL | {"NUM_OUT_NEUR": 1},
        [{"thr": 50, "u": (60, 0)}],
        winp=[[7, 0, 0, 0]],
        wrec=[[0] * 4],
        wout=[[1, 1]],
    )
    program.add("pins", 1, 0, 1)
    ticked(program, [[], [0]])
    program.add("pins", 0, 0, 1)
    ticked(program, [[0]])
    program.add("pins", 1, 0, 0)
    chip = played(ticked(program, [[]]))
    assert chip.ticks[1].counts[:2].tolist() == [1, 0]
    assert chip.ticks[2].counts[:2].tolist() == [2, 0]
    assert chip.results == [[0]]
    assert chip.ticks[2].u is None
    assert chip.ticks[3].u[0] == 0  # the written state is that of the first sample only


def test_reads_between_the_phases():
    program = configured(SMALL, [{"u": (80, 0)}], winp=[[10, 0, 0, 0]])
    ticked(program, [[]])
    program.register("EN_CONF", 1)
    program.read(1, 0, 1)
    ticked(program, [[0]])
    program.read(1, 0, 1)  # after STEP
    program.register("EN_CONF", 0)
    program.register("EN_CONF", 1)
    program.read(1, 0, 1)  # after PROP
    assert played(program).reads == [[80], [70], [80]]


def test_outputs_at_each_tick():
    registers = {"SEND_PER_TIMESTEP": 1, "SEND_LABEL_ONLY": 0, "KAPPA": 0x80, "RST_MODE": 1}
    program = configured(SMALL | registers, [{"thr": 1, "u": (1, 0)}], wrec=[[0] * 4], wout=[[-2]])
    chip = played(ticked(program, [[], [], []]))
    assert chip.sent == [0, 0, 0xFE, 0xFF]  # after STEP of the second and of the third tick


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("write 10010003", "neuron memory: alpha of"),
        ("write 10010000", "neuron memory: u"),
        ("write 30010000", "input weights of source 0"),
        ("write 40010040", "recurrent weights of source 1"),
        ("write 50010004", "output weights of source 1"),
    ],
)
def test_what_was_not_written_is_missed(left_out, message):
    program = Program()
    for name, value in SMALL.items():
        program.register(name, value)
    for i, word in enumerate(neuron_words(thr=5)):
        program.memory(1, i, [word])
    for code, first in ((3, 0), (4, 0), (4, 64), (5, 0), (5, 4)):
        program.memory(code, first, weight_words(np.array([9, 9, 0, 0])))
    program.register("EN_CONF", 0)
    program.add("pins", 1, 0, 0)
    ticked(program, [[0], []])
    assert played(program).ticks[1].z[:2].all()
    program.lines = [line for line in program.lines if not line.startswith(left_out)]
    with pytest.raises(Undefined, match=message):
        played(program)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["write 10000 0", "write 10010000 0"], "EN_CONF"),
        (["write 10000 0", "write 10055 1"], "EN_CONF"),
        (["write 10020000 0"], "announced"),
        (["write 20008 0 0"], "one and the same register"),
        (["write 10008 2"], "1 bits"),
        (["write 10018 0"], "no register"),
        (["write 1000a 1"], "local ticks"),
        (["write 10010200 0"], "outside"),
        (["write 90010000 0"], "address of a read"),
        (["read 80010000"], "no address of a read"),
        (["tick"], "outside of a sample"),
        (["write 1005e 3", "write 1005f 3", "event 4"], "above the last source"),
    ],
)
def test_misuse(lines, message):
    with pytest.raises(Misuse, match=message):
        ReckonChip().play("".join(f"{line}\n" for line in lines))


def test_a_tick_too_early():
    program = configured(SMALL, [{}])
    ticked(program, [[]])
    program.register("EN_CONF", 1)
    with pytest.raises(Misuse, match="timing error"):
        played(ticked(program, [[], []]))


def test_shift_register():
    # s[n] = s[n-3] ^ s[n-25] from 1: every third bit; bit 0 comes back at 25, which undoes 28.
    ones = {*range(0, 31, 3), 25, 31}
    assert ShiftRegister(25, 3, 512, 1).next() & 0xFFFFFFFF == sum(1 << n for n in ones)


def test_seed_of_alternating_bits():
    # 7 bits of 15 in a step: y[n] = y[n-1] ^ y[n-15]; y[0] is bit 0, y[-14] to y[-8] are bits
    # 1, 3, ..., 13.
    register = ShiftRegister(15, 1, 7, 1 | 1 << 3 | 1 << 2, [*range(1, 15, 2), *range(2, 15, 2), 0])
    assert register.next() == 0b0000011  # y[1] = 1 ^ 0, y[2] = 1 ^ 1
    assert register.next() == 0b1111110  # y[7] = 0, y[8] = y[7] ^ y[-7] = 1


def test_events_before_the_sample():
    program = configured(SMALL, [{}], winp=[[4, 0, 0, 0], [1, 0, 0, 0]])
    del program.lines[-1]
    program.add("event", 0)
    program.add("event", 0)  # one and the same
    program.add("pins", 1, 0, 0)
    assert played(ticked(program, [[1]])).ticks[0].u[0] == 5
