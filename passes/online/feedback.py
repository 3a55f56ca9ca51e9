"""
The weights by which learning signals go back through weighted sums.

    symmetric   the transposed weights of the sum itself
    random      fixed ones (Lillicrap et al. 2016, "Random synaptic feedback weights support
                error backpropagation for deep learning")
    adaptive    ones that start at random and are trained by the gradient of the weights; with
                the same decay of both they become alike (Kolen and Pollack 1994; Akrout et al.
                2019, "Deep learning without weight transport")
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import blob_of, constant_of, dtype_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.parameters import FIXED, LEARNABLE
from snncc.dialects.snn.types import is_float, node_name, shape_of, stream_type
from snncc.passes.differentiation.transposition import Transposition

FeedbackKind: TypeAlias = Literal["symmetric", "random", "adaptive"]


PREFIX = "feedback"
"""In front of the name of the weight that a feedback weight stands in for."""


class Feedback:
    """Feedback weights: of a sum's own shape, each a parameter of the network's module."""

    def __init__(self, kind: FeedbackKind, seed: int, t: Transposition):
        self._kind: FeedbackKind = kind
        self._seed = seed
        self._t = t
        self._weights: dict[SSAValue, SSAValue] = {}
        self.parameters: dict[str, snn.ParameterOp] = {}
        """By name; the module does not have them yet."""

    @property
    def is_adaptive(self) -> bool:
        return self._kind == "adaptive"

    def weight(self, op: WeightedSum) -> SSAValue:
        """What stands in for the weight of a sum on the way back."""
        if self._kind == "symmetric":
            return op.weight
        if op.weight not in self._weights:
            self._weights[op.weight] = self._made(op)
        return self._weights[op.weight]

    def twin_of(self, weight: SSAValue) -> SSAValue | None:
        """The feedback weight that stands in for a weight, if one does."""
        return self._weights.get(weight)

    def forget_unread(self) -> None:
        """Drops weights whose signals nothing needed: those of recurrent sums, which are cut."""
        for weight, used in list(self._weights.items()):
            op = used.owner
            assert isinstance(op, snn.UseOp)
            if op.parent is None:
                del self._weights[weight], self.parameters[op.symbol]

    def _made(self, op: WeightedSum) -> SSAValue:
        """
        Normally distributed, with a variance of 1 / (inputs of an output). Those for integers are
        floats, as large as these are at first: of the unit in which they count.
        """
        type = stream_type(op.weight)
        shape = shape_of(op.weight)
        generator = np.random.default_rng([self._seed, len(self.parameters)])
        numbers = generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        if not is_float(type.element_type):
            whole = constant_of(op.weight)
            signed = np.zeros(1) if whole is None else whole.view(f"i{whole.itemsize}")
            size = np.sqrt(np.mean(signed.astype(np.float64) ** 2)) or 1.0
            numbers *= size * np.sqrt(np.prod(shape[1:]))
            type = TensorType(self._t.element, shape)
        source = op.weight.owner
        of = source.symbol if isinstance(source, snn.UseOp) else node_name(op) or ""
        name = base = f"{PREFIX}.{of}".rstrip(".")
        while name in self.parameters:
            name = f"{base}_{len(self.parameters)}"
        self.parameters[name] = snn.ParameterOp(
            name,
            type,
            blob_of(numbers.astype(dtype_of(type.element_type))),
            LEARNABLE if self.is_adaptive else FIXED,
        )
        return self._t.insert(snn.UseOp(name, type))
