"""Sums over axes and over time, products, last values, programs in reverse: the network's bits."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from snncc.dialects import kernel, snn
from snncc.dialects.kernel.buffers import Role
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.snn_schedule import SnnSchedule
from snncc.storage import context
from tests.result_networks import NETWORKS, WINDOWS, text
from tests.text_networks import (
    STEPS,
    expect_same_bits,
    network_of,
    parse,
    random_inputs,
    scheduled,
)


@pytest.mark.parametrize("name", NETWORKS)
def test_program_equals_network(name: str) -> None:
    module = parse(NETWORKS[name])
    network = network_of(module)
    x = random_inputs(network)
    expected = NetworkInterpreter(module, network).run(x)
    for output in expected.outputs.values():
        assert np.count_nonzero(output), "the inputs must excite the network"
    for time_block in (1, 3, STEPS):
        expect_same_bits(scheduled(module, time_block).run(x), expected)


def program_of(name: str, time_block: int) -> kernel.ProgramOp:
    module: ModuleOp = Parser(context(), NETWORKS[name]).parse_module()
    SnnSchedule(time_block=time_block).apply(context(), module)
    return next(op for op in module.ops if isinstance(op, kernel.ProgramOp))


def test_a_sum_of_products_is_never_held() -> None:
    """A block of operands is, and the sum itself, in the order in which weights are gathered."""
    program = program_of("a product, summed", 4)
    (sum_,) = program.buffers(Role.OUTPUT)
    assert sum_.shape == (1, 7, 5)
    assert sum_.model_shape == (1, 5, 7)
    kept = program.buffers(Role.STREAM, Role.WORK, Role.STATE)
    rooms = kernel.OuterRowsOp.rooms(4, 7, 5)
    assert [buffer.shape for buffer in kept] == [(4, 5), (4, 7), *((room,) for room in rooms)]


def test_products_need_no_copy_of_what_a_stage_computed() -> None:
    """The gradient of a convolution's result lies as the kernel reads it."""
    body = (
        WINDOWS[1]
        .replace("%a :", "%g :")
        .replace("tensor<6x2x3xf32> -> tensor<2x3x6xf32>", "tensor<6x2x3xf32> -> tensor<1x6x6xf32>")
        .replace("tensor<2x3x6xf32>, tensor<2x4x6xi16>", "tensor<1x6x6xf32>, tensor<1x8x6xi16>")
        .replace("%l, %s", "%l, %t")
        .replace("tensor<2x3x4xf32>", "tensor<1x6x8xf32>")
    )
    neuron = """
  %g = snn.neuron as "g" (%x = %a : tensor<6x2x3xf32>) -> (tensor<6x2x3xf32>) {
    %0 = arith.mulf %x, %x : f32
    snn.next (%0 : f32)
  }
  %t = snn.reshape %s : tensor<2x4x6xi16> -> tensor<1x8x6xi16>
"""
    source = text(
        WINDOWS[0], 'sum "y" : tensor<1x6x8xf32>', neuron + body, "%o : tensor<1x6x8xf32>"
    )
    module = parse(source)
    SnnSchedule(time_block=2).apply(context(), module)
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    streams = {b.sym_name.data: b.shape for b in program.buffers(Role.STREAM)}
    assert streams == {"g": (2, 2, 3, 6), "outer.right": (2, 48)}
    module = parse(source)
    x = random_inputs(network_of(module))
    expected = NetworkInterpreter(module, network_of(module)).run(x)
    expect_same_bits(scheduled(module, 2).run(x), expected)


def test_states_go_on_in_reverse() -> None:
    """The later part of the steps comes first."""
    module = parse(NETWORKS["the same in reverse"])
    network = network_of(module)
    x = random_inputs(network)
    whole = NetworkInterpreter(module, network).run(x)
    program = scheduled(module, 3)
    later = program.run({name: value[4:] for name, value in x.items()})
    earlier = program.run({name: value[:4] for name, value in x.items()}, state0=later.final)
    assert isinstance(network, snn.NetworkOp)
    stream = np.concatenate([earlier.outputs["v"], later.outputs["v"]])
    assert stream.tobytes() == whole.outputs["v"].tobytes()
    assert earlier.outputs["z"].tobytes() == whole.outputs["z"].tobytes()
    assert earlier.final["li.v"].tobytes() == whole.final["li.v"].tobytes()
