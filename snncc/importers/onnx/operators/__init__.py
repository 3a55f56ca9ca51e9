"""What every ONNX operator means as operations of a graph, one function each."""

from snncc.importers.onnx.operators import (
    control,
    elementwise,
    masks,
    quantization,
    shapes,
    sums,
)
from snncc.importers.onnx.operators.registry import FIRST_OPSET, LAST_OPSET, OPERATORS

__all__ = [
    "FIRST_OPSET",
    "LAST_OPSET",
    "OPERATORS",
    "control",
    "elementwise",
    "masks",
    "quantization",
    "shapes",
    "sums",
]
