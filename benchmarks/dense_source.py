"""
The C source of a network as plain dense loops: every layer in order, every input added.

Two loop orders, with the same sums in the same order (that of the dialect):

    "dot"    one output at a time, its sum in a register: what one writes first
    "plane"  outputs innermost, which a compiler vectorizes
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from math import prod
from typing import Literal, TypeAlias

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Operation, SSAValue

from benchmarks.scalar_c import c_type, float_text, statements
from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.graph import stream_operations
from snncc.dialects.snn.types import describe, shape_of, stream_type

LoopOrder: TypeAlias = Literal["dot", "plane"]


def brackets(parts: Sequence[object]) -> str:
    return "".join(f"[{part}]" for part in parts)


class DenseSource:
    """
    Writes `void run(long steps, const float *x, float *y)`, which starts at the initial
    states; x is [steps, *input shape] and y [steps, *output shape], spikes as floats.
    """

    def __init__(self, network: snn.NetworkOp, order: LoopOrder):
        self.network = network
        self.order = order
        self.arrays: list[str] = []
        self.start: list[str] = []
        self.lines: list[str] = []
        self.names: dict[SSAValue, str] = {}
        self._indent = 2

    def text(self) -> str:
        """The translation unit. Raises NotImplementedError for an operation without a rule."""
        if len(self.network.inputs) != 1 or len(self.network.outputs) != 1:
            raise NotImplementedError("the dense C loop has one input and one output")
        ((_, x),) = self.network.inputs.items()
        ((_, y),) = self.network.outputs.items()
        self._stream(x)
        for op in stream_operations(self.network):
            self.lines.append(f"        /* {describe(op)} */")
            self._layer(op)
        sizes = prod(shape_of(x)), prod(shape_of(y))
        return "\n".join(
            [
                "#include <string.h>",
                *self.arrays,
                "void run(long steps, const float *x, float *y) {",
                *(f"    {line}" for line in self.start),
                "    for (long t = 0; t < steps; t++) {",
                f"        memcpy({self.names[x]}, x + t * {sizes[0]}, sizeof {self.names[x]});",
                *self.lines,
                f"        memcpy(y + t * {sizes[1]}, {self.names[y]}, sizeof {self.names[y]});",
                "    }",
                "}",
                "",
            ]
        )

    # names and arrays

    def _declare(self, prefix: str, shape: Sequence[int], content: Array | None = None) -> str:
        """A static array; constant where it has content."""
        name = f"{prefix}{len(self.arrays)}"
        if content is None:
            self.arrays.append(f"static float {name}{brackets(shape)};")
            return name
        if content.dtype != np.float32:
            raise NotImplementedError(f"the dense C loop has no constants of {content.dtype}")
        # a list without inner braces fills the rows in order
        values = ", ".join(map(float_text, content.ravel()))
        self.arrays.append(f"static const float {name}{brackets(shape)} = {{{values}}};")
        return name

    def _constant(self, value: SSAValue, axes: Sequence[int] | None = None) -> str:
        """A constant operand, with its axes reordered."""
        content = constant_of(value)
        if content is None:
            raise NotImplementedError("the dense C loop has weights that are constant only")
        if axes is not None:
            content = np.ascontiguousarray(content.transpose(axes))
        return self._declare("c", content.shape, content)

    def _stream(self, value: SSAValue) -> str:
        self.names[value] = self._declare("v", shape_of(value))
        return self.names[value]

    # text

    def _write(self, line: str) -> None:
        self.lines.append("    " * self._indent + line)

    @contextmanager
    def _loops(self, **extents: int):
        """Nested loops, outermost first."""
        for index, extent in extents.items():
            self._write(f"for (int {index} = 0; {index} < {extent}; {index}++) {{")
            self._indent += 1
        yield
        for _ in extents:
            self._indent -= 1
            self._write("}")

    # layers

    def _layer(self, op: Operation) -> None:
        rules = {
            snn.LinearOp: self._linear,
            snn.Conv2dOp: self._conv2d,
            snn.Pool2dOp: self._pool2d,
            snn.ReshapeOp: self._reshape,
            snn.NeuronOp: self._neuron,
        }
        if type(op) not in rules:
            raise NotImplementedError(f"the dense C loop has no {describe(op)}")
        rules[type(op)](op)

    def _linear(self, op: snn.LinearOp) -> None:
        outputs, inputs = shape_of(op.weight)
        x, y = self.names[op.input], self._stream(op.result)
        first, last = self._bias(op)
        if self.order == "dot":
            w = self._constant(op.weight)
            with self._loops(o=outputs):
                self._write(f"float sum = {first};")
                with self._loops(i=inputs):
                    self._write(f"sum += {w}[o][i] * {x}[i];")
                self._write(f"{y}[o] = sum{last};")
            return
        w = self._constant(op.weight, (1, 0))
        with self._loops(o=outputs):
            self._write(f"{y}[o] = {first};")
        with self._loops(i=inputs, o=outputs):
            self._write(f"{y}[o] += {w}[i][o] * {x}[i];")
        if last:
            with self._loops(o=outputs):
                self._write(f"{y}[o] = {y}[o]{last};")

    def _bias(self, op: snn.LinearOp | snn.Conv2dOp) -> tuple[str, str]:
        """Where the sum of output `o` starts, and what is added to it at its end."""
        if op.bias is None:
            return "0.0f", ""
        bias = f"{self._constant(op.bias)}[o]"
        return (bias, "") if op.adds_bias_first else ("0.0f", f" + {bias}")

    def _padded(self, value: SSAValue, paddings: tuple[tuple[int, int], ...]) -> str:
        """[C, H, W] with a border of zeros; the border is never written."""
        (top, bottom), (left, right) = paddings
        channels, height, width = shape_of(value)
        if not any((top, bottom, left, right)):
            return self.names[value]
        name = self._declare("p", (channels, height + top + bottom, width + left + right))
        with self._loops(k=channels, r=height):
            self._write(
                f"memcpy(&{name}[k][r + {top}][{left}], {self.names[value]}[k][r], "
                f"{width} * sizeof(float));"
            )
        return name

    def _conv2d(self, op: snn.Conv2dOp) -> None:
        outputs, channels, height, width = shape_of(op.weight)
        _, rows, columns = shape_of(op.result)
        p, y = self._padded(op.input, op.paddings), self._stream(op.result)
        (down, across), (dr, dc) = op.strides, op.dilations
        per_group = outputs // op.group_count
        channel = "k" if op.group_count == 1 else f"o / {per_group} * {channels} + k"
        x = f"{p}[{channel}][r * {down} + i * {dr}][c * {across} + j * {dc}]"
        first, last = self._bias(op)
        w = self._constant(op.weight, (0, 2, 3, 1))
        if self.order == "dot":
            with self._loops(o=outputs, r=rows, c=columns):
                self._write(f"float sum = {first};")
                with self._loops(i=height, j=width, k=channels):
                    self._write(f"sum += {w}[o][i][j][k] * {x};")
                self._write(f"{y}[o][r][c] = sum{last};")
            return
        with self._loops(o=outputs):
            with self._loops(r=rows, c=columns):
                self._write(f"{y}[o][r][c] = {first};")
            with self._loops(i=height, j=width, k=channels, r=rows, c=columns):
                self._write(f"{y}[o][r][c] += {w}[o][i][j][k] * {x};")
            if last:
                with self._loops(r=rows, c=columns):
                    self._write(f"{y}[o][r][c] = {y}[o][r][c]{last};")

    def _pool2d(self, op: snn.Pool2dOp) -> None:
        if op.pool.data is not Pool.SUM:
            raise NotImplementedError(f"the dense C loop has no {op.pool.data.value} pool")
        channels, rows, columns = shape_of(op.result)
        p, y = self._padded(op.input, op.paddings), self._stream(op.result)
        (height, width), (down, across) = op.kernels, op.strides
        with self._loops(k=channels, r=rows, c=columns):
            self._write("float sum = 0.0f;")
            with self._loops(i=height, j=width):
                self._write(f"sum += {p}[k][r * {down} + i][c * {across} + j];")
            self._write(f"{y}[k][r][c] = sum;")

    def _reshape(self, op: snn.ReshapeOp) -> None:
        y = self._stream(op.result)
        self._write(f"memcpy({y}, {self.names[op.input]}, sizeof {y});")

    def _neuron(self, op: snn.NeuronOp) -> None:
        population = op.population
        indices = [f"n{axis}" for axis in range(len(population))]
        results = [f"{self._stream(output)}{brackets(indices)}" for output in op.outputs]
        inputs = [self._operand(port.operand, indices) for port in op.input_ports]
        states = [f"{self._state(v, population)}{brackets(indices)}" for v in op.initial_states]
        parameters = [self._operand(port.operand, indices) for port in op.parameter_ports]
        names: dict[SSAValue, str] = {
            port.argument: f"{port.name}_"  # no C keyword ends so
            for port in (*op.input_ports, *op.state_ports, *op.parameter_ports)
        }
        body, values = statements(op.body.block, names)
        with self._loops(**dict(zip(indices, population, strict=True))):
            for (argument, name), text in zip(
                names.items(), (*inputs, *states, *parameters), strict=True
            ):
                self._write(f"const {c_type(argument.type)} {name} = {text};")
            for line in body:
                self._write(line)
            for target, value in zip((*results, *states), values, strict=True):
                self._write(f"{target} = {value};")

    def _operand(self, value: SSAValue, indices: Sequence[str]) -> str:
        """One element of a stream or constant that broadcasts to the population."""
        content, shape = constant_of(value), shape_of(value)
        if content is not None and content.size == 1:
            return float_text(content.ravel()[0])
        name = self.names.get(value) or self._constant(value)
        aligned = indices[len(indices) - len(shape) :]
        places = ["0" if size == 1 else i for size, i in zip(shape, aligned, strict=True)]
        return f"{name}{brackets(places)}"

    def _state(self, initial: SSAValue, population: Sequence[int]) -> str:
        element = stream_type(initial).element_type
        content = constant_of(initial)
        if content is None or not isinstance(element, Float32Type):
            raise NotImplementedError("the dense C loop has states of constant f32 only")
        content = np.ascontiguousarray(np.broadcast_to(content, population))
        name = self._declare("s", population)
        if not content.any():
            self.start.append(f"memset({name}, 0, sizeof {name});")
        else:
            source = self._declare("c", population, content)
            self.start.append(f"memcpy({name}, {source}, sizeof {name});")
        return name
