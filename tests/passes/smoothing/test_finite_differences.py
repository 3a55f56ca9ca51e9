"""
The exact gradient of a smoothed twin against central differences, on random networks of
random bodies: whatever a body computes, its gradient needs no code of its own.

What carries no gradient is held in the differences (`frozen.py`): detached values, spikes that
decide, outcomes of comparisons, rounded numbers. What is left has kinks only (max, the corners
of some surrogates), which a difference may straddle: then a smaller step does not.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array, array_of, constant_of, dense_of
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import shape_of
from snncc.inputs import to_states, to_streams
from snncc.interpreters.network import NetworkInterpreter
from snncc.training import MeanSquaredError
from snncc.training.gradients import Options, Trained, prepared
from tests.passes.smoothing.frozen import freeze
from tests.random_bodies import BATCH, STEPS, Case, draw_case

LONG = os.environ.get("SNNCC_LONG", "") not in ("", "0")
EXAMPLES = 2000 if LONG else 20
LIMIT = 2e-6
STEP_SIZES = (1e-5, 1e-4, 1e-6, 1e-7)

Tensor = tuple[str, str]
"""(parameters, inputs or states; name)."""


class Differences:
    """The loss of a twin as a function of its parameters, inputs and first states."""

    def __init__(self, case: Case):
        module = prepared(case.network.module, "float64", {})
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        shape = shape_of(network.outputs["y"])
        rng = np.random.default_rng(0)
        streams = to_streams(network, case.x)
        self.trained = Trained(
            module, network, MeanSquaredError(), STEPS, Options(dtype="float64", smoothed=True)
        )
        target = rng.normal(size=(STEPS, BATCH, *shape))
        self.arrays = {**streams.arrays, **self.trained.targets_of(target, streams)}
        self.value, self.gradients = self.trained.run(self.arrays, {}, BATCH)
        self.parameters = {
            op.sym_name.data: op for op in module.ops if isinstance(op, snn.ParameterOp)
        }
        self.states = self._first_states()
        held = freeze(self.trained.network)
        module.body.block.add_ops([held.recorder, held.frozen])
        module.verify()
        given = dict(self.arrays)
        if self.trained.hard is not None:
            given |= self._run(self.trained.hard, given, {})
        recorded = self._run(held.recorder, given, {})
        names = held.frozen.inputs
        given = {**given, **{name: recorded[name] for name in held.names}}
        self.given = {name: given[name] for name in names}
        self.frozen = held.frozen

    def _first_states(self) -> dict[str, Array]:
        names = StateNames(self.trained.network)
        found: dict[str, Array] = {}
        for key, name in names.name_of.items():
            op, index = key
            start = op.init if isinstance(op, snn.DelayOp) else op.initial_states[index]
            shape = (BATCH, *names.shape_of(key))
            found[name] = np.broadcast_to(constant_of(start), shape).copy()
        return found

    def _run(self, network: Operation, arrays, states) -> dict[str, Array]:
        assert isinstance(network, snn.NetworkOp)
        arrays = {name: arrays[name] for name in network.inputs}
        interpreter = NetworkInterpreter(self.trained.module, network)
        given = to_states(network, states, BATCH)
        return interpreter.run(arrays, state0=given).outputs

    def loss(self, arrays, states) -> float:
        outputs = self._run(self.frozen, {**self.given, **arrays}, states)
        return self.trained._heads(outputs, BATCH)[0]

    def moved(self, ways: dict[Tensor, Array], step: float) -> float:
        """The loss with parameters, inputs and first states moved along `ways`."""
        arrays: dict[str, Array] = {}
        states: dict[str, Array] = {}
        before = {op: op.value for op in self.parameters.values()}
        for (kind, name), way in ways.items():
            if kind == "inputs":
                arrays[name] = self.given[name] + step * way
            elif kind == "states":
                start = self.states[name]
                states[name] = start + step * way.reshape(start.shape)
            else:
                op = self.parameters[name]
                array = array_of(op.value, op.type) + step * way
                op.properties["value"] = dense_of(array)
        found = self.loss(arrays, states)
        for op, value in before.items():
            op.properties["value"] = value
        return found


def check(case: Case, each: bool = False, seed: int = 0) -> None:
    """
    Along directions drawn at random: one for all parameters together, scaled so that each has
    its part in the slope, one for all inputs, one for all states; or one for `each` tensor.
    """
    differences = Differences(case)
    # what is held is held at its values
    assert differences.loss({}, {}) == pytest.approx(differences.value, rel=1e-12)
    rng = np.random.default_rng(seed)
    found = differences.gradients
    groups = {"parameters": found.parameters, "inputs": found.inputs, "states": found.states}
    gradients: dict[Tensor, Array] = {
        (kind, name): gradient for kind, group in groups.items() for name, gradient in group.items()
    }
    sizes = {key: float(np.linalg.norm(gradient)) for key, gradient in gradients.items()}
    largest = max(sizes.values(), default=0.0)
    for kind in groups:
        keys = [key for key in gradients if key[0] == kind]
        for together in [[key] for key in keys] if each else [keys]:
            least = largest * (1e-3 if each else 0.1)
            ways: dict[Tensor, Array] = {}
            expected = size = 0.0
            for key in together:
                way = rng.normal(size=gradients[key].shape)
                way *= largest / (np.linalg.norm(way) * max(sizes[key], least, 1e-6))
                ways[key] = way
                expected += float((gradients[key] * way).sum())
                size += max(sizes[key], least, 1e-6) * float(np.linalg.norm(way))
            errors: list[float] = []
            for step in STEP_SIZES if together and largest > 0 else ():
                ends = [differences.moved(ways, s) for s in (step, -step)]
                slope = (ends[0] - ends[1]) / (2 * step)
                errors.append(abs(slope - expected) / size)
                if errors[-1] <= LIMIT:
                    break
            assert min(errors, default=0.0) <= LIMIT, (together, errors, expected)


USED: set[str] = set()


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_random_networks_of_random_bodies(data: st.DataObject) -> None:
    case = draw_case(
        lambda options: data.draw(st.sampled_from(options)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    USED.update(case.used)
    check(case, each=LONG)
