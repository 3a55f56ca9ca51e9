"""The `snn` dialect: a spiking network as a synchronous stream program."""

from xdsl.ir import Dialect

from snncc.dialects.snn.attributes import (
    BiasPositionAttr,
    BlobAttr,
    ComparisonAttr,
    PoolAttr,
    SurrogateAttr,
)
from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.elementwise import AddOp, BatchNormOp, ScaleOp, ThresholdOp
from snncc.dialects.snn.linear import Conv1dOp, Conv2dOp, LinearOp
from snncc.dialects.snn.network import NetworkOp, YieldOp
from snncc.dialects.snn.neuron import IndexOp, NeuronOp, NextOp
from snncc.dialects.snn.parameters import ConstantOp, ParameterOp, UseOp
from snncc.dialects.snn.places import PlacesAttr
from snncc.dialects.snn.shape import ConcatOp, Pool2dOp, RearrangeOp, ReshapeOp
from snncc.dialects.snn.spikes import CountOp, DetachOp, SpikeOp
from snncc.dialects.snn.straight_through import StraightThroughOp
from snncc.dialects.snn.surrogate import DerivativeOp, SurrogateOp
from snncc.dialects.snn.transposes import OuterOp, ReduceOp

SNN = Dialect(
    "snn",
    [
        AddOp,
        BatchNormOp,
        ConcatOp,
        ConstantOp,
        Conv1dOp,
        Conv2dOp,
        CountOp,
        DelayOp,
        DerivativeOp,
        DetachOp,
        IndexOp,
        LinearOp,
        NetworkOp,
        NeuronOp,
        NextOp,
        OuterOp,
        ParameterOp,
        Pool2dOp,
        RearrangeOp,
        ReduceOp,
        ReshapeOp,
        ScaleOp,
        SpikeOp,
        StraightThroughOp,
        SurrogateOp,
        ThresholdOp,
        UseOp,
        YieldOp,
    ],
    [BiasPositionAttr, BlobAttr, ComparisonAttr, PlacesAttr, PoolAttr, SurrogateAttr],
)

__all__ = [
    "SNN",
    "AddOp",
    "BatchNormOp",
    "BlobAttr",
    "ConcatOp",
    "ConstantOp",
    "Conv1dOp",
    "Conv2dOp",
    "CountOp",
    "DelayOp",
    "DerivativeOp",
    "DetachOp",
    "IndexOp",
    "LinearOp",
    "NetworkOp",
    "NeuronOp",
    "NextOp",
    "OuterOp",
    "ParameterOp",
    "Pool2dOp",
    "RearrangeOp",
    "ReduceOp",
    "ReshapeOp",
    "ScaleOp",
    "SpikeOp",
    "StraightThroughOp",
    "SurrogateAttr",
    "SurrogateOp",
    "ThresholdOp",
    "UseOp",
    "YieldOp",
]
