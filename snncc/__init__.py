"""
snncc: the compiler for spiking neural networks.

    net = snncc.load("model.nir", like="snntorch", dt=1e-4)
    y = net.run(x)
    prog = snncc.compile(net, target="c")
    y = prog.run(x)

Names are loaded on first use: `import snncc` stays fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snncc.compiled import Compiled, compile
    from snncc.differences import Difference, diff
    from snncc.errors import Problem, SnnccError, SnnccWarning
    from snncc.network import Network, load
    from snncc.quantization import Analysis, QuantizedNetwork, analyze, freeze, quantize
    from snncc.training import value_and_grad

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Compiled",
    "Difference",
    "Network",
    "Problem",
    "QuantizedNetwork",
    "SnnccError",
    "SnnccWarning",
    "analyze",
    "compile",
    "diff",
    "freeze",
    "load",
    "quantize",
    "value_and_grad",
]

_HOMES = {
    "Analysis": "snncc.quantization",
    "Compiled": "snncc.compiled",
    "Difference": "snncc.differences",
    "Network": "snncc.network",
    "Problem": "snncc.errors",
    "QuantizedNetwork": "snncc.quantization",
    "SnnccError": "snncc.errors",
    "SnnccWarning": "snncc.errors",
    "analyze": "snncc.quantization",
    "compile": "snncc.compiled",
    "diff": "snncc.differences",
    "freeze": "snncc.quantization",
    "load": "snncc.network",
    "quantize": "snncc.quantization",
    "value_and_grad": "snncc.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'snncc' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
