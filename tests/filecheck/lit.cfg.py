"""
Configuration of lit: `lit tests/filecheck`.

A test is an .mlir file whose RUN lines call `snncc-opt` and `filecheck` by name.
"""

# lit executes this file with `config` defined
# ruff: noqa: F821

import os
import sys
from pathlib import Path

import lit.formats

config.name = "snncc"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir"]

# the tools of the environment that lit itself runs in, whether it was activated or not
tools = str(Path(sys.executable).parent)
config.environment["PATH"] = os.pathsep.join([tools, config.environment["PATH"]])
# and the sources that the caller's Python takes
if "PYTHONPATH" in os.environ:
    config.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
