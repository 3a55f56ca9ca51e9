"""
The update of parameters that are integers, by sums that are integers.

    q = clamp(q + floor(change + u))        u: random in [0, 1), or one half
    change = -rate * factor * sum           all whole numbers, with 24 bits behind the point

`factor` is what one whole number of a sum is of a step of q, by the chain of what lies between
them: for each output of a weight. `rate` is the learning rate of the call in 2^-16 of that which
was compiled, over the number of samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, f32, i32, i64
from xdsl.ir import Block, Operation, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, is_uniform, type_of
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.body import Body, Scalar, build_neuron
from snncc.dialects.snn.parameters import FIXED
from snncc.dialects.snn.random import bits_of
from snncc.dialects.snn.types import shape_of
from snncc.errors import error
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.fixed_point.formats import Format, factor_format
from snncc.passes.quantization.arithmetic import IntegerBuilder
from snncc.passes.scheduling.learned import elements, root_of
from snncc.training.online import OnlineTrained
from snncc.training.optimizers import PARAMETER, Optimizer
from snncc.training.rounding import WORD, random_word
from snncc.training.schedules import (
    RATE,
    Compiler,
    Programs,
    order_of,
    parameter_of,
    parameters_of,
)
from snncc.training.whole_parameters import Whole

ONE = 1 << 16
"""The rate that is the compiled one."""
MOST = 1 << 17
"""The largest rate: products have 63 bits."""
POINT = 24
"""Bits behind the point of a change, and of a random number."""
FACTOR = 14
"""Bits of the magnitude of the learning rate, and of factors."""


@dataclass(frozen=True)
class Gradient:
    """What the gradient of a parameter is made of: factor * sum, element by element."""

    source: str
    """The output that is the sum."""
    factor: Array
    """Of the parameter's shape, float64."""


def gradient_factors(module: ModuleOp, trained: OnlineTrained) -> dict[str, Gradient]:
    """
    Parameter -> its gradient by the sum that it comes from. What follows sums is linear: it is
    run on ones, and on random numbers to see that it takes element by element. Raises SNC-T001
    where several elements or sums are added up.
    """
    finish = trained.finish
    assert finish is not None
    runner = NetworkInterpreter(module, finish)
    random = np.random.default_rng(0)
    found: dict[str, Gradient] = {}
    shapes = {name: shape_of(value) for name, value in finish.inputs.items()}
    for source in finish.inputs:
        drawn = random.normal(size=shapes[source])

        def run(array: Array, source: str = source) -> Mapping[str, Array]:
            given = {n: np.zeros((1, 1, *s), np.float32) for n, s in shapes.items()}
            given[source] = array.astype(np.float32).reshape(1, 1, *shapes[source])
            return {n: a[0, 0].astype(np.float64) for n, a in runner.run(given).outputs.items()}

        ones, values = run(np.ones(shapes[source])), run(drawn)
        for name, output in trained.parameters.items():
            if not np.any(ones[output]) and not np.any(values[output]):
                continue
            factor = ones[output]
            alone = name not in found and factor.size == drawn.size
            if not alone or not np.allclose(
                values[output], factor * drawn.reshape(factor.shape), rtol=1e-4, atol=0
            ):
                raise error(
                    "SNC-T001",
                    "integer arithmetic: the gradient adds up several sums, or several elements "
                    "of one",
                    node=name,
                    remedy="leave it out of `trainable`",
                )
            found[name] = Gradient(source, factor)
    return found


def add_update(
    programs: Programs,
    compiler: Compiler,
    optimizer: Optimizer,
    wholes: Mapping[str, Whole],
    gradients: Mapping[str, Gradient],
    formats: Mapping[str, Format],
) -> snn.NetworkOp:
    """Writes the program of one update; gives its network. `formats` are those of the sums."""
    learned, online = programs.learned, programs.forward
    block = Block()
    inputs: list[tuple[str, TensorType[IntegerType]]] = []
    stored = {b.known_as: b for b in online.buffers(Role.OUTPUT)}
    names: dict[Operation, Sequence[str]] = {}

    def argument(name: str, shape: tuple[int, ...]) -> SSAValue:
        type = TensorType(i32, shape)
        inputs.append((name, type))
        return block.insert_arg(type, len(block.args))

    sums: dict[str, SSAValue] = {}
    for name in programs.sums:
        shape = _model_shape(stored[name])
        read = argument(name, (int(np.prod(shape)),))
        order = order_of(stored[name])
        sums[name] = elements(block, read, np.argsort(order).reshape(shape))
    rate = argument(RATE, (1,))
    word: dict[str, SSAValue] = {}
    if optimizer.rounding == "stochastic":
        drawn = random_word(block, optimizer.seed)
        names[drawn], word[WORD] = (f"clock.{WORD}",), drawn.outputs[0]
    rounded = 0
    for declared in parameters_of(programs.module):
        name = declared.sym_name.data
        if name not in gradients or name not in wholes:
            continue
        whole, gradient = wholes[name], gradients[name]
        shape = declared.type.get_shape()
        value = elements(block, *_shaped(sums[gradient.source], shape))
        factor = gradient.factor / whole.unit
        value, exponent = _scaled(
            block, compiler, name, value, factor, formats[gradient.source].exponent
        )
        places = learned.storage.get(name, np.arange(int(np.prod(shape))))
        root, within = root_of(value)
        flat = elements(block, root, within.ravel()[places])
        zero = snn.ConstantOp(dense_of(np.zeros((), f"u{whole.type.width.data // 8}")))
        block.add_op(zero)
        update = _Update(optimizer, whole, exponent, rounded)
        neuron = build_neuron(
            update.write,
            inputs={"d": flat, "rate": rate, **word},
            states={PARAMETER: zero.result},
            parameters={},
            population=(places.size,),
            float_type=f32,
            node=name,
        )
        rounded += places.size
        block.add_op(neuron)
        names[neuron] = (name,)
        programs.parameters.append(parameter_of(programs, declared, (name,)))
    block.add_op(snn.YieldOp([]))
    for op in reversed(list(block.ops)):
        unread = op.results and all(result.first_use is None for result in op.results)
        if unread and op not in names:
            block.erase_op(op)
    network = snn.NetworkOp("apply", inputs, [], Region(block))
    learned.copies = True
    programs.apply = compiler.compile(network, block=1, states=names)
    learned.copies = False
    return network


def _model_shape(buffer: object) -> tuple[int, ...]:
    """The shape of a sum in the model's order of axes."""
    from snncc.dialects import kernel

    assert isinstance(buffer, kernel.BufferOp)
    if buffer.order is None:
        return buffer.shape
    axes = list(buffer.order.get_values())
    return tuple(buffer.shape[axes.index(axis)] for axis in range(len(axes)))


def _shaped(value: SSAValue, shape: tuple[int, ...]) -> tuple[SSAValue, Array]:
    root, within = root_of(value)
    return root, within.reshape(shape)


def _scaled(
    block: Block,
    compiler: Compiler,
    name: str,
    value: SSAValue,
    factor: Array,
    exponent: int,
) -> tuple[SSAValue, int]:
    """sum * factor, in 32 bits; and the exponent of what one whole number is worth."""
    format = factor_format(factor, FACTOR)
    if is_uniform(factor) or factor.size == 1:
        format = factor_format(factor.ravel()[:1].reshape(()), FACTOR)
    whole = format.whole(factor)
    for axis in range(whole.ndim):
        first = whole[(slice(None),) * axis + (slice(0, 1),)]
        if np.array_equal(np.broadcast_to(first, whole.shape), whole):
            whole = first
    builder = IntegerBuilder([i32])
    x = builder.insert(arith.ExtSIOp(builder.block.args[0], i64))
    coefficient = builder.parameter("factor", whole, i64)
    product = builder.insert(arith.MuliOp(x, coefficient))
    x = builder._narrow(builder._rounding_shift(product, FACTOR))
    body = builder.finish(snn.NextOp([x], []), {"d"})
    ports: list[tuple[str, SSAValue]] = []
    for port, array in builder.parameters.items():
        bits = array.astype("i4").view("u4")
        made = snn.ParameterOp(f"{name}.{port}", type_of(bits), blob_of(bits), FIXED)
        compiler.module.body.block.add_op(made)
        use = snn.UseOp(f"{name}.{port}", type_of(bits))
        block.add_op(use)
        ports.append((port, use.result))
    shape = shape_of(value)
    neuron = snn.NeuronOp([("d", value)], [], ports, [TensorType(i32, shape)], Region(body))
    block.add_op(neuron)
    return neuron.outputs[0], exponent + format.exponent + FACTOR


@dataclass(frozen=True)
class _Update:
    """The body of a parameter's update."""

    optimizer: Optimizer
    whole: Whole
    exponent: int
    """Of the steps of q that the gradient asks for, for a rate of 1."""
    first: int
    """The number of parameters' elements in front: no two have one random number."""

    def write(
        self, b: Body, d: Scalar, rate: Scalar, **values: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        q = b.extend(values[PARAMETER], 32) if self.whole.type != i32 else values[PARAMETER]
        lr = factor_format(np.asarray(self.optimizer.lr), FACTOR)
        number = int(lr.whole(np.asarray(self.optimizer.lr)))
        wide = b.extend(d, 64) * number * b.extend(rate, 64)
        shift = -(self.exponent + lr.exponent - 16) - POINT
        if shift >= 0:
            change = wide >> min(shift, 63)
        else:
            if shift < -24:
                raise error("SNC-C003", f"optimizer: lr: {self.optimizer.lr} moves all to the ends")
            most = 1 << (62 + shift)  # the largest that has room to be shifted
            change = b.clamp(wide, -most, most) << -shift
        offset = self._offset(b, values)
        steps = (offset - change) >> POINT
        most = self.whole.largest
        steps = b.truncate(b.clamp(steps, -2 * most, 2 * most), 32)
        after = b.clamp(q + steps, -most, most)
        if self.whole.type != i32:
            after = b.truncate(after, self.whole.type.width.data)
        return [after], [after]

    def _offset(self, b: Body, values: Mapping[str, Scalar]) -> Scalar:
        if self.optimizer.rounding == "nearest":
            return b.constant(1 << (POINT - 1), i64)
        bits = bits_of(b, values[WORD], b.index() + self.first)
        return b.extend(b.shift_right_unsigned(bits, 32 - POINT), 64)
