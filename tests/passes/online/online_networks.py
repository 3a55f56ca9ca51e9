"""Networks of one hidden population and a leaky readout, in f64, and how e-prop is run on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType, f64, i1
from xdsl.ir import Block, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.parameters import LEARNABLE
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.differentiation.network import Wanted, differentiate
from snncc.passes.online.eprop import OnlineGradients, eprop
from snncc.passes.online.state import OnlineOptions

Arrays = Mapping[str, np.ndarray]


class Builder:
    """A network in a module, put together from the top."""

    def __init__(self, inputs: Mapping[str, tuple[int, ...]]):
        self.block = Block(arg_types=[TensorType(f64, shape) for shape in inputs.values()])
        self.inputs = inputs
        self.parameters: list[snn.ParameterOp] = []

    def input(self, name: str) -> SSAValue:
        return self.block.args[list(self.inputs).index(name)]

    def add(self, op) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def constant(self, value, dtype=np.float64) -> SSAValue:
        return self.add(snn.ConstantOp(dense_of(np.asarray(value, dtype))))

    def parameter(self, name: str, array: np.ndarray) -> SSAValue:
        array = np.asarray(array, np.float64)
        type = TensorType(f64, array.shape)
        self.parameters.append(snn.ParameterOp(name, type, dense_of(array), LEARNABLE))
        return self.add(snn.UseOp(name, type))

    def neuron(
        self,
        equations: Callable[..., Outputs],
        inputs: Mapping[str, SSAValue],
        states: Mapping[str, SSAValue],
        parameters: Mapping[str, SSAValue],
        population: Sequence[int],
        node: str | None = None,
    ) -> Sequence[SSAValue]:
        made = build_neuron(
            equations,
            inputs=inputs,
            states=states,
            parameters=parameters,
            population=population,
            float_type=f64,
            node=node,
        )
        self.block.add_op(made)
        return made.outputs

    def delay(self, shape: Sequence[int], steps: int = 1, element=i1) -> snn.DelayOp:
        """Of a stream that is not known yet: its operand is set later."""
        dtype = np.bool_ if element == i1 else np.float64
        stand_in = snn.ConstantOp(dense_of(np.zeros(shape, dtype)))
        self.block.add_op(stand_in)
        op = snn.DelayOp(stand_in.result, steps, self.constant(0, dtype))
        self.block.add_op(op)
        return op

    def module(self, outputs: Mapping[str, SSAValue], kinds: Sequence[str] = ()) -> ModuleOp:
        self.block.add_op(snn.YieldOp(list(outputs.values())))
        network = snn.NetworkOp(
            "net",
            [(n, TensorType(f64, s)) for n, s in self.inputs.items()],
            [(n, v.type) for n, v in outputs.items()],
            Region(self.block),
            kinds=kinds,
        )
        module = ModuleOp([*self.parameters, network])
        module.verify()
        return module


def leaky(b: Body, x: Scalar, y: Scalar, kappa: Scalar) -> Outputs:
    """y = kappa y + (1 - kappa) x"""
    after = kappa * y + (1.0 - kappa) * x
    return [after], [after]


def lif(surrogate: SurrogateAttr, attached: bool, reset: str = "subtract", same: bool = True):
    """u = beta v + x; s = H(u - theta); reset in the same step."""

    def equations(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar) -> Outputs:
        u = beta * v + x
        s = b.spike(u - theta, "gt", surrogate)
        r = b.to_float(s if attached else b.detach(s))
        return [s], [u - r * theta if reset == "subtract" else u * (1.0 - r)]

    return equations


def network_of(module: ModuleOp) -> snn.NetworkOp:
    return next(op for op in module.ops if isinstance(op, snn.NetworkOp))


def derived(
    module: ModuleOp,
    outputs: Sequence[str] = ("y",),
    parameters: Sequence[str] | None = None,
    states: Sequence[str] = (),
    **options,
) -> OnlineGradients:
    """The online networks, inserted and verified."""
    if parameters is None:
        parameters = [p.sym_name.data for p in module.ops if isinstance(p, snn.ParameterOp)]
    before = str(module)
    found = eprop(
        network_of(module), Wanted(outputs, parameters, (), states), OnlineOptions(**options)
    )
    assert str(module) == before
    made = [*found.feedback.values(), found.network, *([found.finish] if found.finish else [])]
    for op in made:
        module.body.block.add_op(op)
    module.verify()
    return found


def gradients(
    module: ModuleOp, found: OnlineGradients, x: Arrays, outer: Arrays
) -> dict[str, np.ndarray]:
    """By parameter and state name; `outer` are the gradients of the outputs, [T, B, ...]."""
    run = NetworkInterpreter(module, found.network).run(
        {**x, **{f"d.{name}": array for name, array in outer.items()}}
    )
    result = {
        name: sum(run.outputs[out].sum(0) for out in outputs)
        for name, outputs in found.states.items()
    }
    if found.finish is None:
        return result
    sums = {name: run.outputs[name].sum(0)[None, None] for name in found.finish.inputs}
    done = NetworkInterpreter(module, found.finish).run(sums)
    return result | {p: done.outputs[out][0, 0] for p, out in found.parameters.items()}


def bptt(
    module: ModuleOp,
    outputs: Sequence[str],
    parameters: Sequence[str],
    x: Arrays,
    outer: Arrays,
    states: Sequence[str] = (),
    surrogate: SurrogateAttr | None = None,
) -> dict[str, np.ndarray]:
    """The same by the backward program of the network."""
    module = module.clone()
    found = differentiate(network_of(module), Wanted(outputs, parameters, (), states), surrogate)
    for op in (found.forward, found.backward, found.finish):
        if op is not None:
            module.body.block.add_op(op)
    recorded = NetworkInterpreter(module, found.forward).run(dict(x)).outputs
    known = {**x, **recorded, **{f"d.{name}": array for name, array in outer.items()}}
    run = NetworkInterpreter(module, found.backward).run(
        {name: known[name] for name in found.backward.inputs}
    )
    result = {name: run.outputs[out].sum(0) for name, out in found.states.items()}
    if found.finish is None:
        return result
    sums = {name: run.outputs[name].sum(0)[None, None] for name in found.finish.inputs}
    done = NetworkInterpreter(module, found.finish).run(sums)
    return result | {p: done.outputs[out][0, 0] for p, out in found.parameters.items()}


def forward(module: ModuleOp, x: Arrays) -> dict[str, np.ndarray]:
    return NetworkInterpreter(module, network_of(module)).run(dict(x)).outputs


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest element."""
    assert found.shape == expected.shape
    return float(abs(found - expected).max() / abs(expected).max())
