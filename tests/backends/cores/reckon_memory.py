"""
ReckOn's registers and memories, as SPI sees them. What was never written has no value.

Neuron memory: 128 words of 128 bits, a pair of neurons each. Fields are held as arrays over
neurons (u, traces) and over pairs (thr, alpha), each with a mask of the bits that have a value.
"""

from __future__ import annotations

import numpy as np

NEURONS, PAIRS, OUTPUTS = 256, 128, 16


class Undefined(Exception):
    """A value was needed that no command has defined."""


class Misuse(Exception):
    """A command that the chip ignores, misunderstands or never finishes."""


# Address: name, width in bits, value after reset (None: undefined).
REGISTERS: dict[int, tuple[str, int, int | None]] = {
    0: ("EN_CONF", 1, 1),
    1: ("RO_STAGE_SEL", 9, None),
    2: ("GET_CLKINT_OUT", 1, 0),
    3: ("GET_TAR_REQ_OUT", 1, 1),
    8: ("RST_MODE", 1, 0),
    9: ("DO_EPROP", 3, 7),
    10: ("LOCAL_TICK", 1, 0),
    11: ("ERROR_HALT", 1, 1),
    12: ("FP_LOC_WINP", 3, 0),
    13: ("FP_LOC_WREC", 3, 0),
    14: ("FP_LOC_WOUT", 3, 0),
    15: ("FP_LOC_TINP", 3, 0),
    16: ("FP_LOC_TREC", 3, 0),
    17: ("FP_LOC_TOUT", 3, 0),
    18: ("LEARN_SIG_SCALE", 4, 0),
    19: ("REGUL_MODE", 3, 0),
    20: ("REGUL_W", 2, 0),
    21: ("EN_STOCH_ROUND", 1, 0),
    22: ("SRAM_SPEEDMODE", 8, 0),
    23: ("TIMING_MODE", 1, 0),
    25: ("REGRESSION", 1, 0),
    26: ("SINGLE_LABEL", 1, 1),
    27: ("NO_OUT_ACT", 1, 0),
    30: ("SEND_PER_TIMESTEP", 1, 0),
    31: ("SEND_LABEL_ONLY", 1, 1),
    32: ("NOISE_EN", 1, 0),
    33: ("FORCE_TRACES", 1, 0),
    64: ("CYCLES_PER_TICK", 32, None),
    65: ("ALPHA_CONF_0", 32, 0),
    66: ("ALPHA_CONF_1", 32, 0),
    67: ("ALPHA_CONF_2", 32, 0),
    68: ("ALPHA_CONF_3", 32, 0),
    69: ("KAPPA", 8, 0x7A),
    70: ("THR_H_0", 16, None),
    71: ("THR_H_1", 16, None),
    72: ("THR_H_2", 16, None),
    73: ("THR_H_3", 16, None),
    74: ("H_0", 5, None),
    75: ("H_1", 5, None),
    76: ("H_2", 5, None),
    77: ("H_3", 5, None),
    78: ("H_4", 5, None),
    79: ("LR_R_WINP", 5, None),
    80: ("LR_P_WINP", 5, None),
    81: ("LR_R_WREC", 5, None),
    82: ("LR_P_WREC", 5, None),
    83: ("LR_R_WOUT", 5, None),
    84: ("LR_P_WOUT", 5, None),
    85: ("SEED_INP", 25, None),
    86: ("SEED_REC", 25, None),
    87: ("SEED_OUT", 22, None),
    88: ("SEED_STRND_NEUR", 30, None),
    89: ("SEED_STRND_ONEUR", 15, None),
    90: ("SEED_STRND_TINP", 30, None),
    91: ("SEED_STRND_TREC", 30, None),
    92: ("SEED_STRND_TOUT", 30, None),
    93: ("SEED_NOISE_NEUR", 17, None),
    94: ("NUM_INP_NEUR", 8, 255),
    95: ("NUM_REC_NEUR", 8, 255),
    96: ("NUM_OUT_NEUR", 4, 15),
    98: ("REGUL_F0", 12, None),
    99: ("REGUL_K_INP_R", 5, None),
    100: ("REGUL_K_INP_P", 5, None),
    101: ("REGUL_K_REC_R", 5, None),
    102: ("REGUL_K_REC_P", 5, None),
    103: ("REGUL_K_MUL", 5, None),
    104: ("NOISE_STR", 4, None),
}
WIDTHS = {name: width for name, width, _ in REGISTERS.values()}


class Registers:
    """Configuration registers by name."""

    def __init__(self) -> None:
        self.values = {name: reset for name, _, reset in REGISTERS.values()}

    def __getitem__(self, name: str) -> int:
        value = self.values[name]
        if value is None:
            raise Undefined(f"register {name} has no value after reset and was not written")
        return value

    def signed(self, name: str) -> int:
        """A register in two's complement."""
        return wrapped(self[name], WIDTHS[name])

    def write(self, address: int, value: int) -> str:
        """Sets a register; its name. Raises Misuse: no such register, or the value is too wide."""
        if address not in REGISTERS:
            raise Misuse(f"no register has the address {address}")
        name, width, _ = REGISTERS[address]
        if value >> width:
            raise Misuse(f"register {name} has {width} bits: {value:#x}")
        self.values[name] = value
        return name


def wrapped(x: int, width: int) -> int:
    """The low bits in two's complement; also of an array."""
    half = 1 << (width - 1)
    return ((x + half) & ((1 << width) - 1)) - half


# Fields of a pair's word: name, lowest bit, width, neuron of the pair (None: both share it).
FIELDS = [
    (name, low + 50 * n, width, n)
    for n in (0, 1)
    for name, low, width in (("u", 0, 16), ("tinp", 16, 12), ("trec", 28, 12), ("tout", 40, 10))
] + [("thr", 100, 16, None), ("alpha", 116, 12, None)]
STATES = ("u", "tinp", "trec", "tout")


class NeuronMemory:
    """
    Parameters and state of all neurons. `live` are the pairs whose state counts: the others hold
    the state of an earlier sample, and are 0 to the network.
    """

    def __init__(self) -> None:
        sizes = dict.fromkeys(STATES, NEURONS) | {"thr": PAIRS, "alpha": PAIRS}
        self.values = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
        self.known = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
        self.full = {name: (1 << width) - 1 for name, _, width, _ in FIELDS}
        self.live = np.zeros(PAIRS, bool)
        self.shown = 0, 0  # the word that the memory's port shows, and which of its bits are known

    def word(self, pair: int) -> tuple[int, int]:
        """Value and known bits of a word."""
        value = known = 0
        for name, low, width, n in FIELDS:
            i = pair if n is None else 2 * pair + n
            value |= (int(self.values[name][i]) & (1 << width) - 1) << low
            known |= int(self.known[name][i]) << low
        return value, known

    def write(self, address: int, data: int) -> None:
        """SPI writes a chunk of 32 bits. The pair becomes live."""
        pair, low = address >> 2, 32 * (address & 3)
        self.shown = value, known = self.word(pair)
        chunk = 0xFFFFFFFF << low
        value, known = value & ~chunk | data << low, known | chunk
        for name, start, width, n in FIELDS:
            i, mask = pair if n is None else 2 * pair + n, (1 << width) - 1
            raw = value >> start & mask
            self.values[name][i] = wrapped(raw, width) if name in ("u", "thr") else raw
            self.known[name][i] = known >> start & mask
        self.live[pair] = True

    def read(self, address: int) -> int:
        """SPI reads a chunk of 32 bits. Raises Undefined."""
        self.shown = value, known = self.word(address >> 2)
        low = 32 * (address & 3)
        if ~known >> low & 0xFFFFFFFF:
            raise Undefined(f"neuron memory, address {address:#x}")
        return value >> low & 0xFFFFFFFF

    def state(self, name: str, pairs: slice | int) -> np.ndarray:
        """u or a trace of the neurons of some pairs, 0 if not live. Raises Undefined."""
        if isinstance(pairs, int):
            pairs = slice(pairs, pairs + 1)
        neurons, live = slice(2 * pairs.start, 2 * pairs.stop), np.repeat(self.live[pairs], 2)
        self.require(name, neurons, self.known[name][neurons] != self.full[name], live)
        return np.where(live, self.values[name][neurons], 0)

    def store(self, name: str, pairs: slice, values: np.ndarray) -> None:
        """Sets u or a trace of the neurons of some pairs."""
        neurons = slice(2 * pairs.start, 2 * pairs.stop)
        self.values[name][neurons] = values
        self.known[name][neurons] = self.full[name]

    def parameter(self, name: str, pairs: slice) -> np.ndarray:
        """thr or the low bits of alpha of some pairs, once per neuron. Raises Undefined."""
        self.require(name, pairs, self.known[name][pairs] != self.full[name], True)
        return np.repeat(self.values[name][pairs], 2)

    def require(self, name: str, where: slice, unknown: np.ndarray, matters) -> None:
        """Raises Undefined where something unknown matters."""
        missing = np.flatnonzero(unknown & matters)
        if missing.size:
            raise Undefined(f"neuron memory: {name} of {missing + where.start}")

    def shown_state(self, name: str, n: int) -> int:
        """A field of neuron n of the pair that the memory's port shows. Raises Undefined."""
        low, width = next(f[1:3] for f in FIELDS if f[0] == name and f[3] == n)
        value, known = (x >> low & (1 << width) - 1 for x in self.shown)
        if known != self.full[name]:
            raise Undefined(f"neuron memory: {name} of the word that was read last")
        return value


class WeightMemory:
    """Weights int8 [source, target], word addresses of four targets each."""

    def __init__(self, name: str, targets: int) -> None:
        self.name, self.words = name, targets // 4
        self.values = np.zeros((NEURONS, targets), np.int64)
        self.known = np.zeros((NEURONS, targets), bool)

    def write(self, address: int, data: int) -> None:
        """SPI writes four weights."""
        row, columns = divmod(address, self.words)
        columns = slice(4 * columns, 4 * columns + 4)
        self.values[row, columns] = np.frombuffer(data.to_bytes(4, "little"), np.int8)
        self.known[row, columns] = True

    def read(self, address: int) -> int:
        """SPI reads four weights. Raises Undefined."""
        row, word = divmod(address, self.words)
        weights = self.row(row, 4 * word, 4 * word + 4)
        return int.from_bytes(weights.astype(np.int8).tobytes(), "little")

    def row(self, source: int, start: int, stop: int) -> np.ndarray:
        """Weights of one source to some targets. Raises Undefined."""
        known = self.known[source, start:stop]
        if not known.all():
            missing = np.flatnonzero(~known) + start
            raise Undefined(f"{self.name} weights of source {source} to {missing}")
        return self.values[source, start:stop]
