"""
SpikingJelly's `import_from_nir` (2.0.0): IFNode, LIFNode in both decay forms, CUBALIFNode.

Fires at the threshold (>=); the membrane starts at v_reset; dt = 1e-4.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.importers.nir.model import Node
from snncc.importers.nir.profiles.base import (
    OTHERS,
    Choices,
    NeuronSpec,
    Profile,
    Reset,
    f32,
    f64,
    same_everywhere,
    zeros,
)


class SpikingJelly(Profile):
    name = "spikingjelly"
    source = "spikingjelly 2.0.0, activation_based/nir_exchange/from_nir.py"
    lacks = ("Scale", "Delay", "Threshold")
    default_dt = 1e-4
    resets = (("value", "same"), ("subtract", "same"))
    recurrent_bias = "after_first"
    pools_by_power = True

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """IFNode: h = v + x"""
        reset = self._start(node, choices)
        dt, r = self.dt(choices), self._one(node, "r")
        if not _near(r, 1 / dt):
            text = f"r must be 1 / dt = {1 / dt:g}, it is {r:g}"
            raise self.refuse_dt(node, text, dt, f64(1) / r)

        def equations(b: Body, x: Scalar, v: Scalar, theta: Scalar, v_reset: Scalar) -> Outputs:
            h = v + x
            z = b.spike(h - theta, "ge")
            return [z], [_reset(b, h, z, reset, theta, v_reset)]

        return NeuronSpec(
            equations, self._threshold(node), {"v": self._initial(node, reset)}, self._departs()
        )

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """LIFNode: h = v + (x - (v - v_reset)) / tau, or the input not divided"""
        reset = self._start(node, choices)
        dt, r = self.dt(choices), self._one(node, "r")
        tau = self._one(node, "tau") / dt
        if not tau > 1:
            text = f"tau / dt must be above 1, it is {tau:g} (dt = {dt:g} s)"
            raise self.refuse(node, text, f"give a smaller dt; else {OTHERS}")
        decays_input = _near(r, 1.0)
        if not decays_input and not _near(r, tau):
            text = f"r must be 1 or tau / dt = {tau:g}, it is {r:g}"
            raise self.refuse_dt(node, text, dt, node.array("tau") / r)
        if not _near(self._one(node, "v_leak"), self._one(node, "v_reset")):
            raise self.refuse(node, "v_leak must equal v_reset")

        def equations(
            b: Body, x: Scalar, v: Scalar, tau: Scalar, theta: Scalar, v_reset: Scalar
        ) -> Outputs:
            above = v - v_reset if reset == "value" else v
            h = v + (x - above) / tau if decays_input else (v - above / tau) + x
            z = b.spike(h - theta, "ge")
            return [z], [_reset(b, h, z, reset, theta, v_reset)]

        parameters = {"tau": f32(tau), **self._threshold(node)}
        return NeuronSpec(equations, parameters, {"v": self._initial(node, reset)}, self._departs())

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """CUBALIFNode: c = c decay + x; h = v decay + c"""
        reset = self._start(node, choices)
        dt = self.dt(choices)
        tau_syn, tau_mem = self._one(node, "tau_syn"), self._one(node, "tau_mem")
        for field, default, name, tau in (
            ("r", 0, "tau_mem", tau_mem),
            ("w_in", 1, "tau_syn", tau_syn),
        ):
            value = self._one(node, field, default)
            if not _near(value, tau / dt):
                text = f"{field} must be {name} / dt = {tau / dt:g}, it is {value:g}"
                raise self.refuse_dt(node, text, dt, f64(tau) / value)
        v_leak = self._one(node, "v_leak")
        if not _near(v_leak, 0.0):
            raise self.refuse(node, f"v_leak must be 0, it is {v_leak:g}")
        if min(tau_syn, tau_mem) < dt:
            text = f"time constants must be at least dt = {dt:g} s"
            raise self.refuse(node, text, f"give a smaller dt; else {OTHERS}")

        def equations(
            b: Body,
            x: Scalar,
            i: Scalar,
            v: Scalar,
            decay_syn: Scalar,
            decay_mem: Scalar,
            theta: Scalar,
            v_reset: Scalar,
        ) -> Outputs:
            current = i * decay_syn + x
            h = v * decay_mem + current
            z = b.spike(h - theta, "ge")
            return [z], [current, _reset(b, h, z, reset, theta, v_reset)]

        parameters = {
            "decay_syn": f32(1.0 - dt / tau_syn),
            "decay_mem": f32(1.0 - dt / tau_mem),
            **self._threshold(node),
        }
        states = {"i": zeros(), "v": self._initial(node, reset)}
        return NeuronSpec(equations, parameters, states, self._departs())

    def _start(self, node: Node, choices: Choices) -> Reset:
        self.check_integrator(node, choices)
        return self.chosen_reset(node, choices)[0]

    def _one(self, node: Node, field: str, default: float = 0) -> float:
        """The one value of a parameter, as a Python float: the importer takes no other."""
        values = node.array(field, default)
        if not same_everywhere(values):
            raise self.refuse(node, f"{field} must be the same for all neurons")
        return float(f64(values).ravel()[0])

    def _threshold(self, node: Node) -> dict[str, Array]:
        return {
            "theta": f32(self._one(node, "v_threshold")),
            "v_reset": f32(self._one(node, "v_reset")),
        }

    def _initial(self, node: Node, reset: Reset) -> Array:
        return f32(self._one(node, "v_reset")) if reset == "value" else zeros()

    def _departs(self) -> list[str]:
        return ["spikingjelly fires at the threshold (>=), NIR above it"]


def _near(value: float, wanted: float) -> bool:
    return bool(np.isclose(value, wanted, rtol=1e-6, atol=1e-12))


def _reset(b: Body, h: Scalar, z: Scalar, reset: Reset, theta: Scalar, v_reset: Scalar) -> Scalar:
    if reset == "none":
        return h
    fired = b.to_float(z)
    if reset == "value":
        return fired * v_reset + (1 - fired) * h
    return h - fired * theta
