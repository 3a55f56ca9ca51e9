"""`snn.neuron`: a population whose dynamics are scalar arithmetic, and the frame of its body."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ArrayAttr, StringAttr, TensorType, i32
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.irdl import (
    AnyAttr,
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import EffectInstance, HasParent, IsolatedFromAbove, IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from snncc.dialects.snn.traits import AllocatesState
from snncc.dialects.snn.types import (
    Stream,
    expect_broadcast,
    expect_static,
    is_float,
    is_spike,
    known_as,
    shape_of,
    shape_text,
    stream_type,
)
from snncc.passes.canonicalization import SnnCanonicalization

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of ports: they stand as values in the text and as variables in the emitted C."""


@irdl_op_definition
class IndexOp(IRDLOperation):
    """
    The place of the element in its population, from 0: `%n = snn.index : i32`.

    The population has one axis. With a counter, the place makes random numbers that need no
    memory (`snncc.dialects.snn.random`).
    """

    name = "snn.index"

    result = result_def(i32)

    traits = traits_def(Pure())

    assembly_format = "attr-dict `:` type($result)"

    def __init__(self) -> None:
        super().__init__(result_types=[i32])

    def verify_(self) -> None:
        parent = self.parent_op()
        if isinstance(parent, NeuronOp) and len(parent.population) != 1:
            raise VerifyException(
                f"expected a population with one axis, got {shape_text(parent.population)}"
            )


@irdl_op_definition
class NextOp(IRDLOperation):
    """
    Ends a neuron's body: its outputs and its next states.

        snn.next (%z : i1) state (%v : f32)
    """

    name = "snn.next"

    outputs = var_operand_def(AnyAttr())
    states = var_operand_def(AnyAttr())

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(NeuronOp)))

    def __init__(self, outputs: Sequence[SSAValue], states: Sequence[SSAValue]):
        super().__init__(operands=[outputs, states])

    def print(self, printer: Printer) -> None:
        def print_typed(values: Sequence[SSAValue]) -> None:
            with printer.in_parens():
                for index, value in enumerate(values):
                    printer.print_string(", " if index else "")
                    printer.print_ssa_value(value)
                    printer.print_string(" : ")
                    printer.print_attribute(value.type)

        printer.print_string(" ")
        print_typed(self.outputs)
        if self.states:
            printer.print_string(" state ")
            print_typed(self.states)
        printer.print_op_attributes(self.attributes, print_keyword=True)

    @classmethod
    def parse(cls, parser: Parser) -> NextOp:
        def parse_typed() -> SSAValue:
            value = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            return parser.resolve_operand(value, parser.parse_type())

        outputs = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_typed)
        states: list[SSAValue] = []
        if parser.parse_optional_keyword("state"):
            states = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_typed)
        op = cls(outputs, states)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        if attributes is not None:
            op.attributes |= attributes.data
        return op


@dataclass(frozen=True)
class Port:
    """One operand of a neuron as its body sees it."""

    name: str
    operand: SSAValue
    argument: BlockArgument


class AllocatesStates(AllocatesState):
    """Only with states: an elementwise function is as pure as any."""

    @classmethod
    def get_effects(cls, op: Operation) -> frozenset[EffectInstance]:
        assert isinstance(op, NeuronOp)
        return super().get_effects(op) if op.initial_states else frozenset()


@irdl_op_definition
class NeuronOp(IRDLOperation):
    """
    A population: scalar arithmetic from (inputs, states, parameters) to (outputs, next
    states), the same for every element of the population.

        (o[t], s[t]) = body(x[t], s[t-1], p)        s[-1] = the operands under `state`

        %s = snn.neuron as "lif1" kind "lif" (%x = %i : tensor<30xf32>)
             state (%v = %zero : tensor<f32>) params (%beta = %b : tensor<30xf32>)
             -> (tensor<30xi1>) {
          %0 = arith.mulf %beta, %v : f32
          %1 = arith.addf %0, %x : f32
          ...
          snn.next (%z : i1) state (%1 : f32)
        }

    Operands broadcast to the population's shape, which is that of every result. The body has
    operations of `arith`, functions of `math`, `snn.spike`, `snn.count`, `snn.detach` and
    `snn.index`; their order is the order of the rounding. `kind` is a hint for readers,
    checked against the body where it is present; a rewrite of the body drops it.
    """

    name = "snn.neuron"

    inputs = var_operand_def(TensorType)
    initial_states = var_operand_def(TensorType)
    parameters = var_operand_def(TensorType)
    outputs = var_result_def(TensorType)
    input_names = prop_def(ArrayAttr[StringAttr])
    state_names = prop_def(ArrayAttr[StringAttr])
    parameter_names = prop_def(ArrayAttr[StringAttr])
    node = opt_prop_def(StringAttr)
    kind = opt_prop_def(StringAttr)
    body = region_def("single_block")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(AllocatesStates(), IsolatedFromAbove(), SnnCanonicalization())

    def __init__(
        self,
        inputs: Sequence[tuple[str, SSAValue]],
        states: Sequence[tuple[str, SSAValue]],
        parameters: Sequence[tuple[str, SSAValue]],
        result_types: Sequence[Attribute],
        body: Region | None = None,
        *,
        node: str | None = None,
        kind: str | None = None,
    ):
        groups = (inputs, states, parameters)
        if body is None:
            arguments = [stream_type(value).element_type for group in groups for _, value in group]
            body = Region(Block(arg_types=arguments))
        super().__init__(
            operands=[[value for _, value in group] for group in groups],
            properties={
                "input_names": ArrayAttr([StringAttr(name) for name, _ in inputs]),
                "state_names": ArrayAttr([StringAttr(name) for name, _ in states]),
                "parameter_names": ArrayAttr([StringAttr(name) for name, _ in parameters]),
                "node": None if node is None else StringAttr(node),
                "kind": None if kind is None else StringAttr(kind),
            },
            result_types=[result_types],
            regions=[body],
        )

    @property
    def population(self) -> tuple[int, ...]:
        """The shape that every operand broadcasts to."""
        return shape_of(self.outputs[0])

    @property
    def terminator(self) -> NextOp:
        last = self.body.block.last_op
        assert isinstance(last, NextOp)
        return last

    def _ports(
        self, names: ArrayAttr[StringAttr], values: Sequence[SSAValue], start: int
    ) -> list[Port]:
        arguments = self.body.block.args[start : start + len(values)]
        return [
            Port(name.data, value, argument)
            for name, value, argument in zip(names, values, arguments, strict=True)
        ]

    @property
    def input_ports(self) -> list[Port]:
        return self._ports(self.input_names, self.inputs, 0)

    @property
    def state_ports(self) -> list[Port]:
        return self._ports(self.state_names, self.initial_states, len(self.inputs))

    @property
    def parameter_ports(self) -> list[Port]:
        start = len(self.inputs) + len(self.initial_states)
        return self._ports(self.parameter_names, self.parameters, start)

    def verify_(self) -> None:
        expect_static(self)
        if not self.outputs:
            raise VerifyException("expected at least one result")
        for result in self.outputs:
            if shape_of(result) != self.population:
                raise VerifyException("expected results of one shape")
        known_as(self, len(self.outputs) + len(self.initial_states))
        self._verify_names()
        self._verify_body()
        if self.kind is not None:
            # the analysis is imported here: it walks bodies, and needs this module
            from snncc.dialects.snn.kind import CUSTOM, kind_of

            if self.kind.data == CUSTOM:
                raise VerifyException('kind: "custom" is no hint; leave it out')
            found = kind_of(self)
            if found.name != self.kind.data:
                raise VerifyException(
                    f'kind: the body is "{found.name}", the hint says "{self.kind.data}"; '
                    "a rewrite of the body drops the hint"
                )

    def _verify_names(self) -> None:
        names: list[str] = []
        for what, given, operands in (
            ("input", self.input_names, self.inputs),
            ("state", self.state_names, self.initial_states),
            ("parameter", self.parameter_names, self.parameters),
        ):
            if len(given) != len(operands):
                raise VerifyException(f"expected {len(operands)} {what} names, got {len(given)}")
            for name, operand in zip(given, operands, strict=True):
                names.append(name.data)
                expect_broadcast(f'{what} "{name.data}"', operand, self.population)
                if IDENTIFIER.fullmatch(name.data) is None:
                    raise VerifyException(
                        f'{what} "{name.data}": expected letters, digits and _, not a digit first'
                    )
        if len(set(names)) != len(names):
            raise VerifyException(f"names are not unique: {', '.join(names)}")

    def _verify_body(self) -> None:
        expected = tuple(stream_type(operand).element_type for operand in self.operands)
        got = self.body.block.arg_types
        if got != expected:
            wanted, found = (", ".join(map(str, types)) for types in (expected, got))
            raise VerifyException(f"body: expected arguments ({wanted}), got ({found})")
        if not isinstance(self.body.block.last_op, NextOp):
            raise VerifyException("body: expected snn.next at its end")
        for what, values, types in (
            (
                "outputs",
                self.terminator.outputs,
                tuple(stream_type(result).element_type for result in self.outputs),
            ),
            (
                "states",
                self.terminator.states,
                tuple(port.argument.type for port in self.state_ports),
            ),
        ):
            got = tuple(value.type for value in values)
            if got != types:
                wanted, found = (", ".join(map(str, t)) for t in (types, got))
                raise VerifyException(f"snn.next: expected {what} ({wanted}), got ({found})")
        # imported here: what bodies are made of are operations of this module, too
        from snncc.dialects.snn.scalars import expect_scalars

        expect_scalars(self.body.block, self.terminator)

    # The body is isolated, but xDSL prints and parses nested regions in the name table of
    # the ops around it. Ports are printed under their own names, so the table is set aside.

    def print(self, printer: Printer) -> None:
        if self.node is not None:
            printer.print_string(" as ")
            printer.print_string_literal(self.node.data)
        if self.kind is not None:
            printer.print_string(" kind ")
            printer.print_string_literal(self.kind.data)
        for keyword, ports in (
            (" ", self.input_ports),
            (" state ", self.state_ports),
            (" params ", self.parameter_ports),
        ):
            if not ports and keyword != " ":
                continue
            printer.print_string(keyword)
            with printer.in_parens():
                for index, port in enumerate(ports):
                    printer.print_string(f"{', ' if index else ''}%{port.name} = ")
                    printer.print_ssa_value(port.operand)
                    printer.print_string(" : ")
                    printer.print_attribute(port.operand.type)
        printer.print_string(" -> ")
        with printer.in_parens():
            printer.print_list(self.outputs.types, printer.print_attribute)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        # xDSL's printer has no public way to name values
        names = printer._ssa_names[-1]
        next_id = printer._next_valid_name_id[-1]
        names_before = names.copy()
        names.clear()
        printer._next_valid_name_id[-1] = 0
        for port in (*self.input_ports, *self.state_ports, *self.parameter_ports):
            printer._ssa_values[port.argument] = port.name
            # values of the body are numbered behind the ports of their name: %x_2 after %x_1
            base, _, number = port.name.rpartition("_")
            base, count = (base, int(number) + 1) if base and number.isdigit() else (port.name, 1)
            names[base] = max(names.get(base, 0), count)
        printer.print_region(self.body, print_entry_block_args=False, print_empty_block=False)
        names.clear()
        names.update(names_before)
        printer._next_valid_name_id[-1] = next_id

    @classmethod
    def parse(cls, parser: Parser) -> NeuronOp:
        node = kind = None
        if parser.parse_optional_keyword("as"):
            node = parser.parse_str_literal(" for the name of the node")
        if parser.parse_optional_keyword("kind"):
            kind = parser.parse_str_literal(" for the kind of neuron")

        arguments: list[Parser.Argument] = []

        def parse_port() -> tuple[str, SSAValue]:
            argument = parser.parse_argument(expect_type=False)
            parser.parse_punctuation("=")
            operand: UnresolvedOperand = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            type = parser.parse_type()
            if not isa(type, Stream):
                parser.raise_error("expected a tensor type")
            arguments.append(argument.resolve(type.element_type))
            return argument.name.text[1:], parser.resolve_operand(operand, type)

        def parse_ports() -> list[tuple[str, SSAValue]]:
            return parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_port)

        inputs = parse_ports()
        states = parse_ports() if parser.parse_optional_keyword("state") else []
        parameters = parse_ports() if parser.parse_optional_keyword("params") else []
        parser.parse_punctuation("->")
        types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        attributes = parser.parse_optional_attr_dict_with_keyword()

        outer_values = parser.ssa_values
        outer_references = parser.forward_ssa_references
        parser.ssa_values = {}
        parser.forward_ssa_references = {}
        body = parser.parse_region(arguments)
        if parser.forward_ssa_references:
            names = ", ".join(f"%{name}" for name in parser.forward_ssa_references)
            parser.raise_error(f"the neuron's body uses values it does not define: {names}")
        parser.ssa_values = outer_values
        parser.forward_ssa_references = outer_references

        op = cls(inputs, states, parameters, types, body, node=node, kind=kind)
        if attributes is not None:
            op.attributes |= attributes.data
        return op


def is_spiking(op: Operation) -> bool:
    """Whether a neuron's first output is spikes or counts rather than a graded value."""
    if not isinstance(op, NeuronOp):
        return False
    element = stream_type(op.outputs[0]).element_type
    return is_spike(element) or not is_float(element)
