"""Gives parameters that the text knows by digest their content from a safetensors file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import blob_of


@dataclass(frozen=True)
class SnnLoadParameters(ModulePass):
    """
    Reads `file`, whose tensors have the names of the parameters, and checks each digest.

    Text alone is enough for passes that do not look at values; those that fold, quantize
    or emit need this pass first.
    """

    name = "snn-load-parameters"

    file: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        path = Path(self.file)
        if not path.is_file():
            raise PassFailedException(f"snn-load-parameters: no such file: {self.file}")
        with safe_open(path, framework="numpy") as tensors:
            names = set(tensors.keys())
            for parameter in op.ops:
                if not isinstance(parameter, snn.ParameterOp):
                    continue
                value, symbol = parameter.value, parameter.sym_name.data
                if not isinstance(value, snn.BlobAttr) or value.data.data is not None:
                    continue
                if symbol not in names:
                    raise PassFailedException(f"snn-load-parameters: no tensor {symbol!r}")
                loaded = blob_of(np.asarray(tensors.get_tensor(symbol)))
                if loaded != value:
                    raise PassFailedException(
                        f"snn-load-parameters: {symbol!r} differs from its digest"
                    )
                parameter.value = loaded
