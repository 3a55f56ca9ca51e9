"""What a profile is, and what it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Equations, Scalar
from snncc.errors import Problem, SnnccError, error
from snncc.importers.nir.model import Node

Reset: TypeAlias = Literal["subtract", "value", "none"]
Timing: TypeAlias = Literal["same", "next"]
Integrator: TypeAlias = Literal["euler", "exact"]

CHOICES: dict[str, tuple[str, ...]] = {
    "reset": ("subtract", "value", "none"),
    "reset_timing": ("same", "next"),
    "integrator": ("euler", "exact"),
}
"""The choices with a fixed set of values; `dt` in seconds is the fourth."""

OTHERS = "take another profile; like='nir-ode' integrates every NIR neuron as written"


@dataclass(frozen=True)
class Choices:
    """What a NIR file does not state. None: not chosen; the profile's own holds."""

    dt: float | None = None
    """Seconds in a step."""
    reset: Reset | None = None
    reset_timing: Timing | None = None
    integrator: Integrator | None = None


@dataclass
class NeuronSpec:
    """A neuron as a framework runs it: equations, parameters and initial states."""

    equations: Equations
    parameters: Mapping[str, Array]
    """Port -> float32 array, scalar or of the population's shape."""
    states: Mapping[str, Array] = field(default_factory=dict[str, Any])
    """Port -> initial value, float32; in the order of the ports."""
    departures: Sequence[str] = ()
    """Where this departs from the equations of NIR."""
    latency: Literal["input", "output"] | None = None
    """Whether one step passes before the input is taken, or before the output leaves."""


class MissingChoice(Exception):
    """A choice that neither the file, the caller nor the profile makes."""

    def __init__(self, choice: str):
        self.choice = choice
        super().__init__(choice)


class Profile:
    """
    A framework's reading of NIR. Subclasses give one method a neuron class; a class
    without a method is refused, as the framework has no neuron for it.
    """

    name: str
    """As `like=` takes it."""
    source: str
    """The importer and the version whose behaviour this is."""
    default_dt: float | None = None
    reset: Reset = "value"
    reset_timing: Timing = "same"
    integrator: Integrator = "euler"
    resets: Sequence[tuple[Reset, Timing]] = (("value", "same"),)
    """What the framework's neurons can be told to do."""
    integrators: Sequence[Integrator] = ("euler",)
    recurrent_bias: Literal["always", "in_layers", "after_first", "never"] = "always"
    """
    When the bias on a recurrent path acts: `always` where the step of delay stands on the
    edge that leaves the neuron, `after_first` where it stands on the edge that closes the
    cycle, `in_layers` where only recurrent layers have the first form, `never` where the
    framework drops that bias.
    """
    has_recurrent_layers: bool = False
    """
    Whether a neuron with weights on its own spikes is one layer, whose neuron takes the
    recurrent input as a port of its own, `recurrent`.
    """
    lacks: Sequence[str] = ()
    """Classes without state that the importer drops or refuses; taken as NIR defines them."""
    pools_by_power: bool = False
    """Sum pools are LPPool2d(1): (sum / k) * k, without padding (PyTorch-based importers)."""

    def neuron(self, node: Node, choices: Choices) -> NeuronSpec:
        """
        The neuron for a node of class I, IF, LI, LIF, CubaLI or CubaLIF.

        Raises SnnccError (SNC-I018) where the framework refuses, MissingChoice where a
        choice is left open.
        """
        method: Callable[[Node, Choices], NeuronSpec] | None = getattr(
            self, f"make_{node.type.lower()}", None
        )
        if method is None:
            raise self.refuse(node, f"{self.name} has no neuron for {node.type}")
        spec = method(node, choices)
        if choices.reset == "none" and node.type.endswith("IF"):
            text = "reset=none: a spike leaves the membrane as it is; NIR resets it"
            spec.departures = [*spec.departures, text]
        return spec

    def dt(self, choices: Choices) -> float:
        if choices.dt is not None:
            return choices.dt
        if self.default_dt is None:
            raise MissingChoice("dt")
        return self.default_dt

    def chosen_reset(self, node: Node, choices: Choices) -> tuple[Reset, Timing]:
        """The caller's reset and timing, the profile's where the caller gave none."""
        reset = choices.reset or self.reset
        timing = choices.reset_timing or self.reset_timing
        if reset == "none":
            timing = "same"
        if (reset, timing) not in self.resets and reset != "none":
            able = ", ".join(f"{r}/{t}" for r, t in self.resets)
            raise self.refuse(
                node,
                f"{self.name} cannot reset by {reset} in the {timing} step (it can: {able})",
                "leave reset and reset_timing out, or give what it can; like='nir-ode' takes all",
            )
        return reset, timing

    def check_integrator(self, node: Node, choices: Choices) -> Integrator:
        chosen = choices.integrator or self.integrator
        if chosen not in self.integrators:
            raise self.refuse(
                node,
                f"{self.name} integrates by {'/'.join(self.integrators)}, not by {chosen}",
                "leave integrator out; like='nir-ode' takes euler and exact",
            )
        return chosen

    def refuse(self, node: Node, reason: str, remedy: str | None = None) -> SnnccError:
        return error("SNC-I018", f"{node.type}: {reason}", node=node.name, remedy=remedy or OTHERS)

    def refuse_dt(self, node: Node, reason: str, dt: float, fitting: Array) -> SnnccError:
        """Refuses a field whose value follows from dt; `fitting` is the dt that it fits."""
        first = float(f64(fitting).ravel()[0])
        fits = all_near(fitting, first) and math.isfinite(first) and first > 0
        remedy = f"dt={first:.6g} fits the file; else {OTHERS}" if fits else OTHERS
        return self.refuse(node, f"{reason} (dt = {dt:g} s)", remedy)


def span_text(values: Array) -> str:
    """The value of an array, or its least and its largest."""
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def f32(value: Any) -> Array:
    """Rounded to float32, once."""
    return np.asarray(value).astype(np.float32)


def f64(value: Any) -> Array:
    return np.asarray(value).astype(np.float64)


def zeros() -> Array:
    return np.zeros((), np.float32)


def all_near(values: Array, wanted: Array | float) -> bool:
    """numpy.allclose, as several importers use it."""
    return bool(np.allclose(values, wanted))


def same_everywhere(values: Array) -> bool:
    return np.unique(values).size == 1


def plus_recurrent(base: Scalar, recurrent: Mapping[str, Scalar]) -> Scalar:
    """What recurrent edges bring, added behind all else."""
    for value in recurrent.values():
        base = base + value
    return base


def value_or_subtract(
    b: Body, u: Scalar, z: Scalar, reset: Reset, theta: Scalar, v_reset: Scalar
) -> Scalar:
    """The membrane after a reset in the same step, without further rounding where none is due."""
    if reset == "none":
        return u
    if reset == "value":
        return b.select(z, v_reset, u)
    return u - b.to_float(z) * theta


def nonzero_departure(node: Node, field: str, name: str) -> list[str]:
    """A departure to report where a field that the framework ignores is not zero."""
    if field in node.fields and np.any(node.array(field) != 0):
        return [f"{name} ignores {field}"]
    return []


def warn(node: Node, text: str) -> Problem:
    return Problem("SNC-W001", text, node.name, severity="warning")
