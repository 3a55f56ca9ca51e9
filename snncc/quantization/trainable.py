"""
Networks of integers that can be trained: which weights and biases follow a float.

What is trained is a parameter of a layer: "fc1.weight", "fc1.bias", by the names of the weighted
sums. A bias that calibration made is one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, type_of
from snncc.dialects.grids import GRID
from snncc.dialects.snn.parameters import LEARNABLE
from snncc.dialects.snn.types import shape_of
from snncc.errors import error
from snncc.passes.quantization.shadows import MARK
from snncc.passes.snn_quantize import SnnQuantize
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.rewriting import to_integers

ALL: Literal["all"] = "all"


@dataclass(frozen=True)
class Place:
    """Where a layer has a weight or a bias."""

    name: str
    layer: str
    op: Operation
    operand: int


def trainable_form(
    model: FloatModel, step: SnnQuantize, wanted: Collection[str] | Literal["all"]
) -> ModuleOp:
    """
    The integer network of a calibrated model, whose `wanted` parameters or layers follow floats.
    Its bits are those of `to_integers(model, step)`. Raises SNC-C003, SNC-Q001 and SNC-Q003.
    """
    made = model.clone()
    places = {place.name: place for place in _places(made)}
    for name in _chosen(list(places.values()), wanted):
        _mark(made, places[name])
    return to_integers(made, replace(step, trainable=True))


def _places(model: FloatModel) -> Iterator[Place]:
    for op in model.sums:
        layer = name_of(op)
        if model.weight_of(op) is not None:
            yield Place(f"{layer}.weight", layer, op, 1)
        bias = model.bias_of(op)
        if bias is not None:
            yield Place(f"{layer}.bias", layer, bias.neuron, bias.operand)
        elif op.bias is not None:
            yield Place(f"{layer}.bias", layer, op, 2)


def _chosen(places: Sequence[Place], wanted: Collection[str] | Literal["all"]) -> list[str]:
    if wanted == ALL:
        return [place.name for place in places]
    found: list[str] = []
    for name in wanted:
        matching = [place.name for place in places if name in (place.name, place.layer)]
        if not matching:
            known = ", ".join(place.name for place in places)
            raise error(
                "SNC-C003",
                f"trainable: {name!r} is no weight, bias or layer of the integer network",
                remedy=f"those that can be trained: {known or 'none'}",
            )
        found += matching
    return list(dict.fromkeys(found))


def _mark(model: FloatModel, place: Place) -> None:
    """Gives the place a learnable parameter of its own, with the same numbers."""
    value = place.op.operands[place.operand]
    array = constant_of(value)
    assert array is not None
    shape = own = shape_of(value)
    if isinstance(place.op, snn.NeuronOp) and max(shape, default=0) == prod(shape):
        own = (prod(shape),)  # of channels, whatever the axes behind them
    declared = _declare(model, place.name, array.reshape(own), value)
    use = snn.UseOp(declared.sym_name.data, declared.type)
    first = model.op.body.block.first_op
    assert first is not None
    model.op.body.block.insert_op_before(use, first)
    found: SSAValue = use.result
    if own != shape:
        reshape = snn.ReshapeOp(found, shape)
        model.op.body.block.insert_op_before(reshape, first)
        found = reshape.result
    place.op.operands[place.operand] = found


def _declare(model: FloatModel, name: str, array: Array, value: SSAValue) -> snn.ParameterOp:
    taken = {op.sym_name.data for op in model.module.ops if isinstance(op, snn.ParameterOp)}
    while name in taken:
        name += MARK
    made = snn.ParameterOp(name, type_of(array), blob_of(array), LEARNABLE)
    owner = value.owner
    if isinstance(owner, snn.UseOp) and GRID in owner.declaration.attributes:
        made.attributes[GRID] = owner.declaration.attributes[GRID]
    model.module.body.block.insert_op_before(made, model.op)
    return made
