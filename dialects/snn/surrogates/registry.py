"""
What surrogates are known, by the name of their attribute, and how their entries are written.

An entry is the backward function of its library as it stands there: from the gradient of the
spike to that of the membrane, one operation of a body for each operation of the library, in
its order, so that it rounds as the library does. With the gradient left out it is the
derivative. Not reproduced are the bits of torch's own exp, tanh, sigmoid, cos and general
powers: they err in the last place, and by the vector length of the machine.

How torch evaluates what Python writes, which entries follow: numbers are combined in float64
and rounded once where they meet a tensor; number / tensor is the tensor's reciprocal times
the number (`ratio`); pow(x, 2) is x * x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from xdsl.dialects.builtin import FloatAttr, IntegerAttr

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar


class SurrogateError(ValueError):
    """A surrogate that has no derivative here; the text says why."""


class Gradient:
    """The gradient that comes to a spike, or 1 where the derivative itself is wanted."""

    def __init__(self, body: Body, scalar: Scalar | None = None):
        self.body = body
        self.scalar = scalar

    def __mul__(self, factor: Scalar | float) -> Scalar:
        """gradient * factor"""
        if self.scalar is not None:
            return self.scalar * factor
        return factor if isinstance(factor, Scalar) else self.body.constant(factor)

    def __truediv__(self, divisor: Scalar) -> Scalar:
        """gradient / divisor"""
        return 1.0 / divisor if self.scalar is None else self.scalar / divisor

    def times(self, factor: Scalar) -> Scalar:
        """factor * gradient"""
        return factor if self.scalar is None else factor * self.scalar


def ratio(number: float, x: Scalar) -> Scalar:
    """number / x, as torch computes it: the reciprocal of x times the number."""
    inverse = 1.0 / x
    return inverse if number == 1.0 else inverse * number


SCALE = "scale"
"""The option that every surrogate takes: a factor of its derivative."""

Write: TypeAlias = Callable[..., Scalar]
"""(body, gradient, *arguments, **options) -> the gradient of the first argument."""

Integrate: TypeAlias = Callable[..., Scalar]
"""(body, *arguments, **options) -> the antiderivative by the first argument."""


@dataclass(frozen=True)
class Surrogate:
    """
    A surrogate derivative.

    `arguments` are what it is a function of: `u`, the distance to the threshold, or the
    membrane `v` and the `threshold`; `q`, thresholds in the membrane, of a count. `options`
    are its numbers with their defaults. `integral` is its antiderivative, .5 where the
    spike is decided (u = 0); None where no body can write it.
    """

    name: str
    arguments: tuple[str, ...]
    options: Mapping[str, float]
    write: Write
    integral: Integrate | None
    summary: str


SURROGATES: dict[str, Surrogate] = {}
"""By name."""

WITHOUT: dict[str, str] = {}
"""Names that are known and have no derivative, and why."""


def surrogate(
    name: str,
    *,
    arguments: tuple[str, ...] = ("u",),
    integral: Integrate | None = None,
    **options: float,
) -> Callable[[Write], Write]:
    """Enters a backward function under its name; its docstring is the equation."""

    def enter(write: Write) -> Write:
        assert name not in SURROGATES, name
        assert write.__doc__, name
        summary = write.__doc__.strip()
        SURROGATES[name] = Surrogate(name, arguments, options, write, integral, summary)
        return write

    return enter


def also(name: str, of: str, integral: Integrate | None = None, **options: float) -> None:
    """Enters a backward function under another name, with other defaults."""
    known = SURROGATES[of]
    assert name not in SURROGATES, name
    SURROGATES[name] = replace(
        known, name=name, integral=integral or known.integral, options={**known.options, **options}
    )


def without(name: str, why: str) -> None:
    """Enters a name that has no derivative."""
    WITHOUT[name] = why


def surrogate_named(attribute: SurrogateAttr) -> tuple[Surrogate, dict[str, float]]:
    """
    The surrogate of a name, and its options. Raises SurrogateError for a name or an option
    that is not known.
    """
    name = attribute.text
    if name in WITHOUT:
        raise SurrogateError(f"surrogate {name!r} has no derivative: {WITHOUT[name]}")
    known = SURROGATES.get(name)
    if known is None:
        family = name.partition(".")[0]
        near = sorted(n for n in SURROGATES if n.partition(".")[0] == family) or sorted(
            n for n in SURROGATES if "." not in n
        )
        raise SurrogateError(f"surrogate {name!r} is not known; known are {', '.join(near)}")
    options = dict(known.options)
    for key, value in attribute.options.data.items():
        if key == SCALE:
            continue  # of all surrogates
        if key not in options:
            takes = f"it takes {', '.join(options)}" if options else "it takes none"
            raise SurrogateError(f"surrogate {name!r}: no option {key!r}; {takes}")
        options[key] = _number(name, key, value)
    return known, options


def scale_of(attribute: SurrogateAttr) -> float:
    """What the derivative is multiplied by, behind all that its library does: 1, if not given."""
    value = attribute.options.data.get(SCALE)
    return 1.0 if value is None else _number(attribute.text, SCALE, value)


def _number(name: str, key: str, value: Any) -> float:
    if isinstance(value, FloatAttr | IntegerAttr):
        return float(value.value.data)
    raise SurrogateError(f"surrogate {name!r}: {key}: expected a number, got {value}")
