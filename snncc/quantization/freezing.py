"""`freeze`: a trained network of integers as one for inference."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from snncc.network import Network, expect_network
from snncc.passes.snn_freeze import SnnFreeze
from snncc.passes.snn_narrow import MayWrap
from snncc.quantization.model import FloatModel
from snncc.quantization.quantized import QuantizedNetwork
from snncc.quantization.rewriting import doubted
from snncc.storage import context


def freeze(network: Network) -> Network:
    """
    The network with its weights as they are now, for inference: without the floats that
    integers follow while they are trained (`quantize(..., trainable=...)`), and as small as one
    that was never to be trained. Its outputs are the same, bit for bit. Raises SNC-C003
    for what is no network.
    """
    expect_network(network)
    module = network.module.clone()
    try:
        SnnFreeze().apply(context(), module)
    except MayWrap as fault:
        raise doubted(fault) from None
    module.verify()
    return remade(network, module)


def remade(network: Network, module: ModuleOp) -> Network:
    """A network of the same kind with another module: what is known of it stays."""
    if isinstance(network, QuantizedNetwork):
        return QuantizedNetwork(
            module, FloatModel(network.real.module), network.report, network.warnings
        )
    return Network(module, network.warnings)
