"""
A model of ReckOn with its e-prop engine, bit for bit: one sample after the other.

A tick has a STEP (spikes, decay, reset), the engine's update where a target is valid, and a PROP
(what arrives). From the chip's documentation and RTL (see its chip.yaml), with u, h and traces as
they are after STEP:

    y_k   = clip((o_k + 2048) >> 1, 0, 2048)        err_k = (2048 if k is the label else 0) - y_k
    L_j   = sat16((sum over k of err_k wout[j, k]) << signal_shift >> 12)
    h_j   = the level of u_j
    P     = L_j (trace_i >> shift) h_j, of outputs err_k (trace_j >> shift)
    w    += sign(P) with the probability min(|P| 2^rate, 1), P as a share of 2^32 or 2^28

A product P whose bit 27 is set is taken for an underflow: `settings` keep it below. Regularisation,
noise and stochastic rounding are off.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from snncc.cores.eprop.settings import RANDOM_BITS, TRACE_BITS, TRACE_STEP, Settings
from snncc.cores.eprop.shift_register import ShiftRegister
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import ProgramOp

BLOCK = 16
LOW, HIGH = -(1 << 15), (1 << 15) - 1
NEVER = 0x7FFF
INPUT, LOOP, OUTPUT = "input", "recurrent", "output"
LEAST_ALPHA = 0x7000


@dataclass
class Trace:
    """
    What a sample did, tick by tick: u [slots] after STEP and after PROP, z [slots] of STEP, o
    [outputs] after PROP; and the largest trace of each kind, with the bits behind its point.
    """

    stepped: list[Array] = field(default_factory=list)
    u: list[Array] = field(default_factory=list)
    z: list[Array] = field(default_factory=list)
    o: list[Array] = field(default_factory=list)
    largest: list[int] = field(default_factory=lambda: [0, 0, 0])


class Engine:
    """The chip, by slots. Weights and random numbers go on from sample to sample."""

    def __init__(self, program: ProgramOp, description: Description, settings: Settings):
        assert description.learning is not None
        assert description.learning.rule == "eprop"
        self.program, self.settings = program, settings
        self._places = {name: slots for name, (_, slots) in places_of(program).items()}
        self._kinds = (description.learning.of, description.learning.readout)
        self.inputs = self._slots(program.inputs)
        hidden = {op.sym_name.data for op in program.members(self._kinds[0])}
        readout = {op.sym_name.data for op in program.members(self._kinds[1])}
        self.neurons = (self._slots(hidden) + 1) // 2 * 2  # pairs are walked as a whole
        self.outputs = self._slots(readout)
        self.size = (max(self.inputs, self.neurons, self.outputs) + 1) // 2 * 2
        self._configure(hidden, readout)
        shifts = program.setting
        self._shift = [shifts.get(f"FP_LOC_W{m}", 0) for m in ("INP", "REC", "OUT")]
        self._zero = shifts.get("RST_MODE", 0) == 1
        self.weights = [
            np.zeros(shape, np.int64)
            for shape in (
                (self.size, self.neurons),
                (self.size, self.neurons),
                (self.size, self.outputs),
            )
        ]
        """Of input, recurrent and output connections, [sources, targets] by slot."""
        self._edges = {INPUT: 0, LOOP: 1, OUTPUT: 2}
        for op in program.synapses:
            sources, targets, values = op.table()
            rows, columns = self._places[op.source_name], self._places[op.target_name]
            self.weights[self._edges[op.edge.data]][rows[sources], columns[targets]] = values
        self.levels = np.array(settings.levels)
        self.thresholds = np.array(settings.thresholds)
        self.random = [
            ShiftRegister(25, 3, 512, settings.seeds[0]),
            ShiftRegister(25, 3, 512, settings.seeds[1]),
            ShiftRegister(22, 1, 448, settings.seeds[2]),
        ]

    def _slots(self, names: object) -> int:
        """One more than the highest slot of some."""
        return max((int(self._places[n].max(initial=-1)) + 1 for n in names), default=0)  # type: ignore[attr-defined]

    def _configure(self, hidden: set[str], readout: set[str]) -> None:
        self.alpha = np.full(self.size, LEAST_ALPHA, np.int64)
        self.threshold = np.full(self.size, NEVER, np.int64)
        self.kappa = 0
        for name in hidden:
            op = self.program.populations[name]
            for array, key in ((self.alpha, "alpha"), (self.threshold, "threshold")):
                array[self._places[name]] = op.numbers(key)
        for pair in range(0, self.size, 2):  # shared, where one slot is empty
            used = self.threshold[pair : pair + 2] != NEVER
            if used.any():
                for array in (self.alpha, self.threshold):
                    array[pair : pair + 2] = array[pair : pair + 2][used][0]
        for name in readout:
            self.kappa = int(self.program.populations[name].numbers("kappa")[0])

    # --- a sample

    def sample(self, x: dict[str, Array], label: int | None, valid: Array) -> Trace:
        """
        Plays the spikes of a sample, [T, *shape] each, and learns its label in the ticks of
        `valid` [T]: not in the first one, of which STEP is no part.
        """
        events = self.events(x)
        self.u, self.o = np.zeros(self.size, np.int64), np.zeros(self.outputs, np.int64)
        self.traces = [np.zeros(self.size, np.int64) for _ in TRACE_BITS]
        z = np.zeros(self.size, bool)
        trace = Trace()
        for tick, spiking in enumerate(events):
            if tick:
                z = self._step()
                if valid[tick] and label is not None:
                    self._learn(label)
            trace.stepped.append(self.u.copy())
            self._propagate(spiking, z)
            trace.largest = [
                max(old, int(now.max()))
                for old, now in zip(trace.largest, self.traces, strict=True)
            ]
            trace.z.append(z)
            trace.u.append(self.u.copy())
            trace.o.append(self.o.copy())
        return trace

    def events(self, x: dict[str, Array]) -> Array:
        """[T, slots], bool."""
        steps = len(next(iter(x.values())))
        found = np.zeros((steps, self.size), bool)
        for name, array in x.items():
            found[:, self._places[name]] = array.reshape(steps, -1) != 0
        return found

    def _step(self) -> Array:
        z = self.u >= self.threshold
        left = _wrapped(self.u * self.alpha >> 15, 16)
        reset = np.zeros_like(left) if self._zero else _wrapped(left - self.threshold, 16)
        self.u = np.where(z, reset, left)
        for index, decay, bits in ((0, self.alpha, 15), (1, self.alpha, 15), (2, self.kappa, 7)):
            self.traces[index] = self.traces[index] * decay >> bits
        for index, width in enumerate(TRACE_BITS.values()):
            self.traces[index] &= (1 << width) - 1
        self.o = _wrapped(self.o * self.kappa >> 7, 16)
        return np.asarray(z)

    def _propagate(self, events: Array, z: Array) -> None:
        sources = np.flatnonzero(events | z)
        spiking = z[sources]
        inp, rec, out = self.weights
        arriving = (inp[sources] << self._shift[0]) * events[sources, None]
        arriving += (rec[sources] << self._shift[1]) * spiking[:, None]
        self.u[: self.neurons] = _added(self.u[: self.neurons], arriving)
        self.o = _added(self.o, out[sources[spiking]] << self._shift[2])
        fired = z & (np.arange(self.size) < self.neurons)
        for index, (grows, name) in enumerate(zip((events, fired, fired), TRACE_BITS, strict=True)):
            if self.settings.learns[index]:
                more = TRACE_STEP[name] << self.settings.trace_shift[index]
                held = np.minimum(self.traces[index] + more, (1 << TRACE_BITS[name]) - 1)
                self.traces[index] = np.where(grows, held, self.traces[index])

    # --- the engine

    def _learn(self, label: int) -> None:
        s, out = self.settings, self.weights[2]
        y = np.where(self.o > 2047, 2048, np.where(self.o < -2048, 0, (self.o + 2048) >> 1))
        errors = 2048 * (np.arange(self.outputs) == label) - y
        signal = np.zeros(self.neurons, np.int64)
        if s.learns[0] or s.learns[1]:
            total = out[: self.neurons] @ errors
            signal = np.clip(total << s.signal_shift >> 12, LOW, HIGH)
        at = np.searchsorted(self.thresholds, self.u[: self.neurons], side="right")
        modulated = signal * self.levels[at]
        for index, sources in ((0, self.inputs), (1, self.neurons)):
            if s.learns[index]:
                self._learn_sources(index, sources, modulated)
        if s.learns[2]:
            trace = self.traces[2][: self.neurons] >> s.trace_shift[2]
            rows = np.flatnonzero(trace)
            p = errors * trace[rows, None]
            bits = RANDOM_BITS["OUT"]
            drawn = self.random[2].numbers(len(rows), bits)[:, : self.outputs]
            out[rows] = np.clip(out[rows] + self._change(2, p, drawn, bits), -128, 127)

    def _learn_sources(self, index: int, sources: int, modulated: Array) -> None:
        """All connections of one matrix: drawn block by block, source by source."""
        s = self.settings
        trace = self.traces[index][:sources] >> s.trace_shift[index]
        rows = np.flatnonzero(trace)
        if not rows.size:
            return
        blocks = -(-self.neurons // BLOCK)
        bits = RANDOM_BITS["INP"]
        drawn = self.random[index].numbers(blocks * len(rows), bits)
        drawn = drawn.reshape(blocks, len(rows), BLOCK).swapaxes(0, 1).reshape(len(rows), -1)
        eligible = modulated * trace[rows, None]
        p = np.where((eligible >= 0) & (eligible >> 27 & 1 != 0), -(1 << 31), eligible)
        change = self._change(index, p, drawn[:, : self.neurons], bits)
        weights = self.weights[index]
        weights[rows] = np.clip(weights[rows] + change, -128, 127)
        if index == 1:  # a neuron does not reach itself
            own = change[np.arange(len(rows)), rows] != 0
            weights[rows[own], rows[own]] = 0

    def _change(self, index: int, p: Array, drawn: Array, bits: int) -> Array:
        rate, full = self.settings.rate[index], (1 << bits) - 1
        size = np.minimum(np.abs(p) << max(rate, 0), full) >> max(-rate, 0)
        certain = p == -(1 << bits - 1)
        return np.where((p != 0) & (certain | (size >= drawn)), np.sign(p), 0)

    # --- what was learned

    def learned(self) -> dict[str, Array]:
        """By table, dense [sources, targets]; a connection between others has no table."""
        found = {}
        for op in self.program.synapses:
            matrix = self.weights[self._edges[op.edge.data]]
            rows, columns = self._places[op.source_name], self._places[op.target_name]
            found[op.sym_name.data] = matrix[np.ix_(rows, columns)]
        return found


def _added(start: Array, arriving: Array) -> Array:
    """Row after row, held at the ends of 16 bits."""
    if not len(arriving):
        return start
    so_far = start + np.cumsum(arriving, axis=0)
    if so_far.min() >= LOW and so_far.max() <= HIGH:
        return np.asarray(so_far[-1])
    for row in arriving:
        start = np.clip(start + row, LOW, HIGH)
    return start


def _wrapped(x: Array, bits: int) -> Array:
    half = 1 << bits - 1
    return np.asarray(((x + half) & (2 * half - 1)) - half)
