"""How many bits each layer gets under a budget of flash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import AnyFloat

from snncc.dialects import snn
from snncc.dialects.arrays import constant_of
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.errors import SnnccError, error
from snncc.network import Network
from snncc.passes.quantization.options import WEIGHTS, Options
from snncc.quantization.calibration import Data
from snncc.quantization.layers import parting, plain
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.rewriting import input_units

WIDTHS = sorted(WEIGHTS, key=lambda name: -WEIGHTS[name])
"""From the widest to the narrowest."""
SAMPLES = 128
STORED_BITS = {"int8": 8, "int4": 8, "int3": 8, "ternary": 8}
"""Of one weight in C, which unpacks none."""
PARAMETER_BYTES = 4
"""Of what is no weight: a bias, a threshold, in 32 bits."""


@dataclass(frozen=True)
class Step:
    """A layer that takes the next narrower width."""

    layer: str
    width: str
    saved: int
    """Bytes."""
    error: float
    """What that adds to the mean square by which the sums of the outputs' spikes part."""


@dataclass(frozen=True)
class Budget:
    """The widths that a search under a budget chose."""

    layers: dict[str, str]
    bytes: int
    flash: int
    steps: tuple[Step, ...]


def weight_bytes(count: int, width: str) -> int:
    """Of weights as the C stores them."""
    return -(-count * STORED_BITS[width] // 8)


def measured(budget: Budget, made: Network) -> Budget:
    """With the constants that the C really has. Raises SNC-Q005 where they are too many."""
    from snncc.compiled import compile

    stored = compile(made).report.const_bytes
    assert stored is not None
    if stored > budget.flash:
        raise _too_small(budget.flash, stored)
    return replace(budget, bytes=stored)


def _too_small(flash: int, stored: int) -> SnnccError:
    return error(
        "SNC-Q005",
        f"flash: the constants of the C take {stored} bytes, not {flash}: it stores weights of "
        "all widths in a byte each, so that narrower ones save nothing",
        remedy=f"give at least {stored} bytes, or make the network smaller",
    )


def other_bytes(model: FloatModel) -> int:
    """Of the parameters of neurons and the biases, which take 32 bits each."""
    weights = {op.weight for op in model.sums}
    total = 0
    for op in model.op.body.block.ops:
        if isinstance(op, snn.NeuronOp):
            values = {v for v in op.parameters if v not in weights}
            total += sum(int(np.prod(shape_of(v))) for v in values if constant_of(v) is not None)
        elif op in model.sums and getattr(op, "bias", None) is not None:
            total += shape_of(op.operands[2])[0]
    return total * PARAMETER_BYTES


def search(
    model: FloatModel,
    options: Options,
    rounded: Data,
    flash: int,
    progress: Callable[[int, int], None] | None = None,
) -> Budget:
    """
    Starts with 8 bits everywhere and narrows the layer that adds the least error for each
    byte that it saves, until all fits. Each layer's errors are those of the network in which
    it alone is rounded. Raises SNC-Q005 where even ternary weights do not fit.
    """
    if rounded.samples > SAMPLES:
        rounded = rounded.taken(np.linspace(0, rounded.samples - 1, SAMPLES).astype(int))
    errors = _errors(model, options, rounded, progress)
    counts = {name_of(op): int(np.prod(shape_of(op.weight))) for op in model.sums}
    chosen = dict.fromkeys(counts, WIDTHS[0])
    rest = other_bytes(model)

    def total(widths: Mapping[str, str]) -> int:
        return rest + sum(weight_bytes(counts[name], width) for name, width in widths.items())

    least = total(dict.fromkeys(counts, WIDTHS[-1]))
    if least > flash:
        raise _too_small(flash, least)
    steps: list[Step] = []
    while total(chosen) > flash:
        found: list[tuple[float, Step]] = []
        for name, width in chosen.items():
            for narrower in WIDTHS[WIDTHS.index(width) + 1 :]:
                saved = weight_bytes(counts[name], width) - weight_bytes(counts[name], narrower)
                added = errors[name, narrower] - errors[name, width]
                if saved > 0:
                    found.append((added / saved, Step(name, narrower, saved, added)))
        _, step = min(found, key=lambda each: each[0])
        chosen[step.layer] = step.width
        steps.append(step)
    return Budget(chosen, total(chosen), flash, tuple(steps))


def _errors(
    model: FloatModel,
    options: Options,
    rounded: Data,
    progress: Callable[[int, int], None] | None,
) -> dict[tuple[str, str], float]:
    outputs = list(model.op.outputs.values())
    wanted = model.streams(outputs, rounded.arrays)
    scales = [
        max(float(np.var(w)), 1e-12) if isinstance(stream_type(v).element_type, AnyFloat) else 1.0
        for w, v in zip(wanted, outputs, strict=True)
    ]
    units = input_units(model, options)
    sums = model.sums
    found: dict[tuple[str, str], float] = {}
    for index, op in enumerate(sums):
        if progress is not None:
            progress(index, len(sums))
        weight = model.weight_of(op)
        if weight is None:
            continue
        name = name_of(op)
        for width in WIDTHS:
            fitted = plain(op, weight, WEIGHTS[width], options, units[name])
            trial = model.clone()
            trial.set_weight(trial.sum_named(name), fitted.weight)
            got = trial.streams(list(trial.op.outputs.values()), rounded.arrays)
            found[name, width] = sum(
                float(parting(g, w).mean()) / scale
                for g, w, scale in zip(got, wanted, scales, strict=True)
            )
    return found
