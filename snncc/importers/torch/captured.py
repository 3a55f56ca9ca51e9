"""
The derivative of a function that no library has, from its backward: as a `snn.surrogate`.

The function runs once more, forward and backward with a gradient of 1, and what the two
compute is recorded as a model is. The tensors of its arguments, and the arrays that its code
holds, are what the derivative is a function of; numbers stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any, TypeAlias

import torch
from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, StringAttr
from xdsl.ir import Block, Region
from xdsl.rewriter import InsertPoint

from snncc.dialects.arrays import element_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogate import DerivativeOp, SurrogateOp
from snncc.errors import Problem, SnnccError
from snncc.importers.graph import operations as ops
from snncc.importers.graph.bodies import BodyWriter
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Shape, Value, cone
from snncc.importers.torch import exported
from snncc.importers.torch.exported import ExportedGraph, Input, Output, Ref
from snncc.importers.torch.record import _Recorder, dtype_of
from snncc.importers.torch.walk import walk

MAX_OPERATIONS = 4096
"""Of a derivative."""


class NotCaptured(Exception):
    """The derivative is none that a body can hold; the text says why."""


@dataclass
class Captured:
    """
    A derivative, and what it is a function of: positions of arguments, and arrays that the
    code holds; those that get a gradient first.
    """

    surrogate: SurrogateOp
    of: list[int | torch.Tensor]


Outcome: TypeAlias = "Captured | SurrogateAttr | None"
"""The derivative; the name of a function whose derivative no body can hold; no gradient."""


@dataclass
class Captures:
    """The surrogates of one model: equal ones once, under a name of their own."""

    surrogates: dict[str, SurrogateOp] = field(default_factory=dict)
    warnings: dict[str, Problem] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    _known: dict[tuple[Any, ...], Outcome] = field(default_factory=dict)
    _alive: list[Any] = field(default_factory=list)

    def capture(
        self,
        function: Any,
        run: Callable[..., Any],
        arguments: Sequence[Any],
        varying: Sequence[int],
        scope: str | None,
    ) -> Outcome:
        """
        The derivative of `run(*arguments)`, which applies `function`, by the arguments at
        the positions `varying`. Where it is none of a body there is a warning (SNC-I004).
        """
        key = (
            function,
            *_numbers(function),
            *(_key(a, i in varying) for i, a in enumerate(arguments)),
        )
        if key not in self._known:
            self._alive.extend(arguments)  # an id belongs to an object while it lives
            self._known[key] = self._outcome(function, run, arguments, varying, scope)
        return self._known[key]

    def _outcome(
        self,
        function: Any,
        run: Callable[..., Any],
        arguments: Sequence[Any],
        varying: Sequence[int],
        scope: str | None,
    ) -> Outcome:
        try:
            return self._captured(function.__name__, run, arguments, varying)
        except NotCaptured as reason:
            text = str(reason)
        except SnnccError as fault:
            text = fault.problems[0].message
        except Exception as fault:  # the model's own code may raise anything
            text = f"its backward fails: {type(fault).__name__}: {' '.join(str(fault).split())}"
        name = f"{function.__module__}.{function.__qualname__}"
        if name not in self.warnings:
            self.warnings[name] = Problem(
                "SNC-I004",
                f"the derivative of {name} is not known: {text[:200]}",
                scope,
                "the network runs as it is, but cannot be trained through these spikes",
                severity="warning",
            )
        return SurrogateAttr(name)

    def _captured(
        self,
        name: str,
        run: Callable[..., Any],
        arguments: Sequence[Any],
        varying: Sequence[int],
    ) -> Captured | None:
        traced = _Traced(run, arguments, varying)
        if 0 not in traced.outputs:
            return None
        values, results = traced.values()
        used = set(cone(results))
        order = [*traced.outputs]
        order += [i for i, v in enumerate(values) if v in used and i not in order]
        made = _written(name, [values[i] for i in order], results)
        of = [varying[i] if i < len(varying) else traced.tensors[i] for i in order]
        return Captured(self._once(made, name), of)

    def _once(self, made: SurrogateOp, wanted: str) -> SurrogateOp:
        """An equal one that is there already, or this one under a name that is free."""
        base = re.sub(r"\W", "_", wanted, flags=re.ASCII) or "surrogate"
        for known in self.surrogates.values():
            if known.is_structurally_equivalent(renamed(made, known.sym_name.data)):
                return known
        name, number = base, 2
        while name in self.surrogates or name in self.taken:
            name = f"{base}_{number}"
            number += 1
        self.surrogates[name] = renamed(made, name)
        return made


def renamed(surrogate: SurrogateOp, name: str) -> SurrogateOp:
    surrogate.sym_name = StringAttr(name)
    return surrogate


def _numbers(function: Any) -> Iterator[tuple[str, Any]]:
    """The options that stand in the class."""
    for name, value in vars(function).items():
        if isinstance(value, bool | int | float):
            yield name, value


def _key(argument: Any, varying: bool) -> Any:
    """What an argument changes in the derivative."""
    if isinstance(argument, torch.Tensor):
        if varying:
            return tuple(argument.shape)
        return argument.item() if argument.numel() == 1 else id(argument)
    if argument is None or isinstance(argument, bool | int | float | str):
        return argument
    held = vars(argument) if is_dataclass(argument) else {}
    return (id(argument), *(v for v in held.values() if isinstance(v, bool | int | float)))


class _CallRecorder(_Recorder):  # type: ignore[no-untyped-call]
    """
    Knows a tensor by where its elements lie, too: what a function saves of its own result
    comes back to its backward as another object. `held` are tensors that were there before.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.held: dict[str, torch.Tensor] = {}

    def name_of(self, tensor: torch.Tensor) -> str:
        if id(tensor) not in self._names and tensor.numel():
            place = _place(tensor)
            for known in self._alive:
                if known.numel() and _place(known) == place:
                    return self._names[id(known)]
        name = super().name_of(tensor)
        if name in self.tensors:
            self.held[name] = tensor
        return name


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


class _Traced:
    """
    Forward and backward of one call. `tensors` are what it is a function of; `outputs` the
    positions of those that get a gradient, in order.
    """

    def __init__(self, run: Callable[..., Any], arguments: Sequence[Any], varying: Sequence[int]):
        self.recorder = recorder = _CallRecorder()
        self.tensors = [arguments[i] for i in varying]
        self.shape = self.tensors[0].shape
        leaves = [t.detach().clone().requires_grad_(True) for t in self.tensors]
        self.names = [f"a{i}" for i in range(len(leaves))]
        given = list(arguments)
        for position, leaf, name in zip(varying, leaves, self.names, strict=True):
            given[position] = leaf
            recorder.introduce(leaf, name)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            with recorder:
                z = run(*given)
                ones = torch.ones_like(z)
                slopes = torch.autograd.grad(z, leaves, ones, allow_unused=True, retain_graph=True)
            self._expect_linear(z, leaves, slopes)
        self.outputs = [i for i, slope in enumerate(slopes) if slope is not None]
        self.results = [Output("user", recorder.argument(slopes[i])) for i in self.outputs]
        self.inputs = [
            Input("user", name, shape=tuple(t.shape), dtype=dtype_of(t))
            for name, t in zip(self.names, leaves, strict=True)
        ]
        self._take_arrays()

    def _expect_linear(
        self, z: torch.Tensor, leaves: Sequence[torch.Tensor], slopes: Sequence[torch.Tensor | None]
    ) -> None:
        """Whether it is the derivative that the backward multiplies by, at every call."""
        factor = torch.linspace(-2.0, 3.0, z.numel()).reshape(z.shape)
        for gradient in (torch.ones_like(z), factor):
            again = torch.autograd.grad(z, leaves, gradient, allow_unused=True, retain_graph=True)
            for slope, other in zip(slopes, again, strict=True):
                if slope is None or other is None or slope.shape != z.shape:
                    continue
                exact = gradient is not factor
                if exact and not torch.equal(slope, other) and not slope.isnan().any():
                    raise NotCaptured("its backward gives another result each time")
                if not torch.allclose(slope * gradient, other, 1e-4, 1e-6, equal_nan=True):
                    raise NotCaptured("its backward is not linear in the gradient")

    def _take_arrays(self) -> None:
        """Arrays that the code holds are arguments as well: a body has numbers only."""
        for name, tensor in self.recorder.held.items():
            if tensor.numel() > 1:
                self.tensors.append(tensor)
                self.names.append(name)
                array = self.recorder.tensors.pop(name)
                self.inputs.append(Input("user", name, shape=array.shape, dtype=array.dtype))

    def values(self) -> tuple[list[Value], list[Value]]:
        """What the derivatives are functions of, and they."""
        recorder = self.recorder
        for node in recorder.nodes:
            if node.target == "aten.detach":  # a derivative is not derived again
                node.target = "aten.alias"
        fixed = [Input("constant", name, tensor=name) for name in recorder.tensors]
        inputs = [*fixed, *self.inputs]
        body = exported.Region(
            [i.name for i in inputs],
            [output.argument for output in self.results],
            recorder.nodes,
            recorder.contiguous,
        )
        assert all(isinstance(output.argument, Ref) for output in self.results)
        model = walk(ExportedGraph(body, inputs, self.results, recorder.tensors))
        results = [_number(model.graph, value) for value in model.outputs.values()]
        return [model.inputs[name] for name in self.names], results


def _number(graph: Graph, value: Value) -> Value:
    """A constant derivative as the one number that it is everywhere."""
    if not value.is_constant or (value.content != value.content.flat[0]).any():
        return value
    return graph.constant(value.content.flat[0])


def _written(name: str, arguments: Sequence[Value], results: Sequence[Value]) -> SurrogateOp:
    peeled = [_peeled(value, arguments[0].shape) for value in results]
    inner = [value for value, _ in peeled]
    order = cone(inner)
    if len(order) > MAX_OPERATIONS:
        raise NotCaptured(f"it has more than {MAX_OPERATIONS} operations")
    for value in order:
        if value.op not in ops.ELEMENTWISE and value.op not in ("input", "constant"):
            raise NotCaptured(f"{value.op}: it is no function of each element alone")
    writer = BodyWriter(inner, [], set(arguments))
    if writer.parameters:
        raise NotCaptured("it holds an array")
    element = element_of(arguments[0].dtype)
    assert isinstance(element, AnyFloat)
    block = Block(arg_types=[element] * len(arguments))
    for argument, label in zip(block.args, _argument_names(arguments), strict=True):
        argument.name_hint = label
    body = Body(Builder(InsertPoint.at_end(block)), element)
    bound = {v: Scalar(body, a) for v, a in zip(arguments, block.args, strict=True)}
    scalars, _ = writer.write(body, bound)
    slopes = []
    for scalar, (_, negative) in zip(scalars, peeled, strict=True):
        slope = scalar if scalar.element == element else body.to_float(scalar)
        slopes.append(-slope if negative else slope)
    block.add_op(DerivativeOp([slope.value for slope in slopes]))
    made = SurrogateOp(name, [element] * len(slopes), Region(block))
    made.verify()
    return made


def _peeled(value: Value, shape: Shape) -> tuple[Value, bool]:
    """
    Without the sum over the places that an argument was broadcast to, which follows from
    the shapes; and whether the rest is to be negated.
    """
    negative, inner, summed = False, value, False
    while inner.op in ("neg", "reshape", "reduce_sum", "expand") and (
        inner.op != "neg" or inner.operands[0].shape != shape
    ):
        negative ^= inner.op == "neg"
        summed |= inner.op == "reduce_sum"
        inner = inner.operands[0]
    if summed and inner.shape == shape:
        return inner, negative
    return (value.operands[0] if value.op == "expand" else value), False


def _argument_names(arguments: Sequence[Value]) -> list[str]:
    return ["u", *(f"a{i}" for i in range(1, len(arguments)))]
