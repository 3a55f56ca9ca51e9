"""The program: its stages in order, and how they refer to its buffers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import (
    ArrayAttr,
    FlatSymbolRefAttrConstr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Block, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
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

from snncc.dialects.kernel.buffers import BufferOp, MemRef, Role
from snncc.dialects.kernel.packing import ReadsPacked
from snncc.dialects.symbols import symbol_named


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
        if self.declaration.packed is not None:
            self._verify_packed(declared.get_shape()[-1])

    def _verify_packed(self, columns: int) -> None:
        """Only some kernels read what is packed, as they know the rows."""
        assert isinstance(self.result.type, MemRefType)
        if self.result.type.get_shape()[-1:] != (columns,):
            raise VerifyException(
                f'buffer "{self.symbol}" is packed in rows of {columns}, got {self.result.type}'
            )
        for use in self.result.uses:
            if use.index != 0 or not use.operation.has_trait(ReadsPacked):
                raise VerifyException(
                    f'buffer "{self.symbol}" is packed: {use.operation.name} does not unpack '
                    f"operand {use.index}"
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

    `%steps` is the number of steps in the block. `of` names the model's nodes in it. A stage
    that `converts` does no more than turn a float input of the caller into whole numbers, or
    whole numbers into a float output: a caller that has whole numbers goes without it.
    """

    name = "kernel.stage"

    stage_name = prop_def(StringAttr)
    nodes = prop_def(ArrayAttr[StringAttr])
    recurrent = opt_prop_def(UnitAttr)
    converts = opt_prop_def(UnitAttr)
    body = region_def("single_block")

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp), NoTerminator()))

    def __init__(
        self,
        name: str,
        nodes: Sequence[str],
        body: Region | None = None,
        *,
        recurrent: bool = False,
        converts: bool = False,
    ):
        super().__init__(
            properties={
                "stage_name": StringAttr(name),
                "nodes": ArrayAttr([StringAttr(name) for name in nodes]),
                "recurrent": UnitAttr() if recurrent else None,
                "converts": UnitAttr() if converts else None,
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
        if self.converts is not None:
            printer.print_string(" converts")
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
        converts = parser.parse_optional_keyword("converts") is not None
        parser.parse_punctuation("(")
        steps = parser.parse_argument(expect_type=False).resolve(IndexType())
        parser.parse_punctuation(")")
        attributes = parser.parse_optional_attr_dict_with_keyword()
        body = parser.parse_region([steps])
        op = cls(name, nodes, body, recurrent=recurrent, converts=converts)
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
