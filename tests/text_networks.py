"""Networks as text: their parts, inputs that excite them, their scheduled programs."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerType, ModuleOp
from xdsl.parser import Parser

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array, dtype_of
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.network import Run
from snncc.interpreters.program import ProgramInterpreter
from snncc.passes.kernel_verify_order import KernelVerifyOrder
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise
from snncc.passes.snn_schedule import SnnSchedule
from snncc.storage import context

STEPS, BATCH = 7, 2

LIF = """
  %{name} = snn.neuron as "{name}" (%x = %{input} : tensor<{shape}xf32>)
      state (%v = %zero : tensor<f32>) params (%beta = {beta}) -> (tensor<{shape}xi1>) {{
    %th = arith.constant 1.0 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %th : f32
    %z = snn.spike gt %2 : f32
    %zf = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %zf, %th : f32
    %4 = arith.subf %1, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }}
"""

CONSTANTS = """
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %decay = snn.constant dense<0.9> : tensor<f32>
"""


def lif(name: str, input: str, shape: str, beta: str = "%decay : tensor<f32>") -> str:
    return LIF.format(name=name, input=input, shape=shape, beta=beta)


def parameter(name: str, *shape: int) -> str:
    """A parameter with known pseudo-random content, as text."""
    rng = np.random.default_rng(sum(map(ord, name)))
    values = rng.normal(0.25, 0.5, shape).astype(np.float32)
    sizes = "x".join([*map(str, shape), "f32"])
    return f"snn.parameter @{name} : tensor<{sizes}> = dense<{values.tolist()}>\n"


def use(name: str, *shape: int) -> str:
    sizes = "x".join([*map(str, shape), "f32"])
    return f"  %{name} = snn.use @{name} : tensor<{sizes}>\n"


def network(
    inputs: str, outputs: str, body: str, parameters: dict[str, tuple[int, ...]] | None = None
) -> str:
    parameters = parameters or {}
    texts = [parameter(name, *shape) for name, shape in parameters.items()]
    uses = [use(name, *shape) for name, shape in parameters.items()]
    return "".join(
        [*texts, f"snn.network @net ({inputs}) -> ({outputs}) {{", CONSTANTS, *uses, body, "}"]
    )


def parse(text: str) -> ModuleOp:
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def network_of(module: ModuleOp) -> snn.NetworkOp:
    return next(op for op in module.ops if isinstance(op, snn.NetworkOp))


def scheduled(module: ModuleOp, time_block: int) -> ProgramInterpreter:
    module = module.clone()
    ctx = context()
    SnnFuseElementwise().apply(ctx, module)
    SnnSchedule(time_block=time_block).apply(ctx, module)
    module.verify()
    KernelVerifyOrder().apply(ctx, module)
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    return ProgramInterpreter(module, program)


def random_inputs(network: snn.NetworkOp, seed: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    x: dict[str, Array] = {}
    for name, value in network.inputs.items():
        shape, element = (STEPS, BATCH, *shape_of(value)), stream_type(value).element_type
        active = rng.random(shape) < 0.6
        if isinstance(element, AnyFloat):
            x[name] = (active * rng.normal(0.5, 1.0, shape)).astype(dtype_of(element))
        elif element == IntegerType(1):
            x[name] = active.astype(np.uint8)
        else:
            x[name] = (active * rng.integers(0, 300, shape)).astype(dtype_of(element))
    return x


def expect_same_bits(got: Run, expected: Run) -> None:
    for what, a, b in (
        ("output", got.outputs, expected.outputs),
        ("state", got.final, expected.final),
    ):
        assert set(a) == set(b)
        for name, array in b.items():
            assert a[name].dtype == array.dtype, (what, name)
            assert a[name].shape == array.shape, (what, name)
            assert a[name].tobytes() == np.ascontiguousarray(array).tobytes(), (what, name)
