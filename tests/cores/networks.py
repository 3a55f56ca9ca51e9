"""A small network that fits Xylo, and spikes for it."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import TensorType, f32, i1

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.network import Network
from tests.passes.legalization.networks import cuba

INPUTS, HIDDEN, OUTPUTS = 6, 20, 4


def small(
    seed: int = 0, *, hidden: int = HIDDEN, alpha: float = 0.75, readout: bool = True
) -> Network:
    """6 inputs, recurrent neurons with currents, 4 outputs, or these neurons as the output."""
    rng = np.random.default_rng(seed)
    a = Assembly("small", {"x": TensorType(f32, [INPUTS])})
    zero = a.zero(TensorType(f32, []))
    back = a.delayed(TensorType(i1, [hidden]), "back")

    def matrix(name: str, rows: int, columns: int, size: float) -> snn.UseOp:
        return a.weight(name, rng.normal(0.1 * size, size, (rows, columns)).astype(np.float32))

    def population(name: str, drive: object, size: int, alpha: float, beta: float) -> object:
        parameters = {"alpha": alpha, "beta": beta, "theta": 1.0}
        neuron = build_neuron(
            cuba(False),
            inputs={"x": drive},
            states={"i": zero, "v": zero},
            parameters={
                key: a.parameter(f"{name}.{key}", np.full(size, value, np.float32))
                for key, value in parameters.items()
            },
            population=(size,),
            node=name,
        )
        return a.add(neuron)

    fc = a.add(snn.LinearOp(a.inputs["x"], matrix("fc", hidden, INPUTS, 0.4), node="fc"))
    rec = a.add(
        snn.LinearOp(back.result, matrix("rec", hidden, hidden, 0.05), element=f32, node="rec")
    )
    drive = a.add(snn.AddOp([fc, rec], f32, node="sum"))
    spikes = population("hidden", drive, hidden, alpha, 0.875)
    a.close(back, spikes)
    if not readout:
        return Network(a.finish({"y": spikes}))
    out = a.add(snn.LinearOp(spikes, matrix("out", OUTPUTS, hidden, 0.15), element=f32, node="o"))
    return Network(a.finish({"y": population("readout", out, OUTPUTS, 0.5, 0.9375)}))


def spikes(seed: int = 0, steps: int = 20, samples: int = 12) -> Array:
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, INPUTS)) < 0.3).astype(np.float32)
