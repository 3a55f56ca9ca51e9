"""What passes of xDSL need to know of operations with state."""

from xdsl.ir import Operation
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind


class AllocatesState(MemoryEffect):
    """
    The operation has state of its own, which users read and set by its name.

    As an allocation: it may go where nothing reads it (no output depends on its state), and
    it is never merged with an equal one, for the two can start from different states.
    """

    @classmethod
    def get_effects(cls, op: Operation) -> frozenset[EffectInstance]:
        return frozenset((EffectInstance(MemoryEffectKind.ALLOC, op.results[0]),))
