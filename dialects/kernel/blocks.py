"""
Kernels that take all steps of a block at once, in which training spends its time, and what
parts a block into samples.

Sums take their terms in the order that the docstring states, whatever the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IndexType, IntegerType, MemRefType, UnitAttr, f32, i8, i16, i32
from xdsl.ir import SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.operands import element_count, memref_shape, memref_type
from snncc.dialects.kernel.program import RefOp
from snncc.dialects.snn.types import is_float

PANEL = 160 * 64
"""The most elements of a panel, some columns of a matrix: a first-level cache holds as many."""
PANEL_ROWS = 160
"""The most rows of a panel: four of the widest vectors of each fit in."""


def panel_of(rows: int, columns: int) -> int:
    """The size of a panel of so many rows: up to eight of the widest vectors of each."""
    return min(rows * min(columns, 128), PANEL)


@irdl_op_definition
class RestartOp(IRDLOperation):
    """
    States as they are at first: where a sample starts.

        kernel.restart %v, %position : memref<128xf32>, memref<1xi32>
    """

    name = "kernel.restart"

    states = var_operand_def(MemRefType)

    traits = traits_def(MemoryWriteEffect())

    assembly_format = "$states attr-dict `:` type($states)"

    def __init__(self, states: Sequence[SSAValue]):
        super().__init__(operands=[states])

    def verify_(self) -> None:
        for state in self.states:
            ref = state.owner
            if not isinstance(ref, RefOp):
                raise VerifyException("expected operands that are kernel.ref's")
            if ref.get_parent_program() is None:
                continue
            if ref.declaration.role.data is not Role.STATE:
                raise VerifyException(f'expected states, got "{ref.symbol}"')


@irdl_op_definition
class GatherStepsOp(IRDLOperation):
    """
    Sums the weight rows of active inputs for all steps of a block: what `kernel.compress` and
    `kernel.gather` compute step by step.

        out[k, o] = (0 + init[o]) + sum over i ascending of weight[i, o] * input[k, i]

        kernel.gather_steps %w, %x spikes steps %n list %l into %y
            : memref<64x128xf32>, memref<16x64xi8>, memref<64xi16> -> memref<16x128xf32>

    The weight passes by in parts, from which all steps take what they need while they are
    near; where an input is zero its row is left out. The list is room for the active inputs of
    one part. Integers count as 0.0, 1.0, ...; `spikes` are all 0 or 1.

    With a `panel`, which pays for many steps, some columns of a part are copied to it: the list
    is then room for the active inputs of all steps, at most 512, and their numbers.
    """

    name = "kernel.gather_steps"

    weight = operand_def(MemRefType)
    input = operand_def(MemRefType)
    steps = operand_def(IndexType())
    list = operand_def(MemRefType)
    panel = opt_operand_def(MemRefType)
    init = opt_operand_def(MemRefType)
    out = operand_def(MemRefType)
    spikes = opt_prop_def(UnitAttr)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$weight `,` $input (`spikes` $spikes^)? `steps` $steps `list` $list (`panel` $panel^)? "
        "(`init` $init^)? `into` $out attr-dict `:` type($weight) `,` type($input) `,` "
        "type($list) (`panel` type($panel)^)? (`init` type($init)^)? `->` type($out)"
    )

    PART: ClassVar[int] = 128  # the most rows of the weight that pass by at once
    MOST: ClassVar[int] = 512  # the most steps that they pass by
    MANY: ClassVar[int] = 128  # steps for which a panel pays
    COLUMNS: ClassVar[int] = 64  # for which a panel pays

    def __init__(
        self,
        weight: SSAValue,
        input: SSAValue,
        steps: SSAValue,
        list: SSAValue,
        out: SSAValue,
        init: SSAValue | None = None,
        panel: SSAValue | None = None,
        *,
        spikes: bool = False,
    ):
        super().__init__(
            operands=[weight, input, steps, list, panel, init, out],
            properties={"spikes": UnitAttr() if spikes else None},
        )

    @classmethod
    def rooms(cls, steps: int, inputs: int, outputs: int) -> tuple[int, int]:
        """The sizes of (list, panel); of the panel 0 where it does not pay."""
        if steps < cls.MANY or outputs < cls.COLUMNS:
            return min(inputs, cls.PART), 0
        rows = min(inputs, PANEL_ROWS)
        return min(steps, cls.MOST) * (rows + 1), panel_of(rows, outputs)

    def verify_(self) -> None:
        shapes = [memref_shape(v) for v in (self.weight, self.input, self.out)]
        if any(len(shape) != 2 for shape in shapes):
            raise VerifyException(
                "expected a weight [inputs, outputs], an input [steps, inputs] and an output "
                f"[steps, outputs], got {self.weight.type}, {self.input.type} and {self.out.type}"
            )
        (inputs, outputs), (steps, given), (taken, results) = shapes
        if given != inputs or results != outputs or taken != steps:
            raise VerifyException(
                f"expected {steps} steps of {inputs} inputs and {outputs} outputs, "
                f"got {self.input.type} and {self.out.type}"
            )
        element = memref_type(self.out).element_type
        if not is_float(element) or memref_type(self.weight).element_type != element:
            raise VerifyException(
                f"expected a weight and an output of f32 or of f64, "
                f"got {self.weight.type} and {self.out.type}"
            )
        source = memref_type(self.input).element_type
        if is_float(source) and source != element:
            raise VerifyException(f"input: expected elements of {element}, got {self.input.type}")
        init = self.init
        if init is not None and (
            element_count(init) != outputs or memref_type(init).element_type != element
        ):
            raise VerifyException(
                f"init: expected {outputs} elements of {element}, got {init.type}"
            )
        _expect_spikes(self.spikes, self.input)
        most, columns = self.rooms(steps, inputs, outputs)
        if self.panel is None:
            most, columns = min(inputs, self.PART), 0
        listed, panel = self.list, self.panel
        if memref_type(listed).element_type != IntegerType(16) or element_count(listed) != most:
            raise VerifyException(f"list: expected {most} elements of i16, got {listed.type}")
        if panel is not None and (
            element_count(panel) != columns or memref_type(panel).element_type != element
        ):
            raise VerifyException(f"panel: expected {columns} of {element}, got {panel.type}")


@irdl_op_definition
class OuterOp(IRDLOperation):
    """
    Adds the products of two streams to a sum over time: the gradient of a weight.

        out[g, m, n] += sum over p of left[k, p, g, n] * right[k, m, p, g]
                        for each step k of the block, in the order in which they run

        kernel.outer %left, %right steps %n list %list into %out
            : memref<16x1x1x128xf32>, memref<16x64x1x1xi8>, memref<16xi16> -> memref<1x64x128xf32>

    The sum of a step starts from +0, its terms come with p ascending; where `right` is zero a
    term is left out. The list is room for the steps and positions of one row that are not
    zero. Integers count as 0.0, 1.0, ...
    """

    name = "kernel.outer"

    left = operand_def(MemRefType)
    right = operand_def(MemRefType)
    steps = operand_def(IndexType())
    list = operand_def(MemRefType)
    out = operand_def(MemRefType)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$left `,` $right `steps` $steps `list` $list `into` $out attr-dict "
        "`:` type($left) `,` type($right) `,` type($list) `->` type($out)"
    )

    def __init__(
        self,
        left: SSAValue,
        right: SSAValue,
        steps: SSAValue,
        list: SSAValue,
        out: SSAValue,
    ):
        super().__init__(operands=[left, right, steps, list, out])

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """(steps of a block, positions, groups, elements of `left`, elements of `right`)."""
        steps, positions, groups, columns = memref_shape(self.left)
        return steps, positions, groups, columns, memref_shape(self.right)[1]

    def verify_(self) -> None:
        if len(memref_shape(self.left)) != 4 or len(memref_shape(self.right)) != 4:
            raise VerifyException(
                "expected [steps, positions, groups, elements] and [steps, elements, positions, "
                f"groups], got {self.left.type} and {self.right.type}"
            )
        steps, positions, groups, columns, rows = self.sizes
        element = memref_type(self.out).element_type
        if not is_float(element):
            raise VerifyException(f"out: expected elements of f32 or f64, got {element}")
        for what, value, shape in (
            ("right", self.right, (steps, rows, positions, groups)),
            ("list", self.list, (steps * positions,)),
            ("out", self.out, (groups, rows, columns)),
        ):
            if memref_shape(value) != shape:
                expected = "x".join(map(str, shape))
                raise VerifyException(f"{what}: expected {expected} elements, got {value.type}")
        for what, value in (("left", self.left), ("right", self.right)):
            given = memref_type(value).element_type
            if is_float(given) and given != element:
                raise VerifyException(f"{what}: expected elements of {element}, got {given}")
        listed = memref_type(self.list).element_type
        if not isinstance(listed, IntegerType) or steps * positions > 1 << listed.width.data:
            raise VerifyException(f"list: {listed} cannot hold {steps * positions} places")


@irdl_op_definition
class OuterRowsOp(IRDLOperation):
    """
    The same sum for layers that are fully connected: `kernel.outer` with one group and one
    position.

        out[m, n] += left[k, n] * right[k, m]
                     for each step k of the block, in the order in which they run

        kernel.outer_rows %left, %right spikes steps %n active %a list %l panel %p into %out
            : memref<16x128xf32>, memref<16x64xi8>, memref<64xi32>, memref<1088xi16>,
              memref<2048xf32> -> memref<64x128xf32>

    Where `right` is zero a term is left out; `spikes` are all 0 or 1. `active` is room for a
    bit for each element of `right`, in words of 32 steps; the list for the steps that each row
    of the sum takes, and their number; the panel for some columns of `left`. Each is for at
    most 160 steps.
    """

    name = "kernel.outer_rows"

    left = operand_def(MemRefType)
    right = operand_def(MemRefType)
    steps = operand_def(IndexType())
    active = operand_def(MemRefType)
    list = operand_def(MemRefType)
    panel = operand_def(MemRefType)
    out = operand_def(MemRefType)
    spikes = opt_prop_def(UnitAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$left `,` $right (`spikes` $spikes^)? `steps` $steps `active` $active `list` $list "
        "`panel` $panel `into` $out attr-dict `:` type($left) `,` type($right) `,` "
        "type($active) `,` type($list) `,` type($panel) `->` type($out)"
    )

    MOST: ClassVar[int] = PANEL_ROWS  # the most steps that a row takes at once

    def __init__(
        self,
        left: SSAValue,
        right: SSAValue,
        steps: SSAValue,
        active: SSAValue,
        list: SSAValue,
        panel: SSAValue,
        out: SSAValue,
        *,
        spikes: bool = False,
    ):
        super().__init__(
            operands=[left, right, steps, active, list, panel, out],
            properties={"spikes": UnitAttr() if spikes else None},
        )

    @classmethod
    def rooms(cls, steps: int, rows: int, columns: int) -> tuple[int, int, int]:
        """The sizes of (active, list, panel)."""
        most = min(steps, cls.MOST)
        return -(-most // 32) * rows, (most + 1) * rows, panel_of(most, columns)

    def verify_(self) -> None:
        shapes = [memref_shape(v) for v in (self.left, self.right, self.out)]
        if any(len(shape) != 2 for shape in shapes):
            raise VerifyException(
                "expected [steps, columns], [steps, rows] and an output [rows, columns], "
                f"got {self.left.type}, {self.right.type} and {self.out.type}"
            )
        (steps, columns), (taken, rows), out = shapes
        if taken != steps or out != (rows, columns):
            raise VerifyException(
                f"expected {steps} steps and an output of {rows}x{columns} elements, "
                f"got {self.right.type} and {self.out.type}"
            )
        element = memref_type(self.out).element_type
        if not is_float(element):
            raise VerifyException(f"out: expected elements of f32 or f64, got {element}")
        for what, value in (("left", self.left), ("right", self.right)):
            given = memref_type(value).element_type
            if is_float(given) and given != element:
                raise VerifyException(f"{what}: expected elements of {element}, got {given}")
        if memref_type(self.left).element_type != element:
            raise VerifyException(f"left: expected elements of {element}, got {self.left.type}")
        _expect_spikes(self.spikes, self.right)
        active, listed, panel = self.rooms(steps, rows, columns)
        for what, value, count, type in (
            ("active", self.active, active, i32),
            ("list", self.list, listed, i16),
            ("panel", self.panel, panel, element),
        ):
            if element_count(value) != count or memref_type(value).element_type != type:
                raise VerifyException(f"{what}: expected {count} of {type}, got {value.type}")


@irdl_op_definition
class ProjectOp(IRDLOperation):
    """
    Weighted sums for all steps of a block, of a weight whose rows are the results: what
    `kernel.dense` computes with the weight transposed, which is not needed so.

        out[k, r] = sum over c ascending, from +0, of weight[r, c] * input[k, c]

        kernel.project %w, %x steps %n room %t into %y
            : memref<64x128xf32>, memref<16x128xf32>, memref<12416xf32> -> memref<16x64xf32>

    The room holds, for at most 512 steps, the input with the steps innermost, padded to
    vectors; some rows of the weight, of some columns; and the sums of these rows. Of up to 32
    columns it holds all of the weight, turned, and no more. Where it is `fused`, a product and
    its addition to the sum are rounded once (fma); of f32.
    """

    name = "kernel.project"

    weight = operand_def(MemRefType)
    input = operand_def(MemRefType)
    steps = operand_def(IndexType())
    room = operand_def(MemRefType)
    out = operand_def(MemRefType)
    fused = opt_prop_def(UnitAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "(`fused` $fused^)? $weight `,` $input `steps` $steps `room` $room `into` $out attr-dict "
        "`:` type($weight) `,` type($input) `,` type($room) `->` type($out)"
    )

    STEPS: ClassVar[int] = 16  # the room's multiple: the widest vector
    MOST: ClassVar[int] = 512  # the most steps that are in the room at once
    ROWS: ClassVar[int] = 128  # the most rows of the weight whose sums are
    SPARE: ClassVar[int] = 8  # the rows more that fill what is computed together
    COLUMNS: ClassVar[int] = 128  # the most columns of the weight that are there at once
    FEW: ClassVar[int] = 32  # up to so many columns all of the weight is there instead

    def __init__(
        self,
        weight: SSAValue,
        input: SSAValue,
        steps: SSAValue,
        room: SSAValue,
        out: SSAValue,
        *,
        fused: bool = False,
    ):
        super().__init__(
            operands=[weight, input, steps, room, out],
            properties={"fused": UnitAttr() if fused else None},
        )

    @classmethod
    def room_of(cls, steps: int, rows: int, columns: int) -> int:
        """The elements of the room for a block of so many steps."""
        if columns <= cls.FEW:
            return rows * columns
        padded = min(-(-steps // cls.STEPS) * cls.STEPS, cls.MOST)
        held = min(rows, cls.ROWS) + cls.SPARE
        return padded * columns + held * (min(columns, cls.COLUMNS) + padded)

    def verify_(self) -> None:
        shapes = [memref_shape(v) for v in (self.weight, self.input, self.out)]
        if any(len(shape) != 2 for shape in shapes):
            raise VerifyException(
                "expected a weight [results, inputs], an input [steps, inputs] and an output "
                f"[steps, results], got {self.weight.type}, {self.input.type} and {self.out.type}"
            )
        (rows, columns), (steps, inputs), (taken, results) = shapes
        if inputs != columns or results != rows or taken != steps:
            raise VerifyException(
                f"expected {steps} steps of {columns} inputs and {rows} results, "
                f"got {self.input.type} and {self.out.type}"
            )
        element = memref_type(self.weight).element_type
        for what, value in (("input", self.input), ("room", self.room), ("out", self.out)):
            if memref_type(value).element_type != element or not is_float(element):
                raise VerifyException(f"{what}: expected elements of {element}, got {value.type}")
        if self.fused is not None and element != f32:
            raise VerifyException(f"fused: expected elements of f32, got {element}")
        least = self.room_of(steps, rows, columns)
        if element_count(self.room) != least:
            raise VerifyException(f"room: expected {least} elements, got {self.room.type}")


def _expect_spikes(spikes: UnitAttr | None, value: SSAValue) -> None:
    if spikes is not None and memref_type(value).element_type != i8:
        raise VerifyException(f"spikes: expected elements of i8, got {value.type}")
