"""
Runs one step of a network with the currents that torch computes.

Weighted sums are added in another order by torch; so each sum, batch norm and mean of the
network is cut out, and what torch's own operator gives for the same input is put in its
place. What is left is the arithmetic of the neurons, which must be equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of
from snncc.network import Network


def _is_cut(op: Operation) -> bool:
    return isinstance(op, WeightedSum | snn.BatchNormOp | snn.Pool2dOp)


class Forced:
    """A network without its sums: their results are inputs, their operands outputs."""

    def __init__(self, network: Network):
        module = network.module.clone()
        self.network = Network(module)
        op = self.network.op
        self.inputs, self.outputs = list(network.inputs), list(network.outputs)
        self.cuts = [o for o in op.body.block.ops if _is_cut(o)]
        self.fixed = [[constant_of(v) for v in o.operands[1:]] for o in self.cuts]
        names = [name.data for name in op.output_names]
        streams: list[SSAValue] = list(op.yield_op.streams)
        inputs = [name.data for name in op.input_names]
        for index, cut in enumerate(self.cuts):
            block = op.body.block
            argument = block.insert_arg(cut.results[0].type, len(block.args))
            inputs.append(f"sum {index}")
            names.append(f"operand {index}")
            streams.append(cut.operands[0])
            cut.results[0].replace_all_uses_with(argument)
        op.yield_op.operands = [
            s if s.owner not in self.cuts else op.body.block.args[self._argument(s)]
            for s in streams
        ]
        op.input_names = ArrayAttr([StringAttr(n) for n in inputs])
        op.output_names = ArrayAttr([StringAttr(n) for n in names])
        op.function_type = FunctionType.from_lists(
            op.body.block.arg_types, [s.type for s in op.yield_op.streams]
        )
        module.verify()

    def _argument(self, value: SSAValue) -> int:
        return len(self.inputs) + self.cuts.index(value.owner)  # type: ignore[arg-type]

    def step(
        self, x: Mapping[str, Array], states: Mapping[str, Any]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """
        Outputs and states after one step from [B, *shape] inputs. Each round makes one more
        sum right, since it gets its operand from what stands before it.
        """
        batch = next(iter(x.values())).shape[0]
        given = {name: array[None] for name, array in x.items()}
        for index, cut in enumerate(self.cuts):
            given[f"sum {index}"] = np.zeros((1, batch, *shape_of(cut.results[0])), np.float32)
        result: dict[str, Any] = {}
        for _ in range(len(self.cuts) + 1):
            result = self.network.run(given, state0=states, trace=True)
            for index, cut in enumerate(self.cuts):
                operand = result[f"operand {index}"][0].astype(np.float32)
                given[f"sum {index}"] = torch_sum(cut, operand, self.fixed[index])[None]
        return {name: result[name][0] for name in self.outputs}, result["final"]


def torch_sum(op: Operation, x: Array, fixed: list[Array | None]) -> Array:
    """What torch's operator gives for [B, *shape]."""
    tensors = [None if a is None else torch.from_numpy(np.array(a)) for a in fixed]
    given = torch.from_numpy(np.ascontiguousarray(x))
    if isinstance(op, snn.LinearOp):
        y = F.linear(given, tensors[0], tensors[1] if len(tensors) > 1 else None)
    elif isinstance(op, snn.BatchNormOp):
        gamma, beta, mean, variance = tensors
        epsilon = op.epsilon.value.data
        y = F.batch_norm(given, mean, variance, gamma, beta, False, 0.0, epsilon)
    elif isinstance(op, snn.Pool2dOp):
        assert not any(op.padding.get_values())
        size, stride = op.kernels, op.strides
        kind = op.pool.data.value
        if kind == "max":
            y = F.max_pool2d(given, size, stride)
        else:
            y = F.avg_pool2d(given, size, stride, divisor_override=1 if kind == "sum" else None)
    else:
        before, after = op.padding.get_values()[::2], op.padding.get_values()[1::2]
        assert before == after
        function = F.conv1d if isinstance(op, snn.Conv1dOp) else F.conv2d
        y = function(
            given,
            tensors[0],
            tensors[1] if len(tensors) > 1 else None,
            stride=list(op.stride.get_values()),
            padding=list(before),
            dilation=list(op.dilation.get_values()),
            groups=op.groups.value.data,
        )
    return np.asarray(y.numpy())
