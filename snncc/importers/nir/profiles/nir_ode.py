"""
The equations of NIR's own documentation, with a stated integrator.

Each step holds its input constant. `euler` is the forward step; in the two-state neurons
the membrane takes the new current, as every simulator that reads NIR does. `exact` is the
solution of the linear equations over one step. Spikes fire strictly above the threshold.
"""

from __future__ import annotations

from collections.abc import Callable

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
    f32,
    f64,
    value_or_subtract,
    zeros,
)


class NirOde(Profile):
    name = "nir-ode"
    source = "NIR documentation (Pedersen et al. 2024), node equations"
    resets = (("value", "same"), ("value", "next"), ("subtract", "same"), ("subtract", "next"))
    integrators = ("euler", "exact")

    def make_i(self, node: Node, choices: Choices) -> NeuronSpec:
        """v' = R x"""

        def equations(b: Body, x: Scalar, v: Scalar, g: Scalar) -> Outputs:
            u = v + g * x
            return [u], [u]

        return NeuronSpec(equations, {"g": self._gain(node, choices)}, {"v": zeros()})

    def make_if(self, node: Node, choices: Choices) -> NeuronSpec:
        """v' = R x; z = v > theta; reset"""
        reset, timing = self.chosen_reset(node, choices)

        def update(b: Body, x: Scalar, v: Scalar, g: Scalar) -> Scalar:
            return v + g * x

        return _spiking(update, {"g": self._gain(node, choices)}, _threshold(node), reset, timing)

    def make_li(self, node: Node, choices: Choices) -> NeuronSpec:
        """tau v' = (v_leak - v) + R x"""
        update, parameters = self._leaky(node, choices)

        def equations(b: Body, x: Scalar, v: Scalar, **p: Scalar) -> Outputs:
            u = update(b, x, v, **p)
            return [u], [u]

        return NeuronSpec(equations, parameters, {"v": zeros()})

    def make_lif(self, node: Node, choices: Choices) -> NeuronSpec:
        """tau v' = (v_leak - v) + R x; z = v > theta; reset"""
        reset, timing = self.chosen_reset(node, choices)
        update, parameters = self._leaky(node, choices)
        return _spiking(update, parameters, _threshold(node), reset, timing)

    def make_cubali(self, node: Node, choices: Choices) -> NeuronSpec:
        """tau_syn i' = -i + w_in x; tau_mem v' = (v_leak - v) + R i"""
        update, parameters = self._current_based(node, choices)

        def equations(b: Body, x: Scalar, i: Scalar, v: Scalar, **p: Scalar) -> Outputs:
            current, membrane = update(b, x, i, v, **p)
            return [membrane], [current, membrane]

        return NeuronSpec(equations, parameters, {"i": zeros(), "v": zeros()})

    def make_cubalif(self, node: Node, choices: Choices) -> NeuronSpec:
        """tau_syn i' = -i + w_in x; tau_mem v' = (v_leak - v) + R i; z = v > theta; reset"""
        reset, timing = self.chosen_reset(node, choices)
        update, parameters = self._current_based(node, choices)

        def equations(
            b: Body, x: Scalar, i: Scalar, v: Scalar, theta: Scalar, v_reset: Scalar, **p: Scalar
        ) -> Outputs:
            before, cancel = _delayed_reset(b, v, theta, v_reset, reset, timing)
            current, u = update(b, x, i, before, **p)
            u = cancel(u)
            z = b.spike(u - theta)
            if timing == "same":
                return [z], [current, value_or_subtract(b, u, z, reset, theta, v_reset)]
            return [z], [current, u]

        return NeuronSpec(
            equations, {**parameters, **_threshold(node)}, {"i": zeros(), "v": zeros()}
        )

    def _gain(self, node: Node, choices: Choices) -> Array:
        """R dt: what one step adds for an input of one."""
        self.check_integrator(node, choices)
        return f32(f64(node.array("r")) * self.dt(choices))

    def _leaky(
        self, node: Node, choices: Choices
    ) -> tuple[Callable[..., Scalar], dict[str, Array]]:
        """The update of LI and LIF: (function of x, v and its parameters, parameters)."""
        rate = self.dt(choices) / f64(node.array("tau"))
        shared = {"v_leak": f32(node.array("v_leak")), "r": f32(node.array("r"))}
        if self.check_integrator(node, choices) == "euler":

            def euler(
                b: Body, x: Scalar, v: Scalar, k: Scalar, v_leak: Scalar, r: Scalar
            ) -> Scalar:
                return v + k * ((v_leak - v) + r * x)

            return euler, {"k": f32(rate), **shared}

        def exact(b: Body, x: Scalar, v: Scalar, a: Scalar, v_leak: Scalar, r: Scalar) -> Scalar:
            settled = v_leak + r * x
            return settled + a * (v - settled)

        return exact, {"a": f32(np.exp(-rate)), **shared}

    def _current_based(
        self, node: Node, choices: Choices
    ) -> tuple[Callable[..., tuple[Scalar, Scalar]], dict[str, Array]]:
        """The update of CubaLI and CubaLIF: gives (current, membrane)."""
        dt = self.dt(choices)
        tau_syn, tau_mem = f64(node.array("tau_syn")), f64(node.array("tau_mem"))
        shared = {
            "w_in": f32(node.array("w_in", 1)),
            "v_leak": f32(node.array("v_leak")),
            "r": f32(node.array("r")),
        }
        if self.check_integrator(node, choices) == "euler":

            def euler(
                b: Body,
                x: Scalar,
                i: Scalar,
                v: Scalar,
                k_syn: Scalar,
                k_mem: Scalar,
                w_in: Scalar,
                v_leak: Scalar,
                r: Scalar,
            ) -> tuple[Scalar, Scalar]:
                current = i + k_syn * (w_in * x - i)
                return current, v + k_mem * ((v_leak - v) + r * current)

            return euler, {"k_syn": f32(dt / tau_syn), "k_mem": f32(dt / tau_mem), **shared}

        a_syn, a_mem = np.exp(-dt / tau_syn), np.exp(-dt / tau_mem)
        # what a unit of decaying current leaves in the membrane after one step,
        # tau_syn / (tau_syn - tau_mem) * (a_syn - a_mem), without the two differences
        apart = np.abs(dt / tau_mem - dt / tau_syn)
        mean = np.where(apart == 0, 1.0, -np.expm1(-apart) / np.where(apart == 0, 1.0, apart))
        coupled = dt / tau_mem * np.maximum(a_syn, a_mem) * mean

        def exact(
            b: Body,
            x: Scalar,
            i: Scalar,
            v: Scalar,
            a_syn: Scalar,
            a_mem: Scalar,
            c: Scalar,
            w_in: Scalar,
            v_leak: Scalar,
            r: Scalar,
        ) -> tuple[Scalar, Scalar]:
            held = w_in * x
            excess = i - held
            settled = v_leak + r * held
            current = held + a_syn * excess
            return current, (settled + a_mem * (v - settled)) + (r * c) * excess

        return exact, {"a_syn": f32(a_syn), "a_mem": f32(a_mem), "c": f32(coupled), **shared}


def _threshold(node: Node) -> dict[str, Array]:
    return {"theta": f32(node.array("v_threshold")), "v_reset": f32(node.array("v_reset", 0))}


def _delayed_reset(
    b: Body, v: Scalar, theta: Scalar, v_reset: Scalar, reset: Reset, timing: Timing
) -> tuple[Scalar, Callable[[Scalar], Scalar]]:
    """
    For a reset in the next step: the membrane that the update starts from, and what is
    done to its result. The event is the last step's, seen again in the old membrane.
    """
    if timing == "same":
        return v, lambda u: u
    fired = b.spike(v - theta)
    if reset == "value":
        return b.select(fired, v_reset, v), lambda u: u
    return v, lambda u: u - b.to_float(fired) * theta


def _spiking(
    update: Callable[..., Scalar],
    parameters: dict[str, Array],
    threshold: dict[str, Array],
    reset: Reset,
    timing: Timing,
) -> NeuronSpec:
    """A one-state neuron: update, threshold, reset."""

    def equations(
        b: Body, x: Scalar, v: Scalar, theta: Scalar, v_reset: Scalar, **p: Scalar
    ) -> Outputs:
        before, cancel = _delayed_reset(b, v, theta, v_reset, reset, timing)
        u = cancel(update(b, x, before, **p))
        z = b.spike(u - theta)
        if timing == "same":
            return [z], [value_or_subtract(b, u, z, reset, theta, v_reset)]
        return [z], [u]

    return NeuronSpec(equations, {**parameters, **threshold}, {"v": zeros()})
