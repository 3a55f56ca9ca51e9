"""The loop over the layers: fit, correct, and keep what brings the spikes closest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import AnyFloat

from snncc.dialects.arrays import Array, splat_shape
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.quantization.grids import largest_whole
from snncc.passes.quantization.options import Options
from snncc.passes.quantization.trained import taken as trained_on_grid
from snncc.quantization.calibration import Data
from snncc.quantization.correction import correct_bias
from snncc.quantization.decisions import decisions_of, samples_to_look_at
from snncc.quantization.fitting import candidates_of, fit
from snncc.quantization.layer import Layer, is_fed_back, met_by, read_by
from snncc.quantization.layers import (
    Fitted,
    Settings,
    lies_on_grid,
    parting,
    plain,
    problem_of,
)
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.moments import Moments, moments_of, moments_of_rows
from snncc.quantization.response import response_of
from snncc.quantization.rewriting import input_units

TRIED = 480
"""Samples on which biases are corrected."""
COARSE = 4
"""Bits at which all variants are worth their time."""
PLAIN, FITTED, AS_GIVEN = "plain", "spike-aware", "as given"
"""How weights are rounded: one by one; fitted; not at all, for they lay on a grid."""


@dataclass(frozen=True)
class LayerChoice:
    """What was chosen for the weights of one sum."""

    name: str
    bits: int
    chosen: str
    """`spike-aware`, `plain`, or `as given`."""
    plain_error: float | None = None
    """The mean square by which sums of spikes of the held-out data part, with plain rounding."""
    error: float | None = None
    """The same with what was chosen."""


VARIANTS = (Settings(), Settings(near=True), Settings(0.01, 0.3), Settings(0.003, 0.03, near=True))
"""Of the whole network, where that is quick: the one whose outputs are closest is taken."""
KEPT_BYTES = 1 << 29
"""Of streams of the float network."""
VERY_QUICK, QUICK = 1 << 24, 1 << 27
"""
Numbers in the streams of all data: beyond the first, half of the variants are tried, as of many
bits; beyond the second, there is one, of the data alone.
"""


def calibrate_weights(
    model: FloatModel,
    options: Options,
    real: Data,
    rounded: Data,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FloatModel, list[LayerChoice]]:
    """
    A copy of a float model whose weights lie on grids. `real` and `rounded` are the
    calibration data as they are and as integers read them.

    Each layer is first fitted on a part of the data, and the rest decides whether that is
    better than plain rounding; then all data are fitted.
    """
    names = [name_of(op) for op in model.sums]
    coarse = min((options.bits_of(name) for name in names), default=8) <= COARSE
    numbers = numbers_of(model, real)
    quick = numbers <= QUICK
    count = 1
    if quick:
        count = len(VARIANTS) if coarse and numbers <= VERY_QUICK else len(VARIANTS) // 2
    done, total = 0, len(names) * (1 + count)

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    if progress is not None:
        progress(0, total)
    trial, choices = _pass(model, options, Real(model, real), rounded, Settings(), None, step)
    decided = {choice.name: choice.chosen for choice in choices}
    known = Real(model, real)
    wanted = model.streams(list(model.op.outputs.values()), real.arrays)
    found = [(_distance(trial, wanted, rounded), trial)]
    for settings in VARIANTS[:count]:
        made, _ = _pass(model, options, known, rounded, settings, decided, step)
        found.append((_distance(made, wanted, rounded), made))
    return min(found, key=lambda each: each[0])[1], choices


class Real:
    """What each sum of the float network reads, and what its neuron puts out; computed once."""

    def __init__(self, model: FloatModel, data: Data):
        self.model, self.data = model, data
        self._found: dict[WeightedSum, tuple[Array, Array]] = {}

    def of(self, op: WeightedSum) -> tuple[Array, Array]:
        """(the sum's input, the output behind it), each [T, B, *shape]."""
        if op not in self._found:
            if sum(a.nbytes for pair in self._found.values() for a in pair) > KEPT_BYTES:
                self._found.clear()
            x, y = self.model.streams([op.input, read_by(op)], self.data.arrays)
            self._found[op] = (x, y)
        return self._found[op]


def numbers_of(model: FloatModel, data: Data) -> int:
    sizes = [splat_shape(shape_of(op.results[0])) for op in (*model.sums, *model.neurons)]
    return sum(sizes) * data.steps * data.samples


def _distance(model: FloatModel, wanted: tuple[Array, ...], rounded: Data) -> float:
    """How far the outputs part, each over its size."""
    total = 0.0
    got = model.streams(list(model.op.outputs.values()), rounded.arrays)
    for a, b in zip(got, wanted, strict=True):
        size = float(np.mean(np.cumsum(b.astype(np.float32), axis=0) ** 2))
        total += float(parting(a, b).mean()) / max(size, 1e-12)
    return total


def _pass(
    model: FloatModel,
    options: Options,
    real: Real,
    rounded: Data,
    settings: Settings,
    decided: Mapping[str, str] | None,
    step: Callable[[], None],
) -> tuple[FloatModel, list[LayerChoice]]:
    """Layer by layer; without `decided`, held-out data say how each is rounded."""
    made = model.clone()
    choices: list[LayerChoice] = []
    units: dict[str, Array | None] | None = None
    for op in in_turn(model.sums):
        name = name_of(op)
        if model.weight_of(op) is None:
            step()
            continue  # the rewriting says so, by name
        if units is None:
            units = input_units(made, options)
        calibration = _LayerCalibration(model, made, op, options, units[name], settings)
        if decided is None:
            made, choice = calibration.decide(real, rounded)
            choices.append(choice)
        else:
            made = calibration.follow(decided[name], real, rounded)
        if isinstance(stream_type(read_by(op)).element_type, AnyFloat):
            units = None  # what is no spike counts in a unit that follows from the scale
        step()
    order = [name_of(op) for op in model.sums]
    return made, sorted(choices, key=lambda choice: order.index(choice.name))


def in_turn(sums: list[WeightedSum]) -> list[WeightedSum]:
    """
    In the order of the network; but a sum that is fed back behind the others of its neuron, to
    take back what these lack.
    """
    place = {op: index for index, op in enumerate(sums)}

    def turn(op: WeightedSum) -> tuple[int, bool]:
        if not is_fed_back(op):
            return place[op], False
        return max([place[op], *(place[other] for other in met_by(op) if other in place)]), True

    return sorted(sums, key=turn)


class _LayerCalibration:
    """One sum of `model`; in front of it `made` is rounded."""

    def __init__(
        self,
        model: FloatModel,
        made: FloatModel,
        op: WeightedSum,
        options: Options,
        unit: Array | None,
        settings: Settings,
    ):
        self.model, self.made, self.op, self.unit = model, made, op, unit
        self.name = name_of(op)
        weight = model.weight_of(op)
        assert weight is not None
        self.weight = weight
        self.options, self.settings = options, settings
        self.bits = options.bits_of(self.name)
        self.plain = plain(op, weight, self.bits, options, unit)
        self.trained = trained_on_grid(options, op) is not None

    def decide(self, real: Real, rounded: Data) -> tuple[FloatModel, LayerChoice]:
        name, bits = self.name, self.bits
        if self.trained:
            return self.made, LayerChoice(name, bits, AS_GIVEN)
        if lies_on_grid(self.weight, self.plain):
            return taken(self.made, name, self.plain), LayerChoice(name, bits, AS_GIVEN)
        fit_on, held_out = rounded.split()
        fitted = self.fitted(real, rounded, fit_on)
        held = self.layer(real, rounded, held_out)
        wanted = real.of(self.op)[1][:, held_out]
        errors = [
            float(parting(held.run(taken(held.model, name, each)), wanted).mean())
            for each in (self.plain, fitted)
        ]
        chosen, best = (FITTED, fitted) if errors[1] <= errors[0] else (PLAIN, self.plain)
        return taken(self.made, name, best), LayerChoice(name, bits, chosen, errors[0], min(errors))

    def follow(self, decided: str, real: Real, rounded: Data) -> FloatModel:
        if self.trained:
            return self.made
        every = np.arange(rounded.samples)
        best = self.fitted(real, rounded, every) if decided == FITTED else self.plain
        return taken(self.made, self.name, best)

    def layer(self, real: Real, rounded: Data, samples: Array) -> Layer:
        given, wanted = rounded.taken(samples), real.data.taken(samples)
        return Layer(self.made, self.name, given, self.model, wanted)

    def fitted(self, real: Real, rounded: Data, samples: Array) -> Fitted:
        op, name = self.op, self.name
        moments = self.moments(real, rounded, samples)
        problem = problem_of(op, self.weight, moments, self.unit, self.settings)
        candidates = candidates_of(problem.rows, self.bits, self.options)
        whole, scale = fit(problem, candidates, largest_whole(self.bits))
        best = problem.fitted(whole, scale, self.weight.shape)
        layer = self.layer(real, rounded, samples[:TRIED])
        wanted = real.of(op)[1][:, samples[:TRIED]]
        shift = correct_bias(taken(layer.model, name, best), layer, wanted)
        return replace(best, shift=best.shift + shift)

    def moments(self, real: Real, rounded: Data, samples: Array) -> list[Moments]:
        """Of what the sum reads; with `near` settings as each neuron takes it, where that goes."""
        op, decisions = self.op, None
        looked_at = None
        if self.settings.near:
            looked_at = samples_to_look_at(op, real.data.taken(samples))
        if looked_at is not None:
            decisions = decisions_of(self.model, op, real.data.taken(samples[looked_at]))
        if decisions is not None:
            samples = samples[looked_at]
        given, x = rounded.taken(samples), real.of(op)[0][:, samples]
        own = x
        if not is_fed_back(op):
            (own,) = self.made.streams([self.made.sum_named(self.name).input], given.arrays)
        response = response_of(self.model, op, given.steps)
        beside = self.lacking(real, given, samples)
        if decisions is None:
            return moments_of(op, x, own, response, self.unit, beside)
        return moments_of_rows(op, x, own, response, decisions, self.unit, beside)

    def lacking(self, real: Real, given: Data, samples: Array) -> Array | None:
        """
        What the other sums of the neuron lack in `made`, as a current of this one
        [T, B, *shape]; None where nothing is known of it yet, or where they act otherwise.
        """
        total: Array | None = None
        response = response_of(self.model, self.op, given.steps)
        for other in met_by(self.op):
            acts = response_of(self.model, other, given.steps)
            factor = float(acts @ response) / float(response @ response)
            if is_fed_back(other) or not np.allclose(acts, factor * response, atol=1e-4):
                continue
            (wanted,) = self.model.streams([other.result], real.data.taken(samples).arrays)
            rounded = self.made.sum_named(name_of(other)).result
            (got,) = self.made.streams([rounded], given.arrays)
            if np.array_equal(wanted, got):
                continue
            error = ((wanted - got) * factor).astype(np.float32)
            total = error if total is None else total + error
        return total


def taken(model: FloatModel, name: str, fitted: Fitted) -> FloatModel:
    """A copy with the rounded weights and the shifted bias."""
    made = model.clone()
    made.set_weight(made.sum_named(name), fitted.weight, fitted.scale)
    if np.any(fitted.shift):
        made.shift_bias(made.sum_named(name), fitted.shift)
    return made
