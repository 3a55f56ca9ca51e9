"""Online networks are networks: their C computes what the interpreter computes, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from snncc.compiled import compile
from snncc.dialects import snn
from snncc.network import Network
from snncc.passes.snn_change_precision import SnnChangePrecision
from tests.passes.online.eprop_networks import drawn_arrays, layers, recurrent
from tests.passes.online.online_networks import derived
from tests.tools import require_tool

NETWORKS = {
    "adaptive": lambda: recurrent("alif", True, drawn_arrays()),
    "layers": lambda: layers((6, 9, 4), False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_c_equals_interpreter(name: str) -> None:
    require_tool("gcc")
    module = NETWORKS[name]()
    online = derived(module).network
    parameters = [op.clone() for op in module.ops if isinstance(op, snn.ParameterOp)]
    alone = ModuleOp([*parameters, online.clone()])
    SnnChangePrecision(32).apply(Context(), alone)
    network = Network(alone)
    rng = np.random.default_rng(0)
    x = {
        name: rng.random((12, 2, *shape)).astype(np.float32)
        for name, shape in network.inputs.items()
    }
    expected = network.run(x)
    found = compile(network, cc="gcc").run(x)
    for output in network.outputs:
        assert np.abs(expected[output]).max() > 0, output
        np.testing.assert_array_equal(found[output], expected[output], output)
