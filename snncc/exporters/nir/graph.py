"""A network as a flat NIR graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.attributes import BiasPosition, Comparison, Pool
from snncc.dialects.snn.kind import kind_of
from snncc.dialects.snn.linear import ConvolutionOp
from snncc.dialects.snn.types import node_name, shape_of, stream_type
from snncc.exporters.nir.neurons import Found, nir_neuron
from snncc.exporters.problems import cannot_say
from snncc.importers.nir.model import Node, Value
from snncc.importers.nir.profiles.base import Choices, MissingChoice, Profile

MAX_NAME = 200

ANYTHING = "ONNX says everything: give a name that ends in .onnx"


class GraphWriter:
    """
    Writes the nodes and edges of one network, as a profile will read them.

    `implicit` are delays of one step that are no nodes: the edges they stand on close loops,
    and take a step for that. Operations that reach no output are left out.
    """

    def __init__(
        self,
        network: snn.NetworkOp,
        profile: Profile,
        choices: Choices,
        implicit: Collection[snn.DelayOp] = (),
    ):
        self.network = network
        self.profile = profile
        self.choices = choices
        self.implicit = set(implicit)
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []
        self.names: dict[Operation, str] = {}
        self.found: dict[Operation, Found] = {}
        self.absorbed: dict[SSAValue, SSAValue | Operation] = {}
        """Values that stand for another value, or for what a node's operation gives."""
        self.inputs: dict[SSAValue, str] = {}
        self.outputs: dict[str, str] = {}
        self.live = live_operations(network)

    def write(self) -> None:
        """Fills `nodes` and `edges`. Raises SNC-E001."""
        for name, argument in self.network.inputs.items():
            if stream_type(argument).element_type != f32:
                raise cannot_say(self.network, f"NIR has no types: input {name!r} is not f32")
            own = self._free(name)
            self.inputs[argument] = own
            self.nodes[own] = Node(own, "Input", {"shape": self._shape(argument)})
        for name in self.network.outputs:
            own = self._free(name)
            self.outputs[name] = own
            self.nodes[own] = Node(
                own, "Output", {"shape": self._shape(self.network.outputs[name])}
            )
        operations = [op for op in self.network.body.block.ops if op in self.live]
        for op in operations:
            self._absorb(op)
        for op in operations:
            self._place(op)
        for op in operations:
            self._connect(op)
        for name, value in self.network.outputs.items():
            self._edges(value, self.outputs[name], None)

    def _free(self, wanted: str) -> str:
        """A name that HDF5 and NIR take, and that no node has."""
        base = "".join(c if c.isprintable() and c != "/" else "_" for c in wanted)[:MAX_NAME]
        if base.strip(".") == "":
            base = "node"
        name, number = base, 1
        while name in self.nodes or name in self.names.values() or name in self.inputs.values():
            number += 1
            name = f"{base}_{number}"
        return name

    def _shape(self, value: SSAValue) -> Array:
        shape = shape_of(value)
        if not shape:
            raise cannot_say(_owner(value), "NIR has no stream without axes")
        return np.array(shape, np.int64)

    # --- what is part of a node that another operation makes

    def _absorb(self, op: Operation) -> None:
        if isinstance(op, snn.NeuronOp):
            self._absorb_neuron(op)
        elif isinstance(op, snn.DelayOp) and op in self.implicit:
            self.absorbed[op.result] = op.stream
        elif isinstance(op, snn.AddOp) and len(op.inputs) == 1:
            self.absorbed[op.result] = op.inputs[0]
        elif isinstance(op, snn.ReshapeOp) and shape_of(op.input) == shape_of(op.result):
            self.absorbed[op.result] = op.input
        elif isinstance(op, snn.Conv1dOp):
            maps = _maps(op)
            if maps is not None:
                before, after = maps
                self.absorbed[before.result] = before.input
                self.absorbed[after.result] = op
        elif isinstance(op, snn.ScaleOp) and self._ends_pool(op):
            self.absorbed[op.result] = op.input

    def _absorb_neuron(self, op: snn.NeuronOp) -> None:
        try:
            found = nir_neuron(op, node_name(op) or "neuron", self.profile, self.choices)
        except MissingChoice as missing:
            raise cannot_say(
                op,
                f"NIR has time constants in seconds, and nothing says how long a step is "
                f"({missing.choice})",
                f"give {missing.choice}=SECONDS",
            ) from None
        if found is None:
            reset = self.choices.reset or self.profile.reset
            raise cannot_say(
                op,
                f"no NIR node is read as this neuron ({kind_of(op).name}) by "
                f"like={self.profile.name}, reset={reset}",
                f"give another like or reset; {ANYTHING}",
            )
        self.found[op] = found
        place = found.inputs["x"]
        if found.spec.latency == "input":
            delay = op.operands[place].owner
            if not isinstance(delay, snn.DelayOp) or not is_step(delay):
                raise cannot_say(op, f"{self.profile.name} takes its input one step late", ANYTHING)
            self.absorbed[op.operands[place]] = delay.stream
        elif found.spec.latency == "output":
            users = {use.operation for use in op.outputs[0].uses}
            if not all(isinstance(d, snn.DelayOp) and is_step(d) for d in users):
                raise cannot_say(
                    op, f"{self.profile.name} lets its spikes out one step late", ANYTHING
                )
            for delay in users:
                self.absorbed[delay.results[0]] = op

    def _ends_pool(self, op: snn.ScaleOp) -> bool:
        """Whether this is the second half of (sum / size) * size."""
        pool, factor = op.input.owner, constant_of(op.factor)
        return (
            self.profile.pools_by_power
            and isinstance(pool, snn.Pool2dOp)
            and pool.pool.data is Pool.AVG
            and isinstance(op.factor.owner, snn.ConstantOp)
            and factor is not None
            and bool((factor == prod(pool.kernels)).all())
        )

    # --- nodes

    def _place(self, op: Operation) -> None:
        if isinstance(op, snn.UseOp | snn.ConstantOp | snn.YieldOp | snn.AddOp):
            return
        if op.results[0] in self.absorbed:
            return
        rule = _RULES.get(type(op))
        if rule is None:
            raise cannot_say(op, "NIR has no such node", ANYTHING)
        kind, fields = rule(self, op)
        name = self._free(node_name(op) or op.name.removeprefix("snn."))
        self.names[op] = name
        self.nodes[name] = Node(name, kind, fields)
        self._shape(op.results[0])

    def _connect(self, op: Operation) -> None:
        name = self.names.get(op)
        if name is None:
            return
        if isinstance(op, snn.NeuronOp):
            for place in self.found[op].inputs.values():
                self._edges(op.operands[place], name, op)
        else:
            self._edges(op.operands[0], name, op)

    def _edges(self, value: SSAValue, target: str, op: Operation | None) -> None:
        sources = self._sources(value, op)
        if len(set(sources)) < len(sources):
            raise cannot_say(op, "NIR takes an edge once, and the sum has a stream twice", ANYTHING)
        self.edges.extend((source, target) for source in sources)

    def _sources(self, value: SSAValue, op: Operation | None) -> list[str]:
        """The nodes whose sum is a value, in the order of the sum."""
        seen: set[SSAValue] = set()
        while value in self.absorbed:
            if value in seen:
                raise cannot_say(op, "a loop without a node", ANYTHING)
            seen.add(value)
            found = self.absorbed[value]
            if isinstance(found, Operation):
                return [self.names[found]]
            value = found
        if value in self.inputs:
            return [self.inputs[value]]
        owner = value.owner
        if isinstance(owner, snn.AddOp):
            first, *others = owner.inputs
            sources = self._sources(first, owner)
            for other in others:
                more = self._sources(other, owner)
                if len(more) > 1:
                    raise cannot_say(
                        owner, "NIR has sums from left to right: one stands inside of it", ANYTHING
                    )
                sources += more
            return sources
        assert isinstance(owner, Operation)
        if owner not in self.names:
            raise cannot_say(op or owner, "NIR has no constant stream", ANYTHING)
        return [self.names[owner]]

    # --- rules: the class of a node and its fields

    def neuron(self, op: snn.NeuronOp) -> tuple[str, dict[str, Value]]:
        node = self.found[op].node
        return node.type, node.fields

    def linear(self, op: snn.LinearOp) -> tuple[str, dict[str, Value]]:
        weight = _content(op, op.weight)
        if op.bias is None:
            return "Linear", {"weight": weight}
        _expect_last(op)
        return "Affine", {"weight": weight, "bias": _content(op, op.bias)}

    def convolution(self, op: ConvolutionOp) -> tuple[str, dict[str, Value]]:
        weight = _content(op, op.weight)
        _expect_last(op)
        if isinstance(op, snn.Conv1dOp):
            maps = _maps(op)
            if maps is not None:
                lead = shape_of(maps[1].result)
                weight = weight.reshape(*lead, weight.shape[1])
                if op.bias is None:
                    return "Linear", {"weight": weight}
                return "Affine", {"weight": weight, "bias": _content(op, op.bias).reshape(lead)}
        # NIR's convolutions have a bias; one of zero changes no bit of a sum that starts at +0
        bias = np.zeros(weight.shape[0], np.float32) if op.bias is None else _content(op, op.bias)
        fields: dict[str, Value] = {
            "input_shape": _whole(shape_of(op.input)[1:]),
            "weight": weight,
            "stride": _whole(op.strides),
            "padding": _padding(op),
            "dilation": _whole(op.dilations),
            "groups": np.array(op.group_count, np.int64),
            "bias": bias,
        }
        if op.RANK == 1:  # nir has plain numbers here
            for field in ("input_shape", "stride", "padding", "dilation"):
                value = fields[field]
                if not isinstance(value, str):
                    fields[field] = value.reshape(())
        return f"Conv{op.RANK}d", fields

    def pool(self, op: snn.Pool2dOp) -> tuple[str, dict[str, Value]]:
        if op.pool.data is Pool.MAX:
            raise cannot_say(op, "NIR has no pool of maxima", ANYTHING)
        if op.excludes_padding:
            raise cannot_say(op, "NIR's averages count the padding", ANYTHING)
        if any(before != after for before, after in op.paddings):
            raise cannot_say(op, "NIR pads pools alike on both sides", ANYTHING)
        ends = [use.operation for use in op.result.uses]
        summed = any(isinstance(end, snn.ScaleOp) and self._ends_pool(end) for end in ends)
        if summed and len(ends) > 1:
            raise cannot_say(op, "an average and a sum of one pool", ANYTHING)
        kind = "SumPool2d" if summed or op.pool.data is Pool.SUM else "AvgPool2d"
        return kind, {
            "kernel_size": _whole(op.kernels),
            "stride": _whole(op.strides),
            "padding": _whole(before for before, _ in op.paddings),
        }

    def scale(self, op: snn.ScaleOp) -> tuple[str, dict[str, Value]]:
        return "Scale", {"scale": _content(op, op.factor)}

    def reshape(self, op: snn.ReshapeOp) -> tuple[str, dict[str, Value]]:
        given, wanted = shape_of(op.input), shape_of(op.result)
        for first in range(len(given)):
            for last in range(first + 1, len(given)):
                merged = (*given[:first], prod(given[first : last + 1]), *given[last + 1 :])
                if merged == wanted:
                    return "Flatten", {
                        "start_dim": np.array(first, np.int64),
                        "end_dim": np.array(last, np.int64),
                        "input_type": _whole(given),
                    }
        raise cannot_say(op, "NIR flattens neighbouring axes, and has no other reshape", ANYTHING)

    def threshold(self, op: snn.ThresholdOp) -> tuple[str, dict[str, Value]]:
        if op.comparison.data is not Comparison.GT:
            raise cannot_say(op, "NIR's Threshold fires above its threshold only", ANYTHING)
        level = np.broadcast_to(_content(op, op.threshold), shape_of(op.input))
        return "Threshold", {"threshold": np.array(level)}

    def delay(self, op: snn.DelayOp) -> tuple[str, dict[str, Value]]:
        initial = constant_of(op.init)
        if initial is None or initial.any():
            raise cannot_say(op, "NIR's delays start with nothing", ANYTHING)
        try:
            dt = self.profile.dt(self.choices)
        except MissingChoice:
            raise cannot_say(
                op, "NIR has delays in seconds, and nothing says how long a step is", "give dt"
            ) from None
        steps = np.array(op.steps_per_element, np.float64)
        shape = shape_of(op.stream)
        seconds = np.broadcast_to(steps if steps.size == 1 else steps.reshape(shape), shape) * dt
        return "Delay", {"delay": seconds}


_RULES: dict[type[Operation], Callable[[GraphWriter, Any], tuple[str, dict[str, Value]]]] = {
    snn.Conv1dOp: GraphWriter.convolution,
    snn.Conv2dOp: GraphWriter.convolution,
    snn.DelayOp: GraphWriter.delay,
    snn.LinearOp: GraphWriter.linear,
    snn.NeuronOp: GraphWriter.neuron,
    snn.Pool2dOp: GraphWriter.pool,
    snn.ReshapeOp: GraphWriter.reshape,
    snn.ScaleOp: GraphWriter.scale,
    snn.ThresholdOp: GraphWriter.threshold,
}


def live_operations(network: snn.NetworkOp) -> set[Operation]:
    """What some output depends on."""
    live: set[Operation] = set()
    pending = list(network.outputs.values())
    while pending:
        owner = pending.pop().owner
        if isinstance(owner, Operation) and owner not in live:
            live.add(owner)
            pending.extend(owner.operands)
    return live


def is_step(op: snn.DelayOp) -> bool:
    """A delay of one step that starts with nothing."""
    initial = constant_of(op.init)
    return set(op.steps_per_element) == {1} and initial is not None and not initial.any()


def _owner(value: SSAValue) -> Operation | None:
    return value.owner if isinstance(value.owner, Operation) else None


def _content(op: Operation, value: SSAValue) -> Array:
    content = constant_of(value)
    if content is None:
        raise cannot_say(op, "NIR's weights are the same at every step", ANYTHING)
    if content.dtype != np.float32:
        raise cannot_say(op, f"weights of {content.dtype}: loading NIR gives float32")
    return content


def _whole(numbers: Iterable[int]) -> Array:
    return np.array(list(numbers), np.int64)


def _expect_last(op: snn.LinearOp | ConvolutionOp) -> None:
    if op.bias is not None and op.bias_position.data is not BiasPosition.LAST:
        raise cannot_say(op, "NIR does not say that a bias is added first", ANYTHING)


def _padding(op: ConvolutionOp) -> Value:
    """One number for each axis, or `same`, whose odd element stands behind."""
    if all(before == after for before, after in op.paddings):
        return _whole(before for before, _ in op.paddings)
    totals = [d * (k - 1) for k, d in zip(shape_of(op.weight)[2:], op.dilations, strict=True)]
    same = tuple((t // 2, t - t // 2) for t in totals)
    if max(op.strides) == 1 and op.paddings == same:
        return "same"
    raise cannot_say(op, f"NIR pads alike on both sides, not by {op.paddings}", ANYTHING)


def _maps(op: snn.Conv1dOp) -> tuple[snn.ReshapeOp, snn.ReshapeOp] | None:
    """The reshapes around a batch of matrices, which is written as a grouped convolution."""
    outputs, inputs, kernel = shape_of(op.weight)
    before, uses = op.input.owner, [use.operation for use in op.result.uses]
    if not isinstance(before, snn.ReshapeOp) or len(uses) != 1:
        return None
    (after,) = uses
    if not isinstance(after, snn.ReshapeOp) or shape_of(op.input)[1:] != (1,) or kernel != 1:
        return None
    given, wanted = shape_of(before.input), shape_of(after.result)
    lead, each = given[:-1], outputs // op.group_count
    fits = prod(lead) == op.group_count and given[-1:] == (inputs,) and wanted == (*lead, each)
    return (before, after) if fits else None
