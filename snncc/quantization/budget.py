"""How many bits each layer gets under a budget of flash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import AnyFloat, ModuleOp

from snncc.dialects.kernel.packing import PACKINGS
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import stream_type
from snncc.errors import SnnccError, error
from snncc.network import Network
from snncc.passes.quantization.options import WEIGHTS, Options
from snncc.passes.scheduling.packing import Pack, Weight, layout_of
from snncc.passes.scheduling.packing import chosen as chosen_ways
from snncc.quantization.calibration import Data
from snncc.quantization.layers import parting, plain
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.rewriting import input_units

WIDTHS = sorted(WEIGHTS, key=lambda name: -WEIGHTS[name])
"""From the widest to the narrowest."""
SAMPLES = 128
STORED_BITS = {width: bits if bits in PACKINGS else None for width, bits in WEIGHTS.items()}
"""The bits that weights of each width can be packed in; None: those of their bytes."""


@dataclass(frozen=True)
class Step:
    """A layer that takes the next narrower width."""

    layer: str
    width: str
    saved: int
    """Bytes of its weights, where the code that unpacks them is there."""
    error: float
    """What that adds to the mean square by which the sums of the outputs' spikes part."""


@dataclass(frozen=True)
class Budget:
    """The widths that a search under a budget chose."""

    layers: dict[str, str]
    bytes: int
    flash: int
    steps: tuple[Step, ...]


def weight_of(op: WeightedSum, width: str) -> Weight:
    """The weight of a sum as it would be stored."""
    return Weight(layout_of(op), 8, STORED_BITS[width])


def stored_bytes(model: FloatModel, widths: Mapping[str, str], pack: Pack = "auto") -> int:
    """Of all weights in C: packed where that pays, as `compile` does it."""
    weights = {name_of(op): weight_of(op, widths[name_of(op)]) for op in model.sums}
    ways = chosen_ways(weights, pack)
    return sum(weight.size(ways[name]) for name, weight in weights.items())


def measured(budget: Budget, made: Network) -> Budget:
    """With the constants that the C really has. Raises SNC-Q005 where they are too many."""
    stored = constant_bytes(made)
    if stored > budget.flash:
        raise _too_small(budget.flash, stored)
    return replace(budget, bytes=stored)


def constant_bytes(made: Network) -> int:
    """Of the C of a network of integers."""
    from snncc.compiled import compile

    stored = compile(made, prefix="budget").report.const_bytes
    assert stored is not None
    return stored


def _too_small(flash: int, stored: int) -> SnnccError:
    return error(
        "SNC-Q005",
        f"flash: the constants of the C take {stored} bytes, not {flash}, with the narrowest "
        "weights that this needs",
        remedy=f"give at least {stored} bytes, or make the network smaller",
    )


def search(
    model: FloatModel,
    options: Options,
    rounded: Data,
    flash: int,
    make: Callable[[Mapping[str, str]], ModuleOp],
    progress: Callable[[int, int], None] | None = None,
) -> Budget:
    """
    Starts with 8 bits everywhere and narrows the layer that adds the least error for each
    byte that it saves, until the constants of the C fit; `make` gives the integer network of
    such widths, whose constants are counted. Each layer's errors are those of the network in
    which it alone is rounded. Raises SNC-Q005 where even ternary weights do not fit.
    """
    if rounded.samples > SAMPLES:
        rounded = rounded.taken(np.linspace(0, rounded.samples - 1, SAMPLES).astype(int))
    errors = _errors(model, options, rounded, progress)
    chosen = {name_of(op): WIDTHS[0] for op in model.sums}
    steps: list[Step] = []
    # what is no weight: known of networks that are made, and much the same in all of them
    rest, counted = 0, False
    while True:
        total = rest + stored_bytes(model, chosen)
        if total <= flash and not counted:
            real = constant_bytes(Network(make(chosen)))
            rest, counted = rest + real - total, True
            continue
        if total <= flash:
            return Budget(chosen, total, flash, tuple(steps))
        step = _next(model, chosen, errors)
        if step is None:
            raise _too_small(flash, total)
        chosen[step.layer] = step.width
        steps.append(step)
        counted = False


def _next(
    model: FloatModel, chosen: Mapping[str, str], errors: Mapping[tuple[str, str], float]
) -> Step | None:
    """The cheapest step to a narrower width: in error, for each byte of the layer's own."""
    found: list[tuple[float, Step]] = []
    for op in model.sums:
        name = name_of(op)
        width = chosen[name]

        def size(width: str, op: WeightedSum = op) -> int:
            weight = weight_of(op, width)
            return weight.size(chosen_ways({op: weight}, "always")[op])

        for narrower in WIDTHS[WIDTHS.index(width) + 1 :]:
            saved = size(width) - size(narrower)
            if saved > 0:
                added = errors[name, narrower] - errors[name, width]
                found.append((added / saved, Step(name, narrower, saved, added)))
    return min(found, key=lambda each: each[0])[1] if found else None


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
