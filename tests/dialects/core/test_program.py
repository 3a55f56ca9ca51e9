"""Programs: what verifies, what a chip has, and convolutions as the synapses that they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from snncc.cores.chips import chip_named, description_text
from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core import (
    ConvolutionOp,
    DriveOp,
    InputOp,
    OutputOp,
    PopulationOp,
    ProgramOp,
    SynapsesOp,
)
from snncc.dialects.core.conformance import departures
from snncc.dialects.core.description import Description
from snncc.dialects.core.document import parse_description
from snncc.dialects.windows import Windows
from snncc.network import Network
from snncc.passes.chip_model import model_of

LOIHI = chip_named("loihi")
LIE = Windows((2, 1), ((1, 0), (0, 2)), (1, 2), 2)
FLAT = Windows((0, 1), LIE.paddings, (1, 1))
KERNEL = np.random.default_rng(0).integers(-9, 10, (4, 1, 3, 2)).astype(np.int8)
BEFORE, AFTER = (2, 6, 5), (4, 3, 5)


def program(*operations: Operation, **arrays: Array) -> ProgramOp:
    found = ProgramOp("p", "loihi", {}, list(operations))
    parameters = [snn.ParameterOp(key, type_of(a), blob_of(a)) for key, a in arrays.items()]
    ModuleOp([*parameters, found]).verify()
    return found


def population(name: str, shape: Sequence[int], **fields: str) -> PopulationOp:
    return PopulationOp(name, "compartment", shape, fields)


def convolved(*, as_table: bool) -> ProgramOp:
    """An input through a convolution; `as_table` lists its synapses."""
    size = int(np.prod(AFTER))
    configured = {
        "du": np.full(size, 4095, np.int16),
        "dv": np.full(size, 512, np.int16),
        "threshold": np.full(size, 12, np.int16),
    }
    ends = [
        InputOp("x", BEFORE),
        population("n", AFTER, **{name: name for name in configured}),
        OutputOp("y", "n", 0),
    ]
    arrays: dict[str, Array] = {**configured, "kernel": KERNEL}
    made = program(*ends, ConvolutionOp("s", "x", "n", "input", "kernel", LIE), **arrays)
    if not as_table:
        return made
    table = made.synapses[0].table()
    names = ("sources", "targets", "weights")
    arrays |= {name: column.astype(np.int32) for name, column in zip(names, table, strict=True)}
    again = [op.clone() for op in ends]
    return program(*again, SynapsesOp("s", "x", "n", "input", 0, 0, names), **arrays)


def test_a_convolution_is_its_synapses() -> None:
    x = np.random.default_rng(1).integers(0, 2, (20, *BEFORE))
    runs = []
    for as_table in (False, True):
        made = convolved(as_table=as_table)
        assert not departures(made, LOIHI)
        runs.append(Network(model_of(made, LOIHI)).run(x, trace=True))
    assert 0.05 < runs[0]["y"].mean() < 0.95
    for name in ("y", "n.u", "n.v"):
        np.testing.assert_array_equal(*(run[name] for run in runs))


def test_events_of_a_convolution() -> None:
    """On a chip whose register fits after each event, in the order of the sources."""
    text = description_text(LOIHI)
    changed = text.replace("overflow: wrap_high", "overflow: saturate")
    changed = changed.replace("per: step", "per: source")
    assert changed != text
    chip: Description = parse_description(changed)
    x = np.random.default_rng(2).integers(0, 2, (6, *BEFORE))
    runs = [
        Network(model_of(convolved(as_table=table), chip, "events")).run(x, trace=True)
        for table in (False, True)
    ]
    np.testing.assert_array_equal(runs[0]["n.u"], runs[1]["n.u"])


def drive(**changed: str) -> DriveOp:
    return DriveOp(**{"name": "b", "target": "n", "parameter": "bias_mantissa", **changed})


def test_what_may_be_driven() -> None:
    numbers = np.zeros(3, np.int16)
    arrays = {"du": numbers, "dv": numbers, "threshold": numbers}
    names = {name: name for name in arrays}
    assert not departures(program(population("n", [3], **names), drive(), **arrays), LOIHI)
    del names["dv"]
    made = program(population("n", [3], **names), drive(parameter="dv"), **arrays)
    assert departures(made, LOIHI) == ["n: dv: loihi has no way to write it at every step"]
    made = program(population("n", [3], **names), drive(parameter="x"), **arrays)
    assert departures(made, LOIHI) == [
        "n: dv is missing",
        "n: x: compartment neurons have no such parameter",
    ]


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        ([drive(target="m")], "m: expected a population"),
        ([drive(), drive(name="c")], "n: bias_mantissa is driven twice"),
        ([drive(), drive(parameter="dv")], "b: stands twice"),
        ([drive(name="n")], "n: stands twice"),
        ([drive(parameter="du")], "n: du has numbers already"),
        (
            [ConvolutionOp("s", "n", "n", "spike", "kernel", LIE)],
            "groups: 2 of 1 inputs, and 4 outputs, do not fit 3 channels",
        ),
        (
            [ConvolutionOp("s", "x", "n", "spike", "kernel", LIE)],
            r"expected a population of shape \[4, 3, 5\], got \[3, 1, 1\]",
        ),
        ([ConvolutionOp("s", "x", "z", "spike", "kernel", LIE)], "expected an input or population"),
        ([ConvolutionOp("s", "x", "n", "spike", "du", LIE)], "a kernel of four axes"),
        (
            [
                ConvolutionOp(
                    "s", "x", "n", "spike", "kernel", Windows((0, 1), LIE.paddings, (1, 1))
                )
            ],
            "stride: expected 2 numbers of at least 1",
        ),
    ],
)
def test_what_does_not_verify(operations: list[Operation], told: str) -> None:
    ends = [InputOp("x", BEFORE), population("n", [3, 1, 1], du="du")]
    arrays = {"du": np.zeros(3, np.int16), "kernel": KERNEL}
    with pytest.raises(VerifyException, match=told):
        program(*ends, *(op.clone() for op in operations), **arrays)
