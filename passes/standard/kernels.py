"""Each kernel as loops over memory, in the order of terms that its docstring states."""

from __future__ import annotations

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, IntegerAttr, IntegerType, i8, i32
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import kernel
from snncc.dialects.kernel.operands import element_count, memref_shape, memref_type
from snncc.dialects.snn.attributes import Pool
from snncc.passes.standard.code import Code, Index, unsupported
from snncc.passes.standard.memory import Memory


class KernelWriter:
    """Writes kernels; `values` are the operands that are not memory."""

    def __init__(self, code: Code, memory: Memory, values: dict[SSAValue, SSAValue]):
        self.code = code
        self.memory = memory
        self.values = values

    def write(self, op: Operation) -> None:
        match op:
            case kernel.CompressOp():
                self._compress(op)
            case kernel.GatherOp():
                self._gather(op)
            case kernel.DenseOp():
                self._dense(op)
            case kernel.GatherStepsOp():
                self._gather_steps(op)
            case kernel.OuterOp():
                self._outer(op)
            case kernel.OuterRowsOp():
                self._outer_rows(op)
            case kernel.ProjectOp():
                self._project(op)
            case kernel.PackOp():
                self._pack(op)
            case kernel.UnpackOp():
                self._unpack(op)
            case kernel.ScatterOp():
                self._scatter(op)
            case kernel.PoolOp():
                self._pool(op)
            case kernel.InsertOp():
                self._insert(op)
            case kernel.RearrangeOp():
                self._rearrange(op)
            case kernel.DelayReadOp():
                self._delay_read(op)
            case kernel.DelayWriteOp():
                self._delay_write(op)
            case _:
                raise unsupported(op, "no lowering")

    def _flat(self, op: Operation, value: SSAValue) -> SSAValue:
        return self.memory.flat(op, value)

    def _shaped(self, op: Operation, value: SSAValue) -> SSAValue:
        return self.memory.shaped(op, value, memref_shape(value))

    def _compress(self, op: kernel.CompressOp) -> None:
        """Without a branch: every index is stored at the list's end, which moves for some."""
        code = self.code
        source, listed = self._flat(op, op.source), self._flat(op, op.list)
        with code.carrying_loop(element_count(op.source), code.index(0)) as (index, count, loop):
            active = code.is_active(code.load(source, index))
            code.store(code.stored_index(index, memref_type(op.list).element_type), listed, count)
            following = code.add(count, 1)
            code.carry(code.insert(arith.SelectOp(active, following, count)))
        self.values[op.count] = loop.results[0]

    def _pack(self, op: kernel.PackOp) -> None:
        """Byte by byte: each bit is moved to its place in turn."""
        code = self.code
        source, out = self._flat(op, op.source), self._flat(op, op.out)
        zero = code.number(0, i8)
        with code.loop(element_count(op.out)) as byte:
            code.store(zero, out, byte)
        with code.loop(element_count(op.source)) as i:
            shift = code.stored_index(code.remainder(i, 8), i8)
            bit = code.insert(arith.ShLIOp(code.load(source, i), shift))
            byte = code.divide(i, 8)
            code.store(code.insert(arith.OrIOp(code.load(out, byte), bit)), out, byte)

    def _unpack(self, op: kernel.UnpackOp) -> None:
        code = self.code
        source, out = self._flat(op, op.source), self._flat(op, op.out)
        with code.loop(element_count(op.out)) as i:
            shift = code.stored_index(code.remainder(i, 8), i8)
            moved = code.insert(arith.ShRUIOp(code.load(source, code.divide(i, 8)), shift))
            code.store(code.insert(arith.AndIOp(moved, code.number(1, i8))), out, i)

    # sums

    def _start(self, op: Operation, out: SSAValue, init: SSAValue | None, outputs: int) -> None:
        """out = 0, or 0 + init for each element of the last axis."""
        code = self.code
        element = memref_type(out).element_type
        zero = code.number(0, element)
        places = element_count(out) // outputs
        shape = (outputs,) if places == 1 else (places, outputs)
        target = self.memory.shaped(op, out, shape)
        each = None if init is None else self._flat(op, init)
        with code.loops(shape) as place:
            value = zero if each is None else code.sum(zero, code.load(each, place[-1]))
            code.store(value, target, *place)

    def _accumulate(
        self, weight: SSAValue, out: SSAValue, place: tuple[SSAValue, ...], factor: SSAValue | None
    ) -> None:
        """out[place] += weight (* factor): the product is rounded before it is added."""
        code = self.code
        weight = code.as_term(weight, memref_type(out).element_type)
        term = weight if factor is None else code.product(weight, factor)
        code.store(code.sum(code.load(out, *place), term), out, *place)

    def _event_value(
        self, op: kernel.GatherOp | kernel.ScatterOp, event: SSAValue, element: Attribute
    ) -> SSAValue | None:
        """What an active input counts; None for 1."""
        if op.values is None:
            return None
        return self.code.as_term(self.code.load(self._flat(op, op.values), event), element)

    def _gather(self, op: kernel.GatherOp) -> None:
        code = self.code
        _, outputs = memref_shape(op.weight)
        element = memref_type(op.out).element_type
        self._start(op, op.out, op.init, outputs)
        weight, listed = self._shaped(op, op.weight), self._flat(op, op.list)
        out = self._flat(op, op.out)
        with code.loop(self.values[op.count]) as entry:
            event = code.index_of(code.load(listed, entry))
            factor = self._event_value(op, event, element)
            with code.loop(outputs) as o:
                self._accumulate(code.load(weight, event, o), out, (o,), factor)

    def _dense(self, op: kernel.DenseOp) -> None:
        code = self.code
        inputs, outputs = memref_shape(op.weight)
        element = memref_type(op.out).element_type
        self._start(op, op.out, op.init, outputs)
        weight, source = self._shaped(op, op.weight), self._flat(op, op.input)
        out = self._flat(op, op.out)
        with code.loop(inputs) as i:
            factor = code.as_term(code.load(source, i), element)
            with code.loop(outputs) as o:
                self._accumulate(code.load(weight, i, o), out, (o,), factor)

    def _gather_steps(self, op: kernel.GatherStepsOp) -> None:
        """The list is not needed: what is zero adds nothing."""
        code = self.code
        inputs, outputs = memref_shape(op.weight)
        element = memref_type(op.out).element_type
        weight, source = self._shaped(op, op.weight), self._shaped(op, op.input)
        out = self._shaped(op, op.out)
        init = None if op.init is None else self._flat(op, op.init)
        zero = code.number(0, element)
        with code.loop(self._steps(op.steps)) as step:
            with code.loop(outputs) as o:
                first = zero if init is None else code.sum(zero, code.load(init, o))
                code.store(first, out, step, o)
            with code.loop(inputs) as i:
                factor = code.as_term(code.load(source, step, i), element)
                with code.loop(outputs) as o:
                    self._accumulate(code.load(weight, i, o), out, (step, o), factor)

    def _outer(self, op: kernel.OuterOp) -> None:
        """Step after step; the list is not needed. The sum of a step starts from +0."""
        code = self.code
        _, positions, groups, columns, rows = op.sizes
        element = memref_type(op.out).element_type
        left, right = self._shaped(op, op.left), self._shaped(op, op.right)
        out = self._shaped(op, op.out)
        zero = code.number(0, element)
        with (
            code.loop(self._steps(op.steps)) as step,
            code.loops((groups, rows, columns)) as (group, row, column),
        ):
            with code.carrying_loop(positions, zero) as (position, total, made):
                a = code.as_term(code.load(left, step, position, group, column), element)
                b = code.as_term(code.load(right, step, row, position, group), element)
                code.carry(code.sum(total, code.product(a, b)))
            whole = code.sum(code.load(out, group, row, column), made.results[0])
            code.store(whole, out, group, row, column)

    def _outer_rows(self, op: kernel.OuterRowsOp) -> None:
        """Step after step; the rooms are not needed."""
        code = self.code
        rows, columns = memref_shape(op.out)
        element = memref_type(op.out).element_type
        left, right = self._shaped(op, op.left), self._shaped(op, op.right)
        out = self._shaped(op, op.out)
        with code.loop(self._steps(op.steps)) as step, code.loop(rows) as row:
            factor = code.as_term(code.load(right, step, row), element)
            with code.loop(columns) as column:
                self._accumulate(code.load(left, step, column), out, (row, column), factor)

    def _project(self, op: kernel.ProjectOp) -> None:
        """The room is not needed."""
        code = self.code
        rows, columns = memref_shape(op.weight)
        weight, source = self._shaped(op, op.weight), self._shaped(op, op.input)
        out = self._shaped(op, op.out)
        zero = code.number(0, memref_type(op.out).element_type)
        with code.loop(self._steps(op.steps)) as step, code.loop(rows) as row:
            with code.carrying_loop(columns, zero) as (column, total, made):
                a, b = code.load(weight, row, column), code.load(source, step, column)
                if op.fused is None:
                    code.carry(code.sum(total, code.product(a, b)))
                else:
                    code.carry(code.insert(math.FmaOp(a, b, total)))
            code.store(made.results[0], out, step, row)

    def _steps(self, steps: SSAValue) -> Index:
        """How many steps a kernel takes."""
        owner = steps.owner
        if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
            return owner.value.value.data
        return self.values[steps]

    def _scatter(self, op: kernel.ScatterOp) -> None:
        code = self.code
        _, kernel_rows, kernel_columns, per_group = memref_shape(op.weight)
        _, width, channels = op.input_sizes
        rows, columns, outputs = op.output_sizes
        element = memref_type(op.out).element_type
        self._start(op, op.out, op.init, outputs)
        weight, listed = self._shaped(op, op.weight), self._flat(op, op.list)
        out = self.memory.shaped(op, op.out, (rows, columns, outputs))
        with code.loop(self.values[op.count]) as entry:
            event = code.index_of(code.load(listed, entry))
            factor = self._event_value(op, event, element)
            y = code.divide(event, width * channels)
            x = code.divide(code.remainder(event, width * channels), channels)
            channel = code.remainder(event, channels)
            group = code.divide(channel, channels // op.group_count)
            first = code.multiply(group, per_group)
            with code.loop(kernel_rows) as i:
                below = self._tap(y, i, op.paddings[0], op.dilations[0])
                with code.when(self._meets(below, op.strides[0], rows)):
                    row = code.divide(below, op.strides[0])
                    with code.loop(kernel_columns) as j:
                        beside = self._tap(x, j, op.paddings[1], op.dilations[1])
                        with code.when(self._meets(beside, op.strides[1], columns)):
                            column = code.divide(beside, op.strides[1])
                            with code.loop(per_group) as o:
                                self._accumulate(
                                    code.load(weight, channel, i, j, o),
                                    out,
                                    (row, column, code.add(first, o)),
                                    factor,
                                )

    def _tap(self, place: SSAValue, tap: SSAValue, before: int, dilation: int) -> SSAValue:
        """Where the window that has `place` at its element `tap` starts, times the stride."""
        code = self.code
        return code.subtract(code.add(place, before), code.multiply(tap, dilation))

    def _meets(self, start: SSAValue, stride: int, size: int) -> SSAValue:
        """`i1`: whether an output's window starts there."""
        code = self.code
        inside = code.both(code.compare("sge", start, 0), code.compare("slt", start, stride * size))
        if stride == 1:
            return inside
        # where `start` is negative the remainder means nothing, and `inside` is false
        return code.both(inside, code.compare("eq", code.remainder(start, stride), 0))

    # pools, concatenation, rearrangement, delays

    def _pool(self, op: kernel.PoolOp) -> None:
        """The loops over a window end at the edges of the input: padding adds nothing."""
        code = self.code
        element = memref_type(op.out).element_type
        largest = op.pool.data is Pool.MAX
        low = 0 if not largest else float("-inf")
        if largest and isinstance(element, IntegerType):
            low = -(1 << (element.width.data - 1))
        source, out = self._shaped(op, op.input), self._shaped(op, op.out)
        height, width, _ = memref_shape(op.input)
        with code.loops(memref_shape(op.out)) as (y, x, c):
            code.store(code.number(low, element), out, y, x, c)
            top, first_row, last_row = self._window(op, y, 0, height)
            left, first_column, last_column = self._window(op, x, 1, width)
            with (
                code.loop(last_row, first_row) as i,
                code.loop(last_column, first_column) as j,
            ):
                value = code.load(source, code.add(top, i), code.add(left, j), c)
                total = code.load(out, y, x, c)
                if not largest:
                    total = code.sum(total, code.as_term(value, element))
                elif isinstance(element, AnyFloat):
                    total = code.insert(arith.MaximumfOp(total, value))
                else:
                    total = code.insert(arith.MaxSIOp(total, value))
                code.store(total, out, y, x, c)
            if op.pool.data is Pool.AVG:
                if op.exclude_padding is None:
                    count = code.number(op.kernels[0] * op.kernels[1], element)
                else:
                    inside = code.multiply(
                        code.subtract(last_row, first_row),
                        code.subtract(last_column, first_column),
                    )
                    count = code.as_term(code.stored_index(inside, i32), element)
                mean = code.insert(arith.DivfOp(code.load(out, y, x, c), count))
                code.store(mean, out, y, x, c)

    def _window(
        self, op: kernel.PoolOp, place: SSAValue, axis: int, size: int
    ) -> tuple[SSAValue, SSAValue, SSAValue]:
        """(where a window starts in the input, its first and behind its last element inside)."""
        code = self.code
        scaled = code.multiply(place, op.strides[axis])
        start = code.subtract(scaled, op.paddings[axis])
        first = code.most(code.subtract(0, start), 0)
        return start, first, code.least(code.subtract(size, start), op.kernels[axis])

    def _insert(self, op: kernel.InsertOp) -> None:
        code = self.code
        source, out = self._shaped(op, op.source), self._shaped(op, op.out)
        with code.loops(memref_shape(op.source)) as place:
            moved = [code.add(i, offset) for i, offset in zip(place, op.places, strict=True)]
            code.store(code.load(source, *place), out, *moved)

    def _rearrange(self, op: kernel.RearrangeOp) -> None:
        code = self.code
        source, places = self._flat(op, op.source), self._flat(op, op.places)
        out = self._flat(op, op.out)
        zero = code.number(0, memref_type(op.out).element_type)
        with code.loops((element_count(op.places), op.run)) as (i, j):
            target = code.add(code.multiply(i, op.run), j)
            start = code.index_of(code.load(places, i))
            if op.zeros is None:
                code.store(code.load(source, code.add(start, j)), out, target)
                return
            code.store(zero, out, target)
            with code.when(code.compare("ult", start, element_count(op.source))):
                code.store(code.load(source, code.add(start, j)), out, target)

    def _row(self, op: Operation, position: SSAValue) -> SSAValue:
        return self.code.index_of(self.code.load(self._flat(op, position), 0))

    def _delay_read(self, op: kernel.DelayReadOp) -> None:
        code, depth, size = self.code, memref_shape(op.line)[0], element_count(op.out)
        line, out = self.memory.shaped(op, op.line, (depth, size)), self._flat(op, op.out)
        oldest = code.add(self._row(op, op.position), depth)
        if len(op.per_element) == 1 and op.now is None:
            row = code.remainder(code.subtract(oldest, op.per_element[0]), depth)
            with code.loop(size) as i:
                code.store(code.load(line, row, i), out, i)
            return
        symbol = op.line.owner
        assert isinstance(symbol, kernel.RefOp)
        steps = np.broadcast_to(np.array(op.per_element, np.int32), (size,))
        table = self.memory.table(f"{symbol.symbol}.steps", steps.astype(np.uint32))
        now = None if op.now is None else self._flat(op, op.now)
        with code.loop(size) as i:
            back = code.index_of(code.load(table, i))
            value = code.load(line, code.remainder(code.subtract(oldest, back), depth), i)
            if now is not None:
                passes = code.compare("eq", back, 0)
                value = code.insert(arith.SelectOp(passes, code.load(now, i), value))
            code.store(value, out, i)

    def _delay_write(self, op: kernel.DelayWriteOp) -> None:
        code, depth, size = self.code, memref_shape(op.line)[0], element_count(op.source)
        line, source = self.memory.shaped(op, op.line, (depth, size)), self._flat(op, op.source)
        row = self._row(op, op.position)
        with code.loop(size) as i:
            code.store(code.load(source, i), line, row, i)
        following = code.remainder(code.add(row, 1), depth)
        code.store(code.stored_index(following, i32), self._flat(op, op.position), 0)
