"""
The smoothed twin of a network: spikes are floats wherever they come from a smoothed step.

Streams, states and delays that hold such spikes become floats. What else is a spike (inputs,
steps without a surrogate) stays one, and is made a float where the two meet.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, FunctionType, StringAttr, TensorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import array_of, dense_of, dtype_of
from snncc.dialects.snn.attributes import Pool, SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.surrogates import SurrogateError
from snncc.dialects.snn.types import describe, is_float, node_name, shape_of, stream_type
from snncc.passes.differentiation.tape import put_out, with_outputs
from snncc.passes.smoothing.bodies import Facts, SmoothBody, facts_of

HARD = "hard."
"""In front of the number of a recorded stream."""


class NoTwin(Exception):
    """A network that has no smoothed twin; the text names the operation, and why."""


@dataclass(frozen=True)
class Twin:
    """What a smoothed twin takes from the hard network."""

    hard: snn.NetworkOp | None
    """The network as it was, which also puts out the recorded streams; None without any."""
    recorded: tuple[str, ...]
    """Outputs of `hard` and inputs of the twin."""


def smooth(
    network: snn.NetworkOp, element: AnyFloat, surrogate: SurrogateAttr | None = None
) -> Twin:
    """
    Makes a network its smoothed twin, in floats of `element`: its names stay, the types of
    its spikes change. `surrogate` stands in for steps that have none. What decides in the
    twin and is made of spikes comes in as streams, which the network that it was puts out;
    that one is not inserted.

    Raises NoTwin.
    """
    return _Smoothing(network, element, surrogate).run()


def _expect_floats(network: snn.NetworkOp) -> None:
    """Raises NoTwin for what computes in integers: nothing there is smooth."""
    for op in network.walk():
        rounded = isinstance(op, snn.StraightThroughOp) and op.result.type != op.soft.type
        sums = isinstance(op, WeightedSum) and not is_float(stream_type(op.result).element_type)
        if rounded or sums:
            raise NoTwin(f"{describe(op)} computes in integers; take the twin of the float network")


def thresholds_to_neurons(
    network: snn.NetworkOp, element: AnyFloat, surrogate: SurrogateAttr | None
) -> None:
    """Writes each threshold that has a surrogate as the neuron that it is."""
    for op in list(network.body.block.ops):
        if isinstance(op, snn.ThresholdOp) and (op.surrogate or surrogate):
            Rewriter.replace_op(op, _as_neuron(op, element))


def _as_neuron(op: snn.ThresholdOp, element: AnyFloat) -> snn.NeuronOp:
    comparison, surrogate = op.comparison.data, op.surrogate

    def threshold(b: Body, x: Scalar, theta: Scalar) -> Outputs:
        return [b.spike(x - theta, comparison, surrogate)], []

    return build_neuron(
        threshold,
        inputs={"x": op.input},
        states={},
        parameters={"theta": op.threshold},
        population=shape_of(op.result),
        float_type=element,
        node=node_name(op),
    )


class _Smoothing:
    def __init__(self, network: snn.NetworkOp, element: AnyFloat, surrogate: SurrogateAttr | None):
        self.network = network
        self.element = element
        self.surrogate = surrogate
        # streams by the values that they are at the time, states by the arguments of bodies
        self.carried: set[SSAValue] = set()
        self.analog: set[SSAValue] = set()
        self.changed: set[SSAValue] = set()
        self.recorded: dict[snn.NeuronOp, list[SSAValue]] = {}
        self.names: list[str] = []

    def run(self) -> Twin:
        _expect_floats(self.network)
        thresholds_to_neurons(self.network, self.element, self.surrogate)
        mapped: dict[SSAValue, SSAValue] = {}
        hard = self.network.clone(mapped)
        through = [op for op in self.network.walk() if isinstance(op, snn.StraightThroughOp)]
        for each in through:
            each.result.replace_all_uses_with(each.soft)  # in the twin that is the value, too
            Rewriter.erase_op(each)
        self._find()
        twins = dict(zip(self.network.body.block.ops, hard.body.block.ops, strict=True))
        for op in list(self.network.body.block.ops):
            if isinstance(op, snn.NeuronOp):
                recorded = self._neuron(op)
                if recorded:
                    twin = twins[op]
                    assert isinstance(twin, snn.NeuronOp)
                    self.recorded[twin] = [mapped[value] for value in recorded]
            elif self.carried.intersection(op.results):
                type = self._type(shape_of(op.results[0]))
                self.carried.add(Rewriter.replace_value_with_new_type(op.results[0], type))
        for op in list(self.network.body.block.ops):
            self._convert_operands(op)
        set_function_type(self.network)
        return Twin(self._hard(hard) if self.names else None, tuple(self.names))

    def _hard(self, network: snn.NetworkOp) -> snn.NetworkOp:
        """The network as it was, with what is recorded of it."""
        streams: list[SSAValue] = []
        names = list(self.names)
        for neuron, scalars in self.recorded.items():
            texts, names = names[: len(scalars)], names[len(scalars) :]
            streams += put_out(neuron, scalars, texts)[-len(scalars) :]
        return with_outputs(network, f"{network.sym_name.data}.hard", self.names, streams)

    # --- what becomes a float

    def _find(self) -> None:
        for value in self.network.inputs.values():
            if is_float(stream_type(value).element_type):
                self.analog.add(value)
        size = -1
        while (now := sum(map(len, (self.carried, self.analog, self.changed)))) != size:
            size = now  # delays read what stands below them
            for op in self.network.body.block.ops:
                if isinstance(op, snn.NeuronOp):
                    self._find_in(op)
                elif op.results:
                    self._follow(op)

    def _facts(self, op: snn.NeuronOp) -> Facts:
        """What a body's arguments are."""
        ports = (*op.input_ports, *op.parameter_ports)

        def arguments(known: set[SSAValue]) -> frozenset[SSAValue]:
            return frozenset(
                (
                    *(port.argument for port in ports if port.operand in known),
                    *known.intersection(port.argument for port in op.state_ports),
                )
            )

        return Facts(arguments(self.carried), arguments(self.analog), arguments(self.changed))

    def _find_in(self, op: snn.NeuronOp) -> None:
        found = facts_of(op.body.block, self._facts(op), self.surrogate)
        ends = op.terminator
        starts = [(p.argument, p.operand) for p in op.state_ports]
        for known, mine in (
            (self.carried, found.carried),
            (self.analog, found.analog),
            (self.changed, found.changed),
        ):
            known.update(
                result
                for result, value in zip(op.outputs, ends.outputs, strict=True)
                if value in mine
            )
            known.update(
                argument
                for (argument, start), value in zip(starts, ends.states, strict=True)
                if value in mine or start in known
            )

    def _follow(self, op: Operation) -> None:
        match op:
            case snn.Pool2dOp() | snn.ReduceOp():
                moves = op.pool.data is Pool.MAX
            case snn.ReshapeOp() | snn.RearrangeOp() | snn.ConcatOp() | snn.DelayOp():
                moves = True
            case _:
                moves = False
        float_result = is_float(stream_type(op.results[0]).element_type)
        if self.changed.intersection(op.operands):
            self.changed.update(op.results)
        weighted = isinstance(op, WeightedSum | snn.BatchNormOp | snn.OuterOp)
        if float_result and (weighted or self.analog.intersection(op.operands)):
            self.analog.update(op.results)
        if self.carried.intersection(op.operands):
            if moves:
                self.carried.update(op.results)
            elif not float_result:
                raise NoTwin(f"{describe(op)} computes in integers")

    # --- writing

    def _type(self, shape: Sequence[int]) -> TensorType[Attribute]:
        return TensorType(self.element, shape)

    def _neuron(self, op: snn.NeuronOp) -> list[SSAValue]:
        """Puts the twin of a neuron in its place; gives what it takes of the hard one."""
        twin = SmoothBody(op.body.block, self._facts(op), self.surrogate)
        if not twin.facts.carried:
            return []
        carried = [port.argument in self.carried for port in op.state_ports]
        for index, start in enumerate(op.initial_states):
            if carried[index]:
                op.operands[len(op.inputs) + index] = self._converted(start, op)
        hard: list[SSAValue] = []
        for value in twin.recorded:
            stream, text = new_input(self.network, HARD, TensorType(value.type, op.population))
            hard.append(stream)
            self.names.append(text)
        block = Block()
        body = Body(Builder(InsertPoint.at_end(block)), self.element)

        def argument(type: Attribute, name: str) -> Scalar:
            made = block.insert_arg(type, len(block.args))
            made.name_hint = name
            return Scalar(body, made)

        def arguments(ports: Sequence[Port]) -> dict[SSAValue, Scalar]:
            types = {
                port: self.element if port.argument in twin.facts.carried else port.argument.type
                for port in ports
            }
            return {port.argument: argument(types[port], port.name) for port in ports}

        taken = {port.name for port in (*op.input_ports, *op.state_ports, *op.parameter_ports)}
        names = numbered("hard", taken, len(hard))
        values = arguments(op.input_ports)
        recorded = [
            argument(value.type, name) for value, name in zip(twin.recorded, names, strict=True)
        ]
        values |= arguments(op.state_ports) | arguments(op.parameter_ports)
        try:
            twin.write(body, values, recorded)
        except SurrogateError as fault:
            raise NoTwin(f"{describe(op)}: {fault}") from None
        ends = op.terminator
        outputs = twin.results(ends.outputs, [result in self.carried for result in op.outputs])
        states = twin.results(ends.states, carried)
        body.builder.insert(snn.NextOp([s.value for s in outputs], [s.value for s in states]))
        made = snn.NeuronOp(
            [*((p.name, p.operand) for p in op.input_ports), *zip(names, hard, strict=True)],
            [(port.name, port.operand) for port in op.state_ports],
            [(port.name, port.operand) for port in op.parameter_ports],
            [TensorType(scalar.element, op.population) for scalar in outputs],
            Region(block),
            node=node_name(op),
        )
        made.attributes = dict(op.attributes)
        for known in (self.carried, self.analog, self.changed):
            pairs = zip(op.outputs, made.outputs, strict=True)
            known.update(new for old, new in pairs if old in known)
        Rewriter.replace_op(op, made, made.outputs)
        return twin.recorded

    def _convert_operands(self, op: Operation) -> None:
        """What meets smoothed spikes in an operation of one type of elements."""
        meets = isinstance(op, snn.ConcatOp | snn.DelayOp) and op.results[0] in self.carried
        for index, operand in enumerate(op.operands if meets else ()):
            op.operands[index] = self._converted(operand, op)

    def _converted(self, value: SSAValue, user: Operation) -> SSAValue:
        """A stream of spikes or counts as floats."""
        element = stream_type(value).element_type
        if is_float(element):
            return value
        made: Operation
        if isinstance(value.owner, snn.ConstantOp):
            numbers = array_of(value.owner.value, stream_type(value)).astype(dtype_of(self.element))
            made = snn.ConstantOp(dense_of(numbers))
        elif isinstance(value.owner, Operation) and is_fixed(value.owner):
            made = self._converter(value)
        else:
            made = snn.AddOp([value], self.element)
        if isinstance(user, snn.DelayOp) and value is user.stream:  # it may stand below
            Rewriter.insert_op(made, _behind(value))
        else:
            Rewriter.insert_op(made, InsertPoint.before(user))
        return made.results[0]

    def _converter(self, value: SSAValue) -> snn.NeuronOp:
        """As fixed as what it converts: a neuron of parameters alone."""

        def number(b: Body, x: Scalar) -> Outputs:
            return [b.to_float(x)], []

        return build_neuron(
            number,
            inputs={},
            states={},
            parameters={"x": value},
            population=shape_of(value),
            float_type=self.element,
        )


def new_input(network: snn.NetworkOp, base: str, type: Attribute) -> tuple[SSAValue, str]:
    """One more input of a network, and its name; `set_function_type` ends the changes."""
    known = network.input_names
    (name,) = numbered(base, {*network.inputs, *network.outputs}, 1)
    network.properties["input_names"] = ArrayAttr([*known, StringAttr(name)])
    return network.body.block.insert_arg(type, len(network.body.block.args)), name


def set_function_type(network: snn.NetworkOp) -> None:
    """The types of a network whose inputs and streams were changed."""
    arguments = [value.type for value in network.body.block.args]
    outputs = [value.type for value in network.yield_op.streams]
    network.properties["function_type"] = FunctionType.from_lists(arguments, outputs)


def numbered(base: str, taken: set[str], count: int) -> list[str]:
    """Numbered names that nothing has."""
    free = (f"{base}{number}" for number in itertools.count())
    return list(itertools.islice((name for name in free if name not in taken), count))


def _behind(value: SSAValue) -> InsertPoint:
    """The first place where a value is known."""
    if isinstance(value.owner, Operation):
        return InsertPoint.after(value.owner)
    return InsertPoint.at_start(value.owner)
