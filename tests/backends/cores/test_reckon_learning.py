"""The model of ReckOn's e-prop against numbers worked out by hand."""

from __future__ import annotations

import pytest

from tests.backends.cores.reckon_chip import ReckonChip
from tests.backends.cores.reckon_commands import configured, ticked
from tests.backends.cores.reckon_memory import Misuse, Undefined
from tests.backends.cores.shift_registers import ShiftRegister

# One input, two neurons, two outputs; alpha = 1. A shift register of zeros gives 0: whatever is
# not 0 happens.
SURE = {"SEED_INP": 0, "SEED_REC": 0, "SEED_OUT": 0}
SURE |= {f"LR_{side}_W{kind}": 0 for side in "RP" for kind in ("INP", "REC", "OUT")}
FLAT = {f"THR_H_{i}": 0 for i in range(4)} | {f"H_{i}": 1 for i in range(5)}
LEARNING = {"NUM_INP_NEUR": 0, "NUM_REC_NEUR": 1, "NUM_OUT_NEUR": 1, "ALPHA_CONF_0": 1}
LEARNING |= SURE | FLAT
ROWS = {"winp": [[20, 30, 0, 0]], "wrec": [[5, 6, 0, 0], [7, 8, 0, 0]], "wout": [[64, 0], [-64, 0]]}


def learned(registers, pair, target=(0,), rows=ROWS, events=((0,),)) -> ReckonChip:
    """The chip after one update, with its target."""
    program = configured(LEARNING | registers, [pair], **rows)
    ticked(program, events)
    program.add("pins", 1, 1, 0)
    program.add("tick")
    for byte in target:
        program.add("target", byte)
    return ReckonChip().play(str(program))


def test_input_weights():
    # o = 0: y = 1024, error 1024 and -1024; L = 1024 * 64 >> 12 = 16 and -16; trace 8.
    chip = learned({"DO_EPROP": 1}, {})
    assert chip.learning.learning_signals[:2].tolist() == [16, -16]
    assert chip.network.neurons.values["tinp"][0] == 8
    assert chip.network.winp.values[0, :2].tolist() == [21, 29]
    assert chip.network.wout.values[0, :2].tolist() == [64, 0]


def test_trace_decays_before_the_update():
    # alpha = 0.875: 8 -> 7, and 1 << 2 -> 3, whose two lowest bits do not count.
    chip = learned({"DO_EPROP": 1, "ALPHA_CONF_0": 0}, {"alpha": 0})
    assert chip.network.neurons.values["tinp"][0] == 7
    chip = learned(
        {"DO_EPROP": 1, "ALPHA_CONF_0": 0, "FP_LOC_TINP": 2}, {"tinp": (4, 0)}, events=[()]
    )
    assert chip.network.winp.values[0, :2].tolist() == [20, 30]


def test_output_and_recurrent_weights():
    # Tick 1 nothing, tick 2 neuron 0 spikes: traces 8 and 2. o = 64 and 0 after its decay by one:
    # errors 2048 - 1056 and -1024; L = 992 * 64 >> 12 = 15 and -16 (-15.5).
    chip = learned({"DO_EPROP": 7, "KAPPA": 0x80}, {"thr": 50, "u": (50, 0)}, events=[(), ()])
    assert chip.network.neurons.values["trec"][:2].tolist() == [8, 0]
    assert chip.network.neurons.values["tout"][:2].tolist() == [2, 0]
    assert chip.learning.learning_signals[:2].tolist() == [15, -16]
    assert chip.network.wout.values[:2, :2].tolist() == [[65, -1], [-64, 0]]
    # The self weight of neuron 0 gets 0 as it is updated; neuron 1 has no trace.
    assert chip.network.wrec.values[:2, :2].tolist() == [[0, 5], [7, 8]]
    assert chip.network.winp.values[0, :2].tolist() == [20, 30]


def test_traces_and_weights_saturate():
    rows = ROWS | {"winp": [[127, -128, 0, 0]]}
    chip = learned({"DO_EPROP": 1, "FP_LOC_TINP": 7}, {"tinp": (3500, 0)}, rows=rows)
    assert chip.network.neurons.values["tinp"][0] == 4095
    assert chip.network.winp.values[0, :2].tolist() == [127, -128]


@pytest.mark.parametrize(
    ("u", "weight"), [(-11, 20), (-10, 21), (9, 21), (10, 19), (19, 19), (20, 20)]
)
def test_surrogate(u, weight):
    # 0 below -10, 1 below 10, -1 below 20, then 0 twice; u as STEP leaves it.
    steps = {"H_0": 0, "H_1": 1, "H_2": -1, "H_3": 0, "H_4": 0}
    steps |= {"THR_H_0": -10, "THR_H_1": 10, "THR_H_2": 20, "THR_H_3": 30}
    chip = learned({"DO_EPROP": 1} | steps, {"u": (u, 0), "tinp": (8, 0)}, events=[()])
    assert chip.network.winp.values[0, 0] == weight


@pytest.mark.parametrize(("h", "weight"), [(1, 21), (2, 19), (4, 19), (5, 21)])
def test_bit_27_of_a_product(h, weight):
    # 1024 * 64 << 11 >> 12 = 2^15, held at 32767; times 4095: 0x7ff7001. Twice that is 0xffee002,
    # four times 0x1ffdc004 (bit 27 is set), five times 0x27fd3005 (it is not).
    registers = {"DO_EPROP": 1, "LEARN_SIG_SCALE": 11} | {f"H_{i}": h for i in range(5)}
    chip = learned(registers, {"tinp": (4095, 0)}, events=[()])
    assert chip.learning.learning_signals[0] == 32767
    assert chip.network.winp.values[0, 0] == weight


def test_bit_27_is_certain():
    # -2^31 happens at any probability, that of 2^31 >> 31 would not (random number 3408171593).
    registers = {"DO_EPROP": 1, "LEARN_SIG_SCALE": 11, "SEED_INP": 1, "LR_R_WINP": 31}
    chip = learned(registers | {f"H_{i}": 2 for i in range(5)}, {"tinp": (4095, 0)}, events=[()])
    assert chip.network.winp.values[0, 0] == 19


def test_equal_to_the_random_number():
    # 128 >> 31 = 0 against 0.
    assert learned({"DO_EPROP": 1, "LR_R_WINP": 31}, {}).network.winp.values[0, 0] == 21


def test_probability():
    # P = 16 * 8 = 128 against the first random number of the seed 1, 3408171593. Shifted by 24 it
    # is 2^31 = 2147483648 (less), by 25 all ones (more), and all ones shifted back by one are less.
    assert [
        learned({"DO_EPROP": 1, "SEED_INP": 1, "LR_P_WINP": left, "LR_R_WINP": right}, {})
        .network.winp.values[0, 0]
        .item()
        for left, right in ((24, 0), (25, 0), (25, 1))
    ] == [20, 21, 20]


def test_regression():
    # Targets 300 and 0, no activation function: L = (300 * 64) >> 12 = 4 and -5 (-4.7).
    chip = learned(
        {"DO_EPROP": 1, "REGRESSION": 1, "NO_OUT_ACT": 1},
        {},
        target=(300 & 0xFF, 300 >> 8, 0, 0),
    )
    assert chip.learning.learning_signals[:2].tolist() == [4, -5]


@pytest.mark.parametrize(
    ("trace", "left", "right", "weight"),
    [(40, 0, 0, 19), (38, 30, 2, 20), (39, 30, 2, 19), (40, 0, 4, 20)],
)
def test_additive_regularisation(trace, left, right, weight):
    # No error and no surrogate; recurrent traces above 30 count. 8 << 30 leaves nothing in 32 bits.
    registers = {"DO_EPROP": 1, "REGRESSION": 1, "NO_OUT_ACT": 1, "REGUL_MODE": 2, "REGUL_W": 1}
    registers |= {"REGUL_F0": 30, "REGUL_K_INP_P": left, "REGUL_K_INP_R": right}
    registers |= {f"H_{i}": 0 for i in range(5)}
    chip = learned(registers, {"trec": (trace, 10)}, target=(0, 0, 0, 0), events=[()])
    assert chip.learning.excess[:2].tolist() == [trace - 30, 0]
    assert chip.network.winp.values[0, :2].tolist() == [weight, 30]


def test_regularisation_without_target():
    # The trace of the pair as it was before STEP: 40, not 35. Recurrent rows draw no random number.
    registers = {"DO_EPROP": 3, "REGUL_MODE": 6, "REGUL_W": 1, "REGUL_F0": 36, "ALPHA_CONF_0": 0}
    registers |= {"REGUL_K_INP_P": 0, "REGUL_K_INP_R": 0, "SEED_REC": 5}
    program = configured(LEARNING | registers, [{"trec": (40, 10)}], **ROWS)
    ticked(program, [[]])
    program.add("target", 0)
    chip = ReckonChip().play(str(ticked(program, [[], []])))  # 35 in the second, and no update
    assert chip.network.winp.values[0, :2].tolist() == [19, 30]
    assert chip.network.wrec.values[:2, :2].tolist() == [[5, 6], [7, 8]]
    assert chip.learning.random_rec.held == ShiftRegister(25, 3, 512, 5).held


def test_an_error_saturates():
    # 32767 - -2 is held: L = 32767 * 64 >> 12 = 511 (a wrapped error would be negative).
    registers = {"DO_EPROP": 1, "REGRESSION": 1, "NO_OUT_ACT": 1, "KAPPA": 0x80}
    program = configured(LEARNING | registers, [{}], **ROWS)
    program.lines.insert(0, "write 20010000 fffe")
    ticked(program, [[0]])
    program.add("pins", 1, 1, 0)
    program.add("tick")
    for byte in (0xFF, 0x7F, 0, 0):
        program.add("target", byte)
    chip = ReckonChip().play(str(program))
    assert chip.learning.learning_signals[:2].tolist() == [511, -512]


@pytest.mark.parametrize(("h", "weight"), [(14, 21), (15, 19)])
def test_underflow_of_additive_regularisation(h, weight):
    # -32768 * 4095 * 14 - (10 << 26) = -2549678080 wraps to 1745289216, and goes up. With 15 bit 27
    # of the product is set (-2012774400 >> 27 = -15), and the underflow is seen.
    registers = {"DO_EPROP": 1, "REGUL_MODE": 2, "REGUL_W": 1, "LEARN_SIG_SCALE": 15}
    registers |= {"REGUL_F0": 30, "REGUL_K_INP_P": 26, "REGUL_K_INP_R": 0}
    registers |= {f"H_{i}": h for i in range(5)}
    pair = {"trec": (40, 40), "tinp": (4095, 0)}
    chip = learned(registers, pair, target=(1,), events=[()])
    assert chip.learning.learning_signals[0] == -32768
    assert chip.network.winp.values[0, 0] == weight


def test_multiplicative_regularisation():
    # Excess 10 >> 1 = 5: 11 / 16 of the increases, 128 * 11 / 16 = 88; decreases stay 128.
    # 88 << 25 = 2952790016 is less than the random number 3408171593, 128 << 25 is all ones.
    registers = {"DO_EPROP": 1, "REGUL_MODE": 1, "REGUL_W": 1, "REGUL_F0": 30, "REGUL_K_MUL": 1}
    registers |= {"SEED_INP": 1, "LR_P_WINP": 25}
    chip = learned(registers, {"trec": (40, 40)})
    assert chip.network.winp.values[0, 0] == 20
    chip = learned(registers | {"REGUL_W": 0}, {"trec": (40, 40)})
    assert chip.network.winp.values[0, 0] == 21


def test_target_before_the_first_tick_does_not_count():
    program = configured(LEARNING | {"DO_EPROP": 1}, [{}], **ROWS)
    program.add("target", 0)
    ticked(program, [[0]])
    program.add("pins", 1, 1, 0)
    with pytest.raises(Misuse, match="asking"):
        ReckonChip().play(str(ticked(program, [[], []])))


def test_one_label_for_a_sample():
    program = configured(LEARNING | {"DO_EPROP": 1}, [{}], **ROWS)
    ticked(program, [[0]])
    program.add("target", 0)
    program.add("pins", 1, 1, 0)
    chip = ReckonChip().play(str(ticked(program, [[], []])))
    assert chip.network.winp.values[0, :2].tolist() == [22, 28]


def test_target_valid_is_not_looked_at_without_eprop():
    program = configured(LEARNING | {"DO_EPROP": 0}, [{}], **ROWS)
    program.add("pins", 1, 1, 0)
    chip = ReckonChip().play(str(ticked(program, [[0], [], []])))
    assert chip.network.winp.values[0, :2].tolist() == [20, 30]


@pytest.mark.parametrize("left_out", ["H_4", "THR_H_0", "LR_P_WINP"])
def test_registers_without_reset_value(left_out):
    registers = {k: v for k, v in (LEARNING | {"DO_EPROP": 1}).items() if k != left_out}
    program = configured(registers, [{}], **ROWS)
    ticked(program, [[0]])
    program.add("target", 0)
    program.add("pins", 1, 1, 0)
    program.add("tick")
    with pytest.raises(Undefined, match=left_out):
        ReckonChip().play(str(program))


def test_stochastic_rounding():
    # Random numbers of 0 round everything up that leaves something.
    program = configured(
        {"DO_EPROP": 0, "NUM_INP_NEUR": 0, "NUM_REC_NEUR": 1, "NUM_OUT_NEUR": 0}
        | {"EN_STOCH_ROUND": 1, "SEED_STRND_NEUR": 0, "KAPPA": 0x80},
        [{"u": (9, 1)}],
    )
    # 7.875 -> 8; 0.875 leaves nothing: 0.
    assert ReckonChip().play(str(ticked(program, [[], []]))).ticks[1].u[:2].tolist() == [8, 0]


def test_a_trace_wraps_when_it_is_rounded_up():
    # 4095 * 0x8001 >> 15 = 4095 and something; one more is 0.
    registers = {"DO_EPROP": 1, "EN_STOCH_ROUND": 1, "SEED_STRND_TINP": 0}
    chip = learned(registers, {"tinp": (4095, 4094), "alpha": 1}, events=[()])
    assert chip.network.neurons.values["tinp"][:2].tolist() == [0, 4095]


def test_rounding_does_not_go_on_for_alpha_of_one():
    # The first numbers of the seed 1 are 0x7fff and 0x2aaa. Pair 0 (alpha 1) takes none of them, so
    # 0.875 * 9 = 7 + 0x7000 / 2^15 is not rounded up.
    registers = {"EN_STOCH_ROUND": 1, "SEED_STRND_NEUR": 1, "ALPHA_CONF_0": 1, "DO_EPROP": 0}
    program = configured(
        registers | {"NUM_INP_NEUR": 0, "NUM_REC_NEUR": 3, "NUM_OUT_NEUR": 0},
        [{"u": (9, 0)}, {"u": (9, 0)}],
    )
    chip = ReckonChip().play(str(ticked(program, [[], []])))
    assert chip.ticks[1].u[:4].tolist() == [9, 0, 7, 0]
