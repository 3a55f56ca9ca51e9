"""
snnTorch's `import_from_nir` (1.0.0): Leaky and Synaptic, dt = 1e-4.

The importer sets reset_mechanism "zero" in the same step; `reset` and `reset_timing`
choose among snnTorch's own mechanisms (its native default is subtract, in the next step).
Recurrent neurons are RLeaky and RSynaptic, which the importer means to build; release
1.0.0 wires the input into the recurrent weights instead.
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
    Timing,
    all_near,
    f32,
    nonzero_departure,
    plus_recurrent,
    same_everywhere,
    span_text,
    zeros,
)


class SnnTorch(Profile):
    name = "snntorch"
    source = "snntorch 1.0.0, import_nir.py"
    lacks = ("Scale", "Delay", "Threshold")
    default_dt = 1e-4
    resets = (("value", "same"), ("value", "next"), ("subtract", "same"), ("subtract", "next"))
    pools_by_power = True
    recurrent_bias = "in_layers"
    has_recurrent_layers = True

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """Leaky: m = beta m + x"""
        self.check_integrator(node, choices)
        reset, timing = self.chosen_reset(node, choices)
        self._no_leak(node)
        dt = self.dt(choices)
        tau, theta = node.array("tau"), node.array("v_threshold")
        if not same_everywhere(theta):
            raise self.refuse(node, "v_threshold must be the same for all neurons")
        scale = (node.array("r") * dt) / tau
        departures = ["snntorch: unit input gain, the threshold divided by r dt / tau"]
        if not all_near(scale, 1):
            theta = theta / np.unique(scale)[0]
            if not same_everywhere(scale):
                departures.append(
                    "snntorch divides every threshold by the smallest r dt / tau of the layer"
                )
        else:
            departures = []
        departures += nonzero_departure(node, "v_reset", "snntorch")
        return _leaky(1 - (dt / tau), theta, reset, timing, departures)

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """Leaky with beta = 0.9, subtract"""
        self.check_integrator(node, choices)
        reset, timing = self.chosen_reset(node, choices)
        if choices.reset is None:
            reset = "subtract"
        theta, r = node.array("v_threshold"), node.array("r")
        for field, values in (("v_threshold", theta), ("r", r)):
            if not same_everywhere(values):
                raise self.refuse(node, f"{field} must be the same for all neurons")
        if not all_near(r, 1):
            raise self.refuse(node, "r must be 1")
        departures = [
            "snntorch reads IF as Leaky with beta = 0.9: it leaks, has no dt and subtracts",
            *nonzero_departure(node, "v_reset", "snntorch"),
        ]
        return _leaky(f32(0.9), theta * r, reset, timing, departures)

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """Synaptic: i = alpha i + x; m = beta m + i"""
        self.check_integrator(node, choices)
        reset, timing = self.chosen_reset(node, choices)
        self._no_leak(node)
        dt = self.dt(choices)
        tau_syn, tau_mem = node.array("tau_syn"), node.array("tau_mem")
        r = node.array("r")
        if not all_near(r, tau_mem / dt):
            text = f"r must be tau_mem / dt = {span_text(tau_mem / dt)}, it is {span_text(r)}"
            raise self.refuse_dt(node, text, dt, tau_mem / r)
        theta = node.array("v_threshold")
        scale = node.array("w_in", 1) * (dt / tau_syn)
        departures = nonzero_departure(node, "v_reset", "snntorch")
        if not all_near(scale, 1):
            theta = theta / scale
            departures.append(
                "snntorch: unit input gain, the threshold divided by w_in dt / tau_syn"
            )
        if not same_everywhere(theta):
            raise self.refuse(node, "v_threshold tau_syn / w_in must be the same for all neurons")
        return _synaptic(1 - (dt / tau_syn), 1 - (dt / tau_mem), theta, reset, timing, departures)

    def _no_leak(self, node: Node) -> None:
        if not all_near(node.array("v_leak"), 0):
            raise self.refuse(node, "v_leak must be 0")


def _decay(values: Array) -> Array:
    """float32, then clamped to [0, 1] as the module does at each step."""
    return np.clip(f32(values), np.float32(0), np.float32(1))


def _leaky(
    beta: Array, theta: Array, reset: Reset, timing: Timing, departures: list[str]
) -> NeuronSpec:
    """snntorch.Leaky, its operations in order; fired is seen again in the old membrane."""

    def equations(
        b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar, **r: Scalar
    ) -> Outputs:
        if reset == "none":
            m = plus_recurrent(beta * v + x, r)
            return [b.spike(m - theta)], [m]
        fired = b.to_float(b.detach(b.spike(v - theta)))
        if reset == "subtract":
            m = plus_recurrent(beta * v + x, r) - fired * theta
        elif r:
            m = plus_recurrent(beta * v + x, r)
            m = m - fired * m
        else:
            m = beta * ((1 - fired) * v) + x
        z = b.spike(m - theta)
        if timing == "next":
            return [z], [m]
        late = b.to_float(z) - fired
        return [z], [m - (late * m if reset == "value" else late * theta)]

    parameters = {"beta": _decay(beta), "theta": f32(np.unique(theta)[0])}
    return NeuronSpec(equations, parameters, {"v": zeros()}, departures)


def _synaptic(
    alpha: Array, beta: Array, theta: Array, reset: Reset, timing: Timing, departures: list[str]
) -> NeuronSpec:
    """snntorch.Synaptic, its operations in order."""

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
        if reset == "none":
            current = plus_recurrent(alpha * i + x, r)
            m = beta * v + current
            return [b.spike(m - theta)], [current, m]
        fired = b.to_float(b.detach(b.spike(v - theta)))
        current = plus_recurrent(alpha * i + x, r)
        m = beta * v + current
        m = m - (m * fired if reset == "value" else fired * theta)
        z = b.spike(m - theta)
        if timing == "same":
            late = b.to_float(z) - fired
            m = m - (late * m if reset == "value" else late * theta)
        return [z], [current, m]

    parameters = {
        "alpha": _decay(alpha),
        "beta": _decay(beta),
        "theta": f32(np.unique(theta)[0]),
    }
    return NeuronSpec(equations, parameters, {"i": zeros(), "v": zeros()}, departures)
