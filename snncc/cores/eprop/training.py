"""
Learning on the chip: a learning description in the registers of its e-prop engine, the engine's
model, and what of it comes back into a configuration.

The engine takes the squared error of outputs after a hard sigmoid, at the ticks at which a target
is valid, and moves weights by one with a probability. What is configured follows from calibration
data: the table of the surrogate is the one that is nearest to its slope on the membranes that are
seen, traces have as many bits behind their points as they have room for, and no product reaches
2^27, where the engine takes it for an underflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snncc.backends.cores.reckon.learning import Lesson, emit_learning
from snncc.cores.configuration import Configuration, batched, late, whole_inputs
from snncc.cores.eprop.engine import Engine, Trace
from snncc.cores.eprop.fitting import Table, largest_that, shift_of, slope_of, table_of
from snncc.cores.eprop.settings import (
    RANDOM_BITS,
    SHIFTS,
    SIGNAL_SHIFTS,
    TRACE_BITS,
    TRACE_SHIFTS,
    TRACE_STEP,
    Settings,
)
from snncc.dialects.arrays import Array
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import ConnectionsOp
from snncc.errors import error
from snncc.passes.chip_model.units import weight_factor
from snncc.training.optimizers import SGD, Optimizer, optimizer_of
from snncc.training.surrogates import surrogate_of

PRODUCT_BITS = 27
MOST_SAMPLES = 64
"""Of calibration data."""
ONE = 2048
"""Of the chip's outputs and targets."""
EDGES = ("input", "recurrent", "output")


class OnChipTraining:
    """
    A configuration that learns on its chip; `Configuration.on_chip` makes one.

        training = configuration.on_chip(x, surrogate="atan(a=2.0)", optimizer="sgd(lr=0.05)")
        for sample, label in samples:           # sample: [T, *shape], spikes
            training.train_step(sample, label)
        tuned = training.configuration()

    `settings` are the registers, `table` says how near the surrogate is, `engine` is the chip.
    """

    def __init__(
        self,
        configuration: Configuration,
        x: Any,
        *,
        surrogate: str = "atan(a=2.0)",
        optimizer: Optimizer | str = "sgd(lr=0.01)",
        trainable: Sequence[str] | None = None,
        target_steps: int | None = None,
        seed: int = 1,
    ):
        """
        `x` are calibration data as the chip takes them, [T, B, *shape]; `trainable` tables of
        synapses: all of a class of edges or none. The target is valid in the last `target_steps`
        steps of a sample (None: in all but the first). `optimizer` is plain SGD.

        Raises SNC-C003 for a chip without an engine, and for what the engine does not do.
        """
        self._configuration = configuration
        description = configuration.description
        learning = description.learning
        if learning is None:
            raise error(
                "SNC-C003",
                f"{description.name} does not learn",
                remedy="train with the chip in the loop: Configuration.trainer",
            )
        self._learning = learning
        sgd = optimizer_of(optimizer)
        if not isinstance(sgd, SGD) or sgd.momentum or sgd.weight_decay or sgd.rounding:
            raise error(
                "SNC-C003",
                f"optimizer: the engine of {description.name} moves weights by gradients alone",
                remedy="sgd(lr=...), without momentum and weight decay",
            )
        self.learns = self._learned_edges(trainable)
        given = batched(
            configuration.interface,
            whole_inputs(configuration.interface, configuration.encoded(x), description),
        )
        given = configuration.program.with_always(given)
        self._target_steps = target_steps
        engine = Engine(configuration.program, description, self._silent())
        membranes, decayed, largest = self._activity(engine, given)
        self.table = self._table(surrogate, membranes, decayed)
        """How the surrogate was fitted."""
        self.settings = self._settings(self.table, largest, sgd.lr, seed)
        self.engine = Engine(configuration.program, description, self.settings)

    # --- what is configured

    def _learned_edges(self, trainable: Sequence[str] | None) -> tuple[bool, bool, bool]:
        tables = {op.sym_name.data: op for op in self._configuration.program.synapses}
        chosen = list(tables) if trainable is None else list(trainable)
        unknown = [name for name in chosen if name not in tables]
        if unknown or not chosen:
            raise error(
                "SNC-C003",
                f"trainable: expected some of {', '.join(tables)}, got "
                + (", ".join(map(repr, unknown)) or "none"),
            )
        edges = {tables[name].edge.data for name in chosen}
        halves = [
            name for name, op in tables.items() if op.edge.data in edges and name not in chosen
        ]
        if halves:
            raise error(
                "SNC-C003",
                f"trainable: {', '.join(halves)}: the engine learns all {' and '.join(edges)} "
                "connections or none",
            )
        inp, rec, out = (edge in edges for edge in EDGES)
        return inp, rec, out

    def _silent(self) -> Settings:
        """Traces in whole events, and nothing learned."""
        segments = self._learning.surrogate_segments
        nothing = (0,) * (segments - 1)
        return Settings(self.learns, nothing, (0, *nothing), (0, 0, 0), (0, 0, 0), 0)

    def _activity(self, engine: Engine, x: dict[str, Array]) -> tuple[Array, Array, list[int]]:
        """
        Of all neurons, steps and samples: membranes above the threshold before and after a step's
        decay in units of the network, and u after it; and the largest trace of each kind.
        """
        before, after, largest = [], [], [1, 1, 1]
        scale = np.zeros(engine.size)
        places = places_of(self._configuration.program)
        for op in self._configuration.program.members(self._learning.of):
            scales = op.scales()
            if scales is None:
                raise error("SNC-C003", f"{op.sym_name.data}: the configuration keeps no scales")
            scale[places[op.sym_name.data][1]] = scales
        used = np.flatnonzero(scale)
        steps, samples = next(iter(x.values())).shape[:2]
        silent = np.zeros(steps, bool)
        for b in range(min(samples, MOST_SAMPLES)):
            trace = engine.sample({n: a[:, b] for n, a in x.items()}, None, silent)
            u = np.array(trace.u)[:-1, used]
            before.append((u - engine.threshold[used]) / scale[used])
            after.append(np.array(trace.stepped)[1:, used])
            largest = [max(old, int(new)) for old, new in zip(largest, trace.largest, strict=True)]
        return np.concatenate(before).ravel(), np.concatenate(after).ravel(), largest

    def _table(self, surrogate: str, membranes: Array, decayed: Array) -> Table:
        attribute = surrogate_of(surrogate)
        assert attribute is not None
        slope = slope_of(attribute, membranes)
        learning = self._learning
        return table_of(
            decayed,
            slope,
            learning.surrogate_segments,
            learning.surrogate_low,
            learning.surrogate_high,
            (-(1 << 15), (1 << 15) - 1),
        )

    def _settings(self, table: Table, largest: list[int], lr: float, seed: int) -> Settings:
        program = self._configuration.program
        shifts = [_room(name, top) for name, top in zip(TRACE_BITS, largest, strict=True)]
        outputs = sum(op.size for op in program.members(self._learning.readout))
        strongest = ONE * outputs * 128  # of any weights
        trace = max(
            ((1 << TRACE_BITS[name]) - 1) >> shifts[i] for i, name in enumerate(("INP", "REC"))
        )
        level = max(map(abs, table.levels))

        def is_held(k: int) -> bool:
            signal = strongest << k >> 12
            return signal < 1 << 15 and signal * trace * level < 1 << PRODUCT_BITS

        signal_shift = largest_that(is_held, SIGNAL_SHIFTS)
        if not is_held(signal_shift):
            raise error("SNC-C003", "the engine's products may reach 2^27: too many outputs")
        rates = [self._rate(i, lr, table.scale, signal_shift) for i in range(len(EDGES))]
        seeds = (
            seed & (1 << 25) - 1 or 1,
            (seed * 0x0424242) & (1 << 25) - 1 or 1,
            seed & (1 << 22) - 1 or 1,
        )
        return Settings(
            self.learns,
            table.thresholds,
            table.levels,
            (shifts[0], shifts[1], shifts[2]),
            (rates[0], rates[1], rates[2]),
            signal_shift,
            seeds,
        )

    def _rate(self, index: int, lr: float, slope: float, signal_shift: int) -> int:
        """
        The shift with which P is, on average, lr times the gradient: of half the sum of squared
        errors, in the units of the network, outputs y = (o + 2048) / 4096 of the chip.
        """
        factor, out = self._factor(EDGES[index]), self._factor(EDGES[2])
        name = tuple(TRACE_BITS)[index]
        if index < 2:
            # P = 2048 err (out w) 2^(signal_shift - 12) (step trace) (h / slope)
            unit = ONE * out * 2.0 ** (signal_shift - 12) * TRACE_STEP[name] / slope
        else:
            unit = ONE * float(TRACE_STEP[name])
        return shift_of(lr * factor / unit * 2.0 ** RANDOM_BITS[name], SHIFTS)

    def _factor(self, edge: str) -> float:
        """What a weight of 1 of the network is on the chip, on average over the edge's targets."""
        program, description = self._configuration.program, self._configuration.description
        found = [self._of_table(op) for op in program.synapses if op.edge.data == edge]
        assert description.edges[edge] is not None
        return float(np.exp(np.log(np.concatenate(found)).mean())) if found else 1.0

    def _of_table(self, op: ConnectionsOp) -> Array:
        found = weight_factor(op, self._configuration.program, self._configuration.description)
        if found is None:
            raise error("SNC-C003", f"{op.target_name}: the configuration keeps no scales")
        return found

    # --- training

    def train_step(self, x: Any, label: int) -> Trace:
        """Plays one sample, spikes [T, *shape], and learns its label."""
        c = self._configuration
        given = whole_inputs(c.interface, c.encoded(x), c.description)
        given = c.program.with_always(late(given, c.lag))
        return self.engine.sample(given, int(label), self.valid(len(next(iter(given.values())))))

    def valid(self, steps: int) -> Array:
        """The ticks with TARGET_VALID, [steps] bool."""
        found = np.ones(steps, bool)
        found[0] = False
        if self._target_steps is not None:
            found[: max(1, steps - self._target_steps)] = False
        return found

    def files(self, x: Any, labels: Any) -> dict[str, bytes]:
        """
        Command files for a chip that is to learn these samples, spikes [T, B, *shape] and classes
        [B], from the weights that were compiled: learning.txt configures it, samples.txt follows.
        """
        c = self._configuration
        given = whole_inputs(c.interface, c.encoded(x), c.description)
        given = c.program.with_always(late(given, c.lag))
        valid = self.valid(len(next(iter(given.values()))))
        lessons = [
            Lesson({name: array[:, b] for name, array in given.items()}, int(label), valid)
            for b, label in enumerate(labels)
        ]
        return emit_learning(c.program, c.description, self.settings.registers(), lessons)

    def weights(self) -> dict[str, Array]:
        """By table, dense [sources, targets], whole numbers of the chip."""
        return self.engine.learned()

    def configuration(self) -> Configuration:
        """The chip as it is now."""
        return self._configuration.repacked(self.weights())


def _room(name: str, largest: int) -> int:
    """The bits behind a trace's point for which its largest, and one event more, has room."""
    full, more = 1 << TRACE_BITS[name], largest + TRACE_STEP[name]
    return largest_that(lambda k: more << k < full, TRACE_SHIFTS)
