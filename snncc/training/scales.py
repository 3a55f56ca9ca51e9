"""
Surrogates scaled layer by layer, so that gradients neither vanish nor explode with depth.

Through a layer a gradient is multiplied by weights, by the slope of the surrogate where its
neurons are, and by their memory. How much of the slope there is depends on the activity: a
population far from its threshold passes next to nothing. The gain is measured, not modelled:
gradients of the loss (or, without one, of random sums of the outputs) are sent back, and each
population's surrogate is scaled until the gradient of the weights that feed it is as large as
that of the last one's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, FloatAttr, f64
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.surrogates.registry import SCALE, scale_of
from snncc.errors import error
from snncc.inputs import to_streams
from snncc.network import Network, expect_network
from snncc.training.gradients import prepared, value_and_grad
from snncc.training.losses import Loss, Projection, loss_of
from snncc.training.surrogates import surrogate_of


@dataclass(frozen=True)
class ScaledSurrogates:
    """A network whose surrogates are scaled, and what was measured for each population."""

    network: Network
    scales: dict[str, float]
    """Population -> the factor of its surrogate."""
    before: dict[str, float]
    """Population -> norm of the gradient of the weights that feed it."""
    after: dict[str, float]


def scale_surrogates(
    net: Network,
    x: Any,
    loss: Loss | str | None = None,
    target: Any = None,
    *,
    steps: int | None = None,
    surrogate: SurrogateAttr | str | None = None,
    rounds: int = 2,
    draws: int = 8,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ScaledSurrogates:
    """
    Scales the surrogate of each population by measured gradients (see the module's text).

    `x`, `target` and `steps` are those of `value_and_grad`: samples of what the network is
    trained on. Without a loss, gradients are those of `draws` random sums of the outputs.
    `surrogate` is given to spikes without one. Populations are taken from the outputs to the
    inputs, `rounds` times: with an attached reset or recurrent weights a scale acts more than
    once on its own gradient. A population that no weights feed keeps its surrogate.

    Raises SNC-T001 where no gradient flows, and what `value_and_grad` raises.
    """
    expect_network(net)
    module = prepared(net.module, "float32", {})
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    default = surrogate_of(surrogate)
    if default is not None:
        for op in network.walk():
            if isinstance(op, snn.SpikeOp | snn.CountOp) and op.surrogate is None:
                op.surrogate = default
    populations = _populations(network)
    if not populations:
        raise error("SNC-T001", "no weights feed a population whose spikes have a surrogate")
    scaled = Network(module, net.warnings)
    terms: list[tuple[Loss, Any]]
    if loss is not None:
        terms = [(loss_of(loss), target)]
    else:
        terms = _random_sums(scaled, x, steps, draws, seed)

    def measured() -> dict[str, float]:
        return _norms(scaled, populations, x, terms, steps)

    now = before = measured()
    last = next((name for name in reversed(populations) if before[name] > 0), None)
    if last is None:
        raise error("SNC-T001", "no gradient reaches any population: no neuron is near a spike")
    done, total = 0, rounds * len(populations)
    for _ in range(rounds):
        for name, population in reversed(populations.items()):
            if name != last and now[name] > 0:
                _scale(population.neuron, now[last] / now[name])
                now = measured()
            done += 1
            if progress is not None:
                progress(done, total)
    module.verify()
    scales = {name: _scale_of(population.neuron) for name, population in populations.items()}
    return ScaledSurrogates(scaled, scales, before, now)


@dataclass(frozen=True)
class _Population:
    neuron: snn.NeuronOp
    weights: tuple[str, ...]
    """The parameters of the weighted sums that feed it."""


def _populations(network: snn.NetworkOp) -> dict[str, _Population]:
    """Name -> population whose spikes have a surrogate and that weights feed, in textual order."""
    names = StateNames(network)
    found: dict[str, _Population] = {}
    for op in network.body.block.ops:
        if isinstance(op, snn.NeuronOp) and _spikes(op):
            weights = _weights(op)
            if weights:
                found[names.node_of.get(op, f"neuron{len(found)}")] = _Population(op, weights)
    return found


def _weights(neuron: snn.NeuronOp) -> tuple[str, ...]:
    """What the sums in front of a neuron read, up to the next population."""
    found: dict[str, None] = {}
    stack: list[SSAValue] = list(neuron.inputs)
    seen: set[SSAValue] = set()
    while stack:
        value = stack.pop()
        op = value.owner
        if value in seen or not isinstance(op, Operation) or isinstance(op, snn.DelayOp):
            continue
        seen.add(value)
        if isinstance(op, WeightedSum):
            found.update(dict.fromkeys(_parameters(op.weight)))
        elif not (isinstance(op, snn.NeuronOp) and _spikes(op)):
            stack.extend(op.operands)
    return tuple(found)


def _parameters(value: SSAValue) -> list[str]:
    """The parameters that a fixed value is computed of."""
    op = value.owner
    if isinstance(op, snn.UseOp):
        return [op.symbol]
    return [p for v in op.operands for p in _parameters(v)] if isinstance(op, Operation) else []


def _spikes(neuron: snn.NeuronOp) -> list[snn.SpikeOp | snn.CountOp]:
    return [
        op
        for op in neuron.body.block.ops
        if isinstance(op, snn.SpikeOp | snn.CountOp) and op.surrogate is not None
    ]


def _scale(neuron: snn.NeuronOp, factor: float) -> None:
    for op in _spikes(neuron):
        known = op.surrogate
        assert known is not None
        number = FloatAttr(scale_of(known) * factor, f64)
        options = DictionaryAttr({**known.options.data, SCALE: number})
        op.surrogate = SurrogateAttr(known.function, options)


def _scale_of(neuron: snn.NeuronOp) -> float:
    surrogate = _spikes(neuron)[0].surrogate
    assert surrogate is not None
    return scale_of(surrogate)


def _random_sums(
    net: Network, x: Any, steps: int | None, draws: int, seed: int
) -> list[tuple[Loss, Any]]:
    """Losses that are random sums of the outputs, the same at every step of a sample."""
    rng, batch = np.random.default_rng(seed), to_streams(net.op, x, steps=steps).batch
    terms: list[tuple[Loss, Any]] = []
    for _ in range(draws):
        loss: Loss | None = None
        targets: dict[str, Any] = {}
        for name, shape in net.outputs.items():
            targets[name] = rng.standard_normal((batch, *shape))
            loss = Projection(name) if loss is None else loss + Projection(name)
        assert loss is not None
        terms.append((loss, targets))
    return terms


def _norms(
    net: Network,
    populations: dict[str, _Population],
    x: Any,
    terms: list[tuple[Loss, Any]],
    steps: int | None,
) -> dict[str, float]:
    """Population -> root of the mean square, over the losses, of its weights' gradient's norm."""
    wanted = list(dict.fromkeys(w for p in populations.values() for w in p.weights))
    squares = dict.fromkeys(wanted, 0.0)
    for loss, target in terms:
        _, found = value_and_grad(net, loss, x, target, wrt=wanted, steps=steps)
        for name, gradient in found.parameters.items():
            squares[name] += float(np.square(gradient, dtype=np.float64).sum()) / len(terms)
    return {
        name: float(np.sqrt(sum(squares[weight] for weight in population.weights)))
        for name, population in populations.items()
    }
