"""Which NIR node a neuron is, for a way of reading NIR: found, then read again and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.body import build_neuron
from snncc.errors import SnnccError
from snncc.exporters.nir.bodies import matching_ports
from snncc.exporters.nir.inverses import INVERSES, Coefficients, Inverse
from snncc.importers.nir.model import NODE_CLASSES, Node, Value
from snncc.importers.nir.profiles.base import (
    Choices,
    MissingChoice,
    NeuronSpec,
    Profile,
)

UNKNOWN_STEP = 1e-3
"""Seconds in a step where neither a caller nor the profile has one: any will do."""


@dataclass
class Found:
    """A neuron as a NIR node; `inputs` are the places of its operands `x` and `recurrent`."""

    node: Node
    spec: NeuronSpec
    inputs: dict[str, int]


class _Anything(dict[str, Array]):
    """A coefficient for every port, to see what equations there are."""

    def __missing__(self, port: str) -> Array:
        return np.full((), 1.5 if port == "tau" else 0.5)


def nir_neuron(op: snn.NeuronOp, name: str, profile: Profile, choices: Choices) -> Found | None:
    """The node that the profile reads as this neuron, or None. Raises MissingChoice."""
    if len(op.outputs) != 1:
        return None
    for kind, inverses in INVERSES[profile.name].items():
        for inverse in inverses:
            found = _as_class(op, name, kind, inverse, profile, choices)
            if found is not None:
                return found
    return None


def _as_class(
    op: snn.NeuronOp, name: str, kind: str, inverse: Inverse, profile: Profile, choices: Choices
) -> Found | None:
    dt = _step(profile, choices)
    exact = (choices.integrator or profile.integrator) == "exact"
    guess = _node(name, kind, inverse(Coefficients(_Anything(), dt, exact)), (), np.float64)
    template = _read(guess, profile, choices)
    if template is None:
        return None
    ports = ["x", "recurrent"][: len(op.inputs)]
    if len(op.inputs) > 2 or (len(ports) == 2 and not profile.has_recurrent_layers):
        return None
    shape = op.population
    matched = matching_ports(_neuron(template, ports, shape), op)
    if matched is None:
        return None
    operands = [op.operands[index] for index in matched]
    names = [*ports, *template.states, *template.parameters]
    contents: dict[str, Array] = {}
    for port, operand in zip(names[len(ports) :], operands[len(ports) :], strict=True):
        content = constant_of(operand)
        if content is None or content.dtype != np.float32:
            return None
        contents[port] = np.broadcast_to(content, shape)
    wide = {port: content.astype(np.float64) for port, content in contents.items()}
    fields = inverse(Coefficients(wide, dt, exact))
    for dtype in (np.float32, np.float64):  # frameworks expect float32; it may not be enough
        node = _node(name, kind, fields, shape, dtype)
        spec = _read(node, profile, choices)
        if spec is not None and _gives(spec, contents):
            if matching_ports(_neuron(spec, ports, shape), op) != matched:
                return None
            return Found(node, spec, dict(zip(ports, matched, strict=False)))
    return None


def _gives(spec: NeuronSpec, contents: Mapping[str, Array]) -> bool:
    """Whether reading the node gives these bits."""
    given = {**spec.states, **spec.parameters}
    return given.keys() == contents.keys() and all(
        np.broadcast_to(np.asarray(array, np.float32), contents[port].shape).tobytes()
        == contents[port].tobytes()
        for port, array in given.items()
    )


def _step(profile: Profile, choices: Choices) -> float:
    """Sinabs counts in steps, and Rockpool has one dt for each layer, where none is given."""
    if choices.dt is None and profile.default_dt is None:
        if profile.name == "sinabs":
            return 1.0
        if profile.name == "rockpool":
            return UNKNOWN_STEP
    return profile.dt(choices)


def _node(
    name: str, kind: str, fields: Mapping[str, Any], shape: tuple[int, ...], dtype: type[Any]
) -> Node:
    """Fields of one shape, as NIR wants them."""
    known = NODE_CLASSES[kind]
    full: dict[str, Value] = {}
    with np.errstate(all="ignore"):
        for field in (*known.required, *known.optional):
            array = np.asarray(fields[field]).astype(dtype)
            full[field] = np.array(np.broadcast_to(array, shape), order="C")
    return Node(name, kind, full)


def _read(node: Node, profile: Profile, choices: Choices) -> NeuronSpec | None:
    known = NODE_CLASSES[node.type]
    if not all(np.isfinite(node.array(field)).all() for field in known.required):
        return None
    if not all((node.array(field) > 0).all() for field in known.positive):
        return None
    try:
        return profile.neuron(node, choices)
    except MissingChoice:
        raise
    except SnnccError:  # the framework refuses such fields
        return None


def _neuron(spec: NeuronSpec, ports: list[str], shape: tuple[int, ...]) -> snn.NeuronOp:
    """The neuron of a spec, on operands of its own."""

    def values(names: Any) -> dict[str, SSAValue]:
        return {name: create_ssa_value(TensorType(f32, shape)) for name in names}

    return build_neuron(
        spec.equations,
        inputs=values(ports),
        states=values(spec.states),
        parameters=values(spec.parameters),
        population=shape,
        float_type=f32,
    )
