"""
ReckOn's two phases of a tick: STEP (threshold, decay, reset) and PROP (spikes to membranes).

Written from srnn.v of ChFrenkel/ReckOn 5e5c0be. Stochastic rounding and noise are exact, too.
"""

from __future__ import annotations

import numpy as np

from tests.backends.cores.reckon_memory import (
    NEURONS,
    OUTPUTS,
    PAIRS,
    NeuronMemory,
    Registers,
    WeightMemory,
    wrapped,
)
from tests.backends.cores.shift_registers import ShiftRegister

ONE = 1 << 15  # alpha = 1


def odd_first() -> list[int]:
    """Order of the bits of a register whose seed alternates between two halves of its sequence."""
    return [*range(1, 15, 2), *range(2, 15, 2), 0]


class Network:
    """Neurons, outputs, weights, and the random numbers of stochastic rounding and noise."""

    def __init__(self) -> None:
        self.registers = Registers()
        self.neurons = NeuronMemory()
        self.winp = WeightMemory("input", NEURONS)
        self.wrec = WeightMemory("recurrent", NEURONS)
        self.wout = WeightMemory("output", OUTPUTS)
        self.z = np.zeros(NEURONS, bool)
        self.o = np.zeros(OUTPUTS, np.int64)
        self.round_u = [ShiftRegister(15, 1, 15, seed) for seed in (0x1234, 0x70F0)]
        self.round_tinp = [ShiftRegister(15, 1, 15, seed) for seed in (0x1348, 0x7FCF)]
        self.round_trec = [ShiftRegister(15, 1, 15, seed) for seed in (0x4321, 0x7BEA)]
        self.round_tout = [ShiftRegister(15, 1, 7, s, odd_first()) for s in (0x3FF3, 0x7EF0)]
        self.round_o = ShiftRegister(15, 1, 7, 0x7ABA, odd_first())
        self.noise = ShiftRegister(17, 3, 32, 0x1F0F1)

    def load_seed(self, register: str) -> None:
        """A seed register was written (while EN_CONF is set): its shift registers take it."""
        seed = self.registers[register]
        match register:
            case "SEED_STRND_NEUR":
                pair = self.round_u
            case "SEED_STRND_TINP":
                pair = self.round_tinp
            case "SEED_STRND_TREC":
                pair = self.round_trec
            case "SEED_STRND_TOUT":
                pair = self.round_tout
            case "SEED_STRND_ONEUR":
                self.round_o.load(seed)
                return
            case "SEED_NOISE_NEUR":
                self.noise.load(seed)
                return
            case _:
                return
        for n in (0, 1):
            pair[n].load(seed >> 15 * n & 0x7FFF)

    @property
    def last(self) -> int:
        """The neuron that STEP ends with."""
        return max(self.registers[f"NUM_{kind}_NEUR"] for kind in ("INP", "REC", "OUT"))

    @property
    def last_source(self) -> int:
        """The source that PROP ends with."""
        return max(self.registers["NUM_INP_NEUR"], self.registers["NUM_REC_NEUR"])

    def alpha(self, pairs: slice) -> np.ndarray:
        """Decay of the neurons of some pairs, in 1/2^15."""
        words = [self.registers[f"ALPHA_CONF_{i}"] for i in range(4)]
        high = np.array([words[p >> 5] >> (p & 31) & 1 for p in range(PAIRS)])[pairs]
        return np.repeat(np.where(high, 0x8000, 0x7000), 2) + self.neurons.parameter("alpha", pairs)

    def step(self) -> None:
        """STEP: a pair is stepped if both of its neurons are within the last neuron."""
        pairs = slice(0, (self.last + 1) // 2)
        neurons = self.neurons
        neurons.shown = neurons.word(self.last // 2)
        stochastic = self.registers["EN_STOCH_ROUND"]
        alpha, threshold = self.alpha(pairs), neurons.parameter("thr", pairs)
        u = neurons.state("u", pairs)
        product = u * alpha
        decayed = product >> 15 & 0xFFFF
        if stochastic:
            decayed = decayed + rounded_up(product, alpha, 15, 0xFFFF, ONE, self.round_u, True)
        decayed = wrapped(decayed, 16)
        z = u >= threshold
        reset = 0 if self.registers["RST_MODE"] else wrapped(decayed - threshold, 16)
        kappa = np.full(alpha.shape, self.registers["KAPPA"])
        for name, factor, bits, width, one, source in (
            ("tinp", alpha, 15, 12, ONE, self.round_tinp),
            ("trec", alpha, 15, 12, ONE, self.round_trec),
            ("tout", kappa, 7, 10, 0x80, self.round_tout),
        ):
            product, mask = neurons.state(name, pairs) * factor, (1 << width) - 1
            trace = product >> bits & mask
            if stochastic:
                trace = trace + rounded_up(product, factor, bits, mask, one, source, False)
            neurons.store(name, pairs, trace & mask)
        neurons.store("u", pairs, np.where(z, reset, decayed))
        neurons.live[pairs] = True
        self.z[: 2 * pairs.stop] = z
        self.z[2 * pairs.stop : 2 * (self.last // 2) + 2] = False
        self.step_outputs(stochastic)

    def step_outputs(self, stochastic: int) -> None:
        """Decay of the output neurons."""
        kappa = self.registers["KAPPA"]
        for k in range(min(OUTPUTS - 1, self.last) + 1):
            product = int(self.o[k]) * kappa
            up = 0
            if stochastic and kappa != 0x80:
                up = (product & 0x7F) >= self.round_o.next() and (product >> 7 & 0xFFFF) != 0
            if k <= self.registers["NUM_OUT_NEUR"]:
                self.o[k] = wrapped((product >> 7) + up, 16)

    def propagate(self, events: set[int]) -> None:
        """PROP: every source in ascending order."""
        for source in range(self.last_source + 1):
            if self.z[source] or source in events:
                self.propagate_source(source, source in events)
                self.z[source] = False

    def propagate_source(self, source: int, event: bool) -> None:
        """One source: an input event, a spike of a neuron, or both."""
        registers, neurons, spike = self.registers, self.neurons, bool(self.z[source])
        if spike:
            outputs = registers["NUM_OUT_NEUR"] + 1
            weights = self.wout.row(source, 0, outputs) << registers["FP_LOC_WOUT"]
            self.o[:outputs] = saturated(self.o[:outputs] + weights)
        pairs = slice(0, registers["NUM_REC_NEUR"] // 2 + 1)
        targets = 2 * pairs.stop
        w = np.zeros(targets, np.int64)
        if event:
            w = w + (self.winp.row(source, 0, targets) << registers["FP_LOC_WINP"])
        if spike:
            w = w + (self.wrec.row(source, 0, targets) << registers["FP_LOC_WREC"])
        u = neurons.state("u", pairs)
        added = u + w
        if registers["NOISE_EN"]:
            # The overflow of three summands is judged by the signs of the first two.
            added = wrapped(added + self.noise_of(pairs.stop), 16)
            added = np.where((u >= 0) & (w >= 0) & (added < 0), 0x7FFF, added)
            added = np.where((u < 0) & (w < 0) & (added >= 0), -0x8000, added)
        neurons.store("u", pairs, saturated(added))
        self.clear_traces(pairs)
        neurons.live[pairs] = True
        plastic = 7 if registers["FORCE_TRACES"] else registers["DO_EPROP"]
        pair = source // 2
        if pair < pairs.stop:
            if event and plastic & 1:
                self.grow("tinp", source)
            if spike and plastic & 2:
                self.grow("trec", source)
            if spike and plastic & 4:
                self.grow("tout", source)
        if event and source > registers["NUM_REC_NEUR"] and plastic & 1:
            # The trace of an input whose neuron is not in use. Its u is left as it is.
            self.clear_traces(slice(pair, pair + 1))
            neurons.live[pair] = True
            self.grow("tinp", source)

    def clear_traces(self, pairs: slice) -> None:
        """Traces of pairs that get live become 0."""
        for name in ("tinp", "trec", "tout"):
            for pair in np.flatnonzero(~self.neurons.live[pairs]) + pairs.start:
                self.neurons.store(name, slice(pair, pair + 1), 0)

    def grow(self, name: str, neuron: int) -> None:
        """A trace takes an event: the end of its range is held."""
        pair, one = slice(neuron // 2, neuron // 2 + 1), 2 if name == "tout" else 8
        traces, full = self.neurons.state(name, pair), 0x3FF if name == "tout" else 0xFFF
        more = one << self.registers[f"FP_LOC_{name.upper()}"]
        traces[neuron & 1] = min(traces[neuron & 1] + more, full)
        self.neurons.store(name, pair, traces)

    def noise_of(self, pairs: int) -> np.ndarray:
        """Noise added to the membranes of the first pairs, for one source."""
        words = [self.noise.next() for _ in range(pairs)]
        halves = np.array([word >> 16 * n & 0xFFFF for word in words for n in (0, 1)])
        return wrapped(halves, 16) >> self.registers["NOISE_STR"]

    def forget(self) -> None:
        """The end of a sample."""
        self.z[:] = False
        self.o[:] = 0
        self.neurons.live[:] = False


def saturated(x: np.ndarray) -> np.ndarray:
    """Held at the ends of 16 bits."""
    return np.clip(x, -0x8000, 0x7FFF)


def rounded_up(
    product: np.ndarray,
    factor: np.ndarray,
    bits: int,
    mask: int,
    one: int,
    sources: list[ShiftRegister],
    resting: bool,
) -> np.ndarray:
    """
    Stochastic rounding: 1 where the bits that are cut reach a random number. Never where the
    factor is one, and where nothing is left. `resting`: the random numbers do not go on either
    for a factor of one.
    """
    up = np.zeros(product.shape, np.int64)
    for i, (p, f) in enumerate(zip(product.tolist(), factor.tolist(), strict=True)):
        if f == one and resting:
            continue
        random = sources[i & 1].next()
        if f != one and (p >> bits & mask):
            up[i] = (p & (1 << bits) - 1) >= random
    return up
