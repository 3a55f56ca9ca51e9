"""
Runs an exported program on a graph: the result is its model.

Programs of torch write into tensors and into views of tensors. A name stands for a view of
a storage; a write gives the storage a new value, and what is read later through any name
of it sees that. A tensor of the model that is written is carried from call to call: it
becomes a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.model import Model, State
from snncc.importers.graph.values import Value, cone
from snncc.importers.torch import spikingjelly_ops
from snncc.importers.torch.aten import NOT_SUPPORTED, OPERATORS
from snncc.importers.torch.aten_types import NUMBERS, number
from snncc.importers.torch.aten_views import VIEWS, WHERE_CONTIGUOUS
from snncc.importers.torch.exported import ExportedGraph, Input, Names, Node, Ref, Region
from snncc.importers.torch.memory import Storage, Tensor
from snncc.importers.torch.registry import Number, call, with_value

assert spikingjelly_ops.__doc__  # importing it registers its operators

KEPT_BY_NAME = {"aten.detach", "aten.dropout", "aten.feature_dropout", "aten.alpha_dropout"}
"""Views whose in-place forms leave the tensor as it is."""


def walk(program: ExportedGraph) -> Model:
    """
    The model of a program. Raises SnnccError; operators that are not known are listed all
    at once (SNC-I012).
    """
    unknown = _unknown(program)
    if unknown:
        raise SnnccError(unknown)
    stateful = {str(out.target) for out in program.outputs if out.kind == "tensor"}
    with np.errstate(all="ignore"):  # constants are folded as torch computes: silently
        while True:
            run = _Run(program, stateful)
            model = run.model()
            written = run.written() - stateful
            if not written:
                return model
            stateful |= written  # again: what depends on them is not constant


def _listed(names: Names) -> Sequence[str | None]:
    return names if isinstance(names, list) else [names]


def functional(target: str) -> str | None:
    """The operator that computes what an in-place one writes: aten.add of aten.add_."""
    if not target.startswith("aten.") or not target.endswith("_") or target.endswith("__"):
        return None
    name = target[:-1]
    return name if name in OPERATORS and (name not in VIEWS or name in KEPT_BY_NAME) else None


def turned(target: str) -> str | None:
    """The view that an in-place operator makes of its tensor: aten.squeeze of aten.squeeze_."""
    name = target.removesuffix("_")
    in_place = target.endswith("_") and not target.endswith("__")
    return name if in_place and name in VIEWS and name not in KEPT_BY_NAME else None


def _unknown(program: ExportedGraph) -> list[Problem]:
    """One problem for each operator that is not known."""
    places: dict[str, list[str]] = {}
    for node in program.nodes():
        known = node.target in OPERATORS or node.target in NUMBERS or node.target in _SPECIAL
        if not known and functional(node.target) is None and turned(node.target) is None:
            places.setdefault(node.target, []).append(node.place)
    problems = []
    for target, nodes in places.items():
        times = f", {len(nodes)} times" if len(nodes) > 1 else ""
        remedy = NOT_SUPPORTED.get(
            target.removesuffix("_"),
            "write it with operators that are supported" + ("" if program.live else DECOMPOSED),
        )
        text = f"the operator {target} is not supported{times}"
        problems.append(Problem("SNC-I012", text, nodes[0], remedy))
    return problems


DECOMPOSED = ", or try exported.run_decompositions() before torch.export.save"
COST = 2048
"""What a node counts against the limit of work."""
STEP_COST = 8192
"""What a step of a scan counts."""

Bound: TypeAlias = "Tensor | Number | list[Any] | str | None"


@dataclass
class _Run:
    """One pass over a program; tensors of `stateful` are inputs, other ones constants."""

    program: ExportedGraph
    stateful: set[str]
    graph: Graph = field(default_factory=lambda: Graph(says_training=True))
    storages: dict[str, Storage] = field(default_factory=dict)
    given: dict[str, Storage] = field(default_factory=dict)
    streams: dict[str, Value] = field(default_factory=dict)

    def model(self) -> Model:
        program = self.program
        arguments = self._arguments()
        inputs = dict(self.streams)
        before = {
            name: storage.value for name, storage in self.storages.items() if name in self.stateful
        }
        environment = self._run(program.body, arguments)
        results: list[Value] = []
        kept: dict[Value, str] = {}
        after = {name: storage.value for name, storage in self.storages.items()}
        for output in program.outputs:
            value = self._value(output.argument, environment)
            if not isinstance(value, Value):
                continue  # None or a number beside the tensors
            if output.kind == "user":
                results.append(value)
            elif output.kind == "tensor" and output.target is not None:
                after[output.target] = value
            elif output.kind == "kept" and output.target is not None:
                kept.setdefault(value, output.target)
        states = [
            State(name, value, after[name], self.program.tensors[name])
            for name, value in before.items()
        ]
        names = ["output"] if len(results) == 1 else [f"output{i}" for i in range(len(results))]
        return Model(
            self.graph,
            inputs,
            dict(zip(names, results, strict=True)),
            _observed(states, results),
            [*program.warnings, *self._unused(), *self._overwritten()],
            self._constants(),
            names=kept,
            live=program.live,
        )

    def written(self) -> set[str]:
        """The model's tensors that were written."""
        return {name for name, storage in self.storages.items() if storage.version}

    # --- what stands at the edges

    def _arguments(self) -> list[Bound]:
        users = {i.name for i in self.program.inputs if i.kind == "user"}
        arguments: list[Bound] = []
        for given in self.program.inputs:
            if given.kind == "number":
                arguments.append(given.number)
            elif given.kind == "user":
                assert given.dtype is not None
                stream, value = self.graph.stream(given.name, given.shape, given.dtype)
                self.streams[given.name] = stream
                self.given[given.name] = Storage(value)
                arguments.append(Tensor(self.given[given.name]))
            else:
                assert given.tensor is not None
                name = given.tensor
                if name not in self.storages:
                    self.storages[name] = Storage(self._tensor(given, users))
                arguments.append(Tensor(self.storages[name]))
        return arguments

    def _tensor(self, given: Input, users: set[str]) -> Value:
        name = str(given.tensor)
        array = self.program.tensors[name]
        if name in self.stateful:
            label = f"state.{name}" if name in users else name
            return self.graph.input(label, array.shape, array.dtype)
        if given.learnable:
            return self.graph.learnable(array, name)
        # constants that torch lifted out of the code differ in nothing but their names
        return self.graph.constant(array, None if given.kind == "constant" else name)

    def _constants(self) -> Mapping[str, Array]:
        kinds = {i.tensor: i.kind for i in self.program.inputs}
        return {
            name: self.program.tensors[name]
            for name, storage in self.storages.items()
            if storage.was_read and name not in self.stateful and kinds[name] != "parameter"
        }

    def _unused(self) -> list[Problem]:
        return [
            Problem(
                "SNC-W004",
                f"the input {name!r} is not used",
                name,
                None
                if self.program.live
                else "if it is a state: torch.export takes inputs that are one tensor object for"
                " one input. Export with an example tensor of its own for each",
                "warning",
            )
            for name, storage in self.given.items()
            if not storage.was_read
        ]

    def _overwritten(self) -> list[Problem]:
        written = {output.target for output in self.program.outputs if output.kind == "input"}
        return [
            Problem(
                "SNC-W008",
                f"the model writes into its input {name!r}; the caller's tensor stays as it is",
                name,
                "return the new content, if the next step needs it",
                "warning",
            )
            for name, storage in self.given.items()
            if storage.version or name in written
        ]

    # --- nodes

    def _run(self, region: Region, arguments: Sequence[Bound]) -> dict[str, Bound]:
        """The names of a region after its nodes."""
        if len(region.inputs) != len(arguments):
            raise error("SNC-I011", f"a body of {len(region.inputs)} inputs gets {len(arguments)}")
        environment: dict[str, Bound] = {}
        for name, argument in zip(region.inputs, arguments, strict=True):
            if isinstance(argument, Tensor):  # the same storage, under a name of this region
                argument = replace(argument, contiguous=name in region.contiguous)
            environment[name] = argument
        for node in region.nodes:
            self.graph.scope = node.scope
            self.graph.charge(COST)
            try:
                self._node(node, region, environment)
            except SnnccError as found:
                raise SnnccError(
                    [p if p.node else replace(p, node=node.place) for p in found.problems]
                ) from None
            except _MISFITS as fault:
                # a file may hold any argument: what a handler stumbles over is the file's
                reason = " ".join(str(fault).split())[:200]
                raise error(
                    "SNC-I011",
                    f"the arguments of {node.target} do not fit its schema ({reason})",
                    node=node.place,
                ) from fault
        self.graph.scope = None
        return environment

    def _node(self, node: Node, region: Region, environment: dict[str, Bound]) -> None:
        special = _SPECIAL.get(node.target)
        if special is not None:
            result = special(self, node, environment)
        elif node.target in NUMBERS:
            operands = [*node.arguments.values(), *node.operands]
            result = number(node.target, [self._value(a, environment) for a in operands])
        else:
            result = self._call(node, environment)
        outputs = node.outputs
        if len(outputs) == 1:
            self._bind(outputs[0], result, region, environment)
        elif outputs:
            if not isinstance(result, list) or len(result) < len(outputs):
                raise error("SNC-I011", f"{node.target} does not give {len(outputs)} results")
            for names, part in zip(outputs, result, strict=False):
                self._bind(names, part, region, environment)

    def _call(self, node: Node, environment: dict[str, Bound]) -> Any:
        """An operator: a view, a write, or new tensors."""
        written = functional(node.target) if node.target not in OPERATORS else None
        target = written or node.target
        arguments = {name: self._value(a, environment) for name, a in node.arguments.items()}
        first = next((name for name in ("self", "input") if name in node.arguments), None)
        base = self._bound(node.arguments[first], environment) if first else None
        view = turned(node.target)
        if view is not None and isinstance(base, Tensor):  # the tensor itself is the view now
            made = VIEWS[view](**with_value(arguments))
            assert not isinstance(made, list)
            base = base if made is None else base.through(self.graph, made)
            environment[node.arguments["self"].name] = base
            return base
        if written is not None and first == "self" and target.endswith("dropout"):
            arguments["input"] = arguments.pop("self")
        if target in VIEWS and isinstance(base, Tensor):
            made = VIEWS[target](**with_value(arguments))
            if made is not None:
                copied = target in WHERE_CONTIGUOUS and not base.contiguous
                if isinstance(made, list):
                    return [base.through(self.graph, view) for view in made]
                return base.through(self.graph, made, copied)
        if written is not None and not isinstance(base, Tensor):
            raise error("SNC-I011", f"{node.target} writes into what is no tensor")
        result = call(self.graph, target, arguments)
        if written is None or not isinstance(base, Tensor):
            return result
        base.write(self.graph, result)
        return base

    def _bind(
        self, names: Names, result: Any, region: Region, environment: dict[str, Bound]
    ) -> None:
        if names is None:
            return
        if isinstance(names, list):
            if not isinstance(result, list) or len(result) < len(names):
                raise error("SNC-I011", f"a list of {len(names)} results was expected")
            for name, part in zip(names, result, strict=False):
                self._bind(name, part, region, environment)
            return
        if isinstance(result, list) and len(result) == 1:
            result = result[0]
        if isinstance(result, Value):
            result = Tensor(Storage(result))
        if isinstance(result, Tensor):
            result.contiguous = names in region.contiguous
        environment[names] = result

    # --- names

    def _bound(self, argument: Any, environment: Mapping[str, Bound]) -> Bound:
        if not isinstance(argument, Ref):
            return argument  # type: ignore[no-any-return]
        if argument.name not in environment:
            raise error("SNC-I011", f"refers to {argument.name!r}, which nothing gives")
        return environment[argument.name]

    def _unsupported(self, result: Ref) -> SnnccError:
        """A result that an operator has beside those that are known."""
        found = (n for n in self.program.nodes() for o in n.outputs if result.name in _listed(o))
        node = next(found, None)
        return error(
            "SNC-I012",
            f"{result.name!r}, a result of {node.target}, is not supported"
            if node is not None
            else f"{result.name!r} is a result that is not supported",
            node=node.place if node is not None else None,
            remedy="compute it with operators that are supported (torch.max over an axis, for "
            "example, as amax)",
        )

    def _value(self, argument: Any, environment: Mapping[str, Bound]) -> Any:
        """An argument with the values that its names stand for."""
        if isinstance(argument, list):
            return [self._value(part, environment) for part in argument]
        bound = self._bound(argument, environment)
        if isinstance(bound, Tensor):
            return bound.read(self.graph)
        if isinstance(bound, list):
            return [p.read(self.graph) if isinstance(p, Tensor) else p for p in bound]
        if bound is None and isinstance(argument, Ref):
            raise self._unsupported(argument)
        return bound

    # --- operators with bodies

    def _inline(self, node: Node, environment: dict[str, Bound]) -> list[Bound]:
        """A body that runs once, where the program stands; what precedes it are its modes."""
        at = next(i for i, a in enumerate(node.operands) if isinstance(a, Region))
        if node.target.endswith("autocast") and node.operands[2] is not False:
            raise error(
                "SNC-I012",
                "autocast computes in a smaller type",
                remedy="export the model without torch.autocast",
            )
        region = node.operands[at]
        arguments = [self._bound(a, environment) for a in node.operands[at + 1 :]]
        inner = self._run(region, arguments)
        self.graph.scope = node.scope
        return [self._bound(output, inner) for output in region.outputs]

    def _scan(self, node: Node, environment: dict[str, Bound]) -> list[Any]:
        """The body once for each step; gives the last carries and the stacked results."""
        match node.operands:
            case [Region() as region, list(carries), list(sequences), list(constants)]:
                pass
            case _:
                raise error("SNC-I012", "this form of scan is not supported")
        carried: list[Any] = [self._value(a, environment) for a in carries]
        steps = [self._value(a, environment) for a in sequences]
        fixed = [self._value(a, environment) for a in constants]
        if not steps or any(not x.shape or x.shape[0] != steps[0].shape[0] for x in steps):
            raise error("SNC-I014", "scan: the sequences differ in length, or there is none")
        collected: list[list[Value]] = []
        for t in range(steps[0].shape[0]):
            self.graph.charge(STEP_COST)
            parts = [self.graph.select(x, 0, t) for x in steps]
            given = [Tensor(Storage(v)) for v in (*carried, *parts, *fixed)]
            inner = self._run(region, given)
            self.graph.scope = node.scope
            results = [self._value(output, inner) for output in region.outputs]
            carried, outputs = results[: len(carried)], results[len(carried) :]
            collected.append(outputs)
        stacked = [self.graph.stack(list(of), 0) for of in zip(*collected, strict=True)]
        return [*carried, *stacked]

    def _item(self, node: Node, environment: dict[str, Bound]) -> Any:
        """One of a list of results, for programs that have them as lists."""
        operands = [*node.arguments.values(), *node.operands]
        listed = self._bound(operands[0], environment)
        return listed[operands[1]] if isinstance(listed, list) else listed


Special: TypeAlias = Callable[[_Run, Node, dict[str, Bound]], Any]

_SPECIAL: dict[str, Special] = {
    "_operator.getitem": _Run._item,
    "higher_order.scan": _Run._scan,
    "higher_order.wrap_with_autocast": _Run._inline,
    "higher_order.wrap_with_set_grad_enabled": _Run._inline,
}

_MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    StopIteration,
    TypeError,
    ValueError,
)


def _observed(states: list[State], results: Sequence[Value]) -> list[State]:
    """States that reach a result: a tensor that is written before it is read carries none."""
    kept: list[State] = []
    while True:
        reached = set(cone([*results, *(state.after for state in kept)]))
        more = [s for s in states if s.before in reached and s not in kept]
        if not more:
            return [state for state in states if state in kept]
        kept += more
