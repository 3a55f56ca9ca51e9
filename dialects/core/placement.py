"""Where a program lies on the chip: cores on the mesh, and the place of each neuron and input."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, FlatSymbolRefAttrConstr, SymbolRefAttr, i64
from xdsl.irdl import IRDLOperation, irdl_op_definition, lazy_traits_def, prop_def
from xdsl.traits import HasParent
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.arrays import Array
from snncc.dialects.core.program import ProgramOp, numbers_of


@irdl_op_definition
class CoresOp(IRDLOperation):
    """
    The cores that are used, by their places on the mesh, x before y:

        core.cores [0, 0, 1, 0]
    """

    name = "core.cores"

    places = prop_def(DenseArrayBase.constr(i64))

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$places attr-dict"

    def __init__(self, places: Sequence[tuple[int, int]]):
        flat = [value for place in places for value in place]
        super().__init__(properties={"places": DenseArrayBase.from_list(i64, flat)})

    @property
    def coordinates(self) -> list[tuple[int, int]]:
        flat = self.places.get_values()
        return list(zip(flat[::2], flat[1::2], strict=True))

    def verify_(self) -> None:
        if len(self.places.get_values()) % 2:
            raise VerifyException("expected pairs of x and y")
        if len(set(self.coordinates)) != len(self.coordinates):
            raise VerifyException("two cores stand at one place")


@irdl_op_definition
class PlaceOp(IRDLOperation):
    """
    The core of each element of a population or input, and its slot there: the number by which the
    chip addresses it among those of its class.

        core.place @lif1 cores @lif1.cores slots @lif1.slots
    """

    name = "core.place"

    of = prop_def(FlatSymbolRefAttrConstr)
    cores = prop_def(FlatSymbolRefAttrConstr)
    slots = prop_def(FlatSymbolRefAttrConstr)

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$of `cores` $cores `slots` $slots attr-dict"

    def __init__(self, of: str, cores: str, slots: str):
        super().__init__(
            properties={
                "of": SymbolRefAttr(of),
                "cores": SymbolRefAttr(cores),
                "slots": SymbolRefAttr(slots),
            }
        )

    @property
    def placed(self) -> str:
        return self.of.root_reference.data

    def arrays(self) -> tuple[Array, Array]:
        """(core, slot) of each element, [n]."""
        return numbers_of(self, self.cores), numbers_of(self, self.slots)

    def verify_(self) -> None:
        program = self.parent_op()
        if not isinstance(program, ProgramOp):
            return
        op = program.endings.get(self.placed)
        if op is None:
            raise VerifyException(f"{self.placed}: is no input or population")
        cores, slots = self.arrays()
        if cores.shape != (op.size,) or slots.shape != (op.size,):
            raise VerifyException(f"{self.placed}: expected {op.size} cores and slots")
        used = next((o for o in program.body.block.ops if isinstance(o, CoresOp)), None)
        count = 0 if used is None else len(used.coordinates)
        if cores.size and not (cores.min() >= 0 and cores.max() < count):
            raise VerifyException(f"{self.placed}: expected cores 0 to {count - 1}")
        if slots.size and slots.min() < 0:
            raise VerifyException(f"{self.placed}: a slot below 0")


def cores_of(program: ProgramOp) -> list[tuple[int, int]]:
    """The places of the cores that are used; one at (0, 0) where nothing is placed."""
    op = next((op for op in program.body.block.ops if isinstance(op, CoresOp)), None)
    return [(0, 0)] if op is None else op.coordinates


def is_placed(program: ProgramOp) -> bool:
    return any(isinstance(op, CoresOp) for op in program.body.block.ops)


def places_of(program: ProgramOp) -> dict[str, tuple[Array, Array]]:
    """Population or input -> (core, slot) of each element."""
    return {op.placed: op.arrays() for op in program.body.block.ops if isinstance(op, PlaceOp)}
