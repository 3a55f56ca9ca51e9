"""The operations that a loss adds to a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of, dtype_of
from snncc.dialects.snn.body import Body, Equations, Outputs, Scalar, build_neuron
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import LAST, SUM
from snncc.dialects.snn.types import is_float, is_spike, shape_of, shape_text, stream_type
from snncc.errors import error

TARGET = "target"
LOSS = "loss"


@dataclass(frozen=True)
class Term:
    """
    What a term gives: outputs of the network whose values are of one sample. Of `rates` the
    value is that of the mean over the batch; of the rest it is the mean of the values.
    """

    outputs: tuple[str, ...]
    rate_target: float | None = None
    average: int | None = None
    """The samples that rates are averaged over, where samples are trained one by one."""


@dataclass(frozen=True)
class Target:
    """What one input of the loss is made of."""

    output: str
    """The output whose target it is."""
    is_label: bool


class LossWriter:
    """
    Adds a loss to a network: its operations stand behind the others, its targets are more
    inputs, its values more outputs. `finished` gives the network with these.
    """

    def __init__(self, network: snn.NetworkOp, steps: int, element: AnyFloat):
        self.network = network
        self.steps = steps
        self.element = element
        self.targets: dict[str, Target] = {}
        """Name of an input that was added -> what it is."""
        self._inputs = [name.data for name in network.input_names]
        self._names = StateNames(network)
        self._ends = network.yield_op
        self._builder = Builder(InsertPoint.before(self._ends))
        self._values: list[tuple[str, SSAValue, str]] = []

    @property
    def outputs(self) -> dict[str, SSAValue]:
        return self.network.outputs

    def output(self, name: str | None) -> str:
        """The output that a term reads: the only one, where none is named."""
        outputs = list(self.outputs)
        if name is None and len(outputs) == 1:
            return outputs[0]
        if name is None or name not in outputs:
            got = "none is named" if name is None else f"got {name!r}"
            raise error(
                "SNC-C003",
                f"loss: expected one of the outputs {', '.join(outputs)}, {got}",
                remedy="CrossEntropy(output=...), or ce_count(output='...') as text",
            )
        return name

    def spikes(self, neurons: Sequence[str]) -> list[SSAValue]:
        """
        What populations put out, by name; where none is given, all that are typed as spikes
        and are no output of the network.
        """
        found: dict[str, SSAValue] = {
            name: output
            for op, names in self._names.outputs_of.items()
            for name, output in zip(names, op.results, strict=False)
        }
        ends = set(self.outputs.values())
        hidden = [
            value
            for value in found.values()
            if value not in ends and is_spike(stream_type(value).element_type)
        ]
        if not neurons and hidden:
            return hidden
        unknown = next((name for name in neurons if name not in found), None)
        if unknown is not None or not neurons:
            what = "no hidden one has spikes" if unknown is None else f"got {unknown!r}"
            raise error(
                "SNC-C003",
                f"loss: neurons: expected names of populations, {what}",
                remedy=f"populations: {', '.join(found) or 'none'}",
            )
        return [found[name] for name in neurons]

    # --- streams

    def elements(self, value: SSAValue) -> int:
        return prod(shape_of(value))

    def as_float(self, value: SSAValue) -> SSAValue:
        """Spikes and counts as numbers."""
        if is_float(stream_type(value).element_type):
            return value
        return self._insert(snn.AddOp([value], self.element))

    def scaled(self, value: SSAValue, factor: float) -> SSAValue:
        return self._insert(snn.ScaleOp(value, self._constant(factor)))

    def sum_over_time(self, value: SSAValue) -> SSAValue:
        """The sum of all steps so far."""

        def count(b: Body, x: Scalar, total: Scalar) -> Outputs:
            after = total + x
            return [after], [after]

        return self._neuron(count, {"x": value}, {"total": 0.0})

    def low_passed(self, value: SSAValue, factor: float) -> SSAValue:
        def low_pass(b: Body, x: Scalar, y: Scalar) -> Outputs:
            after = y * factor + x * (1.0 - factor)
            return [after], [after]

        return self._neuron(low_pass, {"x": value}, {"y": 0.0})

    def first_time(self, value: SSAValue) -> SSAValue:
        """The step of the first spike, from 0; the number of steps so far where there is none."""

        def first(b: Body, s: Scalar, time: Scalar, silent: Scalar, found: Scalar) -> Outputs:
            after = found + time * s * silent
            still = silent * (1.0 - s)
            later = time + 1.0
            return [after + later * still], [later, still, after]

        states = {"time": 0.0, "silent": 1.0, "found": 0.0}
        return self._neuron(first, {"s": value}, states)

    def cross_entropy(self, scores: SSAValue, labels: SSAValue) -> SSAValue:
        """-sum over classes of label * log softmax(score); a scalar stream [1]."""
        if len(shape_of(scores)) != 1:
            shape = shape_text(shape_of(scores))
            raise error("SNC-C003", f"loss: expected scores of classes, [classes], got {shape}")
        most = self._insert(snn.ReduceOp("max", scores, (1,)))

        def exponential(b: Body, x: Scalar, most: Scalar) -> Outputs:
            return [b.exp(x - b.detach(most))], []

        inputs = {"x": scores, "most": most}
        parts = self._map(exponential, inputs)
        total = self._insert(snn.ReduceOp("sum", parts, (1,)))

        def entropy(b: Body, x: Scalar, most: Scalar, total: Scalar, label: Scalar) -> Outputs:
            return [label * (b.log(total) - (x - b.detach(most)))], []

        values = self._map(entropy, {**inputs, "total": total, "label": labels})
        return self._insert(snn.ReduceOp("sum", values, (1,)))

    def squared_distance(self, value: SSAValue, target: SSAValue) -> SSAValue:
        """The sum over the elements of (value - target)^2, [1]."""

        def square(b: Body, x: Scalar, target: Scalar) -> Outputs:
            distance = x - target
            return [distance * distance], []

        return self._total(self._map(square, {"x": value, "target": target}))

    def product(self, value: SSAValue, target: SSAValue) -> SSAValue:
        """The sum over the elements of value * target, [1]."""

        def product(b: Body, x: Scalar, target: Scalar) -> Outputs:
            return [x * target], []

        return self._total(self._map(product, {"x": value, "target": target}))

    def _total(self, value: SSAValue) -> SSAValue:
        flat = self._insert(snn.ReshapeOp(value, (self.elements(value),)))
        return self._insert(snn.ReduceOp("sum", flat, (1,)))

    # --- targets and values

    def label(self, output: str) -> SSAValue:
        """The weights of the classes, the same at every step."""
        return self._target(output, is_label=True)

    def target(self, output: str) -> SSAValue:
        return self._target(output, is_label=False)

    def _target(self, output: str, is_label: bool) -> SSAValue:
        wanted = Target(output, is_label)
        arguments = self.network.body.block.args
        for index, known in enumerate(self.targets.values()):
            if known == wanted:
                return arguments[len(arguments) - len(self.targets) + index]
        name = self._free(f"{TARGET}.{output}", {*self._inputs, *self.targets})
        self.targets[name] = wanted
        type = TensorType(self.element, shape_of(self.outputs[output]))
        return self.network.body.block.insert_arg(type, len(arguments))

    def last(self, value: SSAValue) -> Term:
        return Term((self._value(value, LAST),))

    def sum(self, value: SSAValue) -> Term:
        return Term((self._value(value, SUM),))

    def rates(self, values: Sequence[SSAValue], target: float, average: int | None) -> Term:
        return Term(tuple(self._value(value, SUM) for value in values), target, average)

    def sample_rates(self, values: Sequence[SSAValue], target: float) -> Term:
        """The squared distances of each sample's own rates to a target."""

        def square(b: Body, x: Scalar) -> Outputs:
            distance = x - target
            return [distance * distance], []

        rates = [self.sum_over_time(value) for value in values]
        squares = [self._total(self._map(square, {"x": rate})) for rate in rates]
        return Term(tuple(self._value(value, LAST) for value in squares))

    def _value(self, value: SSAValue, kind: str) -> str:
        taken = {*self.outputs, *(name for name, _, _ in self._values)}
        name = self._free(f"{LOSS}.{len(self._values)}", taken)
        self._values.append((name, value, kind))
        return name

    def finished(self) -> snn.NetworkOp:
        """The network with what was added, in the place of the one that it was made of."""
        network = self.network
        streams = [*self._ends.streams, *(value for _, value, _ in self._values)]
        names = [*network.outputs, *(name for name, _, _ in self._values)]
        kinds = [*network.kinds.values(), *(kind for _, _, kind in self._values)]
        inputs = [*self._inputs, *self.targets]
        arguments = network.body.block.args
        Rewriter.replace_op(self._ends, snn.YieldOp(streams), [])
        made = snn.NetworkOp(
            network.sym_name.data,
            [(name, stream_type(v)) for name, v in zip(inputs, arguments, strict=True)],
            [(name, stream_type(v)) for name, v in zip(names, streams, strict=True)],
            network.detach_region(network.body),
            dict(network.attributes),
            kinds=kinds,
            reverse=network.is_reverse,
        )
        Rewriter.replace_op(network, made, [])
        return made

    # --- writing

    @staticmethod
    def _free(name: str, taken: set[str]) -> str:
        while name in taken:
            name += "_"
        return name

    def _insert(self, op: Operation) -> SSAValue:
        self._builder.insert(op)
        return op.results[0]

    def _constant(self, number: float) -> SSAValue:
        array = np.asarray(number, dtype_of(self.element))
        return self._insert(snn.ConstantOp(dense_of(array)))

    def _neuron(
        self, equations: Equations, inputs: dict[str, SSAValue], states: dict[str, float]
    ) -> SSAValue:
        neuron = build_neuron(
            equations,
            inputs=inputs,
            states={name: self._constant(number) for name, number in states.items()},
            parameters={},
            population=shape_of(next(iter(inputs.values()))),
            float_type=self.element,
        )
        return self._insert(neuron)

    def _map(self, equations: Equations, inputs: dict[str, SSAValue]) -> SSAValue:
        return self._neuron(equations, inputs, {})
