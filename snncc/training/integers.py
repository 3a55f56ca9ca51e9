"""Training of networks of integers whose weights follow floats: `quantize(trainable=...)`."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from snncc.dialects import snn
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import is_float, stream_type
from snncc.errors import error
from snncc.network import Network


def takes_integer_sums(network: snn.NetworkOp) -> bool:
    """Whether a network is one of integers."""
    return any(
        isinstance(op, WeightedSum) and not is_float(stream_type(op.result).element_type)
        for op in network.body.block.ops
    )


def expect_trainable(module: ModuleOp, network: snn.NetworkOp) -> None:
    """Raises SNC-T001 for a network of integers in which nothing follows a float."""
    learnable = any(isinstance(op, snn.ParameterOp) and op.is_learnable for op in module.ops)
    if takes_integer_sums(network) and not learnable:
        raise error(
            "SNC-T001",
            "the weights are constant integers: there is nothing to be trained",
            remedy='quantize(net, ..., trainable="all"), or compile(net, train=..., quantize=...)',
        )


def for_use(network: Network) -> Network:
    """A trained network for inference: of integers without the floats that they follow."""
    from snncc.quantization.freezing import freeze

    return freeze(network) if takes_integer_sums(network.op) else network


def remade(network: Network, module: ModuleOp) -> Network:
    """A network of the same kind with another module."""
    from snncc.quantization.freezing import remade

    return remade(network, module)
