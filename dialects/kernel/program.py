"""The program: its buffers by role, and its stages in order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeAlias

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FlatSymbolRefAttrConstr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
    i8,
    i64,
)
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, Block, Region, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    lazy_traits_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, NoTerminator, Pure, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.network import LAST, STREAM, SUM
from snncc.dialects.symbols import symbol_named

MemRef: TypeAlias = MemRefType[Attribute]


class Role(StrEnum):
    """What a buffer is for, and who owns it."""

    CONST = "const"
    """Fixed content: weights and parameters."""
    STATE = "state"
    """Kept from step to step; starts at its content."""
    STREAM = "stream"
    """Carries values between stages, for a block of steps (the first axis)."""
    WORK = "work"
    """Used within one step of one stage."""
    INPUT = "input"
    """The caller's, read; a row for each step or each sample, or one value that is held."""
    OUTPUT = "output"
    """The caller's, written; a row for each step or each sample, or one value for all."""


@irdl_attr_definition
class RoleAttr(EnumAttribute[Role], SpacedOpaqueSyntaxAttribute):
    """What a buffer is for: `const`, `state`, `stream`, `work`, `input` or `output`."""

    name = "kernel.role"


@irdl_op_definition
class BufferOp(IRDLOperation):
    """
    A named array of the program.

        kernel.buffer const @fc1.weight : memref<64x128xf32> = #snn.blob<"9f86...">
        kernel.buffer state @lif1.v : memref<128xf32> = dense<0.0> : tensor<f32>
        kernel.buffer stream @lif1 : memref<16x128xi8>
        kernel.buffer work @fc1 : memref<128xf32> stage "lif1"

    An output has a row for each step; or it has one value, the `sum` of all steps, which is
    added to what the caller put there, or the `last` one that was run.

        kernel.buffer output @d.w : memref<1x64x128xf32> sum order [0, 2, 1]

    Spikes of a tape are `bits` (`kernel.pack`). An input that is `held` is the same at every
    step: a parameter that is trained. What is `sampled` has a row for each sample of a block,
    an input that is held for its steps or an output that is their sum or their last value.

        kernel.buffer output @loss : memref<?x1xf32> last sampled

    A state whose first values are trained starts `from` an input that is held, which has as
    many elements; its content is what it has before there are any.

        kernel.buffer state @lif1.v : memref<128xf32> = dense<0.0> : tensor<f32> from @v0

    A value with several axes is stored with its first axis (channels) innermost, where
    `channel_last` stands; a sum or last value may be stored with its axes in another `order`,
    from the outermost to the innermost, and `sizes` are the model's where these are others.
    Content is one value for all elements or one for each. `of` gives the model's name of an input,
    output, state or traced stream whose symbol is another. Bytes of an input that are spikes,
    0 or 1, are marked `spikes`; integers that are signed numbers are marked `signed`, for
    those who look at them: kernels and bodies say themselves how they read what they take.
    """

    name = "kernel.buffer"

    role = prop_def(RoleAttr)
    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(MemRefType)
    content = opt_prop_def(BaseAttr(BlobAttr) | BaseAttr(DenseIntOrFPElementsAttr))
    channel_last = opt_prop_def(UnitAttr)
    stage = opt_prop_def(StringAttr)
    model_name = opt_prop_def(StringAttr)
    spikes = opt_prop_def(UnitAttr)
    signed = opt_prop_def(UnitAttr)
    summed = opt_prop_def(UnitAttr)
    last = opt_prop_def(UnitAttr)
    held = opt_prop_def(UnitAttr)
    sampled = opt_prop_def(UnitAttr)
    bits = opt_prop_def(UnitAttr)
    order = opt_prop_def(DenseArrayBase.constr(i64))
    sizes = opt_prop_def(DenseArrayBase.constr(i64))
    start = opt_prop_def(FlatSymbolRefAttrConstr)

    traits = lazy_traits_def(lambda: (SymbolOpInterface(), HasParent(ProgramOp)))

    assembly_format = (
        "$role $sym_name `:` $type (`=` $content^)? (`channel_last` $channel_last^)? "
        "(`spikes` $spikes^)? (`signed` $signed^)? (`sum` $summed^)? (`last` $last^)? "
        "(`held` $held^)? (`sampled` $sampled^)? (`bits` $bits^)? (`order` $order^)? "
        "(`sizes` $sizes^)? (`from` $start^)? (`stage` $stage^)? (`of` $model_name^)? attr-dict"
    )

    def __init__(
        self,
        role: Role,
        sym_name: str,
        type: MemRef,
        content: BlobAttr | DenseIntOrFPElementsAttr | None = None,
        *,
        channel_last: bool = False,
        stage: str | None = None,
        model_name: str | None = None,
        spikes: bool = False,
        signed: bool = False,
        kind: str = STREAM,
        order: Sequence[int] | None = None,
        sizes: Sequence[int] | None = None,
        held: bool = False,
        sampled: bool = False,
        bits: bool = False,
        start: str | None = None,
    ):
        """
        `kind` is that of an output; `order` that of its axes, where it has one of its own, and
        `sizes` the model's, where they are others.
        """
        super().__init__(
            properties={
                "role": RoleAttr(role),
                "sym_name": StringAttr(sym_name),
                "type": type,
                "content": content,
                "channel_last": UnitAttr() if channel_last else None,
                "stage": None if stage is None else StringAttr(stage),
                "model_name": None if model_name is None else StringAttr(model_name),
                "spikes": UnitAttr() if spikes else None,
                "signed": UnitAttr() if signed else None,
                "summed": UnitAttr() if kind == SUM else None,
                "last": UnitAttr() if kind == LAST else None,
                "held": UnitAttr() if held else None,
                "sampled": UnitAttr() if sampled else None,
                "bits": UnitAttr() if bits else None,
                "start": None if start is None else SymbolRefAttr(start),
                "order": None if order is None else DenseArrayBase.from_list(i64, list(order)),
                "sizes": None if sizes is None else DenseArrayBase.from_list(i64, list(sizes)),
            }
        )

    @property
    def kind(self) -> str:
        """What an output gives: a `stream`, the `last` value or a `sum`."""
        if self.summed is not None:
            return SUM
        return STREAM if self.last is None else LAST

    @property
    def has_rows(self) -> bool:
        """Whether it has a row for each step: of a block, or of the caller."""
        role = self.role.data
        if role is Role.INPUT:
            return self.held is None and self.sampled is None
        return role is Role.STREAM or (role is Role.OUTPUT and self.kind == STREAM)

    @property
    def model_shape(self) -> tuple[int, ...]:
        """At one step, an input's or output's sizes in the model's order of axes."""
        if self.has_rows or self.sampled is not None:
            return self.shape[1:]
        return self.shape if self.sizes is None else self.sizes.get_values()

    @property
    def known_as(self) -> str:
        """The name that users know an input, an output, a state or a traced stream by."""
        return (self.sym_name if self.model_name is None else self.model_name).data

    @property
    def starts_from(self) -> str | None:
        """The symbol of the input that holds a state's first values."""
        return None if self.start is None else self.start.root_reference.data

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.get_shape()

    def verify_(self) -> None:
        role = self.role.data
        has_content = self.content is not None
        if has_content != (role in (Role.CONST, Role.STATE)):
            wanted = "content" if role in (Role.CONST, Role.STATE) else "no content"
            raise VerifyException(f"{role.value} buffer: expected {wanted}")
        content = self.content
        if isinstance(content, DenseIntOrFPElementsAttr) and (
            content.get_element_type() != self.type.element_type
            or content.get_shape() not in ((), self.shape)
        ):
            raise VerifyException(
                f"content: expected one or {prod(self.shape)} elements of "
                f"{self.type.element_type}, got {content.type}"
            )
        dynamic = [index for index, size in enumerate(self.shape) if size == DYNAMIC_INDEX]
        if (self.summed or self.last) is not None and role is not Role.OUTPUT:
            raise VerifyException(f"{role.value} buffer: only an output is a sum or a last value")
        if self.summed is not None and self.last is not None:
            raise VerifyException("expected a sum or a last value, got both")
        if self.held is not None and role is not Role.INPUT:
            raise VerifyException(f"{role.value} buffer: only an input is held")
        if self.starts_from is not None:
            self._verify_start(self.starts_from)
        caller = role in (Role.INPUT, Role.OUTPUT)
        if self.sampled is not None:
            if not caller or self.held is not None or (role is Role.OUTPUT and self.has_rows):
                raise VerifyException(
                    f"{role.value} buffer: only an input that is not held, a sum and a last "
                    "value are sampled"
                )
            if self.order is not None or self.sizes is not None:
                raise VerifyException("sampled: expected the model's axes")
        rows = "samples" if self.sampled is not None else "steps"
        expected = [0] if caller and (self.has_rows or self.sampled is not None) else []
        if dynamic != expected:
            raise VerifyException(
                f"{role.value} buffer: expected "
                f"{f'{rows} (?) as the first axis' if expected else 'known sizes'}, got {self.type}"
            )
        if (self.stage is not None) != (role is Role.WORK):
            raise VerifyException(f"{role.value} buffer: a stage owns work buffers, and only them")
        if self.spikes is not None and (role is not Role.INPUT or self.type.element_type != i8):
            raise VerifyException("spikes: expected an input of i8")
        if self.signed is not None and not isinstance(self.type.element_type, IntegerType):
            raise VerifyException("signed: expected integers")
        if self.order is not None:
            if self.kind == STREAM:
                raise VerifyException("order: expected a sum or a last value")
            if sorted(self.order.get_values()) != list(range(len(self.shape))):
                raise VerifyException(
                    f"order: expected each of {len(self.shape)} axes once, "
                    f"got {list(self.order.get_values())}"
                )
        if self.sizes is not None and prod(self.sizes.get_values()) != prod(self.shape):
            raise VerifyException(
                f"sizes: expected {prod(self.shape)} elements, got {list(self.sizes.get_values())}"
            )

    def _verify_start(self, symbol: str) -> None:
        role = self.role.data
        if role is not Role.STATE:
            raise VerifyException(f"{role.value} buffer: only a state starts from an input")
        found = symbol_named(self, symbol)
        is_held = isinstance(found, BufferOp) and found.held is not None
        size = prod(found.shape) if isinstance(found, BufferOp) else 0
        if self.parent is not None and not (is_held and size == prod(self.shape)):
            raise VerifyException(
                f"from: expected an input of {prod(self.shape)} elements that is held, "
                f"got {symbol!r}"
            )


@irdl_op_definition
class RefOp(IRDLOperation):
    """
    A buffer as a value; with a step, its row for that step of the block (or that sample of the
    block, where it is sampled). The type may give the elements another shape.

        %w = kernel.ref @fc1.weight : memref<64x128xf32>
        %x = kernel.ref @input[%k] : memref<64xf32>
    """

    name = "kernel.ref"

    buffer = prop_def(FlatSymbolRefAttrConstr)
    step = opt_operand_def(IndexType())
    result = result_def(MemRefType)

    traits = traits_def(Pure())

    assembly_format = "$buffer (`[` $step^ `]`)? attr-dict `:` type($result)"

    def __init__(self, buffer: str, type: MemRef, step: SSAValue | None = None):
        super().__init__(
            operands=[step], properties={"buffer": SymbolRefAttr(buffer)}, result_types=[type]
        )

    @property
    def symbol(self) -> str:
        return self.buffer.root_reference.data

    @property
    def declaration(self) -> BufferOp:
        found = symbol_named(self, self.symbol)
        if not isinstance(found, BufferOp):
            raise VerifyException(f'no kernel.buffer is named "{self.symbol}"')
        return found

    def verify_(self) -> None:
        if self.get_parent_program() is None:
            return
        declared = self.declaration.type
        assert isinstance(self.result.type, MemRefType)
        shape = declared.get_shape() if self.step is None else declared.get_shape()[1:]
        if (
            prod(shape) != prod(self.result.type.get_shape())
            or declared.element_type != self.result.type.element_type
        ):
            raise VerifyException(
                f'buffer "{self.symbol}" is {declared}: expected {prod(shape)} elements of '
                f"{declared.element_type}, got {self.result.type}"
            )

    def get_parent_program(self) -> ProgramOp | None:
        parent = self.parent_op()
        while parent is not None and not isinstance(parent, ProgramOp):
            parent = parent.parent_op()
        return parent


@irdl_op_definition
class StageOp(IRDLOperation):
    """
    One layer, or one recurrent part: what runs for each step of a block before the next
    stage runs.

        kernel.stage "lif1" of ["fc1", "lif1"] (%steps) {
          scf.for %k = %c0 to %steps step %c1 { ... }
        }

    `%steps` is the number of steps in the block. `of` names the model's nodes in it.
    """

    name = "kernel.stage"

    stage_name = prop_def(StringAttr)
    nodes = prop_def(ArrayAttr[StringAttr])
    recurrent = opt_prop_def(UnitAttr)
    body = region_def("single_block")

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp), NoTerminator()))

    def __init__(
        self,
        name: str,
        nodes: Sequence[str],
        body: Region | None = None,
        *,
        recurrent: bool = False,
    ):
        super().__init__(
            properties={
                "stage_name": StringAttr(name),
                "nodes": ArrayAttr([StringAttr(name) for name in nodes]),
                "recurrent": UnitAttr() if recurrent else None,
            },
            regions=[Region(Block(arg_types=[IndexType()])) if body is None else body],
        )

    @property
    def steps(self) -> SSAValue:
        return self.body.block.args[0]

    def verify_(self) -> None:
        if self.body.block.arg_types != (IndexType(),):
            raise VerifyException("expected one argument: the steps of the block (index)")

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.stage_name.data)
        printer.print_string(" of ")
        printer.print_attribute(self.nodes)
        if self.recurrent is not None:
            printer.print_string(" recurrent")
        printer.print_string(" ")
        with printer.in_parens():
            printer.print_ssa_value(self.steps)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False, print_empty_block=False)

    @classmethod
    def parse(cls, parser: Parser) -> StageOp:
        name = parser.parse_str_literal(" for the name of the stage")
        parser.parse_keyword("of")
        nodes = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, lambda: parser.parse_str_literal(" for the name of a node")
        )
        recurrent = parser.parse_optional_keyword("recurrent") is not None
        parser.parse_punctuation("(")
        steps = parser.parse_argument(expect_type=False).resolve(IndexType())
        parser.parse_punctuation(")")
        attributes = parser.parse_optional_attr_dict_with_keyword()
        op = cls(name, nodes, parser.parse_region([steps]), recurrent=recurrent)
        if attributes is not None:
            op.attributes |= attributes.data
        return op


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """
    A scheduled network: buffers, then stages in the order in which they run.

        kernel.program @net block 16 { ... }

    `block` is the largest number of steps that a stage runs at once. A `reverse` program
    starts with the last steps of the caller's arrays, which stay in the order of time; within a
    block, its stages say themselves which row they take.

        kernel.program reverse @net block 100 sample 25 { ... }

    Where a `sample` has so many steps, the caller's arrays hold whole samples, one behind the
    other, and so does a block: its stages take them one by one, each from the first states
    (`kernel.restart`). A program that is reversed takes the samples in their order too.
    """

    name = "kernel.program"

    sym_name = prop_def(SymbolNameConstraint())
    block = prop_def(IntegerAttr.constr(IntegerType(64)))
    reverse = opt_prop_def(UnitAttr)
    sample = opt_prop_def(IntegerAttr.constr(IntegerType(64)))
    body = region_def("single_block")

    traits = traits_def(SymbolOpInterface(), SymbolTable(), NoTerminator())

    assembly_format = (
        "(`reverse` $reverse^)? $sym_name `block` $block (`sample` $sample^)? "
        "attr-dict-with-keyword $body"
    )

    def __init__(
        self,
        sym_name: str,
        block: int,
        body: Region | None = None,
        *,
        reverse: bool = False,
        sample: int | None = None,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "block": IntegerAttr(block, i64),
                "reverse": UnitAttr() if reverse else None,
                "sample": None if sample is None else IntegerAttr(sample, i64),
            },
            regions=[Region(Block()) if body is None else body],
        )

    @property
    def block_steps(self) -> int:
        return self.block.value.data

    @property
    def sample_steps(self) -> int | None:
        """The steps of a sample, where a block holds whole samples."""
        return None if self.sample is None else self.sample.value.data

    @property
    def is_reverse(self) -> bool:
        """Whether it goes from the last step to the first."""
        return self.reverse is not None

    def buffers(self, *roles: Role) -> list[BufferOp]:
        """The buffers of some roles (of all, where none is given), in order."""
        return [
            op
            for op in self.body.block.ops
            if isinstance(op, BufferOp) and (not roles or op.role.data in roles)
        ]

    @property
    def stages(self) -> list[StageOp]:
        return [op for op in self.body.block.ops if isinstance(op, StageOp)]

    def verify_(self) -> None:
        if self.block_steps < 1:
            raise VerifyException(f"block: expected at least 1 step, got {self.block_steps}")
        sample = self.sample_steps
        if sample is not None and (sample < 1 or self.block_steps % sample != 0):
            raise VerifyException(
                f"sample: expected a divisor of {self.block_steps} steps, got {sample}"
            )
        for op in self.body.block.ops:
            if not isinstance(op, BufferOp | StageOp):
                raise VerifyException(f"expected buffers and stages, got {op.name}")
            if isinstance(op, BufferOp) and op.sampled is not None and sample is None:
                raise VerifyException(f'buffer "{op.sym_name.data}": the program has no samples')
