"""
Random networks over every operation and neuron kind, made alive.

A network is drawn operation by operation; then, spiking layer by spiking layer, the
threshold is set to a membrane value that the layer really reaches, chosen so that the
layer fires between 2 and 90 % of the time. A value that is reached is a threshold that is
met exactly: `>` and `>=` differ there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType, f32, i1, i64
from xdsl.ir import Operation, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, type_of
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.parameters import ParameterOp
from snncc.dialects.snn.types import is_float, shape_of, stream_type
from snncc.network import Network
from tests.random_kinds import KINDS

STEPS, BATCH = 14, 2
RATES = (0.02, 0.90)


@dataclass
class Case:
    """A random network, its input, and what it is made of."""

    network: Network
    x: dict[str, Array]
    operations: set[str]
    rates: dict[str, float]
    delays: set[int]


class Draw:
    """Draws a network: `choose` and `integer` come from hypothesis, numbers from a seed."""

    def __init__(self, choose: Callable[[list[str]], str], integer: Callable[[int, int], int]):
        self.choose = choose
        self.integer = integer
        self.rng = np.random.default_rng(integer(0, 2**32 - 1))
        self.parameters: list[ParameterOp] = []
        self.fixed: list[Operation] = []
        self.delays: list[snn.DelayOp] = []
        self.operations: list[Operation] = []
        self.values: list[SSAValue] = []
        self.used: set[str] = set()
        self.delay_steps: set[int] = set()
        self.neurons = 0

    def parameter(self, name: str, values: Array) -> SSAValue:
        array = np.asarray(values, np.float32)
        op = ParameterOp(name, type_of(array), blob_of(array))
        self.parameters.append(op)
        use = snn.UseOp(name, op.type)
        self.fixed.append(use)
        return use.result

    def constant(self, values: Array) -> SSAValue:
        op = snn.ConstantOp(dense_of(np.asarray(values)))
        self.fixed.append(op)
        return op.result

    def add(self, op: Operation) -> SSAValue:
        self.used.add(op.name.removeprefix("snn."))
        self.operations.append(op)
        self.values.append(op.results[0])
        return op.results[0]

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        """Arbitrary float32 numbers; now and then one is zero."""
        values = self.rng.normal(size=shape) * scale
        return np.where(self.rng.random(shape) < 0.05, 0.0, values).astype(np.float32)

    def as_float(self, value: SSAValue) -> SSAValue:
        if is_float(stream_type(value).element_type):
            return value
        return self.add(snn.AddOp([value], f32))

    def name(self, base: str) -> str:
        return f"{base}{len(self.operations)}"

    def bias(self, name: str, outputs: int) -> tuple[SSAValue | None, str]:
        where = self.choose(["none", "first", "last"])
        if where == "none":
            return None, "last"
        return self.parameter(f"{name}.bias", self.normal(outputs, scale=0.3)), where

    # operations

    def linear(self, x: SSAValue) -> SSAValue:
        (inputs,) = shape_of(x)
        outputs = self.integer(1, 24)
        name = self.name("fc")
        w = self.parameter(f"{name}.w", self.normal(outputs, inputs, scale=inputs**-0.5))
        b, where = self.bias(name, outputs)
        return self.add(snn.LinearOp(x, w, b, bias_position=where, node=name))

    def convolution(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        axes = len(shape) - 1
        groups = self.integer(1, 2) if shape[0] % 2 == 0 else 1
        kernel = [self.integer(1, min(3, size)) for size in shape[1:]]
        stride = [self.integer(1, 2) for _ in range(axes)]
        padding = [self.integer(0, 1) for _ in range(2 * axes)]
        dilation = [
            self.integer(1, 2) if 2 * (k - 1) < size else 1
            for k, size in zip(kernel, shape[1:], strict=True)
        ]
        outputs = groups * self.integer(1, 4)
        name = self.name("conv")
        fan = shape[0] // groups * int(np.prod(kernel))
        w = self.parameter(
            f"{name}.w", self.normal(outputs, shape[0] // groups, *kernel, scale=fan**-0.5)
        )
        b, where = self.bias(name, outputs)
        kind = snn.Conv1dOp if axes == 1 else snn.Conv2dOp
        return self.add(
            kind(
                x,
                w,
                b,
                stride=stride,
                padding=padding,
                dilation=dilation,
                groups=groups,
                bias_position=where,
                node=name,
            )
        )

    def pool(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        which = self.choose(["sum", "avg", "max"])
        kernel = [self.integer(1, min(3, size)) for size in shape[1:]]
        stride = [self.integer(1, 2) for _ in range(2)]
        padding = [p for k in kernel for p in (self.integer(0, k // 2), self.integer(0, k // 2))]
        element = stream_type(x).element_type if which == "max" else f32
        return self.add(
            snn.Pool2dOp(
                which,
                x,
                kernel=kernel,
                stride=stride,
                padding=padding,
                element=element,
                exclude_padding=which == "avg" and self.integer(0, 1) == 1,
                node=self.name("pool"),
            )
        )

    def reshape(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        size = int(np.prod(shape))
        forms = [(size,)] if len(shape) > 1 else []
        for channels in (2, 3, 4):
            if size % channels == 0:
                forms.append((channels, size // channels))
                rest = size // channels
                forms.extend((channels, h, rest // h) for h in (2, 3) if rest % h == 0)
        forms = [form for form in forms if form != shape] or [(size,)]
        return self.add(snn.ReshapeOp(x, forms[self.integer(0, len(forms) - 1)]))

    def rearrange(self, x: SSAValue) -> SSAValue:
        """What importers make of it, along one axis or all of them; and any order at all."""
        shape = shape_of(x)
        places = np.arange(np.prod(shape)).reshape(shape)
        axis = self.integer(0, len(shape) - 1)
        which = self.choose(["transpose", "flip", "slice", "repeat", "pad", "shuffle"])
        match which:
            case "transpose":
                places = np.moveaxis(places, axis, 0)
            case "flip":
                places = np.flip(places, axis)
            case "slice":
                first, step = self.integer(0, 1), self.integer(1, 2)
                places = np.take(
                    places, range(min(first, shape[axis] - 1), shape[axis], step), axis
                )
            case "repeat" if places.size <= 200:
                places = np.stack([places] * 2, axis).reshape(*shape[:axis], -1, *shape[axis + 1 :])
            case "pad" if places.size <= 200:
                around = [(0, 0)] * len(shape)
                around[axis] = (self.integer(0, 2), self.integer(0, 2))
                places = np.pad(places, around, constant_values=-1)
            case _:
                places = self.rng.integers(-1, places.size, shape)
        return self.add(snn.RearrangeOp(x, places, node=self.name(which)))

    def concat(self, x: SSAValue) -> SSAValue:
        """With itself: any axis fits."""
        axis = self.integer(0, len(shape_of(x)) - 1)
        if np.prod(shape_of(x)) > 200:
            return x
        return self.add(snn.ConcatOp([x, x], axis))

    def initial(self, x: SSAValue) -> Array:
        """What a delay starts from: zero, or numbers where it takes floats."""
        element = stream_type(x).element_type
        if is_float(element) and self.integer(0, 1):
            return self.normal(*shape_of(x))
        dtype = np.float32 if is_float(element) else np.bool_ if element == i1 else np.uint16
        return np.zeros((), dtype)

    def delay(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        init = self.initial(x)
        if self.integer(0, 2):
            steps: int | DenseIntOrFPElementsAttr = self.integer(1, 5)
            self.delay_steps.add(int(steps))
        else:
            each = self.rng.integers(0, 6, shape)
            each.ravel()[0] = 5
            self.delay_steps.update(int(s) for s in np.unique(each))
            steps = DenseIntOrFPElementsAttr.from_list(
                TensorType(i64, shape), [int(s) for s in each.ravel()]
            )
        return self.add(snn.DelayOp(x, steps, self.constant(init), self.name("delay")))

    def scale(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        forms = [(), shape, (shape[0], *(1,) * (len(shape) - 1))]
        form = forms[self.integer(0, 2)]
        name = self.name("scale")
        return self.add(snn.ScaleOp(x, self.parameter(name, self.normal(*form) + 1), node=name))

    def batch_norm(self, x: SSAValue) -> SSAValue:
        channels = shape_of(x)[0]
        name = self.name("bn")
        gamma, beta, mean = (
            self.parameter(f"{name}.{field}", self.normal(channels, scale=0.3) + shift)
            for field, shift in (("gamma", 1.0), ("beta", 0.0), ("mean", 0.0))
        )
        variance = self.parameter(f"{name}.var", self.rng.uniform(0.5, 2.0, channels))
        return self.add(snn.BatchNormOp(x, gamma, beta, mean, variance, 1e-5, node=name))

    def residual(self, x: SSAValue) -> SSAValue:
        """The sum with an earlier stream of the same shape."""
        same = [v for v in self.values if shape_of(v) == shape_of(x) and v is not x]
        if not same:
            return x
        other = same[self.integer(0, len(same) - 1)]
        return self.add(snn.AddOp([x, other, x][: self.integer(2, 3)], f32))

    def threshold(self, x: SSAValue) -> SSAValue:
        th = self.parameter(self.name("th.threshold"), np.float32(0.25))
        comparison = self.choose(["gt", "ge"])
        return self.add(snn.ThresholdOp(comparison, self.as_float(x), th, node=self.name("th")))

    def neuron(self, x: SSAValue, kind_name: str, *, recurrent: bool = False) -> SSAValue:
        kind = KINDS[kind_name]
        shape = shape_of(x)
        name = f"{kind_name}{self.neurons}"
        self.neurons += 1
        self.used.add(kind_name)
        parameters: dict[str, SSAValue] = {}
        for port in kind.parameters:
            parameters[port] = self.parameter(f"{name}.{port}", self._value(port, shape))
        states = {
            port: self.constant(
                np.zeros((), np.float32) if self.integer(0, 2) else self.normal(*shape, scale=0.2)
            )
            for port in kind.states
        }
        inputs = {"x": self.as_float(x)}
        delay: snn.DelayOp | None = None
        if recurrent:
            delay, back = self._feedback(shape, name)
            inputs["x"] = self.add(snn.AddOp([inputs["x"], back], f32))
            self.used.add("cycle")
        neuron = build_neuron(
            kind.equations,
            inputs=inputs,
            states=states,
            parameters=parameters,
            population=shape,
            float_type=f32,
            node=name,
        )
        spikes = self.add(neuron)
        if delay is not None:
            delay.operands[0] = spikes
        return spikes

    def _value(self, port: str, shape: tuple[int, ...]) -> Array:
        """Uniform, per channel or per neuron."""
        form = [(), shape, (shape[0], *(1,) * (len(shape) - 1))][self.integer(0, 2)]
        match port:
            case "theta":
                return np.float32(1.0)
            case "floor":
                return np.float32(-1.5)
            case "v_reset":
                return self.normal(*form, scale=0.1) - 0.1
            case "leak":
                return self.normal(*form, scale=0.1)
            case "g":
                return self.rng.uniform(0.3, 1.2, form)
            case _:  # decays and slopes
                return self.rng.uniform(0.3, 0.97, form)

    def _feedback(self, shape: tuple[int, ...], name: str) -> tuple[snn.DelayOp, SSAValue]:
        """A delayed spike stream through a recurrent weight, its source set later."""
        steps = self.integer(1, 5)
        self.delay_steps.add(steps)
        stream = create_ssa_value(TensorType(i1, shape))
        delay = snn.DelayOp(stream, steps, self.constant(np.zeros((), np.bool_)), f"{name}.back")
        self.delays.append(delay)
        if len(shape) > 1 or self.integer(0, 2) == 0:
            w = self.parameter(f"{name}.back.s", self.normal(*shape, scale=0.5))
            return delay, self.add(snn.ScaleOp(delay.result, w, node=f"{name}.w_rec"))
        size = shape[0]
        w = self.parameter(f"{name}.back.w", self.normal(size, size, scale=0.7 * size**-0.5))
        b, where = self.bias(f"{name}.back", size)
        op = snn.LinearOp(delay.result, w, b, bias_position=where, node=f"{name}.w_rec")
        return delay, self.add(op)


_ANYWHERE = ("reshape", "scale", "batch_norm", "residual", "concat", "rearrange", "delay")
STATELESS = {
    1: ["linear", *_ANYWHERE, "threshold"],
    2: ["convolution", *_ANYWHERE],
    3: ["convolution", "pool", *_ANYWHERE],
}
RECURRENT = ("lif", "if_subtract", "lif_next", "cuba_lif", "adaptive", "gated")
SHAPES = ((7,), (16,), (33,), (3, 9), (1, 6), (2, 6, 5), (4, 5, 5), (1, 7, 6))


def draw_case(
    choose: Callable[[list[str]], str], integer: Callable[[int, int], int]
) -> Case | None:
    """A random live network, or None where no threshold makes it live."""
    d = Draw(choose, integer)
    shape = SHAPES[integer(0, len(SHAPES) - 1)]
    inputs = [("x", TensorType(f32, shape))]
    second = integer(0, 4) == 0
    if second:
        inputs.append(("aux", TensorType(f32, shape)))
    network = snn.NetworkOp("net", inputs, [])
    x: SSAValue = network.body.block.args[0]
    d.values.append(x)
    if second:
        x = d.add(snn.AddOp([x, network.body.block.args[1]], f32))
    for _ in range(integer(1, 3)):
        for _ in range(integer(1, 3)):
            x = getattr(d, choose(STATELESS[len(shape_of(x))]))(x)
        kind = choose(list(KINDS))
        recurrent = kind in RECURRENT and integer(0, 1) == 1
        x = d.neuron(x, kind, recurrent=recurrent)
    outputs = [("y", x)]
    others = [v for v in d.values if v is not x and v.owner is not network.body.block]
    if others and integer(0, 2) == 0:
        outputs.append(("side", others[integer(0, len(others) - 1)]))
    module = assemble(network, d, outputs)
    stimulus = {name: _input(d.rng, type.get_shape(), integer(0, 2)) for name, type in inputs}
    rates = make_alive(module, network, stimulus)
    if rates is None:
        return None
    return Case(Network(module), stimulus, d.used, rates, d.delay_steps)


def assemble(network: snn.NetworkOp, d: Draw, outputs: list[tuple[str, SSAValue]]) -> ModuleOp:
    block = network.body.block
    block.add_ops(d.fixed)
    block.add_ops(d.delays)
    block.add_ops(d.operations)
    block.add_op(snn.YieldOp([value for _, value in outputs]))
    named = snn.NetworkOp(
        "net",
        [(n, v.type) for n, v in network.inputs.items()],
        [(n, v.type) for n, v in outputs],
        network.detach_region(0),
    )
    module = ModuleOp([*d.parameters, named])
    module.verify()
    return module


def _input(rng: np.random.Generator, shape: tuple[int, ...], form: int) -> Array:
    """Spikes, small counts, or real numbers with zeros among them."""
    size = (STEPS, BATCH, *shape)
    active = rng.random(size) < 0.4
    if form == 0:
        return active.astype(np.float32)
    if form == 1:
        return (active * rng.integers(1, 4, size)).astype(np.float32)
    return (active * rng.normal(size=size)).astype(np.float32)


def make_alive(
    module: ModuleOp, network: snn.NetworkOp, x: dict[str, Array]
) -> dict[str, float] | None:
    """
    Sets each spiking layer's threshold to a membrane value that it reaches; gives the
    rates, or None where a layer cannot be brought between 2 and 90 %.
    """
    net = Network(module)
    thresholds = {
        op.sym_name.data.removesuffix(".theta"): op
        for op in module.ops
        if isinstance(op, ParameterOp) and op.sym_name.data.endswith(".theta")
    }
    rates: dict[str, float] = {}
    for name, parameter in thresholds.items():
        for share in (0.75, 0.9, 0.97, 0.5):
            _set(parameter, np.float32(3e38))
            quiet = net.run(x, trace=True)
            reached = np.sort(quiet[f"{name}.v"].ravel())
            reached = reached[np.isfinite(reached) & (np.abs(reached) < 1e6)]
            if reached.size == 0:
                return None
            value = reached[int(share * (reached.size - 1))]
            if not value > 1e-3:  # counts divide by it, subtraction needs it above zero
                return None
            _set(parameter, value)
            rate = float((net.run(x, trace=True)[name] > 0).mean())
            if RATES[0] <= rate <= RATES[1]:
                rates[name] = rate
                break
        else:
            return None
    return rates


def _set(parameter: ParameterOp, value: np.float32) -> None:
    parameter.value = dense_of(np.float32(value).reshape(()))
    parameter.type = type_of(np.float32(value).reshape(()))
