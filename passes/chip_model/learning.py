"""The chip's model for training: floats behind its whole numbers, surrogates of its spikes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ConnectionsOp, PopulationOp, ProgramOp
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.parameters import FIXED
from snncc.passes.chip_model.bodies import UNIT, BodyWriter
from snncc.passes.chip_model.network import Model, dense, ordered_classes
from snncc.passes.chip_model.shadows import Learning, Shadow, shadows_of


def learning_model(
    program: ProgramOp,
    description: Description,
    learning: Learning,
    accumulate: Literal["sum", "events"] = "sum",
) -> ModuleOp:
    """
    The chip's model with floats behind what is learned (`passes/chip_model/shadows.py`), which
    are its learnable parameters by the names of `shadows_of`, and surrogates for its spikes.
    Outputs that are no spikes are floats in the units of the network. The program has scales.

    As sums, what arrives is fitted once a step: it is the chip where no register is filled within
    a step. As events it is a chip of steps always, and takes many times as long. A chip that goes
    from event to event is one that takes all events of a step at once.
    """
    ordered = ordered_classes(description) if accumulate == "events" else frozenset[str]()
    module = _LearningModel(
        program, description, ordered, learning, shadows_of(program, description, learning)
    ).build()
    for op in module.ops:
        if isinstance(op, snn.ParameterOp) and op.training is None:
            op.training = StringAttr(FIXED)
    return module


class _LearningModel(Model):
    def __init__(
        self,
        program: ProgramOp,
        description: Description,
        one_by_one: frozenset[str],
        learning: Learning,
        shadows: dict[str, Shadow],
    ):
        super().__init__(program, description, one_by_one)
        self._learning = learning
        self._shadows = shadows

    def _weights(self, found: list[ConnectionsOp]) -> tuple[Array, SSAValue | None]:
        shadows = [self._shadows.get(op.sym_name.data) for op in found]
        if not any(shadows):
            return super()._weights(found)
        a, parts, exist = self._assembly, [], []
        edge = self._edge(found[0])
        narrow = np.int8 if edge.low >= -128 and edge.high <= 127 else np.int16
        for op, shadow in zip(found, shadows, strict=True):
            name, rows = op.sym_name.data, dense(op, self.program)
            if shadow is None:
                parts.append(a.weight(name, np.ascontiguousarray(rows.T.astype(narrow))))
            else:
                parts.append(shadow.written(a, name))
            sources, targets, _ = op.table()
            exists = np.zeros(rows.shape, np.int8)
            exists[sources, targets] = 1
            exist.append(exists)
        learned = parts[0] if len(parts) == 1 else a.add(snn.ConcatOp(parts, 1))
        return np.concatenate(exist), learned

    def _configured(self, name: str, values: Array) -> SSAValue:
        shadow = self._shadows.get(name)
        if shadow is None:
            return super()._configured(name, values)
        return shadow.written(self._assembly, name)

    def _parameters(self, op: PopulationOp, writer: BodyWriter) -> dict[str, SSAValue]:
        found = super()._parameters(op, writer)
        if self._learning.surrogate is not None:
            writer.surrogate = self._learning.surrogate
            found[UNIT] = self._assembly.parameter(f"{op.sym_name.data}.{UNIT}", _scale(op))
        return found

    def _given(self, op: PopulationOp, stream: SSAValue) -> SSAValue:
        """Potentials in the units of the network."""
        neuron = self.description.neurons[op.neuron_class.data]
        if neuron.output == "spikes":
            return stream
        name = f"{op.sym_name.data}.real"

        def real(b: Body, x: Scalar, unit: Scalar) -> Outputs:
            return [b.signed_to_float(x) / unit], []

        return self._assembly.add(
            build_neuron(
                real,
                inputs={"x": stream},
                states={},
                parameters={UNIT: self._assembly.parameter(f"{name}.{UNIT}", _scale(op))},
                population=(op.size,),
                node=name,
            )
        )


def _scale(op: PopulationOp) -> Array:
    scales = op.scales()
    assert scales is not None, "a program with scales"
    return scales.astype(np.float32)
