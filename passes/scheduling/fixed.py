"""What is the same at every step: constants, what is learned, and the first values of states."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of, dtype_of
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.types import describe, shape_of, stream_type
from snncc.passes.scheduling import layout

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def constant(
    s: Scheduler, name: str, array: Array, *, signed: bool = False, packed: int | None = None
) -> SSAValue:
    """A constant buffer, one for equal content. Integers may be `signed`, and `packed`."""
    signed = signed and array.dtype.kind != "f"
    key = (array.tobytes(), str(array.dtype), array.shape, signed, packed)
    if key not in s.constants:
        element = dense_of(array.ravel()[:1]).type.element_type
        s.constants[key] = s.declare(
            Role.CONST, name, array.shape, element, array, signed=signed, packed=packed
        )
    buffer = s.constants[key]
    return s.ref(buffer, s.buffers[buffer].shape)


def read_fixed(
    s: Scheduler,
    value: SSAValue,
    arrange: Callable[[Array], Array],
    *,
    signed: bool = False,
    packed: int | None = None,
) -> SSAValue | None:
    """
    What is the same at every step, its elements arranged in another order or shape: a
    constant, which may be `packed`, or what is learned; None for a stream.
    """
    content = s.known(value)
    if content is not None:
        array = np.asarray(arrange(content), order="C")
        return constant(s, _symbol_of(value), array, signed=signed, packed=packed)
    held = _hold(s, value, arrange)
    return None if held is None else s.ref(*held)


def _hold(
    s: Scheduler, value: SSAValue, arrange: Callable[[Array], Array]
) -> tuple[str, tuple[int, ...]] | None:
    """The input that holds what is learned, and the shape that it was arranged in."""
    if s.learned is None or not s.learned.depends(value):
        return None
    shape = shape_of(value)
    places = arrange(np.arange(prod(shape)).reshape(shape))
    name = s.learned.request(value, places).name
    if name not in s.held:
        size = (places.size,)
        s.held[name] = s.declare(Role.INPUT, name, size, value, known=True, held=True)
    return s.held[name], places.shape


def first_values(
    s: Scheduler, op: Operation, value: SSAValue, arrange: Callable[[Array], Array]
) -> tuple[Array, str | None]:
    """(content of a state, the input that it starts from), of an operand that says it."""
    content = s.known(value)
    if content is not None:
        return np.asarray(arrange(content), order="C"), None
    held = _hold(s, value, arrange)
    if held is None:
        raise PassFailedException(f"snn-schedule: {describe(op)} starts from a stream")
    buffer, shape = held
    element = stream_type(value).element_type
    return np.zeros(shape, dtype_of(layout.stored_element(element))), buffer


def _symbol_of(value: SSAValue) -> str:
    """The name of the parameter that a fixed value holds."""
    owner = value.owner
    while isinstance(owner, snn.ReshapeOp | snn.RearrangeOp):
        owner = owner.input.owner
    return owner.symbol if isinstance(owner, snn.UseOp) else "constant"
