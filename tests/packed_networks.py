"""Sums of weights of few bits whose results are outputs: what packed kernels add up, bare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import IntegerType, TensorType, i1
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Scalar, build_neuron
from snncc.network import Network
from tests.random_integers import DrawIntegers, i8, i16, i32
from tests.random_networks import assemble

INPUTS = 90
"""More rows than sums of bytes hold, of any packing."""
SUMS = (i16, i32, i8)


class Sums:
    """A network whose every sum is an output."""

    def __init__(self, seed: int, **inputs: TensorType):
        self.rng = np.random.default_rng(seed)
        self.draw = DrawIntegers(lambda options: options[0], lambda low, high: low)
        self.network = snn.NetworkOp("net", list(inputs.items()), [])
        self.outputs: list[tuple[str, SSAValue]] = []

    def weight(self, bits: int, *shape: int) -> SSAValue:
        """Numbers of `bits` bits, the ends among them; now and then all are the largest."""
        half = 1 << (bits - 1)
        values = self.rng.integers(-half, half, shape, np.int8)
        values.ravel()[:2] = (-half, half - 1)
        if self.rng.random() < 0.2:
            values[...] = half - 1  # sums of bytes are as large as they may be
        return self.draw.parameter(f"w{len(self.outputs)}", values)

    def linear(self, x: SSAValue, bits: int, outputs: int, element: IntegerType) -> None:
        number = len(self.outputs)
        bias = None
        if number % 2:
            values = self.rng.integers(-100, 100, outputs)
            dtype = np.dtype(f"i{element.width.data // 8}")
            bias = self.draw.parameter(f"b{number}", values.astype(dtype))
        weight = self.weight(bits, outputs, INPUTS)
        self.add(snn.LinearOp(x, weight, bias, bias_position="first", element=element))

    def convolution(self, x: SSAValue, bits: int, outputs: int, groups: int) -> None:
        """Of four channels: kernel 3x2, stride 2x1, zeros around."""
        weight = self.weight(bits, groups * outputs, 4 // groups, 3, 2)
        self.add(
            snn.Conv2dOp(
                x,
                weight,
                stride=[2, 1],
                padding=[1, 1, 1, 0],
                dilation=[1, 1],
                groups=groups,
                element=i16,
            )
        )

    def graded(self, x: SSAValue) -> SSAValue:
        """Signed numbers that are not mostly zero: their sum is dense."""

        def equations(b: Body, x: Scalar) -> tuple[list[Scalar], list[Scalar]]:
            return [b.truncate(b.extend(x, 32) * 3, 8)], []

        neuron = build_neuron(
            equations, inputs={"x": x}, states={}, parameters={}, population=(INPUTS,), node="g"
        )
        return self.draw.add(neuron)

    def add(self, op: snn.LinearOp | snn.Conv2dOp) -> None:
        self.outputs.append((f"y{len(self.outputs)}", self.draw.add(op)))

    def finish(self) -> Network:
        return Network(assemble(self.network, self.draw, self.outputs))


Made = tuple[Network, dict[str, Array]]


def linear_sums(bits: Sequence[int], outputs: Sequence[int], seed: int = 0) -> Made:
    """Fully connected sums of spikes, of counts and of graded numbers; (network, inputs)."""
    sums = Sums(seed, s=TensorType(i1, (INPUTS,)), c=TensorType(i8, (INPUTS,)))
    s, c = sums.network.inputs.values()
    streams = [s, c, sums.graded(c)]
    for index, size in enumerate(outputs):
        for width in bits:
            for at, x in enumerate(streams):
                sums.linear(x, width, size, SUMS[(index + at + width) % 3])
    active = sums.rng.random((4, 2, INPUTS)) < np.array([0.0, 0.05, 0.5, 1.0])[:, None, None]
    counts = sums.rng.integers(-128, 128, active.shape, np.int8).view(np.uint8)
    return sums.finish(), {"s": active.astype(np.uint8), "c": active * counts}


def convolution_sums(bits: Sequence[int], outputs: Sequence[int], seed: int = 0) -> Made:
    """Convolutions of spikes and of counts, in one group and in two; (network, inputs)."""
    shape = (4, 6, 5)
    sums = Sums(seed, s=TensorType(i1, shape), c=TensorType(i8, shape))
    for size in outputs:
        for width in bits:
            for at, x in enumerate(sums.network.inputs.values()):
                sums.convolution(x, width, size, 1 + (size + at) % 2)
    active = sums.rng.random((3, 2, *shape)) < 0.4
    counts = sums.rng.integers(-128, 128, active.shape, np.int8).view(np.uint8)
    return sums.finish(), {"s": active.astype(np.uint8), "c": active * counts}


MAKERS: dict[str, Callable[..., Made]] = {"linear": linear_sums, "convolution": convolution_sums}
