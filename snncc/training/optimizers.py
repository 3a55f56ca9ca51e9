"""
Optimisers, as equations: a parameter is a state of a neuron whose input is its gradient.

    p, m, v = states;  g = gradient * scale;  rate = learning rate

So an update is run, scheduled and emitted as any other neuron is. `scale` is one over the
number of samples whose gradients were added.
"""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from numpy import float32

from snncc.dialects.snn.body import Body, Scalar
from snncc.errors import SnnccError, error
from snncc.options import call_of, is_single, is_whole

PARAMETER = "p"
"""The state that is the parameter."""
FRACTIONS = ("beta1", "beta2")
"""Options of averages: at 1 nothing new would count."""
DIVISORS = ("eps",)
"""Options that keep a divisor from 0."""


Rounding = Literal["nearest", "stochastic"]
ROUNDINGS: tuple[Rounding, ...] = ("nearest", "stochastic")


@dataclass(frozen=True)
class Optimizer(ABC):
    """
    What follows of a gradient. `lr` is the learning rate where a step names none;
    `weight_decay` adds this multiple of the parameter to its gradient (as PyTorch does).

    With `rounding`, weights are whole numbers of so many `bits` and nothing else remembers
    them; `stochastic` rounds them up or down at random, so that they move as they should on
    average, by a generator that starts from `seed` (`rounding.py`, which says what `headroom`
    is).
    """

    lr: float = 1e-2
    weight_decay: float = 0.0
    rounding: Rounding | None = field(default=None, kw_only=True)
    bits: int = field(default=8, kw_only=True)
    headroom: float = field(default=2.0, kw_only=True)
    seed: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        if self.rounding not in (None, *ROUNDINGS):
            raise _wrong(f"rounding: expected {' or '.join(ROUNDINGS)}, got {self.rounding!r}")
        if not is_whole(self.bits) or not 2 <= self.bits <= 16:
            raise _wrong(f"bits: expected 2 to 16, got {self.bits!r}")
        if not (is_single(self.headroom) and self.headroom >= 1):
            raise _wrong(f"headroom: expected at least 1, got {self.headroom!r}")
        if not is_whole(self.seed) or not 0 < self.seed < 1 << 32:
            raise _wrong(f"seed: expected a whole number from 1 to 2^32 - 1, got {self.seed!r}")

    @property
    @abstractmethod
    def moments(self) -> tuple[str, ...]:
        """The states beside the parameter; all start at 0."""

    @property
    def clock(self) -> tuple[str, ...]:
        """States that all parameters share, which start at 1."""
        return ()

    def tick(self, b: Body, **clock: Scalar) -> tuple[list[Scalar], list[Scalar]]:
        """(what updates read, the next states) of the clock."""
        return [], []

    def update(
        self, b: Body, d: Scalar, rate: Scalar, scale: Scalar, **values: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        """The body: (the next parameter, which nothing reads; the next parameter and moments)."""
        g = d * scale
        if self.weight_decay:
            g = g + values[PARAMETER] * self.weight_decay
        after = self.step(b, g, rate, **values)
        return after[:1], after

    @abstractmethod
    def step(self, b: Body, g: Scalar, rate: Scalar, **values: Scalar) -> list[Scalar]:
        """The next parameter and moments."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """
    Stochastic gradient descent, with momentum where that is not 0 (as torch.optim.SGD).

        m = momentum * m + g;  p = p - rate * m
    """

    momentum: float = 0.0

    @property
    def moments(self) -> tuple[str, ...]:
        return ("m",) if self.momentum else ()

    def step(self, b: Body, g: Scalar, rate: Scalar, **values: Scalar) -> list[Scalar]:
        if not self.momentum:
            return [values[PARAMETER] - rate * g]
        m = values["m"] * self.momentum + g
        return [values[PARAMETER] - rate * m, m]


@dataclass(frozen=True)
class Adam(Optimizer):
    """
    Adam (Kingma and Ba, arXiv:1412.6980), as torch.optim.Adam computes it.

        m = m + (g - m) (1 - beta1);  v = beta2 v + (1 - beta2) g g
        p = p - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    @property
    def moments(self) -> tuple[str, ...]:
        return ("m", "v")

    @property
    def clock(self) -> tuple[str, ...]:
        return ("power1", "power2")

    def tick(self, b: Body, **clock: Scalar) -> tuple[list[Scalar], list[Scalar]]:
        first, second = clock["power1"] * self.beta1, clock["power2"] * self.beta2
        return [1.0 - first, b.sqrt(1.0 - second)], [first, second]

    def step(self, b: Body, g: Scalar, rate: Scalar, **values: Scalar) -> list[Scalar]:
        m = values["m"] + (g - values["m"]) * (1.0 - self.beta1)
        v = values["v"] * self.beta2 + g * g * (1.0 - self.beta2)
        below = b.sqrt(v) / values["clock1"] + self.eps
        return [values[PARAMETER] - rate / values["clock0"] * (m / below), m, v]


NAMES: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}


def optimizer_of(given: Optimizer | str, **options: Any) -> Optimizer:
    """
    An optimiser, or one by its name with its options: "adam", "sgd(lr=0.1, momentum=0.9)".
    Raises SNC-C003.
    """
    if isinstance(given, Optimizer):
        return _checked(given)
    name, written = call_of(given) if isinstance(given, str) else (None, {})
    if name not in NAMES:
        raise _wrong(f"expected one of {', '.join(NAMES)}, got {reprlib.repr(given)}")
    try:
        return _checked(NAMES[name](**{**written, **options}))
    except TypeError as fault:
        raise _wrong(str(fault)) from None


def _checked(optimizer: Optimizer) -> Optimizer:
    """Raises SNC-C003 for numbers with which no update makes sense."""
    for option in fields(optimizer):
        value = getattr(optimizer, option.name)
        if option.type != "float":
            continue
        if not (is_single(value) and value >= 0):
            raise _wrong(
                f"{option.name}: expected a number from 0 on, which float32 has, got {value!r}"
            )
        if option.name in FRACTIONS and float32(value) >= 1:
            raise _wrong(f"{option.name}: expected below 1 in float32, got {value!r}")
        if option.name in DIVISORS and value == 0:
            raise _wrong(
                f"{option.name}: expected above 0, got {value!r}: parameters that no gradient "
                "reaches become 0 / 0"
            )
    return optimizer


def _wrong(text: str) -> SnnccError:
    return error(
        "SNC-C003",
        f"optimizer: {text}",
        remedy='"sgd", or with options "sgd(lr=0.1, momentum=0.9)", "adam(beta2=0.99)"',
    )
