"""
Norse's `from_nir` (1.1.0): IAF, LIFBox, and LIBox into LIFBox for CubaLIF; dt = 1e-3.

The importer ignores r (LIF, IF) and v_reset; its reset method reaches CubaLIF only. A
reset that the caller chooses is applied to every neuron, by Norse's own formula.
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
    nonzero_departure,
    zeros,
)


class Norse(Profile):
    name = "norse"
    source = "norse 1.1.0, torch/utils/import_nir.py"
    lacks = ("Scale", "Conv1d", "AvgPool2d", "Delay", "Threshold")
    default_dt = 1e-3
    resets = (("value", "same"), ("subtract", "same"))
    recurrent_bias = "after_first"
    pools_by_power = True

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """IAFCell: v = v + x"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)

        def equations(b: Body, x: Scalar, v: Scalar, theta: Scalar) -> Outputs:
            u = v + x
            z = b.spike(u - theta)
            return [z], [_reset(b, u, z, reset, theta)]

        departures = [
            "norse integrates IF without dt and r",
            *nonzero_departure(node, "v_reset", "norse"),
        ]
        return NeuronSpec(
            equations, {"theta": f32(node.array("v_threshold"))}, {"v": zeros()}, departures
        )

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """LIFBoxCell: v = v + (dt / tau) ((x + v_leak) - v)"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)

        def equations(
            b: Body, x: Scalar, v: Scalar, k: Scalar, v_leak: Scalar, theta: Scalar
        ) -> Outputs:
            u = v + k * ((x + v_leak) - v)
            z = b.spike(u - theta)
            return [z], [_reset(b, u, z, reset, theta)]

        departures = nonzero_departure(node, "v_reset", "norse")
        if np.any(node.array("r") != 1):
            departures.append("norse ignores r of LIF")
        v_leak = f32(node.array("v_leak"))
        parameters = {
            "k": self._rate(node, "tau", choices),
            "v_leak": v_leak,
            "theta": f32(node.array("v_threshold")),
        }
        return NeuronSpec(equations, parameters, {"v": v_leak}, departures)

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """w_in x -> LIBoxCell -> r -> LIFBoxCell"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)

        def equations(
            b: Body,
            x: Scalar,
            i: Scalar,
            v: Scalar,
            k_syn: Scalar,
            k_mem: Scalar,
            w_in: Scalar,
            r: Scalar,
            v_leak: Scalar,
            theta: Scalar,
        ) -> Outputs:
            current = i + k_syn * ((v_leak - i) + w_in * x)
            u = v + k_mem * ((r * current + v_leak) - v)
            z = b.spike(u - theta)
            return [z], [current, _reset(b, u, z, reset, theta)]

        v_leak = f32(node.array("v_leak"))
        departures = nonzero_departure(node, "v_reset", "norse")
        if np.any(v_leak != 0):
            departures.append("norse lets the synaptic current leak to v_leak too")
        parameters = {
            "k_syn": self._rate(node, "tau_syn", choices),
            "k_mem": self._rate(node, "tau_mem", choices),
            "w_in": f32(node.array("w_in", 1)),
            "r": f32(node.array("r")),
            "v_leak": v_leak,
            "theta": f32(node.array("v_threshold")),
        }
        return NeuronSpec(equations, parameters, {"i": v_leak, "v": v_leak}, departures)

    def _rate(self, node: Node, field: str, choices: Choices) -> Array:
        """dt * (1 / tau), in float32 as the module computes it."""
        return np.float32(self.dt(choices)) * (np.float32(1) / f32(node.array(field)))


def _reset(b: Body, u: Scalar, z: Scalar, reset: Reset, theta: Scalar) -> Scalar:
    """norse.torch.functional.reset: reset_value (to 0) and reset_subtract."""
    if reset == "none":
        return u
    fired = b.to_float(z)
    if reset == "value":
        return (1 - fired) * u + fired * 0.0
    return (1 - fired) * u + fired * (u - theta)
