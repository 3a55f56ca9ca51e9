"""Networks whose sums are exact in float32: weights on a grid, inputs of small numbers."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import TensorType, f32, i1

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar, build_neuron
from snncc.importers.emitter import Emitter
from snncc.network import Network

GRID = 64


def grid(rng: np.random.Generator, *shape: int, scale: float = 1.0):
    """Multiples of 1/64."""
    return np.round(rng.normal(size=shape) * scale * GRID).astype(np.float32) / GRID


def lif(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = 0.5 * v + x
    z = b.spike(u - theta, "ge")
    return [z], [b.select(z, b.constant(0.0), u)]


def counter(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    n = b.count(u / theta, 15)
    return [n, u], [u - b.to_float(n) * theta]


def neuron(e: Emitter, equations, x, node: str, theta: float):
    op = build_neuron(
        equations,
        inputs={"x": e.as_float(x)},
        states={"v": e.constant(np.zeros((), np.float32))},
        parameters={"theta": e.parameter(f"{node}.theta", np.float32(theta))},
        population=x.type.get_shape(),
        float_type=f32,
        node=node,
    )
    e.add(op)
    return op.outputs


def exact_network(seed: int = 0) -> Network:
    """
    Two inputs, three outputs: convolution, pools, flatten, a delay line, recurrent weights
    over a delay of one step, counts, concat.
    """
    rng = np.random.default_rng(seed)
    e = Emitter()
    network = snn.NetworkOp("exact", [("image", _tensor(2, 8, 8)), ("aux", _tensor(6))], [])
    image, aux = network.body.block.args
    back = e.late(_spikes(6), [1], "hidden.delay")
    w = e.parameter("conv.weight", grid(rng, 4, 2, 3, 3, scale=0.5))
    y = e.add(
        snn.Conv2dOp(image, w, stride=[1, 1], padding=[1, 1, 0, 0], dilation=[1, 1], node="conv")
    )
    (z,) = neuron(e, lif, y, "spikes", 0.75)
    pooled = e.add(
        snn.Pool2dOp(
            "sum", z, kernel=[2, 2], stride=[2, 2], padding=[0] * 4, element=f32, node="sum"
        )
    )
    pooled = e.add(
        snn.Pool2dOp("max", pooled, kernel=[2, 2], stride=[1, 1], padding=[0] * 4, node="max")
    )
    flat = e.add(snn.ReshapeOp(pooled, [pooled.type.element_count()], node="flat"))
    late = e.delayed(flat, [3], "axon")
    features = flat.type.get_shape()[0]
    w = e.parameter("fc.weight", grid(rng, 6, features, scale=0.25))
    b = e.parameter("fc.bias", grid(rng, 6, scale=0.25))
    h = e.add(snn.LinearOp(late, w, b, node="fc"))
    w = e.parameter("rec.weight", grid(rng, 6, 6, scale=0.5))
    r = e.add(snn.LinearOp(back.result, w, node="rec"))
    (hidden,) = neuron(e, lif, e.sum([h, r, aux]), "hidden", 0.5)
    back.operands[0] = hidden
    both = e.add(snn.ConcatOp([hidden, hidden], 0))
    counts, membrane = neuron(e, counter, both, "counter", 0.75)
    return Network(e.finish(network, {"y": counts, "v": membrane, "spikes": z}))


def exact_input(seed: int, steps: int, batch: int):
    rng = np.random.default_rng(seed)
    return {
        "image": (rng.random((steps, batch, 2, 8, 8)) < 0.3).astype(np.float32),
        "aux": grid(rng, steps, batch, 6),
    }


def _tensor(*shape: int):
    return TensorType(f32, shape)


def _spikes(*shape: int):
    return TensorType(i1, shape)


EVERYTHING = """
snn.surrogate @mine.own (%v : f32, %theta : f32) -> (f32, f32) attributes {flag = true} {
  %0 = arith.subf %v, %theta : f32
  %fires = snn.spike gt %0 : f32
  %one = arith.constant 1.0 : f32
  %e = math.atan %0 : f32
  %d = arith.select %fires, %one, %e : f32
  %n = arith.negf %d : f32
  snn.derivative %d, %n : f32, f32
}
snn.parameter @unused : tensor<2xf32> = dense<[1.0, -2.5]> attributes {trained = true}
snn.surrogate @pass (%0 : f32) -> f32 {
  snn.derivative %0 : f32
}
snn.parameter @w : tensor<4x3xf32> = dense<[[0.5, 0.25, 1.0], [0.0, -0.0, 2.0],
  [1.5, 0.1, 0.2], [0.3, 0.7, -0.9]]>
snn.parameter @mask : tensor<4xi1> = dense<[true, false, true, true]>
snn.parameter @start : tensor<4xf32> = dense<[0.5, 0.25, 0.125, 0.0]>
snn.network @all ("" %in : tensor<3xf32>, "x|y" %events : tensor<4xi1>)
    -> ("x|y" : tensor<4xi1>, "same" : tensor<4xi1>, "const" : tensor<2xf32>, "n" : tensor<4xi16>,
        "through" : tensor<3xf32>, "moved" : tensor<5xf32>)
    attributes {dt = 0.1 : f64, like = "snntorch", steps = 3, held = ["a", "b"], flag = true, unit,
      nested = {a = [1, 2.5]}} {
  %w = snn.use @w : tensor<4x3xf32>
  %again = snn.use @w : tensor<4x3xf32>
  %i = snn.linear %in, %w as "fc" {note = "first"}
    : (tensor<3xf32>, tensor<4x3xf32>) -> tensor<4xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %start = snn.use @start : tensor<4xf32>
  %j = snn.linear %in, %again : (tensor<3xf32>, tensor<4x3xf32>) -> tensor<4xf32>
  %mask = snn.use @mask : tensor<4xi1>
  %two = snn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %off = snn.constant dense<false> : tensor<i1>
  %late = snn.delay %s by dense<[0, 1, 2, 1]> : tensor<4xi64> init %off as "axon"
    : tensor<4xi1>, tensor<i1> -> tensor<4xi1>
  %s, %n = snn.neuron as "out" (%x = %i : tensor<4xf32>, %y = %j : tensor<4xf32>,
    %e = %events : tensor<4xi1>) state (%v = %zero : tensor<f32>, %k = %start : tensor<4xf32>)
    params (%m = %mask : tensor<4xi1>) -> (tensor<4xi1>, tensor<4xi16>) {
    %u = arith.addf %x, %y : f32
    %true = arith.constant true
    %no = arith.xori %e, %true : i1
    %z = snn.spike ge %u surrogate <"snntorch.atan", alpha = 0.3 : f64> : f32
    %soft = math.tanh %u : f32
    %z2 = snn.spike gt %u surrogate <@mine.own> of %soft, %v : f32
    %z3 = snn.spike gt %u surrogate <@pass> : f32
    %z4 = arith.andi %z2, %z3 : i1
    %z5 = arith.andi %z, %z4 : i1
    %d = snn.detach %z5 : i1
    %a = arith.andi %d, %m : i1
    %b = arith.ori %a, %no : i1
    %c = arith.cmpf une, %u, %v : f32
    %eq = arith.cmpi eq, %c, %b : i1
    %f = arith.uitofp %eq : i1 to f32
    %th = arith.constant 0.7 : f32
    %q = arith.divf %u, %th : f32
    %n = snn.count %q max 7 surrogate <"sinabs.single"> of %u, %th : f32 -> i16
    %nf = arith.uitofp %n : i16 to f32
    %r = arith.select %b, %nf, %f : f32
    %p = arith.maximumf %r, %k : f32
    snn.next (%b : i1, %n : i16) state (%u : f32, %p : f32)
  }
  %moved = snn.rearrange %in places <2, 1, -1, 0, 0> : tensor<3xf32> -> tensor<5xf32>
  snn.yield %s, %s, %two, %n, %in, %moved : tensor<4xi1>, tensor<4xi1>, tensor<2xf32>,
    tensor<4xi16>, tensor<3xf32>, tensor<5xf32>
}
"""
"""What is legal and rare: odd names, attributes, the same value twice, constants that leave."""


def everything() -> str:
    """In the order that the dialect asks for: a delay with an element of 0 steps comes later."""
    lines = EVERYTHING.splitlines(keepends=True)
    delay = next(i for i, line in enumerate(lines) if "snn.delay" in line)
    end = next(i for i, line in enumerate(lines) if "snn.yield" in line)
    moved = lines[delay : delay + 2]
    return "".join([*lines[:delay], *lines[delay + 2 : end], *moved, *lines[end:]])
