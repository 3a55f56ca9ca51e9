"""Neurons: the classes of a body, their formats, and the body of integers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import (
    TensorType,
    i32,
)
from xdsl.ir import Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.types import node_name
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.attributes import OBSERVED, write_held
from snncc.passes.quantization.bodies import BodyWriter, Written
from snncc.passes.quantization.classes import Classes
from snncc.passes.quantization.formats import formats_of, largest_magnitude
from snncc.passes.quantization.frame import Frame, Stream
from snncc.passes.quantization.shadows import learnable, whole_coefficient
from snncc.passes.quantization.unbounded import bound_ports, saturate


def quantize_neuron(f: Frame, op: snn.NeuronOp) -> None:
    classes = Classes(op)
    ports: dict[SSAValue, Array | None] = {}
    inputs: dict[str, SSAValue] = {}
    for port in op.input_ports:
        stream = f.stream(port.operand)
        ports[port.argument] = stream.unit
        inputs[port.name] = stream.value
    bound_ports(f, op)

    def observed(state: SSAValue) -> float | None:
        return f.observed(op, state.name_hint or "")

    held = {p.argument for p in op.state_ports if p.name in f.held.get(op, ())}
    formats = formats_of(classes, ports, f.intervals, observed, f.options.state_bits, held)
    writer = BodyWriter(
        classes,
        formats,
        ports,
        f.intervals,
        shift_decays=f.options.decay == "shift",
        gradients=f.options.trainable,
        trained={
            port.argument: port.operand
            for port in op.parameter_ports
            if learnable(f, port.operand) is not None
        },
    )
    written = writer.write()
    made = f.made[op] = _made(f, op, written, inputs)
    if written.in_float:
        f.in_float[node_name(op) or "neuron"] = written.in_float
    f.insert(made)
    for result, new, unit in zip(op.outputs, made.outputs, written.outputs, strict=True):
        f.streams[result] = Stream(new, unit, written.largest)
    for result, value in zip(op.outputs, op.terminator.outputs, strict=True):
        if f.streams[result].unit is not None and classes.is_varying(value):
            largest, _ = largest_magnitude(classes.of(value), f.intervals, observed)
            saturate(f, op, result, largest)


def _made(
    f: Frame, op: snn.NeuronOp, written: Written, inputs: Mapping[str, SSAValue]
) -> snn.NeuronOp:
    node = node_name(op)
    states: list[tuple[str, SSAValue]] = []
    scales: dict[str, Array] = {}
    for port, unit in zip(op.state_ports, written.states, strict=True):
        first = constant_of(port.operand)
        if first is None:
            raise NoIntegerForm(f"state {port.name!r} starts from a stream")
        if unit is None:
            states.append((port.name, port.operand))
            continue
        whole = np.rint(first / unit)
        states.append((port.name, f.parameter(f"{node}.{port.name}.init", whole, i32)))
        scales[port.name] = unit
    parameters: list[tuple[str, SSAValue]] = []
    for name, array in written.parameters.items():
        trained = written.trained.get(name)
        if trained is None:
            parameters.append((name, f.parameter(f"{node}.{name}", array)))
            continue
        use = learnable(f, trained.source)
        assert use is not None
        unit, bound = trained.unit, trained.bound
        parameters.append((name, whole_coefficient(f, use, trained.source, array, unit, bound)))
    last = written.block.last_op
    assert isinstance(last, snn.NextOp)
    elements = [value.type for value in last.outputs]
    made = snn.NeuronOp(
        list(inputs.items()),
        states,
        parameters,
        [TensorType(element, op.population) for element in elements],
        Region(written.block),
        node=node,
    )
    made.attributes.update({k: v for k, v in op.attributes.items() if k != OBSERVED})
    for index, unit in enumerate(written.outputs):
        if unit is not None:
            scales[f"output{index or ''}"] = unit
    f.record(made, scales)
    write_held(made, written.held)
    return made
