"""
Random networks of random bodies: neurons that nobody has thought of, for gradients.

A body is arithmetic drawn operation by operation, on all of its inputs, states and parameters;
each value is kept near 1, so that a difference of a loss is as exact as its numbers. Spikes
have surrogates of moderate slope, with integrals; they feed outputs, states (as numbers and as
spikes) and each other. A network joins such neurons by every operation that has a transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    ModuleOp,
    TensorType,
    f64,
    i1,
    i64,
)
from xdsl.ir import Operation, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of, type_of
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.parameters import LEARNABLE
from snncc.dialects.snn.types import is_float, shape_of, stream_type
from snncc.network import Network

STEPS, BATCH = 4, 2
SHAPES = ((5,), (3, 6), (2, 4, 4))

SURROGATES: dict[str, dict[str, float]] = {
    "sigmoid": {"k": 2.0},
    "boxcar": {"w": 0.8},
    "triangle": {"w": 1.1},
    "exponential": {"k": 1.5},
    "superspike": {"k": 1.2},
    "fast_sigmoid_norm": {"k": 1.5},
    "atan": {"a": 1.4},
    "straight_through": {},
    "snntorch.lso": {"slope": 0.3},
    "spikingjelly.erf": {"alpha": 1.1},
    "spikingjelly.q_pseudo_spike": {"alpha": 2.5},
    "spikingjelly.s2nn": {"alpha": 1.5},
    "norse.tanh": {"k": 1.3},
}


def surrogate(name: str) -> snn.SurrogateAttr:
    options = {key: FloatAttr(value, f64) for key, value in SURROGATES[name].items()}
    return snn.SurrogateAttr(name, options)


COUNTED = snn.SurrogateAttr("spikingjelly.multi_level_spike_count")
"""Of counts: the count itself."""


class BodyDraw:
    """Draws the arithmetic of one body."""

    def __init__(self, b: Body, draw: Draw, numbers: list[Scalar], spikes: list[Scalar]):
        self.b = b
        self.draw = draw
        self.numbers = numbers
        self.spikes = spikes

    def number(self) -> Scalar:
        return self.numbers[self.draw.integer(0, len(self.numbers) - 1)]

    def spike(self) -> Scalar:
        if not self.spikes:
            self.fire()
        return self.spikes[self.draw.integer(0, len(self.spikes) - 1)]

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.step(self.draw.choose([*ON_NUMBERS, *ON_SPIKES]))

    def step(self, name: str) -> None:
        self.draw.used.add(name)
        if name in ON_NUMBERS:
            self.numbers.append(ON_NUMBERS[name](self.b, self.number(), self.number()))
        else:
            ON_SPIKES[name](self)

    def fire(self) -> None:
        name = self.draw.choose(list(SURROGATES))
        self.draw.used.add(name)
        u = self.number() - self.draw.between(-0.3, 0.6)
        of: list[Scalar] = []
        if self.draw.integer(0, 4) == 0:
            of = [self.number() * 0.5]
        relation = self.draw.choose(["gt", "ge"])
        self.spikes.append(self.b.spike(u, relation, surrogate(name), of))

    def mixed(self) -> Scalar:
        """Much of what was drawn, near 1."""
        total = self.numbers[-1]
        for _ in range(self.draw.integer(1, 3)):
            total = total + self.number() * self.draw.between(-0.9, 0.9)
        if self.spikes and self.draw.integer(0, 1):
            total = total - self.b.to_float(self.spike()) * self.draw.between(0.1, 0.7)
        return self.b.tanh(total)


def _spike_of(write: Callable[[BodyDraw], Scalar]) -> Callable[[BodyDraw], None]:
    return lambda d: d.spikes.append(write(d))


def _number_of(write: Callable[[BodyDraw], Scalar]) -> Callable[[BodyDraw], None]:
    return lambda d: d.numbers.append(write(d))


ON_NUMBERS: dict[str, Callable[[Body, Scalar, Scalar], Scalar]] = {
    "add": lambda b, x, y: x * 0.5 + y,
    "sub": lambda b, x, y: x - y * 0.5,
    "mul": lambda b, x, y: b.atan(x * y),
    "div": lambda b, x, y: x / (y * y + 1.0),
    "min": lambda b, x, y: b.minimum(x, y),
    "max": lambda b, x, y: b.maximum(x, y * 0.5),
    "neg": lambda b, x, y: -x,
    "abs": lambda b, x, y: b.absolute(x + 0.1) - 0.5,
    "exp": lambda b, x, y: b.exp(b.minimum(x, b.constant(0.5))) - 1.0,
    "log": lambda b, x, y: b.log(x * x + 0.6),
    "sqrt": lambda b, x, y: b.sqrt(x * x + 0.2) - 0.5,
    "tanh": lambda b, x, y: b.tanh(x),
    "sin": lambda b, x, y: b.sin(x * 1.3),
    "cos": lambda b, x, y: b.cos(x),
    "erf": lambda b, x, y: b.erf(x),
    "atan": lambda b, x, y: b.atan(x + y),
    "pow": lambda b, x, y: b.power(x * x + 0.3, b.tanh(y)) * 0.5,
    "floor": lambda b, x, y: x + b.floor(y) * 0.1,
    "relu": lambda b, x, y: b.maximum(x, b.constant(0.0)),
    "leaky": lambda b, x, y: b.select(b.compare("gt", x, 0.0), x, x * 0.1),
    "choice": lambda b, x, y: b.select(b.compare("lt", x, y), y, x * 0.7),
    "detach": lambda b, x, y: x + b.detach(y) * 0.5,
    "gated": lambda b, x, y: x * b.detach(y),
}
"""(body, one number, another) -> a number."""

ON_SPIKES: dict[str, Callable[[BodyDraw], None]] = {
    "fire": BodyDraw.fire,
    "and": _spike_of(lambda d: d.spike() & d.spike()),
    "or": _spike_of(lambda d: d.spike() | d.spike()),
    "xor": _spike_of(lambda d: d.spike() ^ d.spike()),
    "outcome": _spike_of(lambda d: d.spike() & d.b.compare("ge", d.number(), 0.1)),
    "spike.detach": _spike_of(lambda d: d.b.detach(d.spike())),
    "spike.choice": _spike_of(
        lambda d: d.b.select(d.b.compare("gt", d.number(), 0.2), d.spike(), d.spike())
    ),
    "spike.number": _number_of(lambda d: d.b.to_float(d.spike()) * d.number()),
    "spike.decides": _number_of(lambda d: d.b.select(d.spike(), d.number(), d.number())),
    "reset": _number_of(lambda d: d.number() * (1.0 - d.b.to_float(d.b.detach(d.spike())))),
    "count": _number_of(lambda d: d.b.to_float(d.b.count(d.number() * 2.0, 4, 8, COUNTED)) * 0.25),
}
"""What reads spikes, or makes them."""


@dataclass
class Case:
    """A random network with a batch for it; what it is made of."""

    network: Network
    x: Array
    """[T, B, *shape]"""
    output: str
    used: set[str] = field(default_factory=set)


class Draw:
    """Draws a network: `choose` and `integer` come from hypothesis, numbers from a seed."""

    def __init__(self, choose: Callable[[list[str]], str], integer: Callable[[int, int], int]):
        self.choose = choose
        self.integer = integer
        self.rng = np.random.default_rng(integer(0, 2**32 - 1))
        self.parameters: list[snn.ParameterOp] = []
        self.fixed: list[Operation] = []
        self.delays: list[Operation] = []
        self.operations: list[Operation] = []
        self.used: set[str] = set()
        self.shared: list[SSAValue] = []
        """Uses of parameters that another layer may read, too."""

    def between(self, low: float, high: float) -> float:
        return float(np.round(self.rng.uniform(low, high), 3))

    def parameter(self, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> SSAValue:
        """A learnable parameter; now and then one that another layer has, or a recipe."""
        same = [v for v in self.shared if shape_of(v) == shape]
        if same and self.integer(0, 3) == 0:
            self.used.add("shared")
            return same[self.integer(0, len(same) - 1)]
        array = self.rng.uniform(low, high, shape)
        op = snn.ParameterOp(f"p{len(self.parameters)}", type_of(array), dense_of(array), LEARNABLE)
        self.parameters.append(op)
        value = self.fix(snn.UseOp(op.sym_name.data, op.type))
        if self.integer(0, 3) == 0:
            value = self.recipe(value)
        self.shared.append(value)
        return value

    def recipe(self, value: SSAValue) -> SSAValue:
        """A parameter's value as arithmetic of what is learnt, and a way through shapes."""
        self.used.add("recipe")

        def sigmoid(b: Body, p: Scalar) -> Outputs:
            return [2.0 / (1.0 + b.exp(-p * 2.0)) - 1.0], []

        neuron = build_neuron(
            sigmoid,
            inputs={},
            states={},
            parameters={"p": value},
            population=shape_of(value),
            float_type=f64,
        )
        made = self.fix(neuron)
        flat = self.fix(snn.ReshapeOp(made, (int(np.prod(shape_of(value))),)))
        return self.fix(snn.ReshapeOp(flat, shape_of(value)))

    def fix(self, op: Operation) -> SSAValue:
        self.fixed.append(op)
        return op.results[0]

    def constant(self, array: Array) -> SSAValue:
        return self.fix(snn.ConstantOp(dense_of(np.asarray(array))))

    def add(self, op: Operation) -> SSAValue:
        self.used.add(op.name)
        self.operations.append(op)
        return op.results[0]

    def as_float(self, x: SSAValue) -> SSAValue:
        return x if is_float(stream_type(x).element_type) else self.add(snn.AddOp([x], f64))

    # --- operations

    def weighted(self, x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        rank = len(shape) - 1
        if rank == 0 or self.integer(0, 3) == 0:
            size = int(np.prod(shape))
            if rank:
                x = self.add(snn.ReshapeOp(x, (size,)))
            outputs = self.integer(2, 4)
            w = self.parameter((outputs, size))
            bias = self.parameter((outputs,)) if self.integer(0, 1) else None
            return self.add(snn.LinearOp(x, w, bias, bias_position=self.choose(["first", "last"])))
        groups = 2 if shape[0] % 2 == 0 and self.integer(0, 1) else 1
        outputs = groups * self.integer(1, 2)
        kernel = [self.integer(1, min(2, size)) for size in shape[1:]]
        w = self.parameter((outputs, shape[0] // groups, *kernel))
        bias = self.parameter((outputs,)) if self.integer(0, 1) else None
        make = snn.Conv1dOp if rank == 1 else snn.Conv2dOp
        return self.add(
            make(
                x,
                w,
                bias,
                stride=[self.integer(1, 2) for _ in range(rank)],
                padding=[self.integer(0, 1) for _ in range(2 * rank)],
                dilation=[
                    self.integer(1, 2) if k == 2 and size > 2 else 1
                    for k, size in zip(kernel, shape[1:], strict=True)
                ],
                groups=groups,
            )
        )

    def moved(self, x: SSAValue) -> SSAValue:
        """Any operation without a weight."""
        shape = shape_of(x)
        names = ["none", "scale", "rearrange", "concat", "delay", "residual", "reduce", "threshold"]
        names += ["pool"] * 3 * (len(shape) == 3) + ["batch_norm"] * (len(shape) > 1)
        match self.choose(names):
            case "scale":
                return self.add(snn.ScaleOp(x, self.parameter(shape, 0.4, 1.2)))
            case "rearrange":
                count = int(np.prod(shape))
                places = self.rng.integers(-1, count, shape)
                return self.add(snn.RearrangeOp(x, places))
            case "concat":
                other = self.add(snn.DelayOp(x, 1, self.start(x)))
                return self.add(snn.ConcatOp([x, other], self.integer(0, len(shape) - 1)))
            case "delay":
                return self.add(snn.DelayOp(x, self.steps(shape), self.start(x)))
            case "residual":
                other = self.add(snn.ScaleOp(x, self.parameter(())))
                return self.add(snn.AddOp([x, other], f64))
            case "reduce":
                total = self.add(snn.ReduceOp("sum", self.as_float(x), (*shape[:-1], 1)))
                spread = self.add(snn.RearrangeOp(total, _repeated(shape)))
                scaled = self.add(snn.ScaleOp(spread, self.constant(np.float64(1 / shape[-1]))))
                return self.add(snn.AddOp([x, scaled], f64))
            case "threshold":
                theta = self.parameter((), 0.0, 0.5)
                x = self.as_float(x)
                name = self.choose(list(SURROGATES))
                return self.add(snn.ThresholdOp("gt", x, theta, surrogate=surrogate(name)))
            case "pool":
                pool = self.choose(["sum", "avg", "max"])
                self.used.add(pool)
                padding = [self.integer(0, 1) for _ in range(4)]
                if pool == "max":  # two equal ones have a kink
                    apart = self.constant(self.rng.normal(size=shape) * 0.3)
                    x = self.add(snn.AddOp([x, apart], f64))
                element = None if pool == "max" else f64
                return self.add(
                    snn.Pool2dOp(
                        pool,
                        x,
                        kernel=[2, 2] if min(shape[1:]) > 1 else [1, 1],
                        stride=[self.integer(1, 2)] * 2,
                        padding=padding if min(shape[1:]) > 1 else [0] * 4,
                        element=element,
                        exclude_padding=pool == "avg" and self.integer(0, 1) == 1,
                    )
                )
            case "batch_norm":
                channels = shape[:1]
                of = [self.parameter(channels, *ends) for ends in ((0.5, 1), (-1, 1), (-1, 1))]
                variance = self.constant(self.rng.uniform(0.5, 1.5, channels))
                return self.add(snn.BatchNormOp(x, *of, variance, 1e-5))
            case _:
                return x

    def steps(self, shape: tuple[int, ...]) -> int | DenseIntOrFPElementsAttr:
        if self.integer(0, 1):
            return self.integer(1, 2)
        by = self.rng.integers(0, 3, shape)
        by.flat[0] = 1
        return DenseIntOrFPElementsAttr.from_list(TensorType(i64, shape), by.ravel().tolist())

    def start(self, x: SSAValue) -> SSAValue:
        """What a delay starts with: of floats a parameter, now and then."""
        if is_float(stream_type(x).element_type):
            return self.parameter(()) if self.integer(0, 1) else self.constant(np.float64(0.3))
        return self.constant(np.bool_(self.integer(0, 1)))

    def neuron(self, x: SSAValue) -> SSAValue:
        """A neuron of a body that is drawn; its spikes or its numbers."""
        shape = shape_of(x)
        back = self.feedback(shape) if self.integer(0, 1) else None
        inputs = {"x": x} | ({} if back is None else {"back": back.result})
        parameters = {f"p{i}": self.parameter(self.form(shape)) for i in range(self.integer(1, 2))}
        states: dict[str, SSAValue] = {}
        for index in range(self.integer(1, 2)):
            states[f"v{index}"] = (
                self.parameter(self.form(shape))
                if self.integer(0, 2) == 0
                else self.constant(np.float64(0.1))
            )
        if self.integer(0, 2) == 0:
            self.used.add("spike state")
            states["before"] = self.constant(np.bool_(False))
        as_spikes = back is not None or self.integer(0, 2) > 0

        def equations(b: Body, **ports: Scalar) -> Outputs:
            numbers = [p for p in ports.values() if is_float(p.element)]
            spikes = [p for p in ports.values() if not is_float(p.element)]
            d = BodyDraw(b, self, numbers, spikes)
            drive = ports["x"]
            if not is_float(drive.element):
                drive = b.to_float(drive)
            numbers.append(drive * ports["p0"] + ports["v0"] * 0.6)
            d.grow(self.integer(3, 8))
            d.fire()
            ends = [d.spike() if name == "before" else d.mixed() for name in states]
            return [d.spikes[-1] if as_spikes else d.mixed()], ends

        made = build_neuron(
            equations,
            inputs=inputs,
            states=states,
            parameters=parameters,
            population=shape,
            float_type=f64,
        )
        made.kind = None
        result = self.add(made)
        if back is not None:
            back.operands[0] = result
        return result

    def form(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Uniform, for each neuron, or for each channel."""
        return [(), shape, (shape[0], *(1,) * (len(shape) - 1))][self.integer(0, 2)]

    def feedback(self, shape: tuple[int, ...]) -> snn.DelayOp:
        self.used.add("recurrent")
        stream = create_ssa_value(TensorType(i1, shape))
        init = self.constant(np.bool_(self.integer(0, 1)))
        delay = snn.DelayOp(stream, self.integer(1, 2), init)
        self.delays.append(delay)
        return delay


def _repeated(shape: tuple[int, ...]) -> Array:
    """The place of each element in the shape whose last axis is 1."""
    rows = int(np.prod(shape[:-1]))
    return np.repeat(np.arange(rows), shape[-1]).reshape(shape)


def draw_case(choose: Callable[[list[str]], str], integer: Callable[[int, int], int]) -> Case:
    """A random network of random bodies, in float64."""
    d = Draw(choose, integer)
    shape = SHAPES[integer(0, len(SHAPES) - 1)]
    network = snn.NetworkOp("net", [("x", TensorType(f64, shape))], [])
    x: SSAValue = network.body.block.args[0]
    for _ in range(integer(1, 2)):
        x = d.weighted(x)
        x = d.neuron(d.moved(x))
    x = d.moved(x)
    block = network.body.block
    block.add_ops([*d.fixed, *d.delays, *d.operations, snn.YieldOp([x])])
    named = snn.NetworkOp(
        "net",
        [("x", TensorType(f64, shape))],
        [("y", stream_type(x))],
        network.detach_region(0),
    )
    module = ModuleOp([*d.parameters, named])
    module.verify()
    stimulus = d.rng.normal(size=(STEPS, BATCH, *shape)).round(3)
    return Case(Network(module), stimulus, "y", d.used)
