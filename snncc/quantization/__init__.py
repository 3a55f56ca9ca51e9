"""Quantization: a float network becomes one of integers that spikes as it does."""

from snncc.quantization.analysis import Analysis, analyze
from snncc.quantization.freezing import freeze
from snncc.quantization.quantized import QuantizationReport, QuantizedNetwork, quantize

__all__ = [
    "Analysis",
    "QuantizationReport",
    "QuantizedNetwork",
    "analyze",
    "freeze",
    "quantize",
]
