"""
Encoders: networks that make spikes, or counts of spikes, of real values.

A chip takes spikes. What makes them of values is a network of streams itself, which the host
runs: in the interpreter and in C with the same bits. x is a value, t counts the steps of a sample
from 0; all arithmetic is in float32.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from math import isfinite, prod
from typing import Any, ClassVar

import numpy as np
from xdsl.dialects.builtin import TensorType, f32, i1, i32
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.types import shape_of
from snncc.errors import SnnccError, error
from snncc.network import Network
from snncc.options import call_of, is_real, is_whole

MOST_STEPS = 1 << 20
MOST_LEVELS = 1 << 10


@dataclass(frozen=True, kw_only=True)
class Encoder(ABC):
    """
    What all encoders can do before they encode.

    `steps`: after so many steps there are no values any more, x = 0. `rows`: the input has one
    axis more, in front, of so many rows; row k is x in the steps from k `repeats` on, and after
    the last row x = 0.
    """

    name: ClassVar[str]
    each: ClassVar[int | None] = 1
    """Streams that one value becomes, side by side in the first axis; None: see `width`."""

    steps: int | None = None
    rows: int | None = None
    repeats: int = 1

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "repeats"):
            value = getattr(self, name)
            if value is not None:
                self.expect_whole(name, 1, MOST_STEPS)

    def expect_whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not (is_whole(value) and low <= value <= high):
            raise _wrong(f"{self.name}: {name}: expected {low} to {high}, got {value!r}")

    def expect_number(self, name: str, *, positive: bool = False) -> None:
        value = getattr(self, name)
        if not (is_real(value) and isfinite(value) and (value > 0 or not positive)):
            above = " above 0" if positive else ""
            raise _wrong(f"{self.name}: {name}: expected a number{above}, got {value!r}")

    @property
    def width(self) -> int:
        """Streams that one value becomes."""
        return 1

    @property
    def largest(self) -> int:
        """Spikes in one step."""
        return 1

    def __str__(self) -> str:
        """The text that `encoder_of` reads."""
        given = [
            f"{option.name}={getattr(self, option.name)!r}"
            for option in fields(self)
            if option.default is MISSING or getattr(self, option.name) != option.default
        ]
        return f"{self.name}({', '.join(given)})" if given else self.name

    @abstractmethod
    def write(self, w: Writer, x: SSAValue) -> SSAValue:
        """The spikes or counts of a stream of values."""


class Writer:
    """Writes the encoder of one input."""

    def __init__(self, assembly: Assembly, node: str):
        self.a = assembly
        self.node = node

    @cached_property
    def clock(self) -> SSAValue:
        """t, i32, as a stream of one element; it stays at 2^30."""

        def count(b: Body, n: Scalar) -> Outputs:
            return [n], [b.minimum(n + 1, 1 << 30)]

        return self.neuron(
            "clock", count, (1,), states={"n": self.a.zero(TensorType(i32, []))}, inputs={}
        )

    def time(self, rank: int) -> SSAValue:
        """t as a stream that broadcasts to one of `rank` axes."""
        return self.clock if rank < 2 else self.a.add(snn.ReshapeOp(self.clock, [1] * rank))

    def zero(self) -> SSAValue:
        return self.a.zero(TensorType(f32, []))

    def start(self, value: float) -> SSAValue:
        """The first value of a state."""
        return self.a.parameter(f"{self.node}.start", np.array(value, np.float32))

    def each(self, name: str, values: Array, shape: tuple[int, ...]) -> SSAValue:
        """A parameter of the streams that a value becomes, for all values."""
        many = np.tile(values, shape[0] // len(values)).reshape(-1, *(1,) * (len(shape) - 1))
        return self.a.parameter(f"{self.node}.{name}", many)

    def repeated(self, x: SSAValue, times: int) -> SSAValue:
        """Every value so many times, one beside the other in the first axis."""
        shape = shape_of(x)
        places = np.arange(prod(shape)).reshape(shape).repeat(times, axis=0)
        return self.a.add(snn.RearrangeOp(x, places, node=f"{self.node}.repeated"))

    def neuron(
        self,
        name: str,
        equations: Callable[..., Outputs],
        shape: tuple[int, ...],
        inputs: Mapping[str, SSAValue],
        states: Mapping[str, SSAValue] | None = None,
        parameters: Mapping[str, SSAValue] | None = None,
    ) -> SSAValue:
        built = build_neuron(
            equations,
            inputs=dict(inputs),
            states=dict(states or {}),
            parameters=dict(parameters or {}),
            population=shape,
            node=f"{self.node}.{name}",
        )
        return self.a.add(built)

    def shown(self, encoder: Encoder, x: SSAValue) -> SSAValue:
        """x as `steps` and `rows` say."""
        shape, rows = shape_of(x), encoder.rows
        if rows is not None:
            number = np.arange(rows, dtype=np.int32).reshape(-1, *(1,) * (len(shape) - 1))

            def row(b: Body, x: Scalar, t: Scalar, k: Scalar) -> Outputs:
                now = b.compare("eq", b.divide(t, encoder.repeats), k)
                return [b.select(now, x, b.constant(0.0))], []

            x = self.neuron(
                "row",
                row,
                shape,
                {"x": x, "t": self.time(len(shape))},
                parameters={"k": self.a.parameter(f"{self.node}.row.k", number)},
            )
            x = self.a.add(snn.ReduceOp(Pool.SUM, x, (1, *shape[1:])))
            shape = shape[1:]
            x = self.a.add(snn.ReshapeOp(x, shape))
        if encoder.steps is not None:

            def until(b: Body, x: Scalar, t: Scalar) -> Outputs:
                return [b.select(b.compare("lt", t, encoder.steps or 0), x, b.constant(0.0))], []

            x = self.neuron("until", until, shape, {"x": x, "t": self.time(len(shape))})
        return x


@dataclass(frozen=True, kw_only=True)
class Rate(Encoder):
    """
    Accumulate and fire: v += gain x; where v >= threshold, a spike, and v -= threshold. v starts
    at `start`. Values from 0 to threshold / gain are rates from 0 to 1.
    """

    name: ClassVar[str] = "rate"
    threshold: float = 1.0
    gain: float = 1.0
    start: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_number("threshold", positive=True)
        self.expect_number("gain")
        self.expect_number("start")

    def write(self, w: Writer, x: SSAValue) -> SSAValue:
        def fire(b: Body, x: Scalar, v: Scalar) -> Outputs:
            u = v + (x * self.gain if self.gain != 1 else x)
            z = b.spike(u - self.threshold, "ge")
            return [z], [b.select(z, u - self.threshold, u)]

        states = {"v": w.start(self.start)}
        return w.neuron("rate", fire, shape_of(x), {"x": x}, states)


@dataclass(frozen=True, kw_only=True)
class Latency(Encoder):
    """
    One spike in a sample, the earlier the larger the value: q = round(x levels / high), half to
    even, held at 0 ... levels; the spike is in step (levels - q) steps / levels, and where q is 0
    there is none. `steps` are those of the code; `levels` [default: steps] divide them.
    """

    name: ClassVar[str] = "latency"
    steps: int | None = 16
    levels: int | None = None
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_number("high", positive=True)
        if self.steps is None:
            raise _wrong("latency: steps: expected a number of steps")
        if self.levels is not None:
            self.expect_whole("levels", 1, self.steps)
        if self.steps % (self.levels or self.steps):
            raise _wrong(f"latency: levels: expected a divisor of {self.steps} steps")

    def write(self, w: Writer, x: SSAValue) -> SSAValue:
        steps = self.steps or 0
        levels = self.levels or steps

        def fire(b: Body, x: Scalar, t: Scalar, done: Scalar) -> Outputs:
            q = b.clamp(b.round_even(x * (levels / self.high)), 0.0, float(levels))
            at = (levels - q) * float(steps // levels)
            late = b.signed_to_float(t) - at
            waiting = b.select(b.spike(0.5 - q, "ge"), b.constant(-1.0), late)
            z = b.spike(b.select(done, b.constant(-1.0), waiting), "ge")
            return [z], [done | z]

        shape = shape_of(x)
        inputs = {"x": x, "t": w.time(len(shape))}
        return w.neuron("latency", fire, shape, inputs, {"done": w.a.zero(TensorType(i1, []))})


@dataclass(frozen=True, kw_only=True)
class Thermometer(Encoder):
    """
    A stream for each level, 1 where x >= level. `levels` are the levels, or how many: then
    level k is low + (high - low) (k + 1/2) / levels, so that as many are 1 as is nearest to
    (x - low) / (high - low) levels.
    """

    name: ClassVar[str] = "thermometer"
    levels: Any = 4
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.levels, list):
            object.__setattr__(self, "levels", tuple(self.levels))
        if isinstance(self.levels, tuple):
            if not 1 <= len(self.levels) <= MOST_LEVELS or not all(
                is_real(level) and isfinite(level) for level in self.levels
            ):
                raise _wrong(f"thermometer: levels: expected numbers, got {self.levels!r}")
        else:
            self.expect_whole("levels", 1, MOST_LEVELS)
        self.expect_number("low")
        self.expect_number("high")
        if self.low >= self.high:
            raise _wrong(f"thermometer: expected low < high, got {self.low} and {self.high}")

    @property
    def thresholds(self) -> Array:
        """[levels], float32"""
        if isinstance(self.levels, tuple):
            return np.array(self.levels, np.float32)
        middle = (np.arange(self.levels) + 0.5) / self.levels
        return np.asarray(self.low + (self.high - self.low) * middle, np.float32)

    @property
    def width(self) -> int:
        return len(self.thresholds)

    def write(self, w: Writer, x: SSAValue) -> SSAValue:
        many = w.repeated(x, self.width)

        def reached(b: Body, x: Scalar, level: Scalar) -> Outputs:
            return [b.spike(x - level, "ge")], []

        shape = shape_of(many)
        level = w.each("level", self.thresholds, shape)
        return w.neuron("thermometer", reached, shape, {"x": many}, {}, {"level": level})


@dataclass(frozen=True, kw_only=True)
class Delta(Encoder):
    """
    Two streams, of rises and of falls, beside a reference r that starts at `start`: a spike of the
    first where x - r > threshold, and r += threshold; of the second where r - x > threshold, and
    r -= threshold.
    """

    name: ClassVar[str] = "delta"
    threshold: float = 0.1
    start: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_number("threshold", positive=True)
        self.expect_number("start")

    @property
    def width(self) -> int:
        return 2

    def write(self, w: Writer, x: SSAValue) -> SSAValue:
        both = w.repeated(x, 2)  # each of the two keeps the reference

        def moved(b: Body, x: Scalar, sign: Scalar, r: Scalar) -> Outputs:
            change = x - r
            up = b.compare("gt", change, self.threshold)
            down = b.compare("lt", change, -self.threshold)
            after = b.select(up, r + self.threshold, b.select(down, r - self.threshold, r))
            return [b.spike(change * sign - self.threshold)], [after]

        shape = shape_of(both)
        sign = w.each("sign", np.array([1, -1], np.float32), shape)
        states = {"r": w.start(self.start)}
        return w.neuron("delta", moved, shape, {"x": both}, states, {"sign": sign})


@dataclass(frozen=True, kw_only=True)
class Counts(Encoder):
    """Spikes of one step: round(gain x), half to even, held at 0 ... most."""

    name: ClassVar[str] = "counts"
    gain: float = 1.0
    most: int = 15

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_number("gain")
        self.expect_whole("most", 1, 255)

    @property
    def largest(self) -> int:
        return self.most

    def write(self, w: Writer, x: SSAValue) -> SSAValue:
        def count(b: Body, x: Scalar) -> Outputs:
            scaled = x * self.gain if self.gain != 1 else x
            return [b.count(b.round_even(scaled), self.most)], []

        return w.neuron("counts", count, shape_of(x), {"x": x})


ENCODERS: dict[str, type[Encoder]] = {
    kind.name: kind for kind in (Rate, Latency, Thermometer, Delta, Counts)
}
"""By the names that texts call them."""


def encoder_of(given: Encoder | str) -> Encoder:
    """
    An encoder, or one written as text, a name with options:

        "rate"    "latency(steps=16, levels=4)"    "thermometer(levels=(1, 4, 7), rows=8)"

    Raises SNC-C003.
    """
    if isinstance(given, Encoder):
        return given
    name, options = call_of(given) if isinstance(given, str) else (None, {})
    if name not in ENCODERS:
        raise _wrong(f"expected one of {', '.join(ENCODERS)}, got {given!r}")
    known = [option.name for option in fields(ENCODERS[name])]
    for option in options:
        if option not in known:
            raise _wrong(f"{name} has no option {option!r}: it has {', '.join(known)}")
    return ENCODERS[name](**options)


def _wrong(text: str) -> SnnccError:
    return error(
        "SNC-C003",
        f"encode: {text}",
        remedy='"rate", or with options "latency(steps=16, levels=4)"',
    )


@dataclass(frozen=True)
class InputEncoder:
    """
    An encoder for the inputs of a network. `network` has real inputs by their names, and what
    they become as NAME_spikes.
    """

    encoder: Encoder
    network: Network

    def encode(self, x: Any, *, steps: int | None = None) -> dict[str, Array]:
        """
        Counts, uint8 [T(, B), *shape] by input, of values [T(, B), *shape], or with `steps`
        [(B,) *shape], held for so many.
        """
        given = self.network.run(x, steps=steps)
        return {
            name: np.asarray(given[f"{name}_spikes"]).astype(np.uint8)
            for name in self.network.inputs
        }


def input_encoder(
    given: Encoder | str, inputs: Mapping[str, tuple[int, ...]], description: Description
) -> InputEncoder:
    """
    Of inputs of these shapes on a chip. Raises SNC-C003 for a text that is no encoder, SNC-N007
    for one that does not fit.
    """
    encoder = encoder_of(given)
    most = description.inputs.most
    if encoder.largest > most:
        raise error(
            "SNC-N007",
            f"encode: {encoder} gives up to {encoder.largest} spikes a step, "
            f"{description.name} takes {most}",
            remedy=f"counts(most={most})" if isinstance(encoder, Counts) else None,
        )
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (first, *rest) in inputs.items():
        values, over = divmod(first, encoder.width)
        if over:
            raise error(
                "SNC-N007",
                f"encode: {encoder} makes {encoder.width} inputs of each value: input {name!r} "
                f"has {first}, which is no multiple",
                remedy="the encoder that the network was trained with",
            )
        row = () if encoder.rows is None else (encoder.rows,)
        shapes[name] = (*row, values, *rest)
    a = Assembly("encoder", {name: TensorType(f32, shape) for name, shape in shapes.items()})
    outputs = {}
    for name, stream in a.inputs.items():
        writer = Writer(a, name)
        outputs[f"{name}_spikes"] = encoder.write(writer, writer.shown(encoder, stream))
    return InputEncoder(encoder, Network(a.finish(outputs)))
