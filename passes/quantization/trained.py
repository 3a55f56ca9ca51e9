"""
Weights that were trained on a grid: they are taken as they are.

What a parameter says of its grid (`dialects/grids.py`) wins over scales that would be chosen.
The width that is asked for must hold the whole numbers; a layer that was given a width of
its own is rounded again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, parameter_array
from snncc.dialects.grids import read_grid
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import node_name
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.options import WEIGHTS, Options

TOLERANCE = 1e-5
"""How far from its grid a weight may lie, in steps: what the rounding of floats makes."""


@dataclass(frozen=True)
class Trained:
    """Weights [outputs, ...] as whole numbers (int64), times `scale` [outputs] (float64)."""

    whole: Array
    scale: Array

    @property
    def bits(self) -> int:
        """What two's complement takes for the numbers that there are."""
        low, high = int(self.whole.min(initial=0)), int(self.whole.max(initial=0))
        return 1 + max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1)

    @property
    def width(self) -> str | None:
        """The narrowest width of weights that holds them; None where none does."""
        fitting = [name for name, bits in WEIGHTS.items() if bits >= self.bits]
        return min(fitting, key=lambda name: WEIGHTS[name], default=None)


def trained(op: WeightedSum) -> Trained | None:
    """
    The weights of a sum on the grid that they were trained on; None where they have none.
    Raises NoIntegerForm for a grid that a sum cannot count in.
    """
    owner = op.weight.owner
    if not isinstance(owner, snn.UseOp):
        return None
    try:
        grid = read_grid(owner.declaration)
    except ValueError as fault:
        raise NoIntegerForm(str(fault)) from None
    if grid is None:
        return None
    weight = parameter_array(owner.declaration)
    steps = weight.astype(np.float64) / grid.scale
    whole = np.rint(steps)
    if np.any(np.abs(steps - whole) > TOLERANCE * np.maximum(np.abs(whole), 1.0)):
        raise NoIntegerForm("its weights do not lie on the grid that they are said to")
    scale = np.broadcast_to(grid.scale, weight.shape).reshape(weight.shape[0], -1)
    if not np.all(scale == scale[:, :1]):
        raise NoIntegerForm("the grid of its weights changes within the inputs of an output")
    return Trained(whole.astype(np.int64), scale[:, 0].copy())


def conflict(found: Trained, options: Options, bits: int) -> str | None:
    """Why the grid is not what was asked for; None where it is."""
    if found.bits > bits:
        return f"its weights were trained on whole numbers of {found.bits} bits, not {bits}"
    if options.power_of_two and not np.all(np.frexp(found.scale)[0] == 0.5):
        return "its weights were trained on a scale that is no power of two"
    if not options.per_channel and not np.all(found.scale == found.scale[:1]):
        return "its weights were trained on a scale for each output"
    return None


def taken(options: Options, op: WeightedSum) -> Trained | None:
    """
    The whole weights that a sum keeps; None where scales are to be chosen. Raises
    NoIntegerForm where its grid is not what was asked for, unless the layer was given a
    width of its own: then it is rounded again.
    """
    found = trained(op)
    if found is None:
        return _whole(op, options)
    name = node_name(op)
    reason = conflict(found, options, options.bits_of(name))
    if reason is None:
        return found
    if name in options.layer_bits:
        return None
    raise NoIntegerForm(reason)


def _whole(op: WeightedSum, options: Options) -> Trained | None:
    """
    Weights that are whole numbers and fit are their own grid: what a model of integers
    shifts and rounds stays whole.
    """
    weight = constant_of(op.weight)
    if weight is None or not np.array_equal(weight, np.rint(weight)):
        return None
    found = Trained(weight.astype(np.int64), np.ones(weight.shape[0]))
    return found if conflict(found, options, options.bits_of(node_name(op))) is None else None


def trained_widths(network: snn.NetworkOp) -> dict[str, int]:
    """
    The bits of every weighted sum as trained, by name. Raises NoIntegerForm for the first
    that has no grid.
    """
    found: dict[str, int] = {}
    for op in network.body.block.ops:
        if not isinstance(op, WeightedSum):
            continue
        known, name = trained(op), node_name(op)
        if name is None or known is None or known.width is None:
            raise NoIntegerForm(f"{name or op.name}: was trained on no grid of 8 bits or less")
        found[name] = WEIGHTS[known.width]
    return found
