"""
ReckOn's e-prop: learning signals, surrogate, and stochastic updates of weights by one.

Written from srnn.v of ChFrenkel/ReckOn 5e5c0be. Sources are walked for blocks of 16 targets; of
each block first the output weights of its neurons, and their learning signals. What differs from
the sheet, or is not in it:

- A product L * trace * h whose bit 27 is set is taken for an underflow if nothing else makes it
  negative: it becomes the most negative number, so the weight goes down for certain.
- A self weight becomes 0 only when its update fires.
- Without TARGET_VALID (REGUL_MODE 6, 7) the traces are those of the last pair that STEP read,
  before its step, for all sources and targets.
- In the last block, targets above the last source take the traces of the last pair below.
- Multiplicative regularisation acts on input and recurrent weights if REGUL_W is not 0.
"""

from __future__ import annotations

import numpy as np

from tests.backends.cores.reckon_memory import OUTPUTS, Undefined, WeightMemory, wrapped
from tests.backends.cores.reckon_network import Network, saturated
from tests.backends.cores.shift_registers import ShiftRegister

BLOCK = 16
LANES = np.arange(BLOCK)
LOW32 = (1 << 32) - 1


class Learning:
    """The e-prop unit of a network. Its random numbers go on over samples."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.random_inp = ShiftRegister(25, 3, 512, 1)
        self.random_rec = ShiftRegister(25, 3, 512, 0x0424242)
        self.random_out = ShiftRegister(22, 1, 448, 1)
        self.targets: list[int | None] = [None] * (2 * OUTPUTS)  # regression: bytes
        self.label: int | None = None
        self.learning_signals = np.zeros(BLOCK, np.int64)
        self.surrogates = np.zeros(BLOCK, np.int64)
        self.excess = np.zeros(BLOCK, np.int64)

    def load_seed(self, register: str) -> None:
        """A seed register was written while EN_CONF is set."""
        registers = {
            "SEED_INP": self.random_inp,
            "SEED_REC": self.random_rec,
            "SEED_OUT": self.random_out,
        }
        if register in registers:
            registers[register].load(self.network.registers[register])

    def errors(self, target_valid: bool) -> np.ndarray:
        """Target minus output of each output neuron, [16]."""
        registers, errors = self.network.registers, np.zeros(OUTPUTS, np.int64)
        if not target_valid:
            return errors
        used = slice(0, registers["NUM_OUT_NEUR"] + 1)
        y = self.network.o[used]
        if not registers["NO_OUT_ACT"]:
            y = np.where(y > 2047, 2048, np.where(y < -2048, 0, (y + 2048) >> 1))
        if registers["REGRESSION"]:
            given = self.targets[: 2 * used.stop]
            if None in given:
                raise Undefined(f"target byte {given.index(None)}")
            target = np.frombuffer(bytes(given), "<i2").astype(np.int64)
        else:
            if self.label is None:
                raise Undefined("the label")
            target = 2048 * (np.arange(used.stop) == self.label)
        errors[used] = saturated(target - y)
        return errors

    def learn(self, target_valid: bool) -> None:
        """The EPROP phase. Raises Undefined."""
        registers = self.network.registers
        plastic, errors = registers["DO_EPROP"], self.errors(target_valid)
        last = registers["NUM_REC_NEUR"]
        for block in range(0, last + 1, BLOCK):
            for lane in range(BLOCK):
                if plastic == 4 and block + lane > last:
                    break
                self.learn_target(block, lane, errors, target_valid)
            if plastic & 3:
                self.learn_sources(block, target_valid)

    def learn_target(self, block: int, lane: int, errors: np.ndarray, valid: bool) -> None:
        """Learning signal, surrogate and output weights of one neuron."""
        network, registers, neuron = self.network, self.network.registers, block + lane
        if valid and neuron <= network.last_source and not lane & 1:
            network.neurons.shown = network.neurons.word(neuron // 2)
        self.learning_signals[lane] = self.surrogates[lane] = 0
        if registers["REGUL_MODE"]:
            trace = self.shown("trec", neuron) >> registers["FP_LOC_TREC"]
            # In 12 bits: a trace below the threshold wraps to a number above itself.
            excess = (trace - registers["REGUL_F0"]) & 0xFFF
            self.excess[lane] = 0 if excess > trace else excess
        if neuron > registers["NUM_REC_NEUR"] or not valid:
            return
        outputs = registers["NUM_OUT_NEUR"] + 1
        weights = network.wout.row(neuron, 0, outputs).copy()
        if registers["DO_EPROP"] & 3:
            total = int((errors[:outputs] * weights).sum())
            scaled = (total << registers["LEARN_SIG_SCALE"]) >> 12
            self.learning_signals[lane] = min(max(scaled, -0x8000), 0x7FFF)
            self.surrogates[lane] = self.surrogate(self.shown("u", neuron))
        trace = self.shown("tout", neuron) >> registers["FP_LOC_TOUT"]
        if registers["DO_EPROP"] & 4 and trace:
            bits = self.random_out.next()
            random = np.array([bits >> 28 * k & 0xFFFFFFF for k in range(OUTPUTS)])
            weights += self.update(errors * trace, 28, "WOUT", random)[:outputs]
            network.wout.values[neuron, :outputs] = np.clip(weights, -128, 127)

    def shown(self, name: str, neuron: int) -> int:
        """A state of the pair that was read last, as the e-prop unit sees it."""
        neurons = self.network.neurons
        # The mark of the pair is looked up at pair 0.
        return neurons.shown_state(name, neuron & 1) if neurons.live[0] else 0

    def surrogate(self, u: int) -> int:
        """The surrogate derivative: a step function of five steps."""
        registers, u = self.network.registers, wrapped(u, 16)
        for i in range(4):
            if u < registers.signed(f"THR_H_{i}"):
                return registers.signed(f"H_{i}")
        return registers.signed("H_4")

    def learn_sources(self, block: int, valid: bool) -> None:
        """Input and recurrent weights of all sources to a block of neurons."""
        network, registers = self.network, self.network.registers
        plastic, regularised = registers["DO_EPROP"], registers["REGUL_W"]
        mode = registers["REGUL_MODE"]
        always = mode >> 1 == 3
        excess = self.excess if mode else np.zeros(BLOCK, np.int64)
        for source in range(network.last_source + 1):
            if valid and not source & 1:
                network.neurons.shown = network.neurons.word(source // 2)
            for bit, name, memory, bits in (
                (1, "inp", network.winp, self.random_inp),
                (2, "rec", network.wrec, self.random_rec),
            ):
                if not plastic & bit or source > registers[f"NUM_{name.upper()}_NEUR"]:
                    continue
                if not (valid or (always and regularised & bit)):
                    continue
                trace = self.shown(f"t{name}", source) >> registers[f"FP_LOC_T{name.upper()}"]
                if not trace and not excess.any():
                    continue
                random = np.frombuffer(bits.next().to_bytes(64, "little"), "<u4").astype(np.int64)
                additive = bool(mode and regularised & bit)
                p = self.probabilities(name, trace * valid, excess, additive)
                change = self.update(p, 32, f"W{name.upper()}", random)
                self.apply(memory, source, block, change, name == "rec")

    def probabilities(
        self, name: str, trace: int, excess: np.ndarray, additive: bool
    ) -> np.ndarray:
        """Signed probabilities, 32 bits, of updates of one source's weights to the block [16]."""
        registers = self.network.registers
        mode, regularised = registers["REGUL_MODE"], registers["REGUL_W"]
        eligible = self.learning_signals * trace * self.surrogates
        share = np.full(BLOCK, 16)
        if mode & 1 and regularised:
            share = np.maximum(16 - (excess >> registers["REGUL_K_MUL"]), 0)
        scaled = eligible * np.where(eligible < 0, 16, share)
        down = np.zeros(BLOCK, np.int64)
        if mode & 2 and additive:
            key = f"REGUL_K_{name.upper()}"
            left, right = registers[f"{key}_P"], registers[f"{key}_R"]
            down = wrapped((excess << left & LOW32) >> right, 32)
        p = wrapped((scaled >> 4) - down, 32)
        underflow = (p >= 0) & ((scaled >> 31 & 1) != 0)
        p = np.where(underflow, -(1 << 31), p)
        # A neuron is updated where its surrogate is not 0, or where it is regularised.
        return np.where(additive | (self.surrogates != 0), p, 0)

    def update(self, p: np.ndarray, width: int, name: str, random: np.ndarray) -> np.ndarray:
        """Changes of weights, each -1, 0 or 1: they happen where |p|, scaled, reaches `random`."""
        if not p.any():
            return np.zeros(p.shape, np.int64)
        registers, full = self.network.registers, (1 << width) - 1
        left, right = registers[f"LR_P_{name}"], registers[f"LR_R_{name}"]
        size = np.minimum(np.abs(p) << left, full) >> right
        certain = p == -(1 << (width - 1))
        return np.where((p != 0) & (certain | (size >= random)), np.sign(p), 0)

    def apply(
        self, memory: WeightMemory, source: int, block: int, change: np.ndarray, recurrent: bool
    ) -> None:
        """Changes some weights of a source. A self weight that changes becomes 0."""
        for target in (block + LANES[change != 0]).tolist():
            if target > self.network.registers["NUM_REC_NEUR"] and not memory.known[source, target]:
                continue  # regularised with the others, but no neuron has it
            weight = int(memory.row(source, target, target + 1)[0]) + int(change[target - block])
            own = recurrent and source == target
            memory.values[source, target] = 0 if own else min(max(weight, -128), 127)
