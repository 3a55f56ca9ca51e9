"""The network itself: its streams' names, its parameters, and the one op that looks back."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    AnyDenseElement,
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FlatSymbolRefAttrConstr,
    FunctionType,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    ConstantLike,
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
    SymbolOpInterface,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from snncc.dialects.snn.attributes import BlobAttr, print_dense
from snncc.dialects.snn.traits import AllocatesState
from snncc.dialects.snn.types import (
    Stream,
    describe,
    expect_broadcast,
    expect_element,
    expect_static,
    is_float,
    known_as,
    shape_of,
    stream_type,
)
from snncc.dialects.symbols import symbol_named

STREAM, LAST, SUM = "stream", "last", "sum"
OUTPUTS = (STREAM, LAST, SUM)
"""What an output gives: every step, the last one, or the sum of all."""
LEARNABLE, FIXED = "learnable", "fixed"
TRAINING = (LEARNABLE, FIXED)
"""What a model may say of a parameter's training."""
COMPUTED_FROM = "computed_from"
"""Attribute of a fixed parameter: the learnable ones that it was computed of."""


@irdl_op_definition
class ParameterOp(IRDLOperation):
    """
    A named array of the model: a weight, a bias, a decay, a threshold.

        snn.parameter @fc1.weight : tensor<128x64xf32> = #snn.blob<"9f86d0...">
        snn.parameter @fc1.bias : tensor<2xf32> = dense<[0.5, -1.0]>

    Large content stands in a safetensors file beside the IR and is known here by its
    digest; small content may stand in the text. Operations read it through `snn.use`.

    What the model says of training stands in front of the name, which is the model's own:
    `learnable` (the optimiser moves it) or `fixed` (a buffer, a frozen weight). Without
    either the model says nothing, and who trains it chooses. A fixed parameter that was
    computed of learnable ones, beyond what operations can say, lists them:

        snn.parameter learnable @lif.beta : tensor<f32> = dense<0.9>
        snn.parameter fixed @fc.weight : tensor<...> = ... attributes {computed_from = ["fc.u"]}
    """

    name = "snn.parameter"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TensorType)
    value = prop_def(BaseAttr(BlobAttr) | BaseAttr(DenseIntOrFPElementsAttr))
    training = opt_prop_def(StringAttr)

    traits = traits_def(SymbolOpInterface())

    def __init__(
        self,
        sym_name: str | StringAttr,
        type: Stream,
        value: BlobAttr | DenseIntOrFPElementsAttr,
        training: str | None = None,
    ):
        if isinstance(sym_name, str):
            sym_name = StringAttr(sym_name)
        super().__init__(
            properties={
                "sym_name": sym_name,
                "type": type,
                "value": value,
                "training": None if training is None else StringAttr(training),
            }
        )

    @property
    def is_learnable(self) -> bool:
        """Whether the model says that training moves it."""
        return self.training is not None and self.training.data == LEARNABLE

    def verify_(self) -> None:
        if isinstance(self.value, DenseIntOrFPElementsAttr) and self.value.type != self.type:
            raise VerifyException(f"expected a value of {self.type}, got {self.value.type}")
        if self.training is not None and self.training.data not in TRAINING:
            raise VerifyException(
                f'training: expected one of {", ".join(TRAINING)}, got "{self.training.data}"'
            )

    def print(self, printer: Printer) -> None:
        if self.training is not None:
            printer.print_string(f" {self.training.data}")
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        printer.print_string(" = ")
        if isinstance(self.value, BlobAttr):
            printer.print_attribute(self.value)
        else:
            print_dense(printer, self.value)
        printer.print_op_attributes(self.attributes, print_keyword=True)

    @classmethod
    def parse(cls, parser: Parser) -> ParameterOp:
        training = next((word for word in TRAINING if parser.parse_optional_keyword(word)), None)
        sym_name = parser.parse_symbol_name()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        if not isa(type, Stream):
            parser.raise_error("expected a tensor type")
        parser.parse_punctuation("=")
        value: Attribute
        if parser.parse_optional_keyword("dense"):
            if not isa(type, TensorType[AnyDenseElement]):
                parser.raise_error("dense<...>: expected a tensor of numbers")
            value = parser.parse_dense_int_or_fp_elements_attr(type)
        else:
            value = parser.parse_attribute()
        if not isinstance(value, BlobAttr | DenseIntOrFPElementsAttr):
            parser.raise_error("expected #snn.blob<...> or dense<...>")
        op = cls(sym_name, type, value, training)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        if attributes is not None:
            op.attributes |= attributes.data
        return op


@irdl_op_definition
class UseOp(IRDLOperation):
    """
    A parameter as a value: the same at every step.

        %w = snn.use @fc1.weight : tensor<128x64xf32>
    """

    name = "snn.use"

    parameter = prop_def(FlatSymbolRefAttrConstr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$parameter attr-dict `:` type($result)"

    def __init__(self, parameter: str, type: Stream):
        super().__init__(properties={"parameter": SymbolRefAttr(parameter)}, result_types=[type])

    @property
    def symbol(self) -> str:
        return self.parameter.root_reference.data

    @property
    def declaration(self) -> ParameterOp:
        """The parameter that is read. Raises VerifyException where there is none."""
        declared = symbol_named(self, self.symbol)
        if not isinstance(declared, ParameterOp):
            raise VerifyException(f'no snn.parameter is named "{self.symbol}"')
        return declared

    def verify_(self) -> None:
        expect_static(self)
        if not isinstance(self.get_toplevel_object(), ModuleOp):
            return  # a detached network has no symbol table to look in
        if self.declaration.type != self.result.type:
            raise VerifyException(
                f'parameter "{self.symbol}": expected {self.declaration.type}, '
                f"got {self.result.type}"
            )


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """
    A constant stream: the same value at every step.

        %zero = snn.constant dense<0.0> : tensor<f32>
    """

    name = "snn.constant"

    value = prop_def(DenseIntOrFPElementsAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), ConstantLike())

    def __init__(self, value: DenseIntOrFPElementsAttr):
        super().__init__(properties={"value": value}, result_types=[value.type])

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes)
        printer.print_string(" ")
        print_dense(printer, self.value)
        printer.print_string(" : ")
        printer.print_attribute(self.value.type)

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        attributes = parser.parse_optional_attr_dict()
        value = parser.parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr):
            parser.raise_error("expected dense<...> : tensor<...>")
        op = cls(value)
        op.attributes |= attributes
        return op

    def verify_(self) -> None:
        expect_static(self)
        if self.value.type != self.result.type:
            raise VerifyException(f"expected a result of {self.value.type}, got {self.result.type}")


@irdl_op_definition
class DelayOp(IRDLOperation):
    """
    The stream some steps ago; the only operation whose stream operand may be defined
    later in the text.

        y[t] = x[t - d]    for t >= d
        y[t] = init        for t < d

        %y = snn.delay %x by 3 init %zero as "axon"
             : tensor<8xi1>, tensor<i1> -> tensor<8xi1>
        %y = snn.delay %x by dense<[1, 3]> : tensor<2xi64> init %zero
             : tensor<2xi1>, tensor<i1> -> tensor<2xi1>

    `by` is one number of steps (at least 1), or one for each element (at least 0, of the
    stream's shape). A delay with an element of 0 steps is instantaneous: it cannot close
    a loop. `init` broadcasts to the stream's shape.
    """

    name = "snn.delay"

    stream = operand_def(TensorType)
    init = operand_def(TensorType)
    steps = prop_def(IntegerAttr.constr(IntegerType(64)) | BaseAttr(DenseIntOrFPElementsAttr))
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(AllocatesState())

    assembly_format = (
        "$stream `by` $steps `init` $init (`as` $node^)? attr-dict "
        "`:` type($stream) `,` type($init) `->` type($result)"
    )

    def __init__(
        self,
        stream: SSAValue,
        steps: int | DenseIntOrFPElementsAttr,
        init: SSAValue,
        node: str | None = None,
    ):
        super().__init__(
            operands=[stream, init],
            properties={
                "steps": IntegerAttr(steps, i64) if isinstance(steps, int) else steps,
                "node": None if node is None else StringAttr(node),
            },
            result_types=[stream.type],
        )

    @property
    def steps_per_element(self) -> tuple[int, ...]:
        """One number for the whole stream, or one for each element in C order."""
        if isinstance(self.steps, IntegerAttr):
            return (self.steps.value.data,)
        return tuple(int(value) for value in self.steps.get_values())

    @property
    def depth(self) -> int:
        """The longest delay: how many past steps are kept."""
        return max(self.steps_per_element)

    @property
    def is_instantaneous(self) -> bool:
        """Whether some element passes through in the same step."""
        return min(self.steps_per_element) == 0

    def verify_(self) -> None:
        expect_static(self)
        known_as(self, 1)
        if self.result.type != self.stream.type:
            raise VerifyException(
                f"expected a result of {self.stream.type}, got {self.result.type}"
            )
        expect_broadcast("init", self.init, shape_of(self.stream))
        if stream_type(self.init).element_type != stream_type(self.stream).element_type:
            raise VerifyException(
                f"init: expected elements of {stream_type(self.stream).element_type}, "
                f"got {stream_type(self.init).element_type}"
            )
        least = 1
        if isinstance(self.steps, DenseIntOrFPElementsAttr):
            least = 0
            if not isinstance(self.steps.get_element_type(), IntegerType):
                raise VerifyException(f"by: expected whole numbers, got {self.steps.type}")
            if self.steps.get_shape() != shape_of(self.stream):
                raise VerifyException(
                    f"by: expected one number of steps for each element of {self.stream.type}, "
                    f"got {self.steps.type}"
                )
        if min(self.steps_per_element) < least:
            raise VerifyException(
                f"by: expected at least {least} step{'s' * (least != 1)}, "
                f"got {min(self.steps_per_element)}"
            )
        if self.depth < 1:
            raise VerifyException("by: expected a delay of at least 1 step somewhere, got 0")


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
