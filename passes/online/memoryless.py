"""Learning signals through operations without memory, and what is trained there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import describe, shape_of
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.neurons import transpose_neuron
from snncc.passes.differentiation.operations import RULES
from snncc.passes.differentiation.transposition import FixedGradient
from snncc.passes.online.chains import Chain
from snncc.passes.online.coefficients import is_fixed_value
from snncc.passes.online.paths import input_signal
from snncc.passes.online.same_step import SameStep
from snncc.passes.online.state import Online


class Memoryless:
    """
    Transposes operations without state. A fixed value that one of them reads acts at once:
    its eligibility is what it does at this step, through the memory behind it.
    """

    def __init__(self, online: Online):
        self._o = online

    def transpose(self, op: Operation) -> None:
        """Every learning signal at the results goes on to the operands."""
        by_chain: dict[Chain, list[SSAValue | None]] = {}
        for index, result in enumerate(op.results):
            for chain, signal in self._o.chains.given(result):
                by_chain.setdefault(chain, [None] * len(op.results))[index] = signal
        for chain, signals in by_chain.items():
            self._transpose(chain, op, signals)

    def _transpose(self, chain: Chain, op: Operation, signals: list[SSAValue | None]) -> None:
        """Learning signals go on to the streams; fixed values get what reaches them here."""
        if isinstance(op, WeightedSum) and is_fixed_value(op.weight):
            (signal,) = signals
            assert signal is not None
            self._transpose_sum(chain, op, signal)
            return
        if chain.filters:
            for index, signal in enumerate(signals):
                if signal is not None:
                    self._filtered(chain, op, index, signal)
        _apply(chain.t, op, signals)
        found = list(chain.t.fixed.items())
        chain.t.fixed.clear()
        if not chain.filters:
            for value, gradients in found:
                for gradient in gradients:
                    self._o.give(value, _of_kind(gradient, chain.kind))

    def _filtered(self, chain: Chain, op: Operation, index: int, signal: SSAValue) -> None:
        """What fixed values do to each element, through the memory on the way to the loss."""
        u = self._o.t.beside()
        ones = self._o.t.constant(np.ones(shape_of(signal)))
        _apply(u, op, [ones if i == index else None for i in range(len(op.results))])
        for value, gradients in u.fixed.items():
            for gradient in gradients:
                stream = gradient.stream
                if shape_of(stream) != shape_of(signal):
                    raise NoDerivative(f"{describe(op)} has no online derivative")
                effect = self._o.traces.filtered(stream, chain.filters)
                product = self._o.eligibility.product([signal, effect], shape_of(signal))
                self._o.give(value, FixedGradient(product, chain.kind, gradient.repeated))

    def _transpose_sum(self, chain: Chain, op: WeightedSum, signal: SSAValue) -> None:
        if op.weight in self._o.active:
            u = self._o.t.beside({op.weight})
            trace = self._o.traces.filtered(op.input, chain.filters)
            twin = op.with_operands([trace, op.weight])
            RULES[type(op)](u, twin, signal)
            twin.erase()
            for gradient in u.fixed[op.weight]:
                self._o.give(op.weight, _of_kind(gradient, chain.kind))
        if op.bias is not None and op.bias in self._o.active:
            shape = shape_of(signal)
            effect = self._o.traces.filtered(self._o.t.constant(1.0), chain.filters)
            product = (
                self._o.eligibility.product([signal, effect], shape) if chain.filters else signal
            )
            channels = (shape[0], *(1,) * (len(shape) - 1))
            self._o.give(op.bias, FixedGradient(product, chain.kind, channels))
        total = input_signal(self._o.t, self._o.feedback, op, signal)
        if total is not None:
            chain.t.give(op.input, partial(_same, total))


def _apply(t: SameStep, op: Operation, signals: Sequence[SSAValue | None]) -> None:
    if isinstance(op, snn.NeuronOp):
        transpose_neuron(t, op, signals, [], [])
    elif type(op) in RULES and signals[0] is not None:
        RULES[type(op)](t, op, signals[0])
    else:
        raise NoDerivative(f"{describe(op)} has no derivative")


def _of_kind(gradient: FixedGradient, kind: str) -> FixedGradient:
    return FixedGradient(gradient.stream, kind, gradient.repeated)


def _same(value: SSAValue) -> SSAValue:
    return value
