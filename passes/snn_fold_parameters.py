"""What is computed of parameters alone is computed once, when the network is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform, type_of
from snncc.dialects.snn.fixed import is_fixed, scalars_of
from snncc.dialects.snn.kind import CUSTOM, kind_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.parameters import COMPUTED_FROM
from snncc.dialects.snn.types import node_name, stream_type

IN_TEXT = 4
"""Elements of a parameter that stands in the text."""


def _uniform(array: Array) -> Array:
    """A scalar where all elements are the same."""
    return array.reshape(-1)[:1].reshape(()) if is_uniform(array) else array


def _ones(array: Array) -> bool:
    return bool((array == 1).all())


def _zeros(array: Array) -> bool:
    return not array.any() and not np.signbit(array).any()


class _Network:
    """One network, in which what depends on parameters alone becomes a parameter."""

    def __init__(self, network: snn.NetworkOp):
        self.network = network
        block = network.parent_block()
        assert block is not None
        self.module = block
        self.known: dict[SSAValue, Array] = {}
        self.made: dict[tuple[str, tuple[int, ...], bytes], snn.ParameterOp] = {}
        self.taken = {p.sym_name.data for p in block.ops if isinstance(p, snn.ParameterOp)}

    def fold(self) -> None:
        operations = list(self.network.body.block.ops)
        fixed = [op for op in operations if is_fixed(op)]
        read = [op for op in fixed if any(r.first_use is not None for r in op.results)]
        for op in operations:
            if op in fixed:
                continue
            for index, operand in enumerate(op.operands):
                op.operands[index] = self._operand(op, index, operand)
            if isinstance(op, snn.NeuronOp):
                self._body(op)
            elif isinstance(op, WeightedSum):
                self._bias(op)
            elif isinstance(op, snn.ScaleOp):
                self._scale(op)
        for op in reversed(list(self.network.body.block.ops)):
            new = isinstance(op, snn.UseOp) and op not in fixed
            if (op in read or new) and all(r.first_use is None for r in op.results):
                Rewriter.erase_op(op)

    def _content(self, value: SSAValue) -> Array | None:
        return constant_of(value, self.known)

    # --- between bodies

    def _operand(self, op: Operation, index: int, value: SSAValue) -> SSAValue:
        """What an operation reads: a parameter, where it was computed of some."""
        sources = _parameters(value)
        if not sources:
            return value
        content = _expected(self._content(value))
        if _broadcasts(op, index):
            content = _uniform(content)
        same = content.shape == stream_type(value).get_shape()
        if isinstance(value.owner, snn.UseOp) and same:
            return value
        return self._parameter(op, sources, content)

    def _parameter(self, op: Operation, sources: Sequence[str], content: Array) -> SSAValue:
        """The use of a parameter with this content, in front of `op`."""
        name = f"{sources[0]}.folded"
        key = (name, content.shape, content.tobytes())
        if key not in self.made:
            value = dense_of(content) if content.size <= IN_TEXT else blob_of(content)
            parameter = snn.ParameterOp(self._free(name), type_of(content), value)
            self.module.insert_op_before(parameter, self.network)
            self.made[key] = parameter
        parameter = self.made[key]
        use = snn.UseOp(parameter.sym_name.data, parameter.type)
        self.network.body.block.insert_op_before(use, op)
        return use.result

    def _free(self, wanted: str) -> str:
        name = wanted
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return name

    def _bias(self, op: WeightedSum) -> None:
        """A sum starts at +0 and is never -0: a bias of zeros changes nothing."""
        if op.bias is None or not _parameters(op.bias):
            return
        if not _expected(self._content(op.bias)).any():
            _replace(op, op.with_operands([op.input, op.weight]))

    def _scale(self, op: snn.ScaleOp) -> None:
        if op.input.type != op.result.type or not _parameters(op.factor):
            return
        if _ones(_expected(self._content(op.factor))):
            op.result.replace_all_uses_with(op.input)
            Rewriter.erase_op(op)

    # --- in bodies

    def _body(self, op: snn.NeuronOp) -> None:
        """Scalars that follow from parameters become ports, and those that follow go."""
        read = [port for port in op.parameter_ports if _parameters(port.operand)]
        known: dict[SSAValue, Array] = {
            port.argument: _expected(self._content(port.operand)) for port in read
        }
        values = scalars_of(op.body.block, known)
        sources = _sources(op, read, values)
        ports = [(port.name, port.operand) for port in op.parameter_ports]
        names = {p.name for p in (*op.input_ports, *op.state_ports, *op.parameter_ports)}
        block = op.body.block
        count = len(block.args)
        for value in _ends(op, sources, values):
            origin = [name for port in sources[value] for name in _parameters(port.operand)]
            operand = self._parameter(op, origin, _uniform(values[value]))
            ports.append((_port(f"{sources[value][0].name}_folded", names), operand))
            argument = block.insert_arg(value.type, len(block.args))
            values[argument] = values[value]
            value.replace_all_uses_with(argument)
        if not _simplified(op, values) and len(block.args) == count:
            return
        _erase(op, [value for value in sources if isinstance(value.owner, Operation)])
        first = len(op.inputs) + len(op.initial_states)
        was_read = {port.name for port in read}
        for index in reversed(range(len(ports))):
            argument = block.args[first + index]
            if argument.first_use is None and (ports[index][0] in was_read):
                block.erase_arg(argument)
                del ports[index]
        self._rebuild(op, ports)

    def _rebuild(self, op: snn.NeuronOp, parameters: Sequence[tuple[str, SSAValue]]) -> None:
        inputs = [(n.data, v) for n, v in zip(op.input_names, op.inputs, strict=True)]
        states = [(n.data, v) for n, v in zip(op.state_names, op.initial_states, strict=True)]
        types = [result.type for result in op.outputs]
        body = op.detach_region(op.body)
        new = snn.NeuronOp(inputs, states, parameters, types, body, node=node_name(op))
        new.attributes = dict(op.attributes)
        kind = kind_of(new).name
        new.kind = None if kind == CUSTOM else StringAttr(kind)
        _replace(op, new)


def _replace(op: Operation, new: Operation) -> None:
    block = op.parent
    assert block is not None
    block.insert_op_before(new, op)
    for old, result in zip(op.results, new.results, strict=True):
        result.name_hint = old.name_hint
        old.replace_all_uses_with(result)
    Rewriter.erase_op(op)


def _expected(array: Array | None) -> Array:
    assert array is not None, "parameters are fixed"
    return array


def _parameters(value: SSAValue) -> list[str]:
    """The names of the parameters that a value is computed of, if of nothing else but constants."""
    found: dict[str, None] = {}
    seen: set[SSAValue] = set()
    stack = [value]
    while stack:
        source = stack.pop()
        if source in seen:
            continue
        seen.add(source)
        if not isinstance(source.owner, Operation) or not is_fixed(source.owner):
            return []
        if isinstance(source.owner, snn.UseOp):
            found[source.owner.symbol] = None
        stack.extend(reversed(source.owner.operands))
    return list(found)


def _broadcasts(op: Operation, index: int) -> bool:
    """Whether an operand may be one number for all elements."""
    match op:
        case snn.NeuronOp():
            return index >= len(op.inputs)
        case snn.ScaleOp() | snn.DelayOp() | snn.ThresholdOp():
            return index == 1
        case _:
            return False


def _sources(
    op: snn.NeuronOp, read: Sequence[Port], values: Mapping[SSAValue, Array]
) -> dict[SSAValue, list[Port]]:
    """The ports of parameters that known scalars follow from, where they follow from some."""
    found: dict[SSAValue, list[Port]] = {port.argument: [port] for port in read}
    for inner in op.body.block.ops:
        of = {port.name: port for v in inner.operands for port in found.get(v, ())}
        if of and inner.results and inner.results[0] in values:
            found[inner.results[0]] = list(of.values())
    return found


def _ends(
    op: snn.NeuronOp, sources: Mapping[SSAValue, object], values: Mapping[SSAValue, Array]
) -> list[SSAValue]:
    """The floats among the known scalars that something else reads."""
    ends: list[SSAValue] = []
    kept = {inner for inner in op.body.block.ops if not set(inner.results) & set(sources)}
    kept.add(op.terminator)
    for inner in reversed(list(op.body.block.ops)):
        if inner in kept or not any(use.operation in kept for use in inner.results[0].uses):
            continue
        value = inner.results[0]
        if isinstance(value.type, AnyFloat) and np.isfinite(values[value]).all():
            ends.append(value)
        else:
            kept.add(inner)
    return ends[::-1]


def _simplified(op: snn.NeuronOp, values: Mapping[SSAValue, Array]) -> bool:
    """Whether something went: x * 1, x / 1 and x - 0 have the bits of x."""
    gone: list[SSAValue] = []
    for inner in op.body.block.ops:
        operands = inner.operands
        match inner:
            case arith.MulfOp() if _is(_ones, operands[1], values):
                kept = operands[0]
            case arith.MulfOp() if _is(_ones, operands[0], values):
                kept = operands[1]
            case arith.DivfOp() if _is(_ones, operands[1], values):
                kept = operands[0]
            case arith.SubfOp() if _is(_zeros, operands[1], values):
                kept = operands[0]
            case _:
                continue
        inner.results[0].replace_all_uses_with(kept)
        gone.append(inner.results[0])
    _erase(op, gone)
    return bool(gone)


def _is(test: Callable[[Array], bool], value: SSAValue, values: Mapping[SSAValue, Array]) -> bool:
    """Of parameters: what stands in the body is for others to simplify."""
    return not isinstance(value.owner, Operation) and value in values and test(values[value])


def _erase(op: snn.NeuronOp, values: Iterable[SSAValue]) -> None:
    """Operations that nothing reads now, and what only they read."""
    gone = {value.owner for value in values}
    for inner in reversed(list(op.body.block.ops)):
        unread = all(result.first_use is None for result in inner.results)
        literal = isinstance(inner, arith.ConstantOp)
        if inner is not op.terminator and unread and (inner in gone or literal):
            Rewriter.erase_op(inner)


def _port(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        name = f"{wanted}{number}"
        number += 1
    taken.add(name)
    return name


@dataclass(frozen=True)
class SnnFoldParameters(ModulePass):
    """
    Computes what depends on parameters alone, within bodies and between them, once: with
    the bits that every step would give it.

    The result is a network for inference. Equal numbers become one, factors of ones and
    biases of zeros go, parameters that nothing reads go, and none is marked as learnable.
    """

    name = "snn-fold-parameters"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        unread = _unread(op)
        for network in list(op.ops):
            if isinstance(network, snn.NetworkOp):
                _Network(network).fold()
        gone = _unread(op) - unread
        for parameter in list(op.ops):
            if not isinstance(parameter, snn.ParameterOp):
                continue
            if parameter.sym_name.data in gone:
                Rewriter.erase_op(parameter)
                continue
            parameter.training = None
            parameter.attributes.pop(COMPUTED_FROM, None)


def _unread(module: ModuleOp) -> set[str]:
    """The parameters that no operation uses."""
    used = {op.symbol for op in module.walk() if isinstance(op, snn.UseOp)}
    declared = {op.sym_name.data for op in module.ops if isinstance(op, snn.ParameterOp)}
    return declared - used
