"""
Tuning: the whole rounded network is brought closer to the float one, all layers at once.

Gradients of how far the spikes part go back through time; whole numbers pass them as if they
were real (straight-through; Bengio et al. 2013), and take a step where they add up to one.
No labels: the float network is the teacher.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.quantization.attributes import read_grid
from snncc.passes.quantization.grids import largest_whole
from snncc.passes.quantization.options import Options
from snncc.quantization.calibration import Data
from snncc.quantization.features import rows_of, unit_columns
from snncc.quantization.layers import parting, read_by
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.tape import Tape, Values

DEBUG = 0
BATCH = 64
WORK = 1.2e10
"""Of all rounds: roughly the operations of arithmetic that are spent."""
MOST_ROUNDS, LEAST_ROUNDS = 240, 40
CHECKS = 8
"""How often held-out data are looked at: the best seen is kept."""
RATE = 0.04
"""Of the first rounds, in whole numbers a round; it falls to 0 as a cosine."""
BIAS_RATE = 0.002
"""Of biases: in units of the current."""
HIDDEN = 0.3
"""What a hidden layer's distance counts for beside the outputs'."""


def tune(
    model: FloatModel,
    rounded: FloatModel,
    units: dict[str, Array | None],
    options: Options,
    real: tuple[Data, Data],
    own: tuple[Data, Data],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FloatModel, float, float]:
    """
    (a model that may be closer, the distance of its outputs on held-out data, that of
    `rounded`). `real` and `own` are (fit, held) data as they are and as integers read them.
    Raises NoAdjoint where the network has an operation that it has no derivative of.
    """
    return _Tuning(model, rounded, units, options, real, own).run(progress)


class _Tuning:
    def __init__(
        self,
        model: FloatModel,
        rounded: FloatModel,
        units: dict[str, Array | None],
        options: Options,
        real: tuple[Data, Data],
        own: tuple[Data, Data],
    ):
        self.model, self.made = model, rounded.clone()
        self.options = options
        self.own = own
        self.tape = Tape(self.made.op)
        sums = {name_of(op): op for op in self.made.sums}
        before = {name_of(op): op for op in model.sums}
        self.watched: list[tuple[SSAValue, Array, Array, float]] = []
        """(stream of the rounded network, what it is in the float one: fit, held; its weight)."""
        self.whole: dict[Operation, Array] = {}
        self.factor: dict[Operation, Array] = {}
        for name, op in sums.items():
            weight, scale = constant_of(op.weight), read_grid(op)
            if weight is None or scale is None:
                continue
            wholes = unit_columns(op, units[name])
            rows = rows_of(op, weight)
            factor = (scale.reshape(rows.shape[0], -1, 1) / wholes).astype(np.float32)
            factor = np.broadcast_to(factor, rows.shape).reshape(weight.shape)
            self.factor[op] = factor
            self.whole[op] = np.rint(weight / factor).astype(np.float32)
        outputs = list(self.made.op.outputs.values())
        pairs = dict(zip(outputs, model.op.outputs.values(), strict=True))
        hidden = {
            read_by(op): read_by(before[name]) for name, op in sums.items() if op in self.whole
        }
        pairs.update({value: other for value, other in hidden.items() if value not in pairs})
        self.outputs = len(outputs)
        values = list(pairs.values())
        fit = model.streams(values, real[0].arrays)
        held = model.streams(values, real[1].arrays)
        for index, (value, a, b) in enumerate(zip(pairs, fit, held, strict=True)):
            self.watched.append((value, a, b, 1.0 if index < self.outputs else HIDDEN))
        self.biases: dict[str, tuple[Operation, int]] = {}
        for name, op in sums.items():
            bias = self.made.bias_of(op)
            if op in self.whole and bias is not None:
                self.biases[name] = (bias.neuron, bias.operand)

    def rounds(self) -> int:
        work = 0
        for op in self.tape.operations:
            size = int(np.prod(shape_of(op.results[0])))
            if op in self.whole:
                work += 6 * size * (self.whole[op].size // self.whole[op].shape[0])
            elif isinstance(op, snn.NeuronOp):
                work += 20 * size * len(list(op.body.block.ops))
        total = work * self.own[0].steps * min(BATCH, self.own[0].samples)
        return int(np.clip(WORK / max(total, 1), LEAST_ROUNDS, MOST_ROUNDS))

    def run(self, progress: Callable[[int, int], None] | None) -> tuple[FloatModel, float, float]:
        latent = {op: whole.copy() for op, whole in self.whole.items()}
        tops = {op: largest_whole(self.options.bits_of(op.node.data)) for op in latent}  # type: ignore[attr-defined]
        biases = {}
        for neuron, operand in self.biases.values():
            content = constant_of(neuron.operands[operand])
            assert content is not None
            biases[neuron, operand] = content.astype(np.float32)
        moments: dict[object, tuple[Array, Array]] = {}
        rng = np.random.default_rng(0)
        self._apply(latent, tops, biases)
        self.sizes = self._sizes()
        start = self._held_distance()
        best, kept = start, None
        rounds = self.rounds()
        every = max(1, rounds // CHECKS)
        samples = self.own[0].samples
        order = rng.permutation(samples)
        at = 0
        for number in range(rounds):
            if progress is not None:
                progress(number, rounds)
            if at + BATCH > samples:
                order, at = rng.permutation(samples), 0
            chosen = order[at : at + BATCH]
            at += BATCH
            weights, shifts = self._gradients(chosen)
            rate = 0.5 * (1 + np.cos(np.pi * number / rounds))
            for op, gradient in weights.items():
                inside = np.abs(latent[op]) <= tops[op] + 0.5
                step = _adam(moments, op, gradient * self.factor[op] * inside, number)
                latent[op] = latent[op] - np.float32(RATE * rate) * step
            for key, gradient in shifts.items():
                step = _adam(moments, key, gradient, number)
                biases[key] = biases[key] - np.float32(BIAS_RATE * rate) * step
            self._apply(latent, tops, biases)
            if (number + 1) % every == 0 or number + 1 == rounds:
                distance = self._held_distance()
                if DEBUG: print(number+1, 'train', round(self.last,4), 'held', round(distance,5), 'flips', round(float(np.mean([np.mean(np.clip(np.rint(latent[o]),-tops[o],tops[o])!=self.whole[o]) for o in latent])),4))
                if distance < best:
                    best = distance
                    kept = (
                        {op: w.copy() for op, w in self.tape.weights.items()},
                        {key: b.copy() for key, b in biases.items()},
                    )
        if kept is not None:
            self._write(*kept)
        return self.made, best, start

    def _apply(
        self,
        latent: dict[Operation, Array],
        tops: dict[Operation, int],
        biases: dict[tuple[Operation, int], Array],
    ) -> None:
        for op, whole in latent.items():
            rounded = whole if DEBUG == 2 else np.clip(np.rint(whole), -tops[op], tops[op])
            self.tape.weights[op] = (rounded * self.factor[op]).astype(np.float32)
        self.tape.parameters = dict(biases)

    def _sizes(self) -> list[float]:
        """What each distance is divided by: its own at the start, or a small part of the signal's."""
        data = self.own[0].taken(np.arange(min(BATCH, self.own[0].samples)))
        steps = self.tape.run(data.arrays)
        found = []
        for value, wanted, _, _ in self.watched:
            got = np.stack([values[value] for values in steps])
            signal = float(np.mean(np.cumsum(wanted.astype(np.float32), 0) ** 2))
            apart = float(parting(got, wanted[:, : data.samples]).mean())
            found.append(max(apart, 1e-4 * signal, 1e-9))
        return found

    def _gradients(
        self, chosen: Array
    ) -> tuple[dict[Operation, Array], dict[tuple[Operation, int], Array]]:
        steps = self.tape.run(self.own[0].taken(chosen).arrays)
        seeds: list[Values] = [{} for _ in steps]
        for (value, wanted, _, weight), size in zip(self.watched, self.sizes, strict=True):
            got = np.stack([values[value] for values in steps])
            difference = got - wanted[:, chosen].astype(np.float32)
            if isinstance(stream_type(value).element_type, AnyFloat):
                gradient = np.cumsum(np.cumsum(difference, 0)[::-1], 0)[::-1]
            else:
                gradient = np.cumsum(np.cumsum(difference, 0)[::-1], 0)[::-1]
            self.last = self.last*0.98+0.02*float((np.cumsum(difference,0)**2).mean()/size) if hasattr(self,'last') else float((np.cumsum(difference,0)**2).mean()/size)
            gradient = gradient * np.float32(2 * weight / size / gradient.size)
            for step, seed in enumerate(seeds):
                known = seed.get(value)
                seed[value] = gradient[step] if known is None else known + gradient[step]
        return self.tape.gradients(seeds)

    def _held_distance(self) -> float:
        """Of the outputs, on held-out data, each over its size at the start."""
        data = self.own[1]
        total = 0.0
        parts: list[list[Array]] = [[] for _ in range(self.outputs)]
        for start in range(0, data.samples, 4 * BATCH):
            chosen = np.arange(start, min(start + 4 * BATCH, data.samples))
            steps = self.tape.run(data.taken(chosen).arrays)
            for index in range(self.outputs):
                value = self.watched[index][0]
                parts[index].append(np.stack([values[value] for values in steps]))
        for index in range(self.outputs):
            got = np.concatenate(parts[index], axis=1)
            total += float(parting(got, self.watched[index][2]).mean())
        return total

    def _write(
        self, weights: dict[Operation, Array], biases: dict[tuple[Operation, int], Array]
    ) -> None:
        for op, weight in weights.items():
            self.made.set_operand(op, 1, weight, f"{name_of(op)}.weight")  # type: ignore[arg-type]
        names = {key: name for name, key in self.biases.items()}
        for key, bias in biases.items():
            self.made.set_operand(*key, bias, f"{names[key]}.bias")


def _adam(
    moments: dict[object, tuple[Array, Array]], key: object, gradient: Array, number: int
) -> Array:
    """A step of Adam (Kingma and Ba 2015), of size about 1."""
    first, second = moments.get(key, (np.zeros_like(gradient), np.zeros_like(gradient)))
    first = 0.9 * first + 0.1 * gradient
    second = 0.99 * second + 0.01 * gradient**2
    moments[key] = (first, second)
    mean = first / (1 - 0.9 ** (number + 1))
    spread = np.sqrt(second / (1 - 0.99 ** (number + 1)))
    step: Array = (mean / (spread + 1e-12)).astype(np.float32)
    return step
