"""
Sinabs' `from_nir` (3.1.3): LIF, IAF and ExpLeak with several spikes a step.

Its time constants count steps. With `dt` the file's are taken as seconds (as in the
files of the NIR paper, where the input gain stands in the weights); without, as steps.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.importers.nir.model import Node
from snncc.importers.nir.profiles.base import (
    Choices,
    NeuronSpec,
    Profile,
    Reset,
    f32,
    f64,
    nonzero_departure,
    zeros,
)

MAX_COUNT = 65535
"""Sinabs has no bound; a count is 16 bits wide here."""


class Sinabs(Profile):
    name = "sinabs"
    source = "sinabs 3.1.3, nir.py"
    lacks = ("Linear", "Scale", "Conv1d", "AvgPool2d", "Delay", "Threshold")
    reset = "subtract"
    resets = (("subtract", "same"), ("value", "same"))
    integrator = "exact"
    integrators = ("exact",)
    recurrent_bias = "after_first"
    pools_by_power = True

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """IAF: v = v + x, held at or above -threshold"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)

        def equations(b: Body, x: Scalar, v: Scalar, theta: Scalar, floor: Scalar) -> Outputs:
            n, after = _fire(b, v + x, theta, reset)
            return [n], [b.maximum(after - floor, b.constant(0.0)) + floor]

        theta = f32(node.array("v_threshold"))
        departures = [
            "sinabs integrates IF without dt and r, fires several times a step from v >= "
            "threshold and holds v at or above -threshold",
            *nonzero_departure(node, "v_reset", "sinabs"),
        ]
        return NeuronSpec(equations, {"theta": theta, "floor": -theta}, {"v": zeros()}, departures)

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """LIF: v = alpha v + x"""
        reset, _ = self.chosen_reset(node, choices)
        self._no_leak(node)

        def equations(b: Body, x: Scalar, v: Scalar, alpha: Scalar, theta: Scalar) -> Outputs:
            n, after = _fire(b, alpha * v + x, theta, reset)
            return [n], [after]

        departures = [
            "sinabs takes a unit input gain (r and 1 - alpha are left out) and fires several "
            "times a step from v >= threshold",
            *nonzero_departure(node, "v_reset", "sinabs"),
        ]
        parameters = {
            "alpha": self._decay(node, choices),
            "theta": f32(node.array("v_threshold")),
        }
        return NeuronSpec(equations, parameters, {"v": zeros()}, departures)

    def make_li(self, node: Node, choices: Choices) -> NeuronSpec:
        """ExpLeak: v = alpha v + x"""
        self._no_leak(node)
        if np.any(node.array("r") != 1):
            raise self.refuse(node, "r must be 1")

        def equations(b: Body, x: Scalar, v: Scalar, alpha: Scalar) -> Outputs:
            u = alpha * v + x
            return [u], [u]

        return NeuronSpec(
            equations,
            {"alpha": self._decay(node, choices)},
            {"v": zeros()},
            ["sinabs takes a unit input gain (1 - alpha is left out)"],
        )

    def _decay(self, node: Node, choices: Choices) -> Array:
        """exp(-1 / tau), tau in steps; the division by dt in the file's own type."""
        self.check_integrator(node, choices)
        tau = node.array("tau")
        if choices.dt is not None:
            tau = tau / choices.dt
        return f32(np.exp(f64(np.float32(-1) / f32(tau))))

    def _no_leak(self, node: Node) -> None:
        if np.any(node.array("v_leak") != 0):
            raise self.refuse(node, "v_leak must be 0")


def _fire(b: Body, u: Scalar, theta: Scalar, reset: Reset) -> tuple[Scalar, Scalar]:
    """MultiSpike: trunc(v / threshold) where v > 0; and the membrane after the reset."""
    n = b.count(u / theta, MAX_COUNT)
    if reset == "none":
        return n, u
    spikes = b.to_float(n)
    if reset == "subtract":
        return n, u - spikes * theta
    silent = 1 - b.to_float(b.spike(spikes))
    return n, u * silent
