"""Surrogates as users give them, and as they miss them."""

from __future__ import annotations

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.surrogates import SURROGATES, SurrogateError
from snncc.dialects.snn.surrogates.written import surrogate_written
from snncc.errors import Problem, error
from snncc.passes.differentiation.wanted import without_surrogate


def surrogate_of(given: SurrogateAttr | str | None) -> SurrogateAttr | None:
    """
    A surrogate, or one written as text: "atan", "snntorch.fast_sigmoid(slope=10)".

    Raises SNC-C003 for a name or an option that is not known.
    """
    if given is None or isinstance(given, SurrogateAttr):
        return given
    try:
        if not isinstance(given, str):
            raise SurrogateError(f"surrogate: cannot read {given!r}")
        return surrogate_written(given)
    except SurrogateError as fault:
        plain = ", ".join(name for name in SURROGATES if "." not in name)
        raise error(
            "SNC-C003",
            str(fault),
            remedy=f"a name with its options: atan(a=2.0); names: {plain}, and those of libraries",
        ) from None


def missing_surrogates(network: snn.NetworkOp) -> Problem | None:
    """A warning that names the neurons whose spikes pass no gradient, for want of a surrogate."""
    found = without_surrogate(network)
    if not found:
        return None
    return Problem(
        "SNC-W026",
        f"spikes of {', '.join(found)} have no surrogate: no gradient flows through them",
        remedy='surrogate="atan(a=2.0)" (--surrogate), or a model that says which it was '
        "trained with",
        severity="warning",
    )
