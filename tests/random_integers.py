"""
Random networks of integers, made alive: sums of every width, and bodies as quantization and
chips have them.

They are drawn as those of `random_networks` are, whose thresholds are then found among the
values that a membrane reaches. Some saturate and some wrap: what a value means is not asked
here, only whether every level and every build gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, f32, i1
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, dtype_of, signed_dtype, type_of
from snncc.dialects.snn.body import Body, Scalar, build_neuron
from snncc.dialects.snn.parameters import ParameterOp
from snncc.dialects.snn.types import integer_width, is_float, is_spike, shape_of, stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from tests.random_networks import BATCH, RATES, STEPS, Case, Draw, assemble

i8, i16, i32 = (IntegerType(width) for width in (8, 16, 32))
WIDTHS = (i8, i16, i32)


def word(b: Body, x: Scalar) -> Scalar:
    """Anything as 32 bits."""
    return x if x.element == i32 else b.extend(x, 32)


def stored(b: Body, u: Scalar, width: int, saturate: bool) -> Scalar:
    """32 bits as a state of another width: held at its ends, or the low bits."""
    if width == 32:
        return u
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    return b.truncate(b.clamp(u, low, high) if saturate else u, width)


@dataclass(frozen=True)
class Numbers:
    """What a body is drawn with."""

    width: int
    """Of its states."""
    saturate: bool
    factor: int
    shift: int


Written = tuple[list[Scalar], list[Scalar]]


def if_subtract(b: Body, n: Numbers, x: Scalar, v: Scalar, theta: Scalar) -> Written:
    u = word(b, v) + x
    z = b.spike(u - theta, "ge")
    return [z], [stored(b, u - b.extend(z, 32) * theta, n.width, n.saturate)]


def lif_zero(b: Body, n: Numbers, x: Scalar, v: Scalar, theta: Scalar) -> Written:
    """The decay is a product, shifted and rounded."""
    u = b.multiply_shift(word(b, v), n.factor, n.shift) + x
    z = b.spike(u - theta)
    return [z], [stored(b, b.select(z, b.constant(0, i32), u), n.width, n.saturate)]


def lif_shift(b: Body, n: Numbers, x: Scalar, v: Scalar, theta: Scalar) -> Written:
    """The decay is a shift, rounded down; the spike is that of the membrane before."""
    fired = b.compare("gt", word(b, v), theta)
    w = word(b, v)
    u = (w - (w >> (n.shift & 7))) + x - b.select(fired, theta, b.constant(0, i32))
    return [b.spike(u - theta)], [stored(b, u, n.width, n.saturate)]


def cuba(b: Body, n: Numbers, x: Scalar, i: Scalar, v: Scalar, theta: Scalar) -> Written:
    current = b.multiply_shift(word(b, i), n.factor, n.shift) + x
    u = b.multiply_shift(word(b, v), n.factor, n.shift) + b.rounding_shift(current, 2)
    z = b.spike(u - theta, "ge")
    kept = b.extend(z ^ b.constant(1, i1), 32) * u
    return [z], [stored(b, s, n.width, n.saturate) for s in (current, kept)]


def wide(b: Body, n: Numbers, x: Scalar, v: Scalar, theta: Scalar) -> Written:
    """The product has 64 bits."""
    product = b.multiply_shift(b.extend(v, 64), (n.factor << 16) + 12345, n.shift + 16)
    u = b.clamp(product + b.extend(x, 64), -(1 << 30), 1 << 30)
    w = b.truncate(u, 32)
    z = b.spike(w - theta, "ge")
    return [z], [stored(b, b.select(z, w - theta, w), n.width, n.saturate)]


def counting(b: Body, n: Numbers, x: Scalar, v: Scalar, theta: Scalar) -> Written:
    """Several spikes a step, by a division."""
    u = word(b, v) + x
    count = b.clamp(b.divide(u, theta), 0, 15)
    return [b.truncate(count, 8)], [stored(b, u - count * theta, n.width, n.saturate)]


def refractory(b: Body, n: Numbers, x: Scalar, v: Scalar, r: Scalar, theta: Scalar) -> Written:
    """Silent for some steps behind a spike; the membrane goes out as well."""
    awake = b.compare("le", r, 0)
    u = b.select(awake, word(b, v) + x, word(b, v))
    z = b.spike(u - theta, "ge") & awake
    rest = b.select(z, b.constant(3, r.element), b.maximum(r - 1, 0))
    membrane = stored(b, b.select(z, b.constant(-n.factor, i32), u), n.width, n.saturate)
    return [z, membrane], [membrane, rest]


def noisy(b: Body, n: Numbers, x: Scalar, v: Scalar, lfsr: Scalar, theta: Scalar) -> Written:
    """A shift register of its own adds noise to the threshold; bits, and unsigned shifts."""
    out = lfsr & 1
    mask = (0 - out) & 0x6D5B4E37
    register = b.shift_right_unsigned(lfsr ^ x, 1) ^ mask
    u = b.multiply_shift(word(b, v), n.factor, n.shift) + x
    z = b.spike(u - theta - (register & 7), "ge")
    return [z], [stored(b, b.select(z, u - theta, u), n.width, n.saturate), register | 1]


def leaky(b: Body, n: Numbers, x: Scalar, v: Scalar) -> Written:
    """A readout: its membrane is its output."""
    u = b.multiply_shift(word(b, v), n.factor, n.shift) + x
    after = stored(b, u, n.width, n.saturate)
    return [after], [after]


@dataclass(frozen=True)
class Kind:
    equations: Callable[..., Written]
    states: tuple[str, ...]
    spiking: bool = True


KINDS = {
    "int_if": Kind(if_subtract, ("v",)),
    "int_lif_zero": Kind(lif_zero, ("v",)),
    "int_lif_shift": Kind(lif_shift, ("v",)),
    "int_cuba": Kind(cuba, ("i", "v")),
    "int_wide": Kind(wide, ("v",)),
    "int_counting": Kind(counting, ("v",)),
    "int_refractory": Kind(refractory, ("v", "r")),
    "int_noisy": Kind(noisy, ("v", "lfsr")),
    "int_leaky": Kind(leaky, ("v",), spiking=False),
}
RECURRENT = ("int_if", "int_lif_zero", "int_cuba", "int_lif_shift")


class DrawIntegers(Draw):
    """Draws networks of integers."""

    def element(self, *, least: int = 8) -> IntegerType:
        return self.pick([type for type in WIDTHS if integer_width(type) >= least])

    def pick(self, options: list) -> object:
        return options[self.integer(0, len(options) - 1)]

    def parameter(self, name: str, values: Array) -> SSAValue:
        op = ParameterOp(name, type_of(values), blob_of(values))
        self.parameters.append(op)
        use = snn.UseOp(name, op.type)
        self.fixed.append(use)
        return use.result

    def numbers(self, element: IntegerType, *shape: int, bits: int | None = None) -> Array:
        """Integers of a few bits, or of all; now and then one is zero."""
        width = integer_width(element)
        reach = 1 << (min(bits or width, width) - 1)
        values = self.rng.integers(-reach, reach, shape)
        values = np.where(self.rng.random(shape) < 0.05, 0, values)
        return values.astype(signed_dtype(dtype_of(element)))

    def weight(self, name: str, *shape: int) -> tuple[SSAValue, IntegerType]:
        """A weight and the type of its sum. Most are small, as weights of 4 bits or fewer."""
        element = self.pick([i8, i8, i8, i16, i32])
        result = self.element(least=integer_width(element))
        bits = self.pick([2, 4, 5, 8, 32])
        return self.parameter(f"{name}.w", self.numbers(element, *shape, bits=bits)), result

    def integer_bias(self, name: str, outputs: int, element: IntegerType):
        where = self.choose(["none", "first", "last"])
        if where == "none":
            return None, "last"
        return self.parameter(f"{name}.bias", self.numbers(element, outputs, bits=6)), where

    # operations

    def linear(self, x: SSAValue) -> SSAValue:
        (inputs,) = shape_of(x)
        outputs = self.pick([1, 3, 7, 10, 17, 33, 40, 70])
        name = self.name("fc")
        w, element = self.weight(name, outputs, inputs)
        b, where = self.integer_bias(name, outputs, element)
        return self.add(snn.LinearOp(x, w, b, bias_position=where, element=element, node=name))

    def convolution(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        axes = len(shape) - 1
        groups = self.integer(1, 2) if shape[0] % 2 == 0 else 1
        kernel = [self.integer(1, min(3, size)) for size in shape[1:]]
        dilation = [
            self.integer(1, 2) if 2 * (k - 1) < size else 1
            for k, size in zip(kernel, shape[1:], strict=True)
        ]
        outputs = groups * self.pick([1, 2, 4, 9])
        name = self.name("conv")
        w, element = self.weight(name, outputs, shape[0] // groups, *kernel)
        b, where = self.integer_bias(name, outputs, element)
        kind = snn.Conv1dOp if axes == 1 else snn.Conv2dOp
        return self.add(
            kind(
                x,
                w,
                b,
                stride=[self.integer(1, 2) for _ in range(axes)],
                padding=[self.integer(0, 1) for _ in range(2 * axes)],
                dilation=dilation,
                groups=groups,
                bias_position=where,
                element=element,
                node=name,
            )
        )

    def pool(self, x: SSAValue) -> SSAValue:
        shape, element = shape_of(x), stream_type(x).element_type
        which = self.choose(["sum", "max"])
        kernel = [self.integer(1, min(3, size)) for size in shape[1:]]
        padding = [p for k in kernel for p in (self.integer(0, k // 2), self.integer(0, k // 2))]
        result = element if which == "max" else self.element(least=integer_width(element))
        stride = [self.integer(1, 2) for _ in range(2)]
        return self.add(
            snn.Pool2dOp(
                which,
                x,
                kernel=kernel,
                stride=stride,
                padding=padding,
                element=result,
                node=self.name("pool"),
            )
        )

    def initial(self, x: SSAValue) -> Array:
        """What a delay starts from: zero, or numbers of the stream's type."""
        element = stream_type(x).element_type
        if is_spike(element):
            return (
                np.zeros((), np.bool_) if self.integer(0, 1) else self.rng.random(shape_of(x)) < 0.5
            )
        assert isinstance(element, IntegerType)
        return self.numbers(element, *shape_of(x), bits=5)

    def requantize(self, x: SSAValue) -> SSAValue:
        """A body without state: shifted, rounded, and held in another width."""
        element = stream_type(x).element_type
        if is_spike(element):
            return x
        target = self.element()
        shift, saturate = self.integer(0, 6), self.integer(0, 3) > 0

        def equations(b: Body, x: Scalar) -> Written:
            u = b.rounding_shift(word(b, x), shift)
            return [stored(b, u, integer_width(target), saturate)], []

        return self._map(equations, {"x": x}, self.name("requantize"))

    def residual(self, x: SSAValue) -> SSAValue:
        """The sum with an earlier stream of the same shape, of whatever width."""
        same = [v for v in self.values if shape_of(v) == shape_of(x) and v is not x]
        same = [v for v in same if not is_float(stream_type(v).element_type)]
        if not same:
            return x

        def equations(b: Body, x: Scalar, y: Scalar) -> Written:
            return [word(b, x) + word(b, y)], []

        return self._map(equations, {"x": x, "y": self.pick(same)}, self.name("residual"))

    def _map(self, equations: Callable, inputs: dict[str, SSAValue], name: str) -> SSAValue:
        return self.add(
            build_neuron(
                equations,
                inputs=inputs,
                states={},
                parameters={},
                population=shape_of(inputs["x"]),
                node=name,
            )
        )

    def quantized(self, x: SSAValue) -> SSAValue:
        """Floats as integers, those that are out of range among them."""
        width = self.pick([8, 16, 32])

        def equations(b: Body, x: Scalar) -> Written:
            return [b.to_integer(x * b.constant(float(self.pick([4, 60, 1e9]))), width)], []

        return self._map(equations, {"x": x}, self.name("quantize"))

    def dequantized(self, x: SSAValue) -> SSAValue:
        def equations(b: Body, x: Scalar) -> Written:
            read = b.to_float if is_spike(x.element) else b.signed_to_float
            return [read(x) * b.constant(0.0123)], []

        return self._map(equations, {"x": x}, self.name("dequantize"))

    def population(self, x: SSAValue, kind_name: str, *, recurrent: bool) -> SSAValue:
        kind, shape = KINDS[kind_name], shape_of(x)
        name = f"{kind_name}{self.neurons}"
        self.neurons += 1
        self.used.add(kind_name)
        numbers = Numbers(
            width=self.pick([8, 16, 32, 32]),
            saturate=self.integer(0, 3) > 0,
            factor=self.integer(1, 127),
            shift=self.pick([0, 1, 7, 7, 8, 31]) if self.integer(0, 5) == 0 else 7,
        )
        inputs = {"x": x}
        delay: snn.DelayOp | None = None
        if recurrent:
            delay, inputs["back"] = self._recurrence(shape, name)
            self.used.add("cycle")
        parameters = {}
        if kind.spiking:
            each = (shape[0], *(1,) * (len(shape) - 1)) if self.integer(0, 1) else ()
            parameters["theta"] = self.parameter(f"{name}.theta", np.ones(each, np.int32))
        states = {}
        for port in kind.states:
            element = IntegerType({"r": 8, "lfsr": 32}.get(port, numbers.width))
            bits = 31 if port == "lfsr" else 3
            zero = port == "r" or self.integer(0, 1)
            start = self.numbers(element, *(() if zero else shape), bits=bits)
            states[port] = self.constant(start * 0 if zero else start)

        def equations(b: Body, x: Scalar, back: Scalar | None = None, **rest: Scalar) -> Written:
            drive = word(b, x) if back is None else word(b, x) + word(b, back)
            return kind.equations(b, numbers, drive, **rest)

        neuron = build_neuron(
            equations,
            inputs=inputs,
            states=states,
            parameters=parameters,
            population=shape,
            node=name,
        )
        result = self.add(neuron)
        if delay is not None:
            delay.operands[0] = result
        return result

    def _recurrence(self, shape: tuple[int, ...], name: str) -> tuple[snn.DelayOp, SSAValue]:
        """A delayed spike stream, through weights where it has one axis."""
        steps = self.integer(1, 4)
        self.delay_steps.add(steps)
        stream = create_ssa_value(TensorType(i1, shape))
        delay = snn.DelayOp(stream, steps, self.constant(np.zeros((), np.bool_)), f"{name}.back")
        self.delays.append(delay)
        if len(shape) > 1:
            return delay, delay.result
        w, element = self.weight(f"{name}.back", *shape, *shape)
        op = snn.LinearOp(delay.result, w, element=element, node=f"{name}.w_rec")
        return delay, self.add(op)


_ANYWHERE = ("reshape", "residual", "concat", "rearrange", "delay", "requantize")
STATELESS = {
    1: ["linear", "linear", *_ANYWHERE],
    2: ["convolution", *_ANYWHERE],
    3: ["convolution", "pool", *_ANYWHERE],
}
SHAPES = ((7,), (16,), (33,), (3, 9), (1, 6), (2, 6, 5), (4, 5, 5), (1, 7, 6))
INPUTS = (i1, i1, i8, i16, i32, f32)


def draw_integers(
    choose: Callable[[list[str]], str], integer: Callable[[int, int], int]
) -> Case | None:
    """A random live network, or None where no threshold makes it live."""
    d = DrawIntegers(choose, integer)
    shape, element = d.pick(list(SHAPES)), d.pick(list(INPUTS))
    type = TensorType(element, shape)
    network = snn.NetworkOp("net", [("x", type)], [])
    x: SSAValue = network.body.block.args[0]
    if is_float(element):
        x = d.quantized(x)
    else:
        d.values.append(x)
    for _ in range(integer(1, 3)):
        for _ in range(integer(1, 3)):
            x = getattr(d, choose(STATELESS[len(shape_of(x))]))(x)
        kind = choose(list(KINDS))
        x = d.population(x, kind, recurrent=kind in RECURRENT and integer(0, 1) == 1)
    outputs = [("y", x)]
    others = [v for v in d.values if v is not x and v.owner is not network.body.block]
    if others and integer(0, 2) == 0:
        outputs.append(("side", d.pick(others)))
    if integer(0, 3) == 0:
        outputs.append(("float", d.dequantized(x)))
    module = assemble(network, d, outputs)
    stimulus = {"x": _input(d.rng, element, shape)}
    rates = make_alive(module, network, stimulus)
    if rates is None:
        return None
    return Case(Network(module), stimulus, d.used, rates, d.delay_steps)


def seeded_case(seed: int) -> Case | None:
    """The network of a seed."""
    rng = np.random.default_rng(seed)
    return draw_integers(
        lambda options: options[rng.integers(len(options))],
        lambda low, high: int(rng.integers(low, high + 1)),
    )


def _input(rng: np.random.Generator, element: Attribute, shape: tuple[int, ...]) -> Array:
    """Bits of the element's type, more than half of them zero; the ends of the range, too."""
    size = (STEPS, BATCH, *shape)
    active = rng.random(size) < 0.4
    if is_float(element):
        return (active * rng.normal(size=size)).astype(np.float32)
    if is_spike(element):
        return active.astype(np.uint8)
    assert isinstance(element, IntegerType)
    half = 1 << (integer_width(element) - 1)
    values = np.where(rng.random(size) < 0.02, rng.choice([-half, half - 1], size), 0)
    values = np.where(values == 0, rng.integers(-9, 10, size), values) * active
    return values.astype(signed_dtype(dtype_of(element))).view(dtype_of(element))


def make_alive(
    module: ModuleOp, network: snn.NetworkOp, x: dict[str, Array]
) -> dict[str, float] | None:
    """
    Sets each spiking layer's threshold to a membrane value that it reaches; gives the
    rates, or None where a layer cannot be brought between 2 and 90 %.
    """
    net = Network(module)
    rates: dict[str, float] = {}
    for parameter in [op for op in module.ops if isinstance(op, ParameterOp)]:
        if not parameter.sym_name.data.endswith(".theta"):
            continue
        name = parameter.sym_name.data.removesuffix(".theta")
        for share in (0.75, 0.9, 0.97, 0.5):
            _set(parameter, 1 << 30)
            reached = np.sort(_trace(net, x)[f"{name}.v"].ravel())
            value = int(reached[int(share * (reached.size - 1))])
            if value < 1:  # counts divide by it, subtraction needs it above zero
                continue
            _set(parameter, value)
            rate = float((_trace(net, x)[name] != 0).mean())
            if RATES[0] <= rate <= RATES[1]:
                rates[name] = rate
                break
        else:
            return None
    return rates


def _trace(net: Network, x: dict[str, Array]) -> dict[str, Array]:
    """What neurons give and hold; integers as the signed numbers that their bits are."""
    traced = NetworkInterpreter(net.module, net.op).run(x, trace=True).trace
    return {
        name: array.view(signed_dtype(array.dtype)) if array.dtype.kind == "u" else array
        for name, array in traced.items()
    }


def _set(parameter: ParameterOp, value: int) -> None:
    shape = parameter.type.get_shape()
    parameter.value = dense_of(np.full(shape, value, np.int32))
