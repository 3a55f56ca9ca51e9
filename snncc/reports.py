"""What a network costs and what was chosen: per layer, as data and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from xdsl.ir import Operation, SSAValue

from snncc.backends.c import CPackage
from snncc.dialects import kernel, snn
from snncc.dialects.arrays import constant_of, dtype_of, signed_dtype
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.graph import stream_operations
from snncc.dialects.snn.kind import Kind, kind_of
from snncc.dialects.snn.types import (
    integer_width,
    is_float,
    node_name,
    shape_of,
    stream_type,
)
from snncc.network import Network


@dataclass(frozen=True)
class NodeReport:
    """One operation of the network."""

    node: str
    operation: str
    input_shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    kind: str
    """A neuron's kind with its reset; else what the operation does."""
    parameters: dict[str, str]
    fan_in: int
    """Inputs that one element of the result sums."""
    delay: int
    """Steps between input and output."""
    parameter_count: int
    bytes: int
    operations: int
    """Operations of arithmetic for one step with every input active; a function is one."""
    stage: str
    """The stage of the schedule that it runs in."""
    chosen: str
    """How it is computed: driven by events, dense, step by step."""


@dataclass(frozen=True)
class Report:
    """A network's nodes, and the memory of its C where it was compiled."""

    network: str
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    nodes: tuple[NodeReport, ...]
    state_bytes: int | None = None
    work_bytes: int | None = None
    const_bytes: int | None = None
    block_steps: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report_of(
    network: Network,
    program: kernel.ProgramOp | None = None,
    package: CPackage | None = None,
) -> Report:
    """The report of a network, with what the schedule and the C chose where they are given."""
    chosen = _choices(program) if program is not None else {}
    packed = _packed(program) if program is not None else {}
    nodes = tuple(
        _node(op, chosen, packed) for op in stream_operations(network.op) if _is_reported(op)
    )
    manifest = package.manifest if package is not None else {}
    return Report(
        network.name,
        network.inputs,
        network.outputs,
        nodes,
        manifest.get("state_bytes"),
        manifest.get("work_bytes"),
        manifest.get("const_bytes"),
        manifest.get("block_steps"),
    )


def _is_reported(op: Operation) -> bool:
    return node_name(op) is not None or isinstance(op, snn.NeuronOp | snn.DelayOp)


def _packed(program: kernel.ProgramOp) -> dict[str, int]:
    """The constants that are packed: their bytes, by their names."""
    return {
        buffer.sym_name.data: buffer.packing.size(buffer.shape)
        for buffer in program.buffers(Role.CONST)
        if buffer.packing is not None
    }


def _stored(value: SSAValue, packed: dict[str, int]) -> int:
    """The bytes of a fixed value."""
    source = value.owner
    if isinstance(source, snn.UseOp) and source.symbol in packed:
        return packed[source.symbol]
    return prod(shape_of(value)) * dtype_of(stream_type(value).element_type).itemsize


def _node(op: Operation, chosen: dict[str, tuple[str, str]], packed: dict[str, int]) -> NodeReport:
    name = node_name(op) or op.name.removeprefix("snn.")
    streams = [v for v in op.operands if not _is_fixed_value(v)]
    fixed = op.parameters if isinstance(op, snn.NeuronOp) else op.operands
    parameters = [v for v in fixed if _is_fixed_value(v)]
    count = sum(prod(shape_of(v)) for v in parameters)
    size = sum(_stored(value, packed) for value in parameters)
    fan_in = _fan_in(op)
    return NodeReport(
        node=name,
        operation=op.name.removeprefix("snn."),
        input_shapes=tuple(shape_of(v) for v in streams),
        shape=shape_of(op.results[0]),
        kind=_kind_text(op),
        parameters=_parameter_texts(op),
        fan_in=fan_in,
        delay=op.depth if isinstance(op, snn.DelayOp) else 0,
        parameter_count=count,
        bytes=size,
        operations=_operations(op, fan_in),
        stage=chosen.get(name, ("", ""))[0],
        chosen=chosen.get(name, ("", ""))[1],
    )


def _is_fixed_value(value: SSAValue) -> bool:
    return isinstance(value.owner, Operation) and is_fixed(value.owner)


def _fan_in(op: Operation) -> int:
    if isinstance(op, snn.LinearOp):
        return shape_of(op.weight)[1]
    if isinstance(op, snn.Conv1dOp | snn.Conv2dOp):
        return prod(shape_of(op.weight)[1:])
    if isinstance(op, snn.Pool2dOp):
        return prod(op.kernels)
    return len([v for v in op.operands if not _is_fixed_value(v)])


def _operations(op: Operation, fan_in: int) -> int:
    size = prod(shape_of(op.results[0]))
    if isinstance(op, snn.LinearOp | snn.Conv1dOp | snn.Conv2dOp):
        return size * (2 * fan_in + (op.bias is not None))
    if isinstance(op, snn.Pool2dOp):
        return size * fan_in
    if isinstance(op, snn.NeuronOp):
        return size * sum(1 for _ in op.body.block.ops)
    if isinstance(op, snn.AddOp):
        return size * (len(op.inputs) - 1)
    return size if isinstance(op, snn.ScaleOp | snn.ThresholdOp) else 0


def kind_text(kind: Kind) -> str:
    """`lif subtract/next counts`: the kind, its reset and in which step, and what is special."""
    parts = [kind.name]
    if kind.reset is not None:
        parts.append(f"{kind.reset}/{kind.timing}" if kind.reset != "none" else "no reset")
    if kind.counts:
        parts.append("counts")
    if kind.floor:
        parts.append("floor")
    return " ".join(parts)


def _kind_text(op: Operation) -> str:
    if isinstance(op, snn.NeuronOp):
        return kind_text(kind_of(op))
    if isinstance(op, snn.Pool2dOp):
        return op.pool.data.value
    return op.name.removeprefix("snn.")


def _parameter_texts(op: Operation) -> dict[str, str]:
    """Small facts of an operation: a neuron's parameters, a window."""
    if isinstance(op, snn.NeuronOp):
        found: dict[str, str] = {}
        for port in op.parameter_ports:
            content = constant_of(port.operand)
            if content is None:
                continue
            element = stream_type(port.operand).element_type
            if not is_float(element) and integer_width(element) > 1:  # bodies compute signed
                content = content.view(signed_dtype(content.dtype))
            low, high = content.min(), content.max()
            found[port.name] = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        return found
    if isinstance(op, snn.Conv1dOp | snn.Conv2dOp):
        found = {"kernel": "x".join(map(str, shape_of(op.weight)[2:]))}
        for name, values in (("stride", op.strides), ("dilation", op.dilations)):
            if set(values) != {1}:
                found[name] = "x".join(map(str, values))
        if any(sum(pair) for pair in op.paddings):
            found["padding"] = " ".join(map(str, sum(op.paddings, ())))
        if op.group_count != 1:
            found["groups"] = str(op.group_count)
        return found
    if isinstance(op, snn.Pool2dOp):
        return {"kernel": "x".join(map(str, op.kernels)), "stride": "x".join(map(str, op.strides))}
    if isinstance(op, snn.DelayOp):
        steps = sorted(set(op.steps_per_element))
        return {"steps": str(steps[0]) if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"}
    return {}


def _choices(program: kernel.ProgramOp) -> dict[str, tuple[str, str]]:
    """Node -> (its stage, how it is computed)."""
    found: dict[str, tuple[str, str]] = {}
    for stage in program.stages:
        name = stage.stage_name.data
        way = "step by step" if stage.recurrent is not None else ""
        found.update({node.data: (name, way) for node in stage.nodes})
        for op in stage.walk():
            text = _kernel_text(op)
            out = op.operands[-1].owner if text is not None else None
            if isinstance(out, kernel.RefOp) and out.symbol in found:
                found[out.symbol] = (name, ", ".join(t for t in (text, way) if t))
    return found


def _kernel_text(op: Operation) -> str | None:
    match op:
        case kernel.GatherOp() | kernel.ScatterOp():
            return "events"
        case kernel.DenseOp():
            return "dense"
        case _:
            return None
