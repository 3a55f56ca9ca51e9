"""The passes of the road to a chip do what its driver does, and the model that they end in runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import PassPipeline

from snncc.cores.chips import chip_named
from snncc.cores.legalize import Legalized, legalize
from snncc.cores.measure import Data
from snncc.dialects.core.placement import places_of
from snncc.network import Network
from snncc.passes import get_all_passes
from snncc.passes.legalization.observed import write_rates
from tests.cores.networks import small as xylo_network
from tests.spiking_graphs import network_of, small

STEPS, SAMPLES = 24, 6
"""Enough that each layer fires, and that no two orders of events are the same."""


def run_passes(module: ModuleOp, pipeline: str) -> ModuleOp:
    """A copy of a module behind passes, which verifies after each."""
    found = module.clone()
    passes = PassPipeline.parse_spec(get_all_passes(), pipeline).passes
    PassPipeline(passes, lambda *_: found.verify()).apply(Context(), found)
    return found
