"""Online networks as networks of integers: their sums are near those of floats, and exact in C."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.network import LAST, STREAM, SUM
from snncc.network import Network
from snncc.passes.snn_change_precision import SnnChangePrecision
from snncc.passes.snn_sums_as_states import SnnSumsAsStates
from tests.passes.online.eprop_networks import (
    SUPERSPIKE,
    cosine,
    drawn_arrays,
    layers,
    readout,
    recurrent,
)
from tests.passes.online.online_networks import Builder, derived, lif
from tests.tools import require_tool

STEPS, BATCH = 15, 6


def online(module: ModuleOp) -> tuple[Network, dict[str, Array]]:
    """An online network in f32, and inputs with the gradients of its outputs."""
    found = derived(module).network
    parameters = [op.clone() for op in module.ops if isinstance(op, snn.ParameterOp)]
    alone = ModuleOp([*parameters, found.clone()])
    SnnChangePrecision(32).apply(Context(), alone)
    network = Network(alone)
    rng = np.random.default_rng(0)
    x: dict[str, Array] = {}
    for name, shape in network.inputs.items():
        draw = rng.normal if name.startswith("d.") else rng.random
        x[name] = draw(size=(STEPS, BATCH, *shape)).astype(np.float32)
    return network, x


def states(network: Network) -> Network:
    module = network.module.clone()
    SnnSumsAsStates().apply(Context(), module)
    module.verify()
    return Network(module)


@pytest.mark.parametrize("kind", ["cuba", "alif", "layers"])
def test_no_bit_changes(kind: str) -> None:
    module = layers((6, 9, 4), False) if kind == "layers" else recurrent(kind, True, drawn_arrays())
    network, x = online(module)
    made = states(network)
    assert set(made.op.kinds.values()) == {LAST, STREAM}
    assert SUM in network.op.kinds.values()
    assert not any(isinstance(op, snn.OuterOp) for op in made.op.body.block.ops)
    before, after = network.run(x), made.run(x)
    for name, array in before.items():
        assert abs(array).max() > 0
        np.testing.assert_array_equal(after[name], array, name)


def one_layer() -> ModuleOp:
    rng = np.random.default_rng(2)
    b = Builder({"x": (5,)})
    current = b.add(snn.LinearOp(b.input("x"), b.parameter("w", rng.normal(size=(7, 5)) * 0.7)))
    spikes, *_ = b.neuron(
        lif(SUPERSPIKE, True),
        {"x": current},
        {"v": b.constant(0.0)},
        {"beta": b.constant(0.9), "theta": b.constant(1.0)},
        (7,),
    )
    return b.module({"y": readout(b, spikes, rng.normal(size=(2, 7)), None)})


def test_gradients_of_integers() -> None:
    """
    Traces, pseudo-derivatives and learning signals as whole numbers: the direction is that of
    floats, whose spikes are not all the same, and C has the interpreter's bits.
    """
    require_tool("gcc")
    network, x = online(one_layer())
    made = states(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sums have no bound: they saturate
        options = {"input_bits": 8, "state_bits": 32, "method": "max"}
        integers = snncc.quantize(made, "int8", calibration=x, **options)
    kept = [n for n in integers.op.body.block.ops if isinstance(n, snn.NeuronOp)]
    computed = {op.name for n in kept if n.initial_states for op in n.body.block.ops}
    assert not any(name.startswith("arith.") and name.endswith("f") for name in computed)
    wanted, found = network.run(x), integers.run(x)
    for name in ("sum.0", "sum.1"):
        a, b = (run[name].sum(axis=0).ravel() for run in (wanted, found))
        assert cosine(a, b) > 0.98, name
        assert abs(b).max() == pytest.approx(abs(a).max(), rel=0.1)
    compiled = snncc.compile(integers, cc="gcc", cflags=("-O1",)).run(x)
    for name, array in found.items():
        assert compiled[name].tobytes() == array.tobytes(), name
