"""Writing `arith`, `scf` and `memref`: one method for one operation, loops as `with` blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from xdsl.builder import Builder
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import (
    AnyFloat,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.snn.types import integer_width, is_float

Index = SSAValue | int
"""An index that is computed, or known: constants are written once for a function."""


class Code:
    """The body of a function while it is written."""

    def __init__(self, block: Block):
        self._entry = block
        self._builder = Builder(InsertPoint.at_end(block))
        self._constants: dict[Attribute, arith.ConstantOp] = {}
        self._last_constant: arith.ConstantOp | None = None

    def insert(self, op: Operation) -> SSAValue:
        """Inserts an operation with one result."""
        self._builder.insert(op)
        return op.results[0]

    def write(self, op: Operation) -> None:
        """Inserts an operation, whatever its results."""
        self._builder.insert(op)

    # constants stand at the top of the function

    def constant(self, value: IntegerAttr | FloatAttr) -> SSAValue:
        if value not in self._constants:
            op, first = arith.ConstantOp(value), self._entry.first_op
            if self._last_constant is not None:
                self._entry.insert_op_after(op, self._last_constant)
            elif first is not None:
                self._entry.insert_op_before(op, first)
            else:
                self._entry.add_op(op)
            self._constants[value] = self._last_constant = op
        return self._constants[value].result

    def index(self, value: Index) -> SSAValue:
        if isinstance(value, SSAValue):
            return value
        return self.constant(IntegerAttr(value, IndexType()))

    def number(self, value: float, type: Attribute) -> SSAValue:
        """A constant of a float or integer type."""
        if isinstance(type, AnyFloat):
            return self.constant(FloatAttr(float(value), type))
        assert isinstance(type, IntegerType)
        return self.constant(IntegerAttr(int(value), type))

    # arithmetic on indices; neutral elements are left out

    def add(self, a: Index, b: Index) -> SSAValue:
        if a == 0 or b == 0:
            return self.index(b if a == 0 else a)
        return self.insert(arith.AddiOp(self.index(a), self.index(b)))

    def subtract(self, a: Index, b: Index) -> SSAValue:
        if b == 0:
            return self.index(a)
        return self.insert(arith.SubiOp(self.index(a), self.index(b)))

    def multiply(self, a: Index, b: Index) -> SSAValue:
        if a == 1 or b == 1:
            return self.index(b if a == 1 else a)
        return self.insert(arith.MuliOp(self.index(a), self.index(b)))

    def divide(self, a: Index, b: Index) -> SSAValue:
        """Of numbers that are not negative."""
        if b == 1:
            return self.index(a)
        return self.insert(arith.DivUIOp(self.index(a), self.index(b)))

    def remainder(self, a: Index, b: Index) -> SSAValue:
        """Of numbers that are not negative."""
        if b == 1:
            return self.index(0)
        return self.insert(arith.RemUIOp(self.index(a), self.index(b)))

    def least(self, a: Index, b: Index) -> SSAValue:
        return self.insert(arith.MinSIOp(self.index(a), self.index(b)))

    def most(self, a: Index, b: Index) -> SSAValue:
        return self.insert(arith.MaxSIOp(self.index(a), self.index(b)))

    def compare(self, predicate: str, a: Index, b: Index) -> SSAValue:
        return self.insert(arith.CmpiOp(self.index(a), self.index(b), predicate))

    def both(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.AndIOp(a, b))

    # arithmetic on elements

    def sum(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert((arith.AddfOp if is_float(a.type) else arith.AddiOp)(a, b))

    def product(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert((arith.MulfOp if is_float(a.type) else arith.MuliOp)(a, b))

    def is_active(self, value: SSAValue) -> SSAValue:
        """`i1`: whether an element is not zero."""
        zero = self.number(0, value.type)
        if isinstance(value.type, AnyFloat):
            return self.insert(arith.CmpfOp(value, zero, "une"))
        return self.insert(arith.CmpiOp(value, zero, "ne"))

    def as_term(self, value: SSAValue, type: Attribute) -> SSAValue:
        """An element as a term of a sum: integers are counts in a sum of floats, else signed."""
        if value.type == type:
            return value
        if isinstance(type, IntegerType):
            wider = integer_width(type) > integer_width(value.type)
            return self.insert((arith.ExtSIOp if wider else arith.TruncIOp)(value, type))
        assert isinstance(type, AnyFloat)
        if isinstance(value.type, IntegerType):
            return self.insert(arith.UIToFPOp(value, type))
        if isinstance(type, Float64Type):
            return self.insert(arith.ExtFOp(value, type))
        return self.insert(arith.TruncFOp(value, type))

    def index_of(self, value: SSAValue) -> SSAValue:
        """A stored unsigned integer as an index."""
        assert isinstance(value.type, IntegerType)
        if value.type.width.data < i64.width.data:
            value = self.insert(arith.ExtUIOp(value, i64))
        return self.insert(arith.IndexCastOp(value, IndexType()))

    def stored_index(self, value: SSAValue, type: Attribute) -> SSAValue:
        """An index as a stored integer that is known to hold it."""
        return self.insert(arith.IndexCastOp(value, type))

    # memory and loops

    def load(self, array: SSAValue, *indices: Index) -> SSAValue:
        return self.insert(memref.LoadOp.get(array, [self.index(i) for i in indices]))

    def store(self, value: SSAValue, array: SSAValue, *indices: Index) -> None:
        self.write(memref.StoreOp.get(value, array, [self.index(i) for i in indices]))

    @contextmanager
    def _inside(self, block: Block) -> Iterator[None]:
        outer, self._builder = self._builder, Builder(InsertPoint.at_end(block))
        yield
        if not isinstance(block.last_op, scf.YieldOp):
            self.write(scf.YieldOp())
        self._builder = outer

    @contextmanager
    def loop(self, stop: Index, first: Index = 0, step: Index = 1) -> Iterator[SSAValue]:
        """Operations written inside run for each index from `first` to below `stop`."""
        block = Block(arg_types=[IndexType()])
        bounds = [self.index(value) for value in (first, stop, step)]
        self.write(scf.ForOp(bounds[0], bounds[1], bounds[2], [], block))
        with self._inside(block):
            yield block.args[0]

    @contextmanager
    def loops(self, sizes: Sequence[Index]) -> Iterator[tuple[SSAValue, ...]]:
        """A nest of loops, the last size innermost; a size of 1 needs none."""
        with ExitStack() as nest:
            yield tuple(
                self.index(0) if size == 1 else nest.enter_context(self.loop(size))
                for size in sizes
            )

    @contextmanager
    def carrying_loop(
        self, stop: Index, first: SSAValue
    ) -> Iterator[tuple[SSAValue, SSAValue, scf.ForOp]]:
        """A loop that carries a value: (index, value, loop); `carry` ends it with the next one."""
        block = Block(arg_types=[IndexType(), first.type])
        zero, one = self.index(0), self.index(1)
        op = scf.ForOp(zero, self.index(stop), one, [first], block)
        self.write(op)
        with self._inside(block):
            yield block.args[0], block.args[1], op

    def carry(self, value: SSAValue) -> None:
        self.write(scf.YieldOp(value))

    @contextmanager
    def when(self, condition: SSAValue) -> Iterator[None]:
        block = Block()
        self.write(scf.IfOp(condition, [], Region(block)))
        with self._inside(block):
            yield


def unsupported(op: Operation, what: str) -> PassFailedException:
    return PassFailedException(f"kernel-to-standard: {op.name}: {what}")
