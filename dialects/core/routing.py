"""
How spikes travel on a chip of several cores: copies of neurons, axons and routes, the output bus.

A core has numbered axons; a crossbar connects them to its neurons. What comes in by an axon is
the spikes of one source, `delay` steps later than the edge's latency says, and the weight with
which a neuron takes it is picked by the axon's type from the neuron's table. So a source needs one
axon in a core for each type and delay in which neurons there use it. Where a neuron has few
destinations (`grid.fan_out`), there are copies of it: neurons with the same inputs and numbers.

Which axon reaches which neuron is not written down: it follows from the synapses
(`snncc.dialects.core.wiring`).
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation, irdl_op_definition, lazy_traits_def, prop_def
from xdsl.traits import HasParent
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.arrays import Array
from snncc.dialects.core.placement import CoresOp
from snncc.dialects.core.program import PopulationOp, ProgramOp, numbers_of


class _TableOp(IRDLOperation):
    """Numbers of the neurons of a population, or of an input."""

    of = prop_def(FlatSymbolRefAttrConstr)
    table = prop_def(FlatSymbolRefAttrConstr)

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$of `table` $table attr-dict"

    def __init__(self, of: str, table: str):
        super().__init__(properties={"of": SymbolRefAttr(of), "table": SymbolRefAttr(table)})

    @property
    def owner_name(self) -> str:
        return self.of.root_reference.data

    def numbers(self) -> Array:
        return numbers_of(self, self.table)

    def _expect(self, columns: Sequence[str], limits: Sequence[int | None]) -> None:
        """A table of these columns, whose numbers are 0 to limit - 1."""
        table, name = self.numbers(), self.owner_name
        if table.ndim != 2 or table.shape[1] != len(columns):
            raise VerifyException(
                f"{name}: expected columns {', '.join(columns)}, got {list(table.shape)}"
            )
        for column, limit, values in zip(columns, limits, table.T, strict=True):
            if not values.size:
                continue
            if values.min() < 0 or (limit is not None and values.max() >= limit):
                end = "" if limit is None else f" to {limit - 1}"
                raise VerifyException(
                    f"{name}: {column}: expected 0{end}, got {values.min()} to {values.max()}"
                )

    def _program(self) -> ProgramOp | None:
        program = self.parent_op()
        return program if isinstance(program, ProgramOp) else None

    def _population(self) -> PopulationOp | None:
        """The owner; None outside of a program. Raises VerifyException where it is another."""
        program = self._program()
        op = None if program is None else program.endings.get(self.owner_name)
        if program is not None and not isinstance(op, PopulationOp):
            raise VerifyException(f"{self.owner_name}: is no population")
        return op if isinstance(op, PopulationOp) else None


@irdl_op_definition
class CopiesOp(_TableOp):
    """
    Other neurons that compute the same as elements of a population, [copies, 3]: element, core,
    slot. Numbers of neurons count on: of a population of n, copy i is neuron n + i.

        core.copies @lif1 table @lif1.copies
    """

    name = "core.copies"

    def verify_(self) -> None:
        program, op = self._program(), self._population()
        if program is None or op is None:
            return
        self._expect(("element", "core", "slot"), (op.size, _cores(program), None))


@irdl_op_definition
class WeightsOp(_TableOp):
    """
    The weight with which each element of a population takes what comes by axons of each type,
    [types, n]:

        core.weights @lif1 table @lif1.table
    """

    name = "core.weights"

    def verify_(self) -> None:
        op = self._population()
        if op is None:
            return
        shape = self.numbers().shape
        if len(shape) != 2 or shape[1] != op.size:
            raise VerifyException(
                f"{self.owner_name}: expected [types, {op.size}], got {list(shape)}"
            )


@irdl_op_definition
class RoutesOp(_TableOp):
    """
    Where spikes go, [routes, 5]: neuron, core, axon, type, delay. Neurons are elements, and after
    them copies; those of an input are its elements.

        core.routes @lif1 table @lif1.routes
    """

    name = "core.routes"

    def verify_(self) -> None:
        program = self._program()
        if program is not None:
            self._expect(
                ("neuron", "core", "axon", "type", "delay"),
                (_neurons(program, self.owner_name), _cores(program), None, None, None),
            )


@irdl_op_definition
class LinesOp(_TableOp):
    """
    Neurons whose spikes go to the output bus, [lines, 2]: neuron, line.

        core.lines @y table @y.lines
    """

    name = "core.lines"

    def verify_(self) -> None:
        program = self._program()
        if program is None:
            return
        bus = bus_of(program)
        if bus is None:
            raise VerifyException(f"{self.owner_name}: there is no core.bus")
        lines = bus.outputs.value.data
        self._expect(("neuron", "line"), (_neurons(program, self.owner_name), lines))


@irdl_op_definition
class BusOp(IRDLOperation):
    """
    The place of the mesh (x, y) that takes the spikes for the outside, and how many lines it has:

        core.bus [3, 2] outputs 10
    """

    name = "core.bus"

    place = prop_def(DenseArrayBase.constr(i64))
    outputs = prop_def(IntegerAttr.constr(i64))

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$place `outputs` $outputs attr-dict"

    def __init__(self, place: tuple[int, int], outputs: int):
        super().__init__(
            properties={
                "place": DenseArrayBase.from_list(i64, list(place)),
                "outputs": IntegerAttr(outputs, i64),
            }
        )

    @property
    def coordinates(self) -> tuple[int, int]:
        x, y = self.place.get_values()
        return x, y

    def verify_(self) -> None:
        if len(self.place.get_values()) != 2:
            raise VerifyException("expected x and y")
        program = self.parent_op()
        if not isinstance(program, ProgramOp):
            return
        for op in program.body.block.ops:
            if isinstance(op, CoresOp) and self.coordinates in op.coordinates:
                raise VerifyException(f"a core stands at {list(self.coordinates)}")


def bus_of(program: ProgramOp) -> BusOp | None:
    return next((op for op in program.body.block.ops if isinstance(op, BusOp)), None)


def copies_of(program: ProgramOp) -> dict[str, Array]:
    """Population -> element, core, slot of each copy, [copies, 3]."""
    return {op.owner_name: op.numbers() for op in _ops(program) if isinstance(op, CopiesOp)}


def routes_of(program: ProgramOp) -> dict[str, Array]:
    """Population or input -> neuron, core, axon, type, delay, [routes, 5]."""
    return {op.owner_name: op.numbers() for op in _ops(program) if isinstance(op, RoutesOp)}


def lines_of(program: ProgramOp) -> dict[str, Array]:
    """Population -> neuron, line, [lines, 2]."""
    return {op.owner_name: op.numbers() for op in _ops(program) if isinstance(op, LinesOp)}


def weights_of(program: ProgramOp) -> dict[str, Array]:
    """Population -> [types, n]."""
    return {op.owner_name: op.numbers() for op in _ops(program) if isinstance(op, WeightsOp)}


def _ops(program: ProgramOp) -> list[Operation]:
    return list(program.body.block.ops)


def _cores(program: ProgramOp) -> int:
    used = next((op for op in _ops(program) if isinstance(op, CoresOp)), None)
    return 0 if used is None else len(used.coordinates)


def _neurons(program: ProgramOp, name: str) -> int:
    """Elements and copies."""
    op = program.endings.get(name)
    if op is None:
        raise VerifyException(f"{name}: is no input or population")
    return op.size + len(copies_of(program).get(name, ()))
