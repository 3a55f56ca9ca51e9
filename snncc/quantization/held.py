"""States that saturate: where, what that is worth, and after how many steps at the earliest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.names import StateNames
from snncc.errors import Problem
from snncc.passes.quantization.attributes import read_held, read_scale
from snncc.passes.ranges import Interval, NetworkRanges, Straight, body_ranges, network_ranges

FOLLOWED = 48
"""Steps that are followed one by one; beyond, states are taken to grow as in the last ones."""


@dataclass(frozen=True)
class HeldState:
    """A state without a proved bound, which is held within +-`bound`."""

    name: str
    layer: str
    bound: int
    """As a whole number."""
    worth: float
    """The largest of the bound in the float network's numbers."""
    steps: int | None
    """No inputs reach it sooner; None where no estimate is known."""

    def problem(self) -> Problem:
        when = "" if self.steps is None else f", reached after about {self.steps} steps or later"
        return Problem(
            "SNC-W023",
            f"state {self.name} has no proved bound: it saturates at +-{self.bound} "
            f"(+-{self.worth:.4g}){when}",
            node=self.layer,
            remedy="reset it before, or calibrate on inputs that drive it as far as it goes",
            severity="warning",
        )


def held_states(network: snn.NetworkOp) -> list[HeldState]:
    """The states of an integer network that saturate on some inputs, as far as is proved."""
    neurons = [
        op for op in network.body.block.ops if isinstance(op, snn.NeuronOp) and read_held(op)
    ]
    if not neurons:
        return []
    names, ranges = StateNames(network), network_ranges(network)
    found: list[HeldState] = []
    for op in neurons:
        bounds = reached(op, ranges)
        for index, port in enumerate(op.state_ports):
            if index not in bounds:
                continue
            scale = read_scale(op, port.name)
            found.append(
                HeldState(
                    names.name_of[op, index],
                    names.node_of.get(op, "neuron"),
                    bounds[index],
                    bounds[index] * float(np.max(1.0 if scale is None else scale)),
                    _steps_to(op, index, bounds[index], ranges),
                )
            )
    return found


def reached(op: snn.NeuronOp, ranges: NetworkRanges) -> dict[int, int]:
    """Index of a state -> where it saturates, where the proof does not keep it from that."""
    held = read_held(op)
    found: dict[int, int] = {}
    for index, port in enumerate(op.state_ports):
        if port.name not in held:
            continue
        bound, state = int(held[port.name]), ranges.states[op, index]
        if int(state.most) >= bound or int(state.least) <= -bound:
            found[index] = bound
    return found


def _steps_to(op: snn.NeuronOp, index: int, bound: int, ranges: NetworkRanges) -> int | None:
    """Follows the ranges of all states from the initial ones on."""
    straight = Straight(op.body.block)
    columns: dict[SSAValue, Interval] = {
        argument: ranges.values[operand].broadcast(op.population).map(np.ravel)
        for argument, operand in zip(op.body.block.args, op.operands, strict=True)
    }
    states = [port.argument for port in op.state_ports]
    before = 0
    for step in range(1, FOLLOWED + 1):
        found = body_ranges(straight, columns).values
        after: dict[SSAValue, Interval] = {
            s: found[t] for s, t in zip(states, op.terminator.states, strict=True)
        }
        columns.update(after)
        size = _size(after[states[index]])
        if size >= bound:
            return step
        growth, before = size - before, size
    return step + -(-(bound - before) // growth) if growth > 0 else None


def _size(interval: Interval) -> int:
    return max(int(interval.most), -int(interval.least))
