"""
The derivatives that stand in for the Heaviside's, as bodies.

A surrogate is the name of a library's function (`registry.py`; a file for each library) or
the symbol of a `snn.surrogate` of the module. `derivative` writes either into a body:

    arguments = [values[operand] for operand in differentiated(spike)]
    for operand, gradient in zip(differentiated(spike), derivative(spike, b, arguments, g)):
        ...  # adds to the gradient of the operand; the other operands get none

`integral` writes the function whose derivative that is, which takes the place of the step in
the smoothed twin of a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogate import SurrogateOp, declared_surrogate
from snncc.dialects.snn.surrogates import generic, norse, sinabs, snntorch, spikingjelly
from snncc.dialects.snn.surrogates.registry import (
    SURROGATES,
    WITHOUT,
    Gradient,
    Surrogate,
    SurrogateError,
    scale_of,
    surrogate_named,
)

__all__ = [
    "SURROGATES",
    "WITHOUT",
    "Surrogate",
    "SurrogateError",
    "derivative",
    "differentiated",
    "generic",
    "integral",
    "norse",
    "sinabs",
    "snntorch",
    "spikingjelly",
    "surrogate_named",
]


def differentiated(user: Operation) -> Sequence[SSAValue]:
    """
    What the surrogate of a `snn.spike` or `snn.count` is a function of: the values behind
    its `of`, else its argument.
    """
    return user.operands[1:] or user.operands


def derivative(
    user: Operation,
    b: Body,
    arguments: Sequence[Scalar],
    gradient: Scalar | None = None,
    *,
    surrogate: SurrogateAttr | None = None,
) -> list[Scalar]:
    """
    The derivatives of a `snn.spike` or `snn.count` by the first of `differentiated(user)`, as
    many as there are; no gradient flows to the rest. `arguments` are all of these, in `b`; of
    integers the surrogate is a function of whole numbers, and its derivative by these.

    With a `gradient` each derivative is multiplied by it, where its library multiplies. With
    a `surrogate` that is taken in place of the operation's own.

    Raises SurrogateError for what has no derivative: no surrogate, a name or option that is
    not known, a random one, or one that reads other arguments.
    """
    attribute = _surrogate_of(user, surrogate)
    arguments = [_as_float(b, argument) for argument in arguments]
    if attribute.symbol is not None:
        found = _inlined(_declared(user, attribute.symbol), b, arguments, gradient)
    else:
        known, options = surrogate_named(attribute)
        _expect_arguments(known, arguments)
        with _numbers_of(known.name):
            found = [known.write(b, Gradient(b, gradient), *arguments, **options)]
    scale = scale_of(attribute)
    with _numbers_of(attribute.text):
        return found if scale == 1.0 else [part * scale for part in found]


def integral(
    user: Operation,
    b: Body,
    arguments: Sequence[Scalar],
    *,
    surrogate: SurrogateAttr | None = None,
) -> Scalar:
    """
    The antiderivative of the surrogate by the first of `arguments`: .5 at the threshold
    (of a count: the count itself, held in its window). Arguments and errors are those of
    `derivative`; a `snn.surrogate` has no antiderivative.
    """
    attribute = _surrogate_of(user, surrogate)
    if attribute.symbol is not None:
        raise SurrogateError(f"surrogate {attribute.text} has no antiderivative in closed form")
    known, options = surrogate_named(attribute)
    _expect_arguments(known, arguments)
    if known.integral is None:
        raise SurrogateError(f"surrogate {known.name!r} has no antiderivative in closed form")
    scale = scale_of(attribute)
    with _numbers_of(known.name):
        smooth = known.integral(b, *arguments, **options)
        # the slope is scaled around the threshold, where the step is decided
        return smooth if scale == 1.0 else (smooth - 0.5) * scale + 0.5


@contextmanager
def _numbers_of(name: str) -> Iterator[None]:
    """Where a body takes numbers that follow from options. Raises SurrogateError."""
    try:
        yield
    except (ZeroDivisionError, OverflowError) as fault:
        raise SurrogateError(f"surrogate {name!r}: its options give no numbers: {fault}") from None


def _as_float(b: Body, argument: Scalar) -> Scalar:
    """An integer spike's argument, where it has no floats behind `of`: whole numbers."""
    return argument if isinstance(argument.element, AnyFloat) else b.signed_to_float(argument)


def _surrogate_of(user: Operation, given: SurrogateAttr | None) -> SurrogateAttr:
    found = given or user.properties.get("surrogate")
    if not isinstance(found, SurrogateAttr):
        raise SurrogateError(f"{user.name} has no surrogate: its derivative is 0 everywhere")
    return found


def _declared(user: Operation, symbol: str) -> SurrogateOp:
    try:
        return declared_surrogate(user, symbol)
    except VerifyException as fault:
        raise SurrogateError(str(fault)) from None


def _expect_arguments(known: Surrogate, arguments: Sequence[Scalar]) -> None:
    if len(arguments) != len(known.arguments):
        wanted = ", ".join(known.arguments)
        raise SurrogateError(
            f"surrogate {known.name!r} is a function of ({wanted}), got {len(arguments)} values"
        )


def _inlined(
    declared: SurrogateOp, b: Body, arguments: Sequence[Scalar], gradient: Scalar | None
) -> list[Scalar]:
    """The operations of a `snn.surrogate`, in the body."""
    block, ends = declared.body.block, declared.terminator
    types = tuple(argument.element for argument in arguments)
    if types != block.arg_types:
        wanted, got = (", ".join(map(str, t)) for t in (block.arg_types, types))
        name = declared.sym_name.data
        raise SurrogateError(f"surrogate @{name}: expected ({wanted}), got ({got})")
    values: dict[SSAValue, SSAValue] = dict(
        zip(block.args, (argument.value for argument in arguments), strict=True)
    )
    for op in block.ops:
        if op is not ends:
            b.insert(op.clone(values))
    found = [Scalar(b, values[value]) for value in ends.derivatives]
    return found if gradient is None else [gradient * slope for slope in found]
