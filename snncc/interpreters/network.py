"""
The reference interpreter of the `snn` level: a network over time, in NumPy.

It computes component by component over a block of steps; a recurrent component and the
states of neurons go step by step. Each operation acts on arrays [M, *shape], where M
holds the samples of a batch, and the steps of a block where the operation has no state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import ModuleOp, i32
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, dtype_of, splat_shape
from snncc.dialects.snn.graph import Component, components
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import LAST, STREAM, SUM
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.scalars import ScalarFunctions, from_stream, run_body, signed, to_stream
from snncc.interpreters.streams import StreamFunctions, aligned

BLOCK_ELEMENTS = 1 << 23
"""How many elements of one stream are held at once: it bounds the steps of a block."""


def held_sum(total: Array, term: Array) -> Array:
    """The sum of two arrays of i32, held at the ends of the type."""
    most = (1 << 31) - 1
    after = signed(total, i32) + signed(term, i32)
    return to_stream(np.clip(after, -most, most), i32)


def run_neuron(
    interpreter: Interpreter, op: snn.NeuronOp, args: Sequence[Array]
) -> tuple[list[Array], list[Array]]:
    """
    One step of a population: (outputs, next states), each [M, *population], from the
    values of the operands, each [M, *shape] or, where it is a constant, its own shape.
    """
    rank = len(op.population)
    scalars = tuple(
        from_stream(aligned(value, shape_of(operand), rank), stream_type(operand).element_type)
        for value, operand in zip(args, op.operands, strict=True)
    )
    values = run_body(interpreter, op.body.block, scalars)
    rows = max((v.shape[0] for v in scalars if np.ndim(v) == rank + 1), default=1)
    shape = (rows, *op.population)

    def result(value: SSAValue) -> Array:
        array = to_stream(np.asarray(values[value]), value.type)
        return np.ascontiguousarray(np.broadcast_to(array, shape))

    return [result(v) for v in op.terminator.outputs], [result(v) for v in op.terminator.states]


@dataclass
class Run:
    """What a run of a network gives."""

    outputs: dict[str, Array]
    """Output name -> [T, B, *shape]; of a last value or a sum over time [B, *shape]."""
    final: dict[str, Array]
    """State name -> [B, *shape] after the last step (delays: [B, depth, *shape])."""
    trace: dict[str, Array] = field(default_factory=dict[str, Array])
    """Node or state name -> [T, B, *shape], where it was asked for."""


class NetworkInterpreter:
    """
    Runs a network. `blas` leaves the order of sums to NumPy's BLAS: faster, and not the
    same bits.
    """

    def __init__(self, module: ModuleOp, network: snn.NetworkOp, *, blas: bool = False):
        self.network = network
        self.components = components(network)
        self.names = StateNames(network)
        self._interpreter = Interpreter(module)
        self._interpreter.register_implementations(ScalarFunctions())
        self._streams = StreamFunctions(blas)
        self._interpreter.register_implementations(self._streams)
        self._summed = _summed_products(network)
        self._fixed: dict[SSAValue, Array] = {}
        for op in network.body.block.ops:
            for result in op.results:
                value = constant_of(result, self._fixed)
                if value is not None:
                    self._fixed[result] = value

    @np.errstate(over="ignore", invalid="ignore")  # infinities are results as any others
    def run(
        self,
        x: Mapping[str, Array],
        *,
        state0: Mapping[str, Array] | None = None,
        trace: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Run:
        """
        Runs all steps of `x`: input name -> [T, B, *shape] of the input's element type.

        `state0` gives states their first value by name; `progress` is called with the
        steps done and their number. A network in reverse goes from the last step to the first.
        """
        if self.network.is_reverse:
            x = {name: array[::-1] for name, array in x.items()}
        first = next(iter(x.values()))
        steps, batch = first.shape[:2]
        states = self._initial_states(batch, state0 or {})
        widest = max(
            (
                splat_shape(shape_of(r))
                for c in self.components
                for o in c.operations
                for r in o.results
            ),
            default=1,
        )
        block = max(1, BLOCK_ELEMENTS // (widest * batch))
        outputs = {
            name: _Collected(kind, self._summed.get(name))
            for name, kind in self.network.kinds.items()
        }
        traced: dict[str, list[Array]] = {}
        for start in range(0, steps, block):
            stop = min(start + block, steps)
            values = _Block(self._fixed, stop - start, batch)
            for name, argument in self.network.inputs.items():
                values.set(argument, x[name][start:stop])
            for component in self.components:
                if component.operations[0] not in self._summed.values():
                    self._run_component(component, values, states, traced if trace else None)
            for name, value in self.network.outputs.items():
                outputs[name].take(values, value, self._streams)
            if progress is not None:
                progress(stop, steps)
        return Run(
            {name: found.array(self.network.is_reverse) for name, found in outputs.items()},
            {self.names.name_of[key]: value for key, value in states.items()},
            {
                name: np.concatenate(parts)[:: -1 if self.network.is_reverse else 1]
                for name, parts in traced.items()
            },
        )

    def _initial_states(
        self, batch: int, given: Mapping[str, Array]
    ) -> dict[tuple[Operation, int], Array]:
        states: dict[tuple[Operation, int], Array] = {}
        for key, name in self.names.name_of.items():
            op, index = key
            shape = self.names.shape_of(key)
            operand = op.init if isinstance(op, snn.DelayOp) else _neuron(op).initial_states[index]
            value = given.get(name, self._fixed.get(operand))
            assert value is not None, "an initial state is a constant or a parameter"
            dtype = dtype_of(stream_type(operand).element_type)
            states[key] = np.broadcast_to(value, (batch, *shape)).astype(dtype)
        return states

    def _run_component(
        self,
        component: Component,
        values: _Block,
        states: dict[tuple[Operation, int], Array],
        traced: dict[str, list[Array]] | None,
    ) -> None:
        if not component.recurrent:
            op = component.operations[0]
            if isinstance(op, snn.DelayOp):
                self._run_delay(op, values, states)
                return
            if not isinstance(op, snn.NeuronOp) or not op.initial_states:
                arguments = [values.rows_of(operand) for operand in op.operands]
                results, _ = self._run_op(op, arguments)
                for result, value in zip(op.results, results, strict=True):
                    values.set_rows(result, value)
                if traced is not None and isinstance(op, snn.NeuronOp):
                    self._trace(op, values, [], traced)
                return
        recorded: dict[Operation, list[list[Array]]] = {}
        for t in range(values.steps):
            for op in component.operations:
                if isinstance(op, snn.DelayOp):
                    # per-element delays of 0 steps pass this step's value
                    history = states[op, 0]
                    now = None
                    if op.is_instantaneous:
                        now = values.step_of(op.stream, t)
                    values.set_step(op.result, t, _delayed(op, history, now))
                    continue
                arguments = [values.step_of(operand, t) for operand in op.operands]
                if isinstance(op, snn.NeuronOp):
                    first = len(op.inputs)
                    for index in range(len(op.initial_states)):
                        arguments[first + index] = states[op, index]
                results, after = self._run_op(op, arguments)
                for result, value in zip(op.results, results, strict=True):
                    values.set_step(result, t, value)
                for index, value in enumerate(after):
                    states[op, index] = value
                if traced is not None and isinstance(op, snn.NeuronOp):
                    recorded.setdefault(op, []).append(after)
            for op in component.delays:
                history, now = states[op, 0], values.step_of(op.stream, t)
                states[op, 0] = np.concatenate([history[:, 1:], now[:, None]], axis=1)
        if traced is not None:
            for op in component.operations:
                if isinstance(op, snn.NeuronOp):
                    per_state = [np.stack(column) for column in zip(*recorded[op], strict=True)]
                    self._trace(op, values, per_state, traced)

    def _run_op(
        self, op: Operation, arguments: Sequence[Array]
    ) -> tuple[Sequence[Array], list[Array]]:
        """The results of an operation, and a neuron's next states."""
        if isinstance(op, snn.NeuronOp):
            return run_neuron(self._interpreter, op, arguments)
        return self._interpreter.run_op(op, tuple(arguments)), []

    def _trace(
        self, op: snn.NeuronOp, values: _Block, states: list[Array], traced: dict[str, list[Array]]
    ) -> None:
        node = self.names.node_of.get(op)
        if node is None:
            return
        for index, output in enumerate(op.outputs):
            name = node if index == 0 else f"{node}.out{index}"
            traced.setdefault(name, []).append(values.steps_of(output))
        for index, value in enumerate(states):
            traced.setdefault(self.names.name_of[op, index], []).append(value)

    def _run_delay(
        self, op: snn.DelayOp, values: _Block, states: dict[tuple[Operation, int], Array]
    ) -> None:
        """A delay outside of cycles: the block with its past in front, read further back."""
        past = np.moveaxis(states[op, 0], 1, 0)
        line = np.concatenate([past, values.steps_of(op.stream)])
        depth, steps = op.depth, values.steps
        delays = op.steps_per_element
        if len(delays) == 1:
            result = line[depth - delays[0] :][:steps]
        else:
            per_element = np.array(delays).reshape(shape_of(op.stream))
            result = np.empty_like(line[:steps])
            for delay in set(delays):
                where = (..., per_element == delay)
                result[where] = line[depth - delay :][:steps][where]
        values.set(op.result, result)
        states[op, 0] = np.moveaxis(line[steps:], 0, 1)


def _summed_products(network: snn.NetworkOp) -> dict[str, snn.OuterOp]:
    """
    Outputs that are sums over time of products that nothing else reads: a block of them is
    never held, for each may be as large as a weight.
    """
    return {
        name: value.owner
        for name, value in network.outputs.items()
        if network.kinds[name] == SUM
        and isinstance(value.owner, snn.OuterOp)
        and value.has_one_use()
    }


class _Collected:
    """What a run keeps of one output."""

    def __init__(self, kind: str, product: snn.OuterOp | None):
        self._kind = kind
        self._product = product
        self._parts: list[Array] = []

    def take(self, values: _Block, value: SSAValue, streams: StreamFunctions) -> None:
        """The steps of a block."""
        if self._product is not None:
            self._add(self._products(self._product, values, streams))
            return
        steps = values.steps_of(value)
        if self._kind == SUM:
            self._add(steps)
        elif self._kind == LAST:
            self._parts = [steps[-1]]
        else:
            self._parts.append(steps)

    def _add(self, terms: Iterable[Array]) -> None:
        for term in terms:
            total = self._parts[0] if self._parts else np.zeros_like(term)
            self._parts = [total + term if term.dtype.kind == "f" else held_sum(total, term)]

    def _products(
        self, op: snn.OuterOp, values: _Block, streams: StreamFunctions
    ) -> Iterator[Array]:
        if streams.blas:  # the steps are positions, too
            parts = [np.moveaxis(values.steps_of(v), 0, -2) for v in (op.left, op.right)]
            folded = [p.reshape(*p.shape[:-2], -1) for p in parts]
            yield streams.outer_of(op, folded)
            return
        for t in range(values.steps):
            pair = [values.steps_of(v)[t] for v in (op.left, op.right)]
            yield streams.outer_of(op, pair)

    def array(self, reverse: bool) -> Array:
        if self._kind != STREAM:
            return self._parts[0]
        array = np.concatenate(self._parts)
        return array[::-1] if reverse else array


def _neuron(op: Operation) -> snn.NeuronOp:
    assert isinstance(op, snn.NeuronOp)
    return op


def _delayed(op: snn.DelayOp, history: Array, now: Array | None) -> Array:
    """One step of a delay: history is [B, depth, *shape], oldest first."""
    delays = op.steps_per_element
    if len(delays) == 1:
        return history[:, op.depth - delays[0]]
    per_element = np.array(delays).reshape(shape_of(op.stream))
    result = np.empty_like(history[:, 0])
    for delay in set(delays):
        where = (..., per_element == delay)
        if delay == 0:
            assert now is not None
            result[where] = now[where]
        else:
            result[where] = history[:, op.depth - delay][where]
    return result


class _Block:
    """The values of a block of steps: streams as [steps, B, *shape], the rest as they are."""

    def __init__(self, fixed: Mapping[SSAValue, Array], steps: int, batch: int):
        self._fixed = fixed
        self._streams: dict[SSAValue, Array] = {}
        self.steps = steps
        self.batch = batch

    def set(self, value: SSAValue, array: Array) -> None:
        self._streams[value] = array

    def set_rows(self, value: SSAValue, array: Array) -> None:
        """[steps * B, *shape], or one row that is the same for all."""
        shape = shape_of(value)
        if array.shape[0] == 1:
            array = np.broadcast_to(array, (self.steps * self.batch, *shape))
        self._streams[value] = array.reshape(self.steps, self.batch, *shape)

    def set_step(self, value: SSAValue, t: int, array: Array) -> None:
        if value not in self._streams:
            shape = (self.steps, self.batch, *shape_of(value))
            self._streams[value] = np.empty(shape, array.dtype)
        self._streams[value][t] = array

    def steps_of(self, value: SSAValue) -> Array:
        if value in self._fixed:
            shape = (self.steps, self.batch, *shape_of(value))
            return np.broadcast_to(self._fixed[value], shape)
        return self._streams[value]

    def rows_of(self, value: SSAValue) -> Array:
        """A stream as [steps * B, *shape]; a constant without the leading axis."""
        if value in self._fixed:
            return self._fixed[value]
        stream = self._streams[value]
        return stream.reshape(self.steps * self.batch, *stream.shape[2:])

    def step_of(self, value: SSAValue, t: int) -> Array:
        return self._fixed[value] if value in self._fixed else self._streams[value][t]
