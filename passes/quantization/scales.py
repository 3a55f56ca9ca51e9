"""What whole numbers of an integer network are worth, by the names of a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import FINAL, StateNames
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.quantization.attributes import read_scale


def scales_of(network: snn.NetworkOp) -> dict[str, Array]:
    """
    What one whole number of a neuron's output, of a state or of a delay is worth: float64
    arrays that broadcast to its shape, by the names of a trace. Spikes, counts and floats
    have none, and neither has what a network of integers was not quantized from.
    """
    names = StateNames(network)
    found: dict[str, Array] = {}
    for op, outputs in names.outputs_of.items():
        for index, name in enumerate(outputs):
            scale = read_scale(op, f"output{index or ''}")
            if scale is not None:
                found[name] = scale
    for (op, index), name in names.name_of.items():
        if isinstance(op, snn.DelayOp):
            scale = _scale_of_stream(op.result, set())
        else:
            assert isinstance(op, snn.NeuronOp)
            scale = read_scale(op, op.state_ports[index].name)
        if scale is not None:
            found[name] = scale
    return found


def output_scales(network: snn.NetworkOp) -> dict[str, Array]:
    """
    What one whole number behind an output of the network is worth: of floats that are made
    of whole numbers at the end, and of whole numbers that are handed out as they are.
    """
    found: dict[str, Array] = {}
    for name, value in network.outputs.items():
        scale = _scale_of_stream(whole_of(value), set())
        if scale is not None:
            found[name] = scale
    return found


def is_whole(array: Array) -> bool:
    """Whether a run's array holds whole numbers: those of a neuron that counts are signed."""
    return array.dtype.kind == "i"


def in_units(result: Mapping[str, Any], scales: Mapping[str, Array]) -> dict[str, Any]:
    """
    The arrays of a run, `scales_of` a network beside them: whole numbers become float32 in the
    unit of the float network. Spikes, counts and floats stay what they are.
    """
    return {
        name: in_units(array, scales)
        if name == FINAL
        else (array * scales[name]).astype(np.float32)
        if name in scales and is_whole(array)
        else array
        for name, array in result.items()
    }


def whole_of(value: SSAValue) -> SSAValue:
    """The whole numbers that an output is made of: `x * scale` undone, else the output."""
    op = value.owner
    if not isinstance(op, snn.NeuronOp) or op.initial_states or len(op.inputs) != 1:
        return value
    kinds = [type(inner) for inner in op.body.block.ops]
    if kinds != [arith.SIToFPOp, arith.MulfOp, snn.NextOp]:
        return value
    return op.inputs[0]


def _scale_of_stream(value: SSAValue, seen: set[SSAValue]) -> Array | None:
    """Found where the stream is made; what moves elements has the scales that it moves."""
    op = value.owner
    if value in seen or not isinstance(op, Operation):
        return None
    if isinstance(stream_type(value).element_type, AnyFloat):
        return None
    seen.add(value)
    if isinstance(op, snn.DelayOp):
        return _scale_of_stream(op.stream, seen)
    if isinstance(op, snn.ReshapeOp):
        scale = _scale_of_stream(op.input, seen)
        if scale is None or scale.size == 1:
            return scale
        whole: Array = np.broadcast_to(scale, shape_of(op.input)).reshape(shape_of(value))
        return whole
    if isinstance(op, snn.NeuronOp):
        index = next(i for i, result in enumerate(op.results) if result is value)
        own = "" if op.node is None else op.node.data  # of a map, as of an input
        scale = read_scale(op, f"output{index or ''}")
        return read_scale(op, own) if scale is None else scale
    return read_scale(op, "result")
