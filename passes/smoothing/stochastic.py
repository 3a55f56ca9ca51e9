"""
The stochastic network: each spike is drawn, with the integral of its surrogate as probability.

    z = 1 if r < p else 0        p = the integral, held away from 0 and 1        r: given

A neuron takes r, a number in [0, 1), as one more input for each of its spikes, and puts out
log P of what was drawn, the sum of

    log p where z = 1, log(1 - p) where z = 0

No gradient passes through z; that of log P is the score of the spikes, which the score-function
estimator (REINFORCE: Williams, 1992) weights with the loss. Detached values are not detached
here: the expected loss depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, StringAttr, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.network import SUM
from snncc.dialects.snn.surrogates import SurrogateError, differentiated, integral
from snncc.dialects.snn.types import describe, shape_of
from snncc.passes.differentiation.tape import put_out, with_outputs
from snncc.passes.smoothing.bodies import is_smoothed
from snncc.passes.smoothing.network import (
    NoTwin,
    new_input,
    numbered,
    set_function_type,
    thresholds_to_neurons,
)

DRAWN = "drawn."
SCORE = "score."
LEAST = 1e-12
"""Probabilities are at least so far from 0 and 1."""


@dataclass(frozen=True)
class Stochastic:
    """A network whose spikes are drawn."""

    network: snn.NetworkOp
    drawn: tuple[str, ...]
    """Inputs in [0, 1): one for each spike of a body, of the shape of its population."""
    scores: tuple[str, ...]
    """Outputs: the sums over time and a population of log P, [1]."""


def draw_spikes(
    network: snn.NetworkOp, element: AnyFloat, surrogate: SurrogateAttr | None = None
) -> Stochastic:
    """
    Puts a stochastic network in the place of a network. `surrogate` stands in for spikes that
    have none. Raises NoTwin for counts, and for surrogates without an integral.
    """
    thresholds_to_neurons(network, element, surrogate)
    drawn: list[str] = []
    streams: list[SSAValue] = []
    for op in list(network.body.block.ops):
        if not isinstance(op, snn.NeuronOp):
            continue
        for inner in list(op.body.block.ops):
            if isinstance(inner, snn.DetachOp):
                Rewriter.replace_op(inner, [], [inner.argument])
        spikes = [inner for inner in op.body.block.ops if is_smoothed(inner, surrogate)]
        if spikes:
            stream, names = _drawn(network, op, spikes, element, surrogate)
            drawn += names
            streams.append(_total(stream))
    set_function_type(network)
    scores = numbered(SCORE, {*network.inputs, *network.outputs}, len(streams))
    made = with_outputs(network, network.sym_name.data, scores, streams, SUM)
    Rewriter.replace_op(network, made, [])
    return Stochastic(made, tuple(drawn), tuple(scores))


def probability_of(
    spike: snn.SpikeOp | snn.CountOp, surrogate: SurrogateAttr | None
) -> SurrogateAttr:
    """The surrogate whose integral is the probability: without the factor that training gave it."""
    found = spike.surrogate or surrogate
    assert found is not None
    options = {key: value for key, value in found.options.data.items() if key != "scale"}
    return SurrogateAttr(found.function, options)


def _drawn(
    network: snn.NetworkOp,
    op: snn.NeuronOp,
    spikes: list[snn.SpikeOp | snn.CountOp],
    element: AnyFloat,
    surrogate: SurrogateAttr | None,
) -> tuple[SSAValue, list[str]]:
    """Draws the spikes of a neuron; gives the stream of log P, and the new inputs."""
    names: list[str] = []
    added: list[tuple[str, SSAValue]] = []
    score: Scalar | None = None
    ports = {port.name for port in (*op.input_ports, *op.state_ports, *op.parameter_ports)}
    own = numbered("drawn", ports, len(spikes))
    for index, spike in enumerate(spikes):
        if isinstance(spike, snn.CountOp):
            raise NoTwin(f"{describe(op)}: several spikes a step have no probability here")
        stream, name = new_input(network, DRAWN, TensorType(element, op.population))
        names.append(name)
        added.append((own[index], stream))
        argument = op.body.block.insert_arg(element, len(op.inputs) + index)
        b = Body(Builder(InsertPoint.before(spike)), element)
        arguments = [Scalar(b, value) for value in differentiated(spike)]
        try:
            p = integral(spike, b, arguments, surrogate=probability_of(spike, surrogate))
        except SurrogateError as fault:
            raise NoTwin(f"{describe(op)}: {fault}") from None
        p = b.clamp(p, LEAST, 1.0 - LEAST)
        z = b.compare("lt", Scalar(b, argument), p)
        part = b.select(z, b.log(p), b.log(1.0 - p))
        score = part if score is None else score + part
        Rewriter.replace_op(spike, [], [z.value])
    assert score is not None
    made = snn.NeuronOp(
        [*_named(op.input_names, op.inputs), *added],
        _named(op.state_names, op.initial_states),
        _named(op.parameter_names, op.parameters),
        [result.type for result in op.outputs],
        op.detach_region(op.body),
        node=None if op.node is None else op.node.data,
    )
    made.attributes = dict(op.attributes)
    Rewriter.replace_op(op, made, made.outputs)
    return put_out(made, [score.value], [f"{describe(op)}.score"])[-1], names


def _named(
    names: ArrayAttr[StringAttr], values: tuple[SSAValue, ...]
) -> list[tuple[str, SSAValue]]:
    return [(name.data, value) for name, value in zip(names, values, strict=True)]


def _total(stream: SSAValue) -> SSAValue:
    """The sum over a population, [1]."""
    assert isinstance(stream.owner, Operation)
    flat = snn.ReshapeOp(stream, (prod(shape_of(stream)),))
    total = snn.ReduceOp("sum", flat.result, (1,))
    Rewriter.insert_op([flat, total], InsertPoint.after(stream.owner))
    return total.result
