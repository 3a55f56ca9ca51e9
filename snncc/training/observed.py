"""What the floats of a network are in calibration: streams, and the scalars of bodies."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import AnyFloat, ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import is_float, shape_of, stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.interpreters.scalars import from_stream, run_body
from snncc.interpreters.streams import aligned
from snncc.passes.fixed_point.formats import Seen


class Observer(NetworkInterpreter):
    """An interpreter that keeps the magnitudes of all floats that it computes."""

    def __init__(self, module: ModuleOp, network: snn.NetworkOp):
        super().__init__(module, network)
        self.seen = Seen()

    @property
    def interpreter(self) -> Interpreter:
        """That of single operations."""
        return self._interpreter

    def _run_op(
        self, op: Operation, arguments: Sequence[Array]
    ) -> tuple[Sequence[Array], list[Array]]:
        if isinstance(op, snn.NeuronOp):
            self._watch(op, arguments)
        results, after = super()._run_op(op, arguments)
        for operand, array in zip(op.operands, arguments, strict=True):
            if not isinstance(operand.owner, Operation) and is_float(
                stream_type(operand).element_type
            ):
                self.seen.take(operand, array)
        for result, array in zip(op.results, results, strict=True):
            if is_float(stream_type(result).element_type):
                self.seen.take(result, array)
        return results, after

    def _watch(self, op: snn.NeuronOp, arguments: Sequence[Array]) -> None:
        rank = len(op.population)
        scalars = tuple(
            from_stream(aligned(value, shape_of(operand), rank), stream_type(operand).element_type)
            for value, operand in zip(arguments, op.operands, strict=True)
        )
        for value, array in run_body(self._interpreter, op.body.block, scalars).items():
            if isinstance(value.type, AnyFloat):
                self.seen.take(value, array)
