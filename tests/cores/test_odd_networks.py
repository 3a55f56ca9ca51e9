"""Networks that are named, silent, biased or shaped as few are: right, or refused with a code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import TensorType, f32

from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.cores.folder import load
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.errors import SnnccError
from snncc.network import Network
from tests.cores.networks import small, spikes
from tests.tools import require_module

LOIHI = chip_named("loihi")


def layer(node: str, w: Array, bias: Array, *, floats: bool = False) -> Network:
    """Neurons that forget a quarter a step; a spike takes all. `floats`: spikes are f32."""
    size = len(bias)
    a = Assembly("layer", {"x": TensorType(f32, [w.shape[1]])})

    def equations(b: Body, x: Scalar, v: Scalar, bias: Scalar) -> Outputs:
        u = b.constant(0.75) * v + x + bias
        z = b.spike(u - b.constant(1.0), "gt")
        after = b.select(z, b.constant(0.0), u)
        return [b.to_float(z) if floats else z], [after]

    drive = a.add(snn.LinearOp(a.inputs["x"], a.weight("fc", w.astype(np.float32)), node="fc"))
    neuron = build_neuron(
        equations,
        inputs={"x": drive},
        states={"v": a.zero(TensorType(f32, []))},
        parameters={"bias": a.parameter("bias", bias.astype(np.float32))},
        population=(size,),
        node=node,
    )
    return Network(a.finish({"y": a.add(neuron)}))


def drawn(bias: float = 0.0) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.normal(0.1, 0.4, (12, 6)), bias * rng.normal(0, 1, 12)


def compiled(network: Network) -> Configuration:
    return configure(network, LOIHI, spikes())


@pytest.mark.parametrize("node", ["1", "Schicht é.b"])
@pytest.mark.parametrize("floats", [False, True])
def test_names_and_float_spikes(node: str, floats: bool, tmp_path: Path) -> None:
    """Names of other tools, which need be no identifiers; what is measured is what happened."""
    network = layer(node, *drawn(), floats=floats)
    configuration = compiled(network)
    x = spikes(1)
    wanted, got = network.run(x)["y"], load(configuration.save(tmp_path / "chip")).run(x)["y"]
    assert 0.05 < wanted.mean() < 0.9
    assert (wanted != got).mean() < 0.02
    assert configuration.steps[0].cost is not None
    assert configuration.steps[0].cost.rate == 1.0


@pytest.mark.parametrize("bias", [0.1, 0.3, 1.0, 3.0])
def test_biases_stay_in_their_register(bias: float) -> None:
    """A threshold that is rounded up takes its bias along."""
    numbers = compiled(layer("n", *drawn(bias))).program.populations["n"].numbers("bias_mantissa")
    assert -4096 <= numbers.min() < numbers.max() <= 4095
    assert np.abs(numbers).max() > 1000


def test_what_no_bias_holds_is_told() -> None:
    with pytest.raises(
        SnnccError, match=r"SNC-N006 node 'n': a bias of .* is more than -4096 to 4"
    ):
        compiled(layer("n", *drawn(1e5)))


def test_silence_is_told() -> None:
    w, bias = drawn()
    first = compiled(layer("n", 0 * w, bias)).steps[0]
    assert first.changes == ("n: never fires on the calibration data",)
    assert first.cost is not None
    assert (first.cost.moved, first.cost.rate) == (0.0, 1.0)


def test_xylo_without_readouts_is_written(tmp_path: Path) -> None:
    """What fires there is seen on the model only; xylosim and the images take it."""
    configuration = configure(small(readout=False), chip_named("xylo"), spikes())
    assert configuration.save(tmp_path / "chip").is_dir()
    require_module("xylosim.v2")
    x = spikes(1)
    y = configuration.run(x)["y"]
    assert y.any()
    np.testing.assert_array_equal(configuration.run(x, engine="xylosim")["y"], y)


def test_a_layer_with_the_name_of_an_input_is_told() -> None:
    with pytest.raises(SnnccError, match=r"SNC-N004 node 'x': a layer and an input have this name"):
        compiled(layer("x", *drawn()))
