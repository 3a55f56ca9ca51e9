"""
Rockpool's `from_nir` (3.0.3, torch backend): LIFTorch, LIFNeuronTorch, ExpSynTorch.

The importer takes dt = min tau / (1 + r) of each layer; `dt` overrides it, as setting the
modules' dt does. Neurons fire several times a step from v >= threshold. `nir.LIF` fails
in that importer for want of a field; it is read as the LIFNeuronTorch that it means.
"""

from __future__ import annotations

import math
from typing import Any

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
    plus_recurrent,
    zeros,
)

MAX_COUNT = 65535
"""Rockpool allows 65536 spikes a step; a count is 16 bits wide here."""


class Rockpool(Profile):
    name = "rockpool"
    source = "rockpool 3.0.3, nn/modules/torch/nir.py"
    lacks = ("Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Delay", "Threshold")
    reset = "subtract"
    resets = (("subtract", "same"),)
    integrator = "exact"
    integrators = ("exact",)
    recurrent_bias = "never"
    has_recurrent_layers = True

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """LIFNeuronTorch: v = alpha v; v = v + x; v = v + bias"""
        reset = self._start(node, choices)
        dt = self._step(node, "tau", choices)

        def equations(
            b: Body, x: Scalar, v: Scalar, alpha: Scalar, bias: Scalar, theta: Scalar, **r: Scalar
        ) -> Outputs:
            u = plus_recurrent(v * alpha + x, r)
            n, after = _fire(b, u + bias, theta, reset)
            return [n], [after]

        parameters = {
            "alpha": _decay(node.array("tau"), dt),
            "bias": f32(node.array("v_leak")),
            "theta": f32(node.array("v_threshold")),
        }
        return NeuronSpec(equations, parameters, {"v": zeros()}, self._departs(node))

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """LIFTorch: i = i + x (+ W n); v = alpha v; i = beta i; v = (v + i) + bias"""
        reset = self._start(node, choices)
        dt = self._step(node, "tau_mem", choices)

        def equations(
            b: Body,
            x: Scalar,
            i: Scalar,
            v: Scalar,
            alpha: Scalar,
            beta: Scalar,
            bias: Scalar,
            theta: Scalar,
            **r: Scalar,
        ) -> Outputs:
            current = plus_recurrent(i + x, r)
            current = current * beta
            n, after = _fire(b, (v * alpha + current) + bias, theta, reset)
            return [n], [current, after]

        parameters = {
            "alpha": _decay(node.array("tau_mem"), dt),
            "beta": _decay(node.array("tau_syn"), dt),
            "bias": f32(node.array("v_leak")),
            "theta": f32(node.array("v_threshold")),
        }
        departures = [
            *self._departs(node),
            "rockpool lets a current decay in the step in which it arrives, and ignores w_in",
        ]
        return NeuronSpec(equations, parameters, {"i": zeros(), "v": zeros()}, departures)

    def make_li(self, node: Node, choices: Choices) -> NeuronSpec:
        """ExpSynTorch: i = beta (i + x), its time constant cut to whole seconds"""
        self.check_integrator(node, choices)
        dt = self._step(node, "tau", choices)
        whole = np.trunc(f32(node.array("tau")))
        beta = np.where(whole > 0, _decay(np.maximum(whole, 1), dt), np.float32(0))

        def equations(b: Body, x: Scalar, i: Scalar, beta: Scalar, **r: Scalar) -> Outputs:
            current = plus_recurrent(i + x, r)
            current = current * beta
            return [current], [current]

        departures = ["rockpool cuts tau of LI to whole seconds and ignores r and v_leak"]
        if np.any(whole == 0):
            departures.append("with tau below 1 s the output of LI is always 0 in rockpool")
        return NeuronSpec(equations, {"beta": f32(beta)}, {"i": zeros()}, departures)

    def _start(self, node: Node, choices: Choices) -> Reset:
        self.check_integrator(node, choices)
        return self.chosen_reset(node, choices)[0]

    def _step(self, node: Node, field: str, choices: Choices) -> float:
        if choices.dt is not None:
            return choices.dt
        dt = float(np.min(node.array(field) / (1 + node.array("r"))))
        if not (math.isfinite(dt) and dt > 0):
            raise self.refuse(node, f"dt = {field} / (1 + r) = {dt:g} is not above 0")
        return dt

    def _departs(self, node: Node) -> list[str]:
        departures = [
            "rockpool takes a unit input gain (r sets dt only), fires several times a step "
            "from v >= threshold and subtracts",
            *nonzero_departure(node, "v_reset", "rockpool"),
        ]
        if np.any(node.array("v_leak") != 0):
            departures.append("rockpool adds v_leak at every step")
        return departures


def _decay(tau: Array, dt: float) -> Array:
    """exp(-dt / tau) as torch rounds it: reciprocal, product, exponential."""
    exponent: Any = (np.float32(1) / f32(tau)) * np.float32(-dt)
    return f32(np.exp(f64(exponent)))


def _fire(b: Body, u: Scalar, theta: Scalar, reset: Reset) -> tuple[Scalar, Scalar]:
    """StepPWL: floor(v / threshold) from v >= threshold; each spike subtracts one threshold."""
    n = b.count(u / theta, MAX_COUNT)
    return n, u if reset == "none" else u - b.to_float(n) * theta
