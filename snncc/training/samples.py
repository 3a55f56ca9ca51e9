"""The networks that one sample of a training runs, made of those that give its gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of, dtype_of
from snncc.dialects.snn.network import STREAM
from snncc.dialects.snn.types import stream_type
from snncc.training.gradients import Trained
from snncc.training.online import OnlineTrained

FORWARD, BACKWARD, ONLINE, RATES = "forward", "backward", "online", "rates"
"""The programs of a sample."""


@dataclass
class Sample:
    """The networks that one sample runs."""

    networks: dict[str, snn.NetworkOp]
    tape: tuple[str, ...]
    sums: list[str]


def there_and_back(trained: Trained, losses: Sequence[str], seeds: Mapping[str, float]) -> Sample:
    gradients = trained.gradients
    tape = tuple(name for name in gradients.tape if name not in losses)
    forward = _restricted(gradients.forward, [*losses, *tape])
    backward = _with_constants(gradients.backward, seeds)
    return Sample({FORWARD: forward, BACKWARD: backward}, tape, list(backward.outputs))


def online(
    trained: OnlineTrained,
    losses: Sequence[str],
    seeds: Mapping[str, float],
    outputs: Sequence[str],
) -> Sample:
    """The network with its loss and its sums; its own `outputs` come out as it learns."""
    finish = trained.finish
    sums = [] if finish is None else list(finish.inputs)
    kinds = trained.online.network.kinds
    streams = [name for name in outputs if kinds[name] == STREAM]
    network = _restricted(trained.online.network, [*losses, *sums, *streams])
    return Sample({ONLINE: _with_constants(network, seeds)}, (), sums)


def _restricted(network: snn.NetworkOp, outputs: Sequence[str]) -> snn.NetworkOp:
    """A copy that puts out these alone."""
    copy = network.clone()
    streams = [copy.outputs[name] for name in outputs]
    kinds = [copy.kinds[name] for name in outputs]
    ends = copy.yield_op
    copy.body.block.insert_op_before(snn.YieldOp(streams), ends)
    copy.body.block.erase_op(ends)
    return rebuilt(copy, list(zip(outputs, streams, kinds, strict=True)))


def _with_constants(network: snn.NetworkOp, values: Mapping[str, float]) -> snn.NetworkOp:
    """A copy in which some inputs have one value for all elements, at every step."""
    copy = network.clone()
    block = copy.body.block
    outputs = [(name, value, copy.kinds[name]) for name, value in copy.outputs.items()]
    kept: list[str] = []
    for name, argument in zip(list(copy.inputs), list(block.args), strict=True):
        if name not in values:
            kept.append(name)
            continue
        type = stream_type(argument)
        filled = np.full(type.get_shape(), values[name], dtype_of(type.element_type))
        constant = snn.ConstantOp(dense_of(filled))
        first = block.first_op
        assert first is not None
        block.insert_op_before(constant, first)
        argument.replace_all_uses_with(constant.result)
        block.erase_arg(argument)
    return rebuilt(copy, outputs, kept)


def rebuilt(
    network: snn.NetworkOp,
    outputs: Sequence[tuple[str, SSAValue, str]],
    inputs: Sequence[str] | None = None,
) -> snn.NetworkOp:
    names = list(network.inputs) if inputs is None else inputs
    arguments = network.body.block.args
    return snn.NetworkOp(
        network.sym_name.data,
        [(name, stream_type(value)) for name, value in zip(names, arguments, strict=True)],
        [(name, stream_type(value)) for name, value, _ in outputs],
        network.detach_region(network.body),
        dict(network.attributes),
        kinds=[kind for _, _, kind in outputs],
        reverse=network.is_reverse,
    )
