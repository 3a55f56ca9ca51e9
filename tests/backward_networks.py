"""Backward programs of networks, with inputs to run them on: the transpose as a test case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dtype_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.differentiation.network import Wanted, differentiate
from snncc.storage import context
from tests.random_networks import Case


@dataclass(frozen=True)
class Backward:
    """A backward network, alone in its module, and streams for its inputs, [T, B, *shape]."""

    module: ModuleOp
    network: snn.NetworkOp
    x: dict[str, Array]


def atan() -> SurrogateAttr:
    found = Parser(context(), '#snn.surrogate<"snntorch.atan", alpha = 2.0>').parse_attribute()
    assert isinstance(found, SurrogateAttr)
    return found


def backward_of(case: Case, seed: int = 0) -> Backward:
    """
    The gradients of all parameters, inputs and states of a network: its tape is recorded, the
    gradients of its outputs are drawn. Raises NoDerivative.
    """
    module = case.network.module.clone()
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    parameters = [op.sym_name.data for op in module.ops if isinstance(op, snn.ParameterOp)]
    wanted = Wanted(
        list(network.outputs),
        parameters,
        list(network.inputs),
        list(StateNames(network).name_of.values()),
    )
    found = differentiate(network, wanted, atan())
    recorded = NetworkInterpreter(*_alone(module, found.forward)).run(case.x).outputs
    known = {**case.x, **recorded}
    leading = next(iter(case.x.values())).shape[:2]
    rng = np.random.default_rng(seed)
    x: dict[str, Array] = {}
    for name, value in found.backward.inputs.items():
        dtype = dtype_of(stream_type(value).element_type)
        drawn = rng.normal(size=(*leading, *shape_of(value))).astype(dtype)
        x[name] = drawn if name.startswith("d.") else known[name]
    return Backward(*_alone(module, found.backward), x)


def _alone(module: ModuleOp, network: snn.NetworkOp) -> tuple[ModuleOp, snn.NetworkOp]:
    kept = [op.clone() for op in module.ops if isinstance(op, snn.ParameterOp | snn.SurrogateOp)]
    copy = network.clone()
    made = ModuleOp([*kept, copy])
    made.verify()
    return made, copy
