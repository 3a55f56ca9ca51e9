"""Small archives of torch.export, written without torch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.importers.graph.model import Model
from snncc.importers.torch.fields import DTYPES
from snncc.importers.torch.pt2 import read_pt2
from tests.importers.graph.evaluate import evaluate

NUMBERS = {dtype: number for number, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Name:
    """A value of a program."""

    name: str


def ints(numbers: Sequence[int]) -> list[dict[str, int]]:
    return [{"as_int": int(n)} for n in numbers]


def strides_of(shape: Sequence[int]) -> list[int]:
    return [int(np.prod(shape[axis + 1 :], dtype=int)) for axis in range(len(shape))]


def meta(
    shape: Sequence[int] = (), dtype: Any = np.float32, strides: Sequence[int] | None = None
) -> dict[str, Any]:
    return {
        "dtype": NUMBERS[np.dtype(dtype)],
        "sizes": ints(shape),
        "requires_grad": False,
        "device": {"type": "cpu", "index": None},
        "strides": ints(strides_of(shape) if strides is None else strides),
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }


TRANSPOSED = meta((2, 2), strides=(1, 2))
"""Of a tensor that does not lie in memory in the order of its axes."""


@dataclass
class Body:
    """Nodes, with names for their results."""

    inputs: list[str] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def given(self, *names: str) -> list[Name]:
        """Inputs of the body of an operator."""
        self.inputs += names
        self.values |= {name: meta() for name in names}
        return [Name(name) for name in names]

    def call(
        self,
        target: str,
        /,
        *operands: Any,
        results: int | None = None,
        contiguous: bool = True,
        scope: str | None = None,
        listed: bool = False,
        **arguments: Any,
    ) -> Any:
        """
        One node; gives its result, or a list of `results`. They are one list of tensors
        where `listed`, else several results.
        """
        count = 1 if results is None else results
        names = [f"v{len(self.nodes)}_{i}" for i in range(count)]
        self.values |= {name: meta() if contiguous else TRANSPOSED for name in names}
        given = [("", value, 1) for value in operands]
        given += [(name, value, 1) for name, value in arguments.items()]
        outputs = [{"as_tensor": {"name": name}} for name in names]
        if listed:
            outputs = [{"as_tensors": [{"name": name} for name in names]}]
        self.nodes.append(
            {
                "target": target,
                "inputs": [
                    {"name": name, "arg": encoded(value), "kind": kind}
                    for name, value, kind in given
                ],
                "outputs": outputs,
                "metadata": {"nn_module_stack": f"L__self__,,Net;k,{scope},Cell"} if scope else {},
            }
        )
        made = [Name(name) for name in names]
        return made[0] if results is None else made

    def aten(self, name: str, /, **arguments: Any) -> Any:
        return self.call(f"torch.ops.aten.{name}.default", **arguments)

    def graph(self) -> dict[str, Any]:
        return {
            "inputs": [{"as_tensor": {"name": name}} for name in self.inputs],
            "outputs": [encoded(output) for output in self.outputs],
            "nodes": self.nodes,
            "tensor_values": self.values,
            "sym_int_values": {},
            "sym_bool_values": {},
        }


def encoded(value: Any) -> dict[str, Any]:
    """An argument as the schema has it."""
    match value:
        case None:
            return {"as_none": True}
        case Name(name):
            return {"as_tensor": {"name": name}}
        case Body():
            return {"as_graph": {"name": "body", "graph": value.graph()}}
        case bool():
            return {"as_bool": value}
        case int():
            return {"as_int": value}
        case float():
            return {"as_float": value}
        case str():
            return {"as_string": value}
        case np.dtype():
            return {"as_scalar_type": NUMBERS[value]}
        case [Name(), *_] if all(isinstance(part, Name) for part in value):
            return {"as_tensors": [{"name": part.name} for part in value]}
        case [*parts] if any(isinstance(part, Name) for part in parts):
            return {"as_optional_tensors": [encoded(part) for part in parts]}
        case [float(), *_]:
            return {"as_floats": value}
        case [*_]:
            return {"as_ints": value}
    raise TypeError(value)


@dataclass
class Program(Body):
    """A program with its tensors."""

    tensors: dict[str, Array] = field(default_factory=dict)
    input_specs: list[dict[str, Any]] = field(default_factory=list)
    output_specs: list[dict[str, Any]] = field(default_factory=list)

    def input(self, name: str, shape: Sequence[int], dtype: Any = np.float32) -> Name:
        self.inputs.append(name)
        self.values[name] = meta(shape, dtype)
        self.input_specs.append({"user_input": {"arg": {"as_tensor": {"name": name}}}})
        return Name(name)

    def tensor(self, name: str, array: Any, kind: str = "parameter") -> Name:
        """`kind` is parameter, buffer or tensor_constant."""
        array = np.asarray(array)
        label = "t_" + name.replace(".", "_")
        self.inputs.append(label)
        self.values[label] = meta(array.shape, array.dtype)
        self.tensors[name] = array
        spec = {"arg": {"name": label}, f"{kind}_name": name}
        if kind == "buffer":
            spec["persistent"] = True
        self.input_specs.append({kind: spec})
        return Name(label)

    def returns(self, *values: Any) -> Program:
        for value in values:
            self.outputs.append(value)
            self.output_specs.append({"user_output": {"arg": encoded(value)}})
        return self

    def mutates(self, kind: str, name: str, value: Name) -> Program:
        """`kind` is buffer, parameter or user_input."""
        self.outputs.insert(0, value)
        spec = {"arg": {"name": value.name}, f"{kind}_name": name}
        self.output_specs.insert(0, {f"{kind}_mutation": spec})
        return self

    def text(self) -> dict[str, Any]:
        signature = {"input_specs": self.input_specs, "output_specs": self.output_specs}
        return {
            "graph_module": {
                "graph": self.graph(),
                "signature": signature,
                "module_call_graph": [],
            },
            "opset_version": {"aten": 10},
            "range_constraints": {},
            "schema_version": {"major": 8, "minor": 20},
            "torch_version": "2.13.0",
        }

    def members(self) -> dict[str, bytes]:
        """Of the archive: everything that a test may change before it is written."""
        files: dict[str, bytes] = {}
        config = {}
        for number, (name, array) in enumerate(self.tensors.items()):
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            files[f"net/data/weights/weight_{number}"] = little.tobytes()
            config[name] = {
                "path_name": f"weight_{number}",
                "is_param": True,
                "use_pickle": False,
                "tensor_meta": meta(array.shape, array.dtype),
            }
        files["net/data/weights/model_weights_config.json"] = packed({"config": config})
        files["net/data/constants/model_constants_config.json"] = packed({"config": {}})
        files["net/models/model.json"] = packed(self.text())
        files["net/archive_format"] = b"pt2"
        files["net/byteorder"] = b"little"
        return files


def packed(text: Any) -> bytes:
    return json.dumps(text).encode()


def write(members: Mapping[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def load(program: Program, folder: Path) -> Model:
    return read_pt2(write(program.members(), folder / "net.pt2"))


def run(model: Model, **arrays: Any) -> list[Array]:
    """The outputs of a model for its inputs and states by name."""
    return evaluate(list(model.outputs.values()), arrays)


def small() -> Program:
    """A step of a leaky neuron behind a linear layer, with a buffer as its membrane."""
    program = Program()
    weight = program.tensor("fc.weight", np.float32([[1, 2, 3], [4, 5, 6]]))
    bias = program.tensor("fc.bias", np.float32([0.5, -0.5]))
    beta = program.tensor("cell.beta", np.float32(0.9), "buffer")
    membrane = program.tensor("cell.v", np.zeros((1, 2), np.float32), "buffer")
    x = program.input("x", (1, 3))
    current = program.aten("linear", input=x, weight=weight, bias=bias, scope="fc")
    kept = program.aten("mul", self=beta, other=membrane, scope="cell")
    v = program.aten("add", self=kept, other=current, scope="cell")
    above = program.aten("gt", self=v, other=1.0, scope="cell")
    spike = program.aten("to", self=above, dtype=np.dtype(np.float32), scope="cell")
    after = program.aten("sub", self=v, other=spike, scope="cell")
    program.aten("copy_", self=membrane, src=after, scope="cell")
    return program.returns(spike)
