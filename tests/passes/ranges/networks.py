"""Small networks of integers, as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from snncc.dialects import get_all_dialects, snn
from snncc.dialects.arrays import blob_of, type_of
from snncc.dialects.snn.parameters import ParameterOp

LIF = """
    %d{n} = snn.neuron as "lif{n}" (%x = {input} : tensor<{shape}xi32>)
        state (%v = %zero : tensor<i32>) params (%theta = %theta{n} : tensor<i32>)
        -> (tensor<{shape}xi1>) {{
      %m = arith.constant {factor} : i32
      %h = arith.constant 128 : i32
      %k = arith.constant 8 : i32
      %0 = arith.muli %v, %m : i32
      %1 = arith.addi %0, %h : i32
      %2 = arith.shrsi %1, %k : i32
      %u = arith.addi %2, %x : i32
      %e = arith.subi %u, %theta : i32
      %s = snn.spike gt %e : i32
      %w = arith.extui %s : i1 to i32
      %r = arith.muli %w, %theta : i32
      %after = arith.subi %u, %r : i32
      snn.next (%s : i1) state (%after : i32)
    }}
"""
"""A LIF with a leak of `factor` / 256 and a reset by subtraction."""


def parsed(text: str, parameters: dict[str, np.ndarray] | None = None) -> ModuleOp:
    """A module of a network's text, with parameters in front."""
    context = Context()
    context.load_dialect(arith.Arith)
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    head = []
    for name, array in (parameters or {}).items():
        head.append(ParameterOp(name, type_of(array), blob_of(array)))
    declared = "\n".join(str(op) for op in head)
    module = Parser(context, f"{declared}\n{text}").parse_module()
    # the text has the arrays' digests; here are the arrays
    given = {op.sym_name.data: op.value for op in head}
    for op in module.ops:
        if isinstance(op, ParameterOp) and op.sym_name.data in given:
            op.properties["value"] = given[op.sym_name.data]
    module.verify()
    return module


def network_of(module: ModuleOp) -> snn.NetworkOp:
    return next(op for op in module.ops if isinstance(op, snn.NetworkOp))


def lif_layers(weights: Sequence[np.ndarray], thetas: Sequence[int], factor: int = 230) -> ModuleOp:
    """Linear layers of i8 weights, each with a LIF behind it; the input is spikes."""
    lines = ["%zero = snn.constant dense<0> : tensor<i32>"]
    stream = "%x"
    for n, (weight, theta) in enumerate(zip(weights, thetas, strict=True)):
        out, inputs = weight.shape
        lines += [
            f"%theta{n} = snn.constant dense<{theta}> : tensor<i32>",
            f"%w{n} = snn.use @w{n} : tensor<{out}x{inputs}xi8>",
            f'%i{n} = snn.linear {stream}, %w{n} as "fc{n}" : (tensor<{inputs}xi1>, '
            f"tensor<{out}x{inputs}xi8>) -> tensor<{out}xi32>",
            LIF.format(n=n, input=f"%i{n}", shape=out, factor=factor),
        ]
        stream = f"%d{n}"
    last = weights[-1].shape[0]
    body = "\n".join(lines)
    text = (
        f'snn.network @n ("x" %x : tensor<{weights[0].shape[1]}xi1>) -> ("y" : tensor<{last}xi1>) '
        f"{{\n{body}\nsnn.yield {stream} : tensor<{last}xi1>\n}}"
    )
    return parsed(text, {f"w{n}": w.astype(np.int8).view(np.uint8) for n, w in enumerate(weights)})
