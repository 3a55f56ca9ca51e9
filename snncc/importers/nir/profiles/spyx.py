"""
Spyx's `from_nir` (1.0): the spike of a step is that of the membrane before it; dt = 1.

s[t] = H(v[t-1] - theta), subtracted in step t. Here the neuron fires on its new membrane
and its output leaves one step later, which is the same stream.
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
    f32,
    nonzero_departure,
    plus_recurrent,
    zeros,
)


class Spyx(Profile):
    name = "spyx"
    source = "spyx 1.0, nir.py"
    lacks = ("Conv1d", "AvgPool2d", "Scale", "Delay", "Threshold")
    default_dt = 1.0
    reset = "subtract"
    reset_timing = "next"
    resets = (("subtract", "next"),)
    recurrent_bias = "never"
    has_recurrent_layers = True

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """IF: v = (v + x) - s theta"""
        return self._one_state(node, choices, None, ["spyx integrates IF without dt and r"])

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """LIF: v = (beta v + x) - s theta"""
        departures = [
            "spyx takes a unit input gain (r and dt / tau are left out)",
            *nonzero_departure(node, "v_leak", "spyx"),
        ]
        return self._one_state(node, choices, self._decay(node, "tau", choices), departures)

    def _one_state(
        self, node: Node, choices: Choices, beta: Array | None, departures: list[str]
    ) -> NeuronSpec:
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)

        def equations(b: Body, x: Scalar, v: Scalar, theta: Scalar, **p: Scalar) -> Outputs:
            u = (p["beta"] * v if beta is not None else v) + x
            if "recurrent" in p:
                u = u + p["recurrent"]
            if reset != "none":
                u = u - b.to_float(b.spike(v - theta)) * theta
            return [b.spike(u - theta)], [u]

        parameters = {"theta": f32(node.array("v_threshold"))}
        if beta is not None:
            parameters["beta"] = beta
        departures = [*departures, *self._departs(node)]
        return NeuronSpec(equations, parameters, {"v": zeros()}, departures, "output")

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """CuBaLIF: v = v - s theta; i = alpha i + x; v = beta v + i"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)

        def equations(
            b: Body,
            x: Scalar,
            i: Scalar,
            v: Scalar,
            alpha: Scalar,
            beta: Scalar,
            theta: Scalar,
            **r: Scalar,
        ) -> Outputs:
            before = v if reset == "none" else v - b.to_float(b.spike(v - theta)) * theta
            current = plus_recurrent(alpha * i + x, r)
            u = beta * before + current
            return [b.spike(u - theta)], [current, u]

        parameters = {
            "alpha": self._decay(node, "tau_syn", choices),
            "beta": self._decay(node, "tau_mem", choices),
            "theta": f32(node.array("v_threshold")),
        }
        departures = [
            "spyx takes unit gains (r, w_in and dt / tau are left out)",
            *nonzero_departure(node, "v_leak", "spyx"),
            *self._departs(node),
        ]
        states = {"i": zeros(), "v": zeros()}
        return NeuronSpec(equations, parameters, states, departures, "output")

    def _decay(self, node: Node, field: str, choices: Choices) -> Array:
        decay = f32(1 - self.dt(choices) / node.array(field))
        return np.clip(decay, np.float32(0), np.float32(1))

    def _departs(self, node: Node) -> list[str]:
        return [
            "spyx subtracts the threshold and lets each spike out one step late",
            *nonzero_departure(node, "v_reset", "spyx"),
        ]
