"""
Weights that are whole numbers, of which there is no float copy that remembers more.

    w = scale * q            q: a signed integer of a few bits, the only thing that is stored
    q = clamp(q + floor(change / scale + u), -h, h)        h = 2^(bits - 1) - 1

`change` is what the optimiser would add to w. With u from [0, 1) at random the rounding is right
on average: a change of a tenth of a step moves one weight in ten by a step (Gupta et al. 2015,
"Deep learning with limited numerical precision"; on-chip e-prop: Frenkel and Indiveri 2022,
"ReckOn"). With u = .5 it rounds to the nearest, and changes below half a step are lost.

The random numbers are those of `snncc.dialects.snn.random`: one word for all weights, which
moves on with each update, and the place of the weight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import IntegerType, f32
from xdsl.ir import Block, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of, parameter_array
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.random import bits_of, uniform, xorshift32
from snncc.errors import error
from snncc.passes.scheduling.learned import Stored
from snncc.training.optimizers import PARAMETER, Optimizer

WORD = "word"
"""The state of the generator."""


def stored_integers(
    parameters: Iterable[snn.ParameterOp], optimizer: Optimizer
) -> dict[str, Stored]:
    """
    How parameters with two axes or more (weights) are stored; all others stay floats. A
    weight may become `headroom` times the largest of its parameter; one that is 0 has the
    range of the largest of all. Raises SNC-C003 where all weights would start from 0.
    """
    if optimizer.rounding is None:
        return {}
    weights = [op for op in parameters if len(op.type.get_shape()) >= 2]
    largest = {op: float(abs(parameter_array(op)).max(initial=0.0)) for op in weights}
    most = max(largest.values(), default=0.0) or 1.0
    half = (1 << (optimizer.bits - 1)) - 1
    if half <= 0.5 * optimizer.headroom:
        raise error(
            "SNC-C003",
            f"optimizer: headroom: with {optimizer.headroom} times the largest weight in "
            f"{optimizer.bits} bits all weights are rounded to 0",
            remedy=f"headroom below {2 * half}, or more bits",
        )
    width = IntegerType(8 if optimizer.bits <= 8 else 16)
    return {
        op.sym_name.data: Stored(
            width, float(np.float32((own or most) * optimizer.headroom / half)), half
        )
        for op, own in largest.items()
    }


@dataclass(frozen=True)
class Rounded:
    """The update of a parameter that is stored so."""

    optimizer: Optimizer
    stored: Stored
    first: int
    """The number of weights of other parameters in front: no two have one random number."""

    def update(
        self, b: Body, d: Scalar, rate: Scalar, scale: Scalar, **values: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        """As `Optimizer.update`; the state `p` is an integer."""
        q = b.extend(values[PARAMETER], 32)
        g = d * scale
        if self.optimizer.weight_decay:
            weight = b.signed_to_float(q) * self.stored.scale
            g = g + weight * self.optimizer.weight_decay
        zero = b.constant(0.0)
        change, *moments = self.optimizer.step(b, g, rate, **{**values, PARAMETER: zero})
        bounds = self.stored.largest
        steps = b.floor(change * (1.0 / self.stored.scale) + self._offset(b, values))
        steps = b.clamp(steps, -2.0 * bounds, 2.0 * bounds)  # the sum below fits
        after = b.clamp(q + b.to_integer(steps, 32), -bounds, bounds)
        narrow = b.truncate(after, self.stored.type.width.data)
        return [narrow], [narrow, *moments]

    def _offset(self, b: Body, values: dict[str, Scalar]) -> Scalar:
        if self.optimizer.rounding == "nearest":
            return b.constant(0.5)
        return uniform(b, bits_of(b, values[WORD], b.index() + self.first))


def random_word(block: Block, seed: int) -> snn.NeuronOp:
    """Puts out the generator's next word, [1]; its state is the last one."""
    first = snn.ConstantOp(dense_of(np.asarray(seed, np.uint32)))
    block.add_op(first)

    def drawn(b: Body, word: Scalar) -> Outputs:
        after = xorshift32(b, word)
        return [after], [after]

    neuron = build_neuron(
        drawn,
        inputs={},
        states={WORD: first.result},
        parameters={},
        population=(1,),
        float_type=f32,
        node=WORD,
    )
    block.add_op(neuron)
    return neuron


def zero_of(block: Block, stored: Stored) -> SSAValue:
    """What the state is declared with; what it holds at first comes from the parameter."""
    op = snn.ConstantOp(dense_of(np.zeros((), f"u{stored.bytes}")))
    block.add_op(op)
    return op.result
