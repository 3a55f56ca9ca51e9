"""
Lava as in the NIR paper's task 1: a Dense with the gain dt / tau into a LIF process.

A Dense process delays by one step, so every LIF takes its input one step late. The script
in the NIR repository today puts two Dense in front of a LIF; the published traces come
from one, and that is what this profile does. IF and CubaLIF follow the paper's Lava-dl
importer, in floating point. All states are float32 here (Lava's float models use float64).
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.importers.nir.model import Node
from snncc.importers.nir.profiles.base import (
    Choices,
    NeuronSpec,
    Profile,
    all_near,
    f32,
    nonzero_departure,
    same_everywhere,
    span_text,
    zeros,
)


class Lava(Profile):
    name = "lava"
    source = "NIR paper, nir_to_lava.py, as of the published traces"
    lacks = ("Linear", "Conv1d", "AvgPool2d", "Scale", "Delay", "Threshold")
    default_dt = 1e-4
    resets = (("value", "same"),)
    recurrent_bias = "never"

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """a = gain x of the last step; v = (1 - dv) v + a; v = 0 where it fires"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)
        rate = f32(self.dt(choices) / node.array("tau"))

        def equations(
            b: Body, x: Scalar, v: Scalar, gain: Scalar, keep: Scalar, theta: Scalar
        ) -> Outputs:
            u = v * keep + gain * x
            z = b.spike(u - theta)
            return [z], [u if reset == "none" else b.select(z, b.constant(0.0), u)]

        departures = [
            "lava takes the input one step late",
            *nonzero_departure(node, "v_leak", "lava"),
            *nonzero_departure(node, "v_reset", "lava"),
        ]
        if np.any(node.array("r") != 1):
            departures.append("lava ignores r of LIF")
        parameters = {
            "gain": rate,
            "keep": np.float32(1) - rate,
            "theta": f32(node.array("v_threshold")),
        }
        return NeuronSpec(equations, parameters, {"v": zeros()}, departures, "input")

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """Lava-dl cuba.Neuron without decay: v = v + x, threshold r v_threshold"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)
        theta, r = node.array("v_threshold"), node.array("r")
        for field, values in (("v_threshold", theta), ("r", r)):
            if not same_everywhere(values):
                raise self.refuse(node, f"{field} must be the same for all neurons")

        def equations(b: Body, x: Scalar, v: Scalar, theta: Scalar) -> Outputs:
            u = v + x
            z = b.spike(u - theta)
            return [z], [u if reset == "none" else b.select(z, b.constant(0.0), u)]

        departures = [
            "lava-dl multiplies the threshold by r, has no dt and resets to 0; its fixed-point "
            "arithmetic is not reproduced",
            *nonzero_departure(node, "v_reset", "lava"),
        ]
        parameters = {"theta": f32(np.unique(theta)[0] * np.unique(r)[0])}
        return NeuronSpec(equations, parameters, {"v": zeros()}, departures)

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """Lava-dl cuba.Neuron: i = (1 - di) i + gain x; v = (1 - dv) v + i"""
        self.check_integrator(node, choices)
        reset, _ = self.chosen_reset(node, choices)
        dt = self.dt(choices)
        tau_syn, tau_mem = node.array("tau_syn"), node.array("tau_mem")
        if not all_near(node.array("v_leak"), 0):
            raise self.refuse(node, "v_leak must be 0")
        r = node.array("r")
        if not all_near(r, tau_mem / dt):
            text = f"r must be tau_mem / dt = {span_text(tau_mem / dt)}, it is {span_text(r)}"
            raise self.refuse_dt(node, text, dt, tau_mem / r)

        def equations(
            b: Body,
            x: Scalar,
            i: Scalar,
            v: Scalar,
            gain: Scalar,
            keep_syn: Scalar,
            keep_mem: Scalar,
            theta: Scalar,
        ) -> Outputs:
            current = i * keep_syn + gain * x
            u = v * keep_mem + current
            z = b.spike(u - theta)
            return [z], [current, u if reset == "none" else b.select(z, b.constant(0.0), u)]

        departures = [
            "lava-dl resets to 0; its fixed-point arithmetic is not reproduced",
            *nonzero_departure(node, "v_reset", "lava"),
        ]
        parameters = {
            "gain": f32(node.array("w_in", 1) * (dt / tau_syn)),
            "keep_syn": f32(1 - dt / tau_syn),
            "keep_mem": f32(1 - dt / tau_mem),
            "theta": f32(node.array("v_threshold")),
        }
        return NeuronSpec(equations, parameters, {"i": zeros(), "v": zeros()}, departures)
