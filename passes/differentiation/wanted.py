"""What gradients are taken of, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.parameters import FIXED
from snncc.dialects.snn.types import describe, is_float, stream_type


class UnknownName(ValueError):
    """A name that nothing has; the text says which there are."""


@dataclass(frozen=True)
class Wanted:
    """The outputs whose gradients come in, and what gradients are taken of, by name."""

    outputs: Sequence[str]
    parameters: Sequence[str] = ()
    inputs: Sequence[str] = ()
    states: Sequence[str] = ()


def wanted_of(
    module: ModuleOp,
    network: snn.NetworkOp,
    outputs: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
) -> Wanted:
    """
    The parameters, inputs and states of some names; all floats but fixed parameters, where
    `of` is None. All outputs, inputs and states where these are.

    Raises UnknownName.
    """
    parameters = {
        op.sym_name.data: is_float(op.type.element_type)
        and (op.training is None or op.training.data != FIXED)
        for op in module.ops
        if isinstance(op, snn.ParameterOp)
    }
    streams = {
        name: is_float(stream_type(value).element_type)
        for name, value in network.inputs.items()
        if inputs is None or name in inputs
    }
    starts = {
        name: is_float(stream_type(_start(*key)).element_type)
        for key, name in StateNames(network).name_of.items()
        if states is None or name in states
    }
    known = {**parameters, **streams, **starts}
    for name in of or ():
        if name not in known:
            raise UnknownName(
                f"no parameter, input or state is named {name!r}; there are {', '.join(known)}"
            )
    for name in outputs or ():
        if name not in network.outputs:
            raise UnknownName(
                f"no output is named {name!r}; there are {', '.join(network.outputs)}"
            )

    def chosen(names: dict[str, bool]) -> list[str]:
        return [name for name, free in names.items() if (free if of is None else name in of)]

    return Wanted(
        list(network.outputs) if outputs is None else outputs,
        chosen(parameters),
        chosen(streams),
        chosen(starts),
    )


def without_surrogate(network: snn.NetworkOp) -> list[str]:
    """The neurons, by name or place, with spikes that no gradient flows through."""
    blocked = {
        describe(op): None
        for op in network.body.block.ops
        if isinstance(op, snn.NeuronOp)
        and any(isinstance(x, snn.SpikeOp | snn.CountOp) and x.surrogate is None for x in op.walk())
    }
    return list(blocked)


def _start(op: Operation, index: int) -> SSAValue:
    """The operand that a state starts from."""
    if isinstance(op, snn.DelayOp):
        return op.init
    assert isinstance(op, snn.NeuronOp)
    return op.initial_states[index]
