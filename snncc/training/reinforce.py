"""
Gradients of an expected loss, where spikes are drawn: the score-function estimator, and the
exact gradient of small networks by enumeration.

Each spike is 1 with probability p(u), the integral of its surrogate. The loss L of what was
drawn, z, has the expectation sum over z of P(z) L(z), whose gradient is

    E [ dL + (L - b) d log P ]        d: with z held

for any baseline b that does not depend on z (REINFORCE: Williams, 1992). `reinforce` averages
this over samples; with several of each input its baseline is the mean loss of the others
(Kool, van Hoof and Welling, 2019). Without bias, but of large variance: it is a reference
for surrogate gradients, which have bias and no variance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from xdsl.dialects.builtin import f64

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of, dtype_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.fixed import evaluated
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.surrogates import differentiated, integral
from snncc.dialects.snn.types import describe, shape_of
from snncc.errors import error
from snncc.inputs import Streams, to_states, to_streams
from snncc.network import Network, expect_network
from snncc.options import is_whole
from snncc.passes.smoothing.bodies import is_smoothed
from snncc.passes.smoothing.stochastic import draw_spikes, probability_of
from snncc.training.gradients import (
    ELEMENTS,
    Dtype,
    GradientsByName,
    Options,
    Trained,
    as_given,
    prepared,
)
from snncc.training.losses import Loss, loss_of
from snncc.training.refusals import expect_seed, expect_steps

Baseline = Literal["others", "none"]
BASELINES: tuple[Baseline, ...] = ("others", "none")
MOST_SPIKES = 16
"""How many spikes of one sample are enumerated: 2^16 patterns."""
Weights = Callable[[Array, Array], tuple[Array, Array]]

FAR = 1e6
"""Thresholds away from the threshold, where a probability has to be 0 or 1."""


def reinforce(
    net: Network,
    loss: Loss | str,
    x: Any,
    target: Any = None,
    *,
    samples: int = 64,
    baseline: Baseline = "others",
    seed: int = 0,
    state0: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    steps: int | None = None,
    wrt: Sequence[str] | None = None,
    surrogate: SurrogateAttr | None = None,
    dtype: Dtype = "float32",
) -> tuple[float, GradientsByName]:
    """
    The mean loss and an unbiased estimate of its gradient, where spikes are drawn.

    `samples` are drawn for each input, all at once; `seed` says which. `baseline`: the mean
    loss of the `others` of the same input, or `none`. The rest is as for `value_and_grad`.
    Unbiased it is for networks whose comparisons, of what depends on parameters, are all
    spikes with surrogates: through another comparison no gradient passes.

    Raises SnnccError: those of `value_and_grad`, SNC-C003 also for a surrogate whose integral
    is no probability and for a loss of means over the batch, SNC-T002 for spikes that have
    no integral.
    """
    if baseline not in BASELINES:
        raise error("SNC-C003", f"baseline: expected one of {BASELINES}, got {baseline!r}")
    if not (is_whole(samples) and samples >= 1):
        raise error("SNC-C003", f"samples: expected at least 1, got {samples!r}")
    expect_seed(seed)
    drawn = _Drawn.made(net, loss, x, target, state0, parameters, steps, wrt, surrogate, dtype)
    rng = np.random.default_rng(seed)
    numbers = {
        name: rng.random((drawn.streams.steps, samples * drawn.streams.batch, *shape))
        for name, shape in drawn.shapes.items()
    }

    def weights(losses: Array, scores: Array) -> tuple[Array, Array]:
        centred = losses
        if baseline == "others" and samples > 1:
            others = (losses.sum(axis=0) - losses) / (samples - 1)
            centred = losses - others
        return np.full(losses.shape, 1.0 / samples), centred / samples

    return drawn.run(samples, numbers, weights)


def expectation(
    net: Network,
    loss: Loss | str,
    x: Any,
    target: Any = None,
    *,
    state0: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    steps: int | None = None,
    wrt: Sequence[str] | None = None,
    surrogate: SurrogateAttr | None = None,
    dtype: Dtype = "float64",
) -> tuple[float, GradientsByName]:
    """
    The expected loss, where spikes are drawn, and its exact gradient: the sum over all
    patterns of spikes. Arguments and errors are those of `reinforce`; SNC-C003 also for more
    than 16 spikes a sample (neurons times steps).
    """
    drawn = _Drawn.made(net, loss, x, target, state0, parameters, steps, wrt, surrogate, dtype)
    lengths = {n: drawn.streams.steps * int(np.prod(s)) for n, s in drawn.shapes.items()}
    count = sum(lengths.values())
    if count > MOST_SPIKES:
        raise error("SNC-C003", f"{count} spikes a sample: at most {MOST_SPIKES} can be enumerated")
    patterns = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    numbers: dict[str, Array] = {}
    start = 0
    for name, shape in drawn.shapes.items():
        part = patterns[:, start : start + lengths[name]]
        start += lengths[name]
        grid = 1.0 - part.reshape(len(part), drawn.streams.steps, *shape)  # 0 draws a spike
        numbers[name] = np.repeat(grid.swapaxes(0, 1), drawn.streams.batch, axis=1)

    def weights(losses: Array, scores: Array) -> tuple[Array, Array]:
        probability = np.exp(scores)
        return probability, probability * losses

    return drawn.run(len(patterns), numbers, weights)


class _Stochastic(Trained):
    """A network with its loss whose spikes are drawn."""

    def _rewrite(self, options: Options) -> list[str]:
        for op in self.network.walk():
            if isinstance(op, snn.SpikeOp) and is_smoothed(op, options.surrogate):
                _expect_probability(op, options.surrogate)
        made = draw_spikes(self.network, self.element, options.surrogate)
        self.network = made.network
        self.drawn, self.scores = made.drawn, made.scores
        return list(made.scores)

    def sums(self, outputs: Mapping[str, Array]) -> tuple[Array, Array]:
        """The loss and log P of each sample."""
        losses = sum(
            weight * outputs[name].reshape(len(outputs[name]), -1).sum(axis=1)
            for weight, term in self.terms
            for name in term.outputs
        )
        scores = sum(outputs[name][:, 0] for name in self.scores)
        return np.asarray(losses), np.broadcast_to(scores, np.shape(losses))

    def seeds(self, of_loss: Array, of_score: Array) -> dict[str, Array]:
        """The gradients of the outputs, from those of the loss and of log P of each sample."""
        found: dict[str, Array] = {}
        dtype = dtype_of(self.element)
        for weight, term in self.terms:
            for name in term.outputs:
                rank = len(shape_of(self.network.outputs[name]))
                seed = (weight * of_loss).reshape(-1, *(1,) * rank)
                shape = (len(of_loss), *shape_of(self.network.outputs[name]))
                found[name] = np.broadcast_to(seed, shape).astype(dtype)
        for name in self.scores:
            found[name] = of_score[:, None].astype(dtype)
        return found


class _Drawn:
    """What is run for an estimate."""

    def __init__(
        self, trained: _Stochastic, streams: Streams, arrays: dict[str, Array], state0: Any
    ):
        self.trained = trained
        self.streams = streams
        self.arrays = arrays
        self.state0 = state0 or {}
        self.shapes = {name: shape_of(trained.network.inputs[name]) for name in trained.drawn}

    @staticmethod
    def made(
        net: Network,
        loss: Loss | str,
        x: Any,
        target: Any,
        state0: Mapping[str, Any] | None,
        parameters: Mapping[str, Any] | None,
        steps: int | None,
        wrt: Sequence[str] | None,
        surrogate: SurrogateAttr | None,
        dtype: Dtype,
    ) -> _Drawn:
        if dtype not in ELEMENTS:
            raise error("SNC-C003", f"dtype: expected one of {', '.join(ELEMENTS)}, got {dtype!r}")
        expect_network(net)
        module = prepared(net.module, dtype, parameters or {})
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        expect_steps(network)
        streams = to_streams(network, x, steps=steps)
        options = Options(wrt, surrogate, dtype)
        trained = _Stochastic(module, network, loss_of(loss), streams.steps, options)
        if any(term.rate_target is not None for _, term in trained.terms):
            raise error(
                "SNC-C003",
                "loss: a rate is a mean over the batch, and has no loss for each sample",
            )
        arrays = {**streams.arrays, **trained.targets_of(target, streams)}
        return _Drawn(trained, streams, arrays, state0)

    def run(
        self, samples: int, numbers: Mapping[str, Array], weights: Weights
    ) -> tuple[float, GradientsByName]:
        """`weights`: what the losses and log P of the samples, [samples, B], are weighted by."""
        trained, batch = self.trained, self.streams.batch
        dtype = dtype_of(trained.element)
        arrays = {name: _repeated(a, samples, axis=1) for name, a in self.arrays.items()}
        arrays |= {name: array.astype(dtype) for name, array in numbers.items()}
        states = to_states(trained.network, self.state0, batch)
        names = StateNames(trained.network)
        for key, name in names.name_of.items():
            if name in states and states[name].ndim > len(names.shape_of(key)):
                states[name] = _repeated(states[name], samples, axis=0)
        value = 0.0

        def seeds(outputs: Mapping[str, Array]) -> dict[str, Array]:
            nonlocal value
            flat = trained.sums(outputs)
            losses, scores = (a.astype(np.float64).reshape(samples, batch) for a in flat)
            of_loss, of_score = weights(losses, scores)
            value = float((of_loss * losses).sum()) / batch
            return trained.seeds(of_loss.ravel() / batch, of_score.ravel() / batch)

        found = trained.backpropagated(arrays, states, seeds)
        summed = GradientsByName(
            found.parameters,
            {n: _over_samples(a, samples, axis=1) for n, a in found.inputs.items()},
            {n: _over_samples(a, samples, axis=0) for n, a in found.states.items()},
        )
        return value, as_given(trained, summed, self.streams, self.state0)


def _repeated(array: Array, samples: int, axis: int) -> Array:
    """[..., B, ...] to [..., samples * B, ...]"""
    times = [1] * array.ndim
    times[axis] = samples
    return np.tile(array, times)


def _over_samples(array: Array, samples: int, axis: int) -> Array:
    """[..., samples * B, ...] summed to [..., B, ...]."""
    shape = array.shape
    split = (*shape[:axis], samples, shape[axis] // samples, *shape[axis + 1 :])
    return np.asarray(array.reshape(split).sum(axis=axis))


def _expect_probability(op: snn.SpikeOp, surrogate: SurrogateAttr | None) -> None:
    """Raises SNC-C003 where the integral does not go from 0 to 1; leaves other faults."""
    known = probability_of(op, surrogate)

    def ends(b: Body, v: Scalar) -> Outputs:
        arguments = [v, *(b.constant(1.0) for _ in differentiated(op)[1:])]
        return [integral(op, b, arguments, surrogate=known)], []

    try:
        points = snn.ConstantOp(dense_of(np.array([-FAR, FAR])))
        neuron = build_neuron(
            ends,
            inputs={},
            states={},
            parameters={"v": points.result},
            population=(2,),
            float_type=f64,
        )
    except ValueError:
        return  # it is told with its place when spikes are drawn
    (found,) = evaluated(neuron, [np.array([-FAR, FAR])])
    if not np.allclose(found, [0.0, 1.0], atol=1e-4):
        parent = op.parent_op()
        assert parent is not None
        raise error(
            "SNC-C003",
            f"{describe(parent)}: surrogate {known.text!r}: its integral goes from {found[0]:.3g} "
            f"to {found[1]:.3g}: it is no probability",
            remedy="a surrogate whose integral is 1, such as sigmoid, atan or fast_sigmoid_norm",
        )
