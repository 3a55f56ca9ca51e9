"""The network itself: the names of its streams, what its outputs give, and its order."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    StringAttr,
    SymbolNameConstraint,
    TensorType,
    UnitAttr,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.types import Stream, describe, expect_element, is_float, stream_type

STREAM, LAST, SUM = "stream", "last", "sum"
OUTPUTS = (STREAM, LAST, SUM)
"""What an output gives: every step, the last one, or the sum of all."""


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Names the streams that leave the network: `snn.yield %s : tensor<10xi1>`."""

    name = "snn.yield"

    streams = var_operand_def(TensorType)

    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(NetworkOp)))

    assembly_format = "$streams attr-dict `:` type($streams)"

    def __init__(self, streams: Sequence[SSAValue]):
        super().__init__(operands=[streams])


@irdl_op_definition
class NetworkOp(IRDLOperation):
    """
    A spiking network: a synchronous program over streams.

        snn.network @net ("x" %x : tensor<64xf32>) -> ("y" : tensor<10xi1>) {
          ...
          snn.yield %s : tensor<10xi1>
        }

    A value is one tensor for each time step. State lives in `snn.neuron` and `snn.delay`
    only. The order of the text is the instantaneous order of one step: an operand is
    defined above its use, except the stream of a `snn.delay` of at least one step, and so
    every cycle passes through a delay. Inputs and outputs are known by name.

    An output is a stream; or, where the word stands before its name, its `last` value or the
    `sum` of all steps, added from +0 in the order in which the network goes. A sum of i32 is held
    at the ends of its type (-2^31 + 1 and 2^31 - 1), from step to step.

        snn.network reverse @net.backward ("d.y" %d : tensor<10xf32>, ...)
            -> (sum "d.w" : tensor<10x64xf32>, last "d.v" : tensor<10xf32>) { ... }

    A `reverse` network goes from the last step to the first: a delay holds what comes later,
    and the last value is that of the first step.
    """

    name = "snn.network"

    sym_name = prop_def(SymbolNameConstraint())
    function_type = prop_def(FunctionType)
    input_names = prop_def(ArrayAttr[StringAttr])
    output_names = prop_def(ArrayAttr[StringAttr])
    output_kinds = opt_prop_def(ArrayAttr[StringAttr])
    reverse = opt_prop_def(UnitAttr)
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface())

    def __init__(
        self,
        sym_name: str,
        inputs: Sequence[tuple[str, Stream]],
        outputs: Sequence[tuple[str, Stream]],
        body: Region | None = None,
        attributes: dict[str, Attribute] | None = None,
        *,
        kinds: Sequence[str] = (),
        reverse: bool = False,
    ):
        """`kinds` are those of the outputs: streams, where there are none."""
        input_types = [type for _, type in inputs]
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "function_type": FunctionType.from_lists(input_types, [t for _, t in outputs]),
                "input_names": ArrayAttr([StringAttr(name) for name, _ in inputs]),
                "output_names": ArrayAttr([StringAttr(name) for name, _ in outputs]),
                "output_kinds": _kinds(kinds),
                "reverse": UnitAttr() if reverse else None,
            },
            attributes=attributes or {},
            regions=[Region(Block(arg_types=input_types)) if body is None else body],
        )

    @property
    def yield_op(self) -> YieldOp:
        last = self.body.block.last_op
        assert isinstance(last, YieldOp)
        return last

    @property
    def inputs(self) -> dict[str, SSAValue]:
        """The input streams by name, in order."""
        names = (name.data for name in self.input_names)
        return dict(zip(names, self.body.block.args, strict=True))

    @property
    def outputs(self) -> dict[str, SSAValue]:
        """The output streams by name, in order."""
        names = (name.data for name in self.output_names)
        return dict(zip(names, self.yield_op.streams, strict=True))

    @property
    def kinds(self) -> dict[str, str]:
        """Output name -> stream, last or sum."""
        names = [name.data for name in self.output_names]
        if self.output_kinds is None:
            return dict.fromkeys(names, STREAM)
        return dict(zip(names, (kind.data for kind in self.output_kinds), strict=True))

    @property
    def is_reverse(self) -> bool:
        """Whether it goes from the last step to the first."""
        return self.reverse is not None

    def verify_(self) -> None:
        self._verify_interface()
        self._verify_order()

    def _verify_interface(self) -> None:
        inputs, outputs = self.function_type.inputs.data, self.function_type.outputs.data
        if self.body.block.arg_types != inputs:
            raise VerifyException("the body's arguments differ from the inputs' types")
        last = self.body.block.last_op
        if not isinstance(last, YieldOp):
            raise VerifyException("expected snn.yield at the end of the network")
        if last.operand_types != outputs:
            expected, got = (", ".join(map(str, t)) for t in (outputs, last.operand_types))
            raise VerifyException(f"snn.yield: expected ({expected}), got ({got})")
        for what, names, types in (
            ("input", self.input_names, inputs),
            ("output", self.output_names, outputs),
        ):
            texts = [name.data for name in names]
            if len(texts) != len(types):
                raise VerifyException(f"expected {len(types)} {what} names, got {len(texts)}")
            if len(set(texts)) != len(texts):
                raise VerifyException(f"{what} names are not unique: {', '.join(texts)}")
        if self.output_kinds is not None:
            given = [kind.data for kind in self.output_kinds]
            if len(given) != len(outputs) or not set(given) <= set(OUTPUTS):
                raise VerifyException(
                    f"kinds: expected {', '.join(OUTPUTS)} for each of {len(outputs)} outputs, "
                    f"got {', '.join(given)}"
                )
        for name, value in self.outputs.items():
            element = stream_type(value).element_type
            if self.kinds[name] == SUM and not is_float(element) and element != i32:
                raise VerifyException(
                    f'output "{name}": a sum over time is of floats or i32, got {value.type}'
                )
        for type in (*inputs, *outputs):
            if not isa(type, Stream) or any(size < 1 for size in type.get_shape()):
                raise VerifyException(f"expected a tensor of known sizes, got {type}")
            expect_element("stream", type.element_type)

    def _verify_order(self) -> None:
        seen: set[SSAValue] = set(self.body.block.args)
        for op in self.body.block.ops:
            for index, operand in enumerate(op.operands):
                looks_back = isinstance(op, DelayOp) and not op.is_instantaneous and index == 0
                if operand not in seen and not looks_back:
                    raise VerifyException(self._order_message(op, operand, seen))
            seen.update(op.results)

    def _order_message(self, op: Operation, operand: SSAValue, seen: set[SSAValue]) -> str:
        """Names the operations on the instantaneous loop, or the use that stands too early."""
        loop = _instantaneous_path(op, operand)
        if loop is not None:
            names = " -> ".join(describe(step) for step in (*loop, loop[0]))
            return (
                f"instantaneous loop: {names}; every cycle passes through a snn.delay of at "
                "least one step"
            )
        return f"{describe(op)} uses a value that is defined below it; only snn.delay may"

    def print(self, printer: Printer) -> None:
        printer.print_string(" reverse " if self.is_reverse else " ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" ")
        with printer.in_parens():
            for index, (name, arg) in enumerate(self.inputs.items()):
                printer.print_string(", " if index else "")
                printer.print_string_literal(name)
                printer.print_string(" ")
                printer.print_ssa_value(arg)
                printer.print_string(" : ")
                printer.print_attribute(arg.type)
        printer.print_string(" -> ")
        with printer.in_parens():
            for index, (output, type) in enumerate(
                zip(self.output_names, self.function_type.outputs, strict=True)
            ):
                printer.print_string(", " if index else "")
                kind = self.kinds[output.data]
                printer.print_string("" if kind == STREAM else f"{kind} ")
                printer.print_string_literal(output.data)
                printer.print_string(" : ")
                printer.print_attribute(type)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False, print_empty_block=False)

    @classmethod
    def parse(cls, parser: Parser) -> NetworkOp:
        reverse = parser.parse_optional_keyword("reverse") is not None
        sym_name = parser.parse_symbol_name().data
        arguments: list[Parser.Argument] = []
        inputs: list[tuple[str, Stream]] = []

        def parse_stream_type() -> Stream:
            type = parser.parse_type()
            if not isa(type, Stream):
                parser.raise_error("expected a tensor type")
            return type

        def parse_input() -> None:
            name = parser.parse_str_literal(" for the name of an input")
            argument = parser.parse_argument(expect_type=False)
            parser.parse_punctuation(":")
            type = parse_stream_type()
            inputs.append((name, type))
            arguments.append(argument.resolve(type))

        def parse_output() -> tuple[str, Stream, str]:
            kind = next((word for word in OUTPUTS if parser.parse_optional_keyword(word)), STREAM)
            name = parser.parse_str_literal(" for the name of an output")
            parser.parse_punctuation(":")
            return name, parse_stream_type(), kind

        parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_input)
        parser.parse_punctuation("->")
        outputs = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_output)
        attributes: DictionaryAttr | None = parser.parse_optional_attr_dict_with_keyword()
        body = parser.parse_region(arguments)
        return cls(
            sym_name,
            inputs,
            [(name, type) for name, type, _ in outputs],
            body,
            dict(attributes.data) if attributes else None,
            kinds=[kind for _, _, kind in outputs],
            reverse=reverse,
        )


def _kinds(kinds: Sequence[str]) -> ArrayAttr[StringAttr] | None:
    """None where all are streams, so that each network has one form."""
    if all(kind == STREAM for kind in kinds):
        return None
    return ArrayAttr([StringAttr(kind) for kind in kinds])


def _instantaneous_path(start: Operation, operand: SSAValue) -> list[Operation] | None:
    """
    The operations from `start` back to itself through `operand` within one step, in the
    order of the data, or None where there is no such loop.
    """
    stack: list[tuple[SSAValue, tuple[Operation, ...]]] = [(operand, (start,))]
    visited: set[Operation] = set()
    while stack:
        value, path = stack.pop()
        producer = value.owner
        if producer is start:
            return [start, *reversed(path[1:])]
        if not isinstance(producer, Operation) or producer in visited:
            continue
        visited.add(producer)
        if isinstance(producer, DelayOp) and not producer.is_instantaneous:
            continue
        stack.extend((source, (*path, producer)) for source in producer.operands)
    return None
