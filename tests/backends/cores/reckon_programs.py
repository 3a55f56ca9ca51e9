"""
Random command files for ReckOn: every mode, sizes even and odd, several samples, reads between.

Only what a program must write is written, so that a model with memories of unknown content runs
it, too.
"""

from __future__ import annotations

import numpy as np

from tests.backends.cores.reckon_commands import ADDRESS, Program, weight_words
from tests.backends.cores.reckon_memory import REGISTERS

THRESHOLDS = [40, 200, 700, -5, 30000, 0x7FFF]
CHANCES = [0.3, 0.3, 0.2, 0.1, 0.05, 0.05]


def learning_registers(program: Program, draw: np.random.Generator) -> dict[str, int]:
    """Registers of e-prop, mostly in ranges where some of the weights change."""
    pick = {
        "DO_EPROP": draw.choice([7, 7, 7, 1, 2, 3, 4, 5, 6]),
        "FP_LOC_TINP": draw.integers(0, 8),
        "FP_LOC_TREC": draw.integers(0, 8),
        "FP_LOC_TOUT": draw.integers(0, 8),
        "LEARN_SIG_SCALE": draw.integers(0, 16),
        "REGUL_MODE": draw.choice([0, 0, 1, 2, 3, 4, 5, 6, 7]),
        "REGUL_W": draw.integers(0, 4),
        "REGRESSION": draw.integers(0, 2),
        "SINGLE_LABEL": draw.integers(0, 2),
        "NO_OUT_ACT": draw.integers(0, 2),
        "FORCE_TRACES": draw.integers(0, 2),
        "REGUL_F0": draw.choice([0, 8, 20, 200]),
        "REGUL_K_MUL": draw.integers(0, 6),
    }
    pick |= {f"H_{i}": draw.integers(-16, 16) for i in range(5)}
    thresholds = np.sort(draw.integers(-300, 700, 4))
    pick |= {f"THR_H_{i}": thresholds[i] for i in range(4)}
    for name in ("WINP", "WREC", "WOUT"):
        pick |= {f"LR_P_{name}": draw.integers(0, 24), f"LR_R_{name}": draw.choice([0, 0, 1, 5])}
    for name in ("INP", "REC"):
        key = f"REGUL_K_{name}"
        pick |= {f"{key}_P": draw.integers(0, 30), f"{key}_R": draw.integers(0, 8)}
    for name, value in pick.items():
        program.register(name, value)
    return {name: int(value) for name, value in pick.items()}


def random_program(seed: int, learning: bool, large: bool = False) -> str:
    """A command file. `large`: up to all neurons."""
    draw, program = np.random.default_rng(seed), Program()
    most = 256 if large else 24
    inputs, neurons = (int(n) for n in draw.integers(1, most + 1, 2))
    outputs = int(draw.integers(1, 17))
    last_source = max(inputs, neurons)
    pairs = (max(last_source, outputs) + 1) // 2
    settings = {
        "RST_MODE": draw.integers(0, 2),
        "DO_EPROP": 0,
        "FP_LOC_WINP": draw.integers(0, 8),
        "FP_LOC_WREC": draw.integers(0, 8),
        "FP_LOC_WOUT": draw.integers(0, 8),
        "EN_STOCH_ROUND": draw.random() < 0.3,
        "NOISE_EN": draw.random() < 0.2,
        "NOISE_STR": draw.integers(4, 16),
        "KAPPA": draw.choice([0, 0x7A, 0x80, 0xFF, draw.integers(0, 256)]),
        "SEND_PER_TIMESTEP": draw.random() < 0.2,
        "SEND_LABEL_ONLY": draw.integers(0, 2),
        "NUM_INP_NEUR": inputs - 1,
        "NUM_REC_NEUR": neurons - 1,
        "NUM_OUT_NEUR": outputs - 1,
    }
    settings |= {f"ALPHA_CONF_{i}": draw.integers(0, 1 << 32) for i in range(4)}
    for name, value in settings.items():
        program.register(name, value)
    if draw.random() < 0.5:
        for name in (n for n in ADDRESS if n.startswith("SEED")):
            program.register(name, draw.integers(1, 1 << REGISTERS[ADDRESS[name]][1]))
    modes = learning_registers(program, draw) if learning else {"DO_EPROP": 0}
    write_network(program, draw, (inputs, neurons, outputs), pairs)
    program.register("EN_CONF", 0)
    for _ in range(int(draw.integers(1, 4))):
        play_sample(program, draw, last_source, outputs, modes)
        if learning and draw.random() < 0.3:
            modes["DO_EPROP"] = int(draw.integers(0, 8))
            program.register("DO_EPROP", modes["DO_EPROP"])
    program.register("EN_CONF", 1)
    for source in range(inputs):
        program.read(3, 64 * source, -(-neurons // 4))
    for source in range(neurons):
        program.read(4, 64 * source, -(-neurons // 4))
        program.read(5, 4 * source, -(-outputs // 4))
    program.read(1, 0, 4 * pairs)
    return str(program)


def write_network(
    program: Program, draw: np.random.Generator, sizes: tuple[int, int, int], pairs: int
) -> None:
    """Neurons and weights. Neurons above those in use get a threshold, too."""
    inputs, neurons, _ = sizes
    words = []
    for _ in range(pairs):
        threshold = int(draw.choice(THRESHOLDS, p=CHANCES))
        initial = [
            int(draw.integers(-1 << 15, 1 << 15)) & 0xFFFF if draw.random() < 0.1 else 0
            for _ in (0, 1)
        ]
        words += [initial[0], (initial[1] & 0x3FFF) << 18, initial[1] >> 14]
        alpha = int(draw.choice([0, draw.integers(0, 1 << 12)], p=[0.2, 0.8]))
        words.append(alpha << 20 | (threshold & 0xFFFF) << 4)
    program.memory(1, 0, words)
    targets = (neurons + 15) // 16 * 16
    scale = draw.choice([10, 128])
    for code, sources in ((3, max(inputs, neurons)), (4, max(2 * pairs, inputs))):
        for source in range(min(sources, 256)):
            weights = draw.integers(-scale, scale, targets)
            program.memory(code, 64 * source, weight_words(weights))
    for source in range(max(2 * pairs, inputs)):
        if source < 256:
            program.memory(5, 4 * source, weight_words(draw.integers(-scale, scale, 16)))


def play_sample(
    program: Program,
    draw: np.random.Generator,
    sources: int,
    outputs: int,
    modes: dict[str, int],
) -> None:
    """One sample: events, ticks, targets as the chip asks for them, and reads on the way."""
    steps, rate = int(draw.integers(1, 12)), draw.choice([0.1, 0.5])
    program.add("pins", 1, 0, 0)
    latched = given = valid = False
    eprop, regression = modes["DO_EPROP"], modes.get("REGRESSION", 0)
    always = modes.get("REGUL_MODE", 0) >= 6
    label = int(draw.integers(0, outputs))
    for step in range(steps + 1):
        for source in draw.permutation(np.flatnonzero(draw.random(sources) < rate)):
            program.add("event", source)
        last = step == steps
        if eprop or step == 0:
            latched = valid = bool(draw.random() < 0.6) and not last
        program.add("pins", not last, valid, draw.integers(0, 2))
        configured = not last and draw.random() < 0.15
        if configured:
            program.register("EN_CONF", 1)
            if draw.random() < 0.5:
                program.read(1, 0, 4)
        between = configured and draw.random() < 0.5
        if between or (configured and step == 0):
            program.register("EN_CONF", 0)
        program.add("tick")
        if configured and not between and step:
            program.read(1, 0, 4)
            program.read(2, 0, outputs)
            program.register("EN_CONF", 0)
        learns = bool(eprop) and (latched or always) and step > 0 and not last
        if learns and regression:
            for _ in range(2 * outputs):
                program.add("target", draw.integers(0, 256))
        elif learns and not (modes["SINGLE_LABEL"] and given):
            program.add("target", label)
            given = True
        if not regression and not given and draw.random() < 0.2:
            program.add("target", label)
            given = not last
    program.add("pins", 0, 0, 0)
