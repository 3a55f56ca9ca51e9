"""
The fields of a NIR node from the coefficients of a neuron, for each way of reading NIR.

Each function undoes what a profile in `snncc.importers.nir.profiles` computes of fields. They
may be wrong in the last place, or for a neuron that is none of the profile's: whoever calls
them reads the node again and compares bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snncc.dialects.arrays import Array

ENDLESS = 1e300
"""A time constant that no step sees the end of."""
BRIEF = 1e-3
"""A time constant, in steps, after which nothing is left."""
NEIGHBOURS = 16


@dataclass
class Coefficients:
    """A neuron's parameters by the profile's names of ports, in float64, and the step."""

    ports: Mapping[str, Array]
    dt: float
    exact: bool

    def __getitem__(self, port: str) -> Array:
        return self.ports[port]


Fields: TypeAlias = "dict[str, Array | float]"
Inverse: TypeAlias = Callable[[Coefficients], Fields]


def from_rate(rate: Array, dt: float) -> Array:
    """tau of dt / tau."""
    return dt / np.where(rate == 0, dt / ENDLESS, rate)


def from_keep(keep: Array, dt: float) -> Array:
    """tau of 1 - dt / tau."""
    return from_rate(1 - keep, dt)


def from_decay(decay: Array, dt: float) -> Array:
    """tau of exp(-dt / tau)."""
    inside = (decay > 0) & (decay < 1)
    tau = -dt / np.log(np.where(inside, decay, 0.5))
    return np.where(inside, tau, np.where(decay >= 1, ENDLESS, BRIEF * dt))


def nearby(guess: Array, wanted: Array, forward: Callable[[Array], Array]) -> Array:
    """The float32 near a guess that `forward` takes to what is wanted; else the guess."""
    start = np.clip(guess, 1e-30, 3e38).astype(np.float32)
    found, open_ = start.copy(), forward(start) != wanted
    for step in (s for n in range(1, NEIGHBOURS + 1) for s in (n, -n)):
        if not open_.any():
            break
        candidate = (start.view(np.int32) + np.int32(step)).view(np.float32)
        hits = open_ & (forward(candidate) == wanted)
        found = np.where(hits, candidate, found)
        open_ &= ~hits
    return found


# --- nir-ode


def _ode_gain(c: Coefficients) -> Fields:
    return {"r": c["g"] / c.dt}


def _ode_if(c: Coefficients) -> Fields:
    return {"r": c["g"] / c.dt, **_threshold(c)}


def _threshold(c: Coefficients) -> Fields:
    return {"v_threshold": c["theta"], "v_reset": c["v_reset"]}


def _ode_li(c: Coefficients) -> Fields:
    tau = from_decay(c["a"], c.dt) if c.exact else from_rate(c["k"], c.dt)
    return {"tau": tau, "r": c["r"], "v_leak": c["v_leak"]}


def _ode_lif(c: Coefficients) -> Fields:
    return {**_ode_li(c), **_threshold(c)}


def _ode_cubali(c: Coefficients) -> Fields:
    if c.exact:
        tau_syn, tau_mem = _coupled(c)
    else:
        tau_syn, tau_mem = from_rate(c["k_syn"], c.dt), from_rate(c["k_mem"], c.dt)
    return {
        "tau_syn": tau_syn,
        "tau_mem": tau_mem,
        "r": c["r"],
        "v_leak": c["v_leak"],
        "w_in": c["w_in"],
    }


def _ode_cubalif(c: Coefficients) -> Fields:
    return {**_ode_cubali(c), **_threshold(c)}


def _coupled(c: Coefficients) -> tuple[Array, Array]:
    """
    (tau_syn, tau_mem) of two decays and of what couples them. A rounded decay leaves a range
    for its time constant; within both ranges lies a pair that gives the third number.
    """

    def ends(decay: Array) -> tuple[Array, Array]:
        single = decay.astype(np.float32)
        below, above = (np.nextafter(single, np.float32(e)).astype(np.float64) for e in (0, 1))
        lower, upper = (decay + (x - decay) * 0.499 for x in (below, above))
        return from_decay(lower, c.dt), from_decay(upper, c.dt)

    def coupling(syn: Array, mem: Array) -> Array:
        apart = syn - mem
        a_syn, a_mem = np.exp(-c.dt / syn), np.exp(-c.dt / mem)
        equal = np.abs(apart) <= 1e-9 * mem
        other = syn / np.where(equal, 1.0, apart) * (a_syn - a_mem)
        return np.where(equal, c.dt / mem * a_mem, other)

    wanted = c["c"].astype(np.float32)
    syn, mem = from_decay(c["a_syn"], c.dt), from_decay(c["a_mem"], c.dt)
    done = coupling(syn, mem).astype(np.float32) == wanted
    (s0, s1), (m0, m1) = ends(c["a_syn"]), ends(c["a_mem"])
    for a, b in (
        ((s0, mem), (s1, mem)),
        ((syn, m0), (syn, m1)),
        ((s0, m0), (s1, m1)),
        ((s0, m1), (s1, m0)),
    ):
        low, high = np.zeros_like(syn), np.ones_like(syn)
        rising = coupling(*b) > coupling(*a)
        for _ in range(60):
            t = (low + high) / 2
            s, m = a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
            above = (coupling(s, m) > c["c"]) == rising
            low, high = np.where(above, low, t), np.where(above, t, high)
            hits = ~done & (coupling(s, m).astype(np.float32) == wanted)
            syn, mem, done = np.where(hits, s, syn), np.where(hits, m, mem), done | hits
    return syn, mem


# --- snntorch


def _unit_lif(keep: str) -> Inverse:
    """A neuron with a unit input gain: r dt / tau = 1."""

    def fields(c: Coefficients) -> Fields:
        tau = from_keep(c[keep], c.dt)
        return {"tau": tau, "r": tau / c.dt, "v_leak": 0, "v_threshold": c["theta"], "v_reset": 0}

    return fields


def _unit_if(c: Coefficients) -> Fields:
    return {"r": 1, "v_threshold": c["theta"], "v_reset": 0}


def _unit_cubalif(syn: str, mem: str) -> Inverse:
    def fields(c: Coefficients) -> Fields:
        tau_syn, tau_mem = from_keep(c[syn], c.dt), from_keep(c[mem], c.dt)
        return {
            "tau_syn": tau_syn,
            "tau_mem": tau_mem,
            "r": tau_mem / c.dt,
            "w_in": tau_syn / c.dt,
            "v_leak": 0,
            "v_threshold": c["theta"],
            "v_reset": c.ports.get("v_reset", np.zeros(())),
        }

    return fields


# --- norse


def _norse_tau(rate: Array, dt: float) -> Array:
    def forward(tau: Array) -> Array:
        return np.asarray(np.float32(dt) * (np.float32(1) / tau))

    return nearby(from_rate(rate, dt), rate.astype(np.float32), forward)


def _norse_lif(c: Coefficients) -> Fields:
    return {
        "tau": _norse_tau(c["k"], c.dt),
        "r": 1,
        "v_leak": c["v_leak"],
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


def _norse_cubalif(c: Coefficients) -> Fields:
    return {
        "tau_syn": _norse_tau(c["k_syn"], c.dt),
        "tau_mem": _norse_tau(c["k_mem"], c.dt),
        "r": c["r"],
        "w_in": c["w_in"],
        "v_leak": c["v_leak"],
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


# --- spikingjelly


def _jelly_if(c: Coefficients) -> Fields:
    return {"r": 1 / c.dt, **_threshold(c)}


def _jelly_lif(c: Coefficients) -> Fields:
    """The input divided by tau."""
    return {"tau": c["tau"] * c.dt, "r": 1, "v_leak": c["v_reset"], **_threshold(c)}


def _jelly_lif_undivided(c: Coefficients) -> Fields:
    return {"tau": c["tau"] * c.dt, "r": c["tau"], "v_leak": c["v_reset"], **_threshold(c)}


# --- sinabs


def _sinabs_tau(c: Coefficients) -> Array:
    """Steps, in float32; with dt the file has seconds. `dt` is 1 where there is none."""

    def forward(tau: Array) -> Array:
        return np.exp((np.float32(-1) / tau).astype(np.float64)).astype(np.float32)

    wanted = c["alpha"].astype(np.float32)
    return nearby(from_decay(c["alpha"], 1.0), wanted, forward).astype(np.float64) * c.dt


def _sinabs_lif(c: Coefficients) -> Fields:
    return {
        "tau": _sinabs_tau(c),
        "r": 1,
        "v_leak": 0,
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


def _sinabs_li(c: Coefficients) -> Fields:
    return {"tau": _sinabs_tau(c), "r": 1, "v_leak": 0}


# --- rockpool


def _rockpool_tau(decay: Array, dt: float) -> Array:
    def forward(tau: Array) -> Array:
        exponent = (np.float32(1) / tau) * np.float32(-dt)
        return np.exp(exponent.astype(np.float64)).astype(np.float32)

    return nearby(from_decay(decay, dt), decay.astype(np.float32), forward).astype(np.float64)


def _rockpool_lif(c: Coefficients) -> Fields:
    tau = _rockpool_tau(c["alpha"], c.dt)
    return {
        "tau": tau,
        "r": tau / c.dt - 1,  # that importer's dt is tau / (1 + r)
        "v_leak": c["bias"],
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


def _rockpool_cubalif(c: Coefficients) -> Fields:
    tau_mem = _rockpool_tau(c["alpha"], c.dt)
    return {
        "tau_mem": tau_mem,
        "tau_syn": _rockpool_tau(c["beta"], c.dt),
        "r": tau_mem / c.dt - 1,
        "w_in": 1,
        "v_leak": c["bias"],
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


def _rockpool_li(c: Coefficients) -> Fields:
    """That importer cuts tau to whole seconds; below one, nothing is kept."""
    tau = np.where(c["beta"] > 0, np.maximum(np.rint(from_decay(c["beta"], c.dt)), 1), 0.5)
    return {"tau": tau, "r": tau / c.dt - 1, "v_leak": 0}


# --- spyx


def _spyx_lif(c: Coefficients) -> Fields:
    return {
        "tau": from_keep(c["beta"], c.dt),
        "r": 1,
        "v_leak": 0,
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


# --- lava


def _lava_lif(c: Coefficients) -> Fields:
    return {
        "tau": from_rate(c["gain"], c.dt),
        "r": 1,
        "v_leak": 0,
        "v_threshold": c["theta"],
        "v_reset": 0,
    }


def _lava_cubalif(c: Coefficients) -> Fields:
    fields = _unit_cubalif("keep_syn", "keep_mem")(c)
    return {**fields, "w_in": c["gain"] * fields["tau_syn"] / c.dt}


INVERSES: dict[str, dict[str, tuple[Inverse, ...]]] = {
    "nir-ode": {
        "I": (_ode_gain,),
        "IF": (_ode_if,),
        "LI": (_ode_li,),
        "LIF": (_ode_lif,),
        "CubaLI": (_ode_cubali,),
        "CubaLIF": (_ode_cubalif,),
    },
    "snntorch": {
        "LIF": (_unit_lif("beta"),),
        "IF": (_unit_if,),
        "CubaLIF": (_unit_cubalif("alpha", "beta"),),
    },
    "norse": {"IF": (_unit_if,), "LIF": (_norse_lif,), "CubaLIF": (_norse_cubalif,)},
    "sinabs": {"IF": (_unit_if,), "LIF": (_sinabs_lif,), "LI": (_sinabs_li,)},
    "rockpool": {
        "LIF": (_rockpool_lif,),
        "CubaLIF": (_rockpool_cubalif,),
        "LI": (_rockpool_li,),
    },
    "spyx": {
        "IF": (_unit_if,),
        "LIF": (_spyx_lif,),
        "CubaLIF": (_unit_cubalif("alpha", "beta"),),
    },
    "lava": {"LIF": (_lava_lif,), "IF": (_unit_if,), "CubaLIF": (_lava_cubalif,)},
    "spikingjelly": {
        "IF": (_jelly_if,),
        "LIF": (_jelly_lif, _jelly_lif_undivided),
        "CubaLIF": (_unit_cubalif("decay_syn", "decay_mem"),),
    },
}
"""Profile -> class of node -> ways to its fields."""
