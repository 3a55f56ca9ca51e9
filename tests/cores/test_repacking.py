"""Other weights for a configuration: exact, checked, written; and by the units of the network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from snncc.backends.cores.xylo.emit import emit
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.cores.folder import load
from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.core.program import SynapsesOp
from snncc.errors import SnnccError
from tests.cores.networks import HIDDEN, INPUTS, OUTPUTS, small, spikes

FC, REC, OUT = "x.to.hidden.0", "hidden.to.hidden.1", "hidden.to.readout.2"


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return configure(small(), chip_named("xylo"), spikes())


def table(c: Configuration, name: str) -> SynapsesOp:
    return next(op for op in c.program.synapses if op.sym_name.data == name)


def dense(c: Configuration, name: str, sources: int, targets: int) -> Array:
    found = np.zeros((sources, targets), np.int64)
    rows, columns, weights = table(c, name).table()
    found[rows, columns] = weights
    return found


def floats() -> dict[str, Array]:
    """The weights of the float network: its neurons add half of a current to the membrane."""
    held = {
        op.sym_name.data: parameter_array(op)
        for op in small().module.ops
        if isinstance(op, snn.ParameterOp)
    }
    return {
        table: 0.5 * held[name].T.astype(np.float64)
        for table, name in ((FC, "fc"), (REC, "rec"), (OUT, "out"))
    }


def test_floats_of_the_network_are_what_was_compiled(configuration: Configuration) -> None:
    """The scales that are kept round them to the same whole numbers; so do thresholds."""
    thresholds = {f"{name}.threshold": np.ones(n) for name, n in (("hidden", 20), ("readout", 4))}
    given, held = floats(), {}
    for op in configuration.program.synapses:
        name = op.sym_name.data
        whole = dense(configuration, name, *given[name].shape)
        held[name] = (whole == -128) | (whole == 127)
        given[name][held[name]] = 0  # compiling held some at the ends
        assert held[name].mean() < 0.05
    again = configuration.repacked(given | thresholds)
    for name, at_end in held.items():
        wanted = dense(configuration, name, *at_end.shape)
        np.testing.assert_array_equal(
            dense(again, name, *at_end.shape), np.where(at_end, 0, wanted)
        )
    for name in ("hidden", "readout"):
        wanted = configuration.program.populations[name].numbers("threshold")
        got = again.program.populations[name].numbers("threshold")
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("sparse", [False, True])
def test_whole_numbers_are_taken(
    configuration: Configuration, sparse: bool, tmp_path: Path
) -> None:
    """As tables or matrices: the model, the golden sample and the images follow."""
    rng = np.random.default_rng(1)
    w = dense(configuration, OUT, HIDDEN, OUTPUTS)
    exists = w != 0
    w[exists] = rng.integers(-128, 128, exists.sum())
    bias = rng.integers(-128, 128, HIDDEN)
    again = configuration.repacked({OUT: w[exists] if sparse else w, "hidden.bias": bias})
    assert [line.split(":")[0] for line in again.steps[-1].changes] == [OUT, "hidden.bias"]
    np.testing.assert_array_equal(dense(again, OUT, HIDDEN, OUTPUTS), w)
    np.testing.assert_array_equal(again.program.populations["hidden"].numbers("bias"), bias)
    x = again.golden.inputs["x"].astype(np.uint8)
    for name, array in again.model.run({"x": x[:, None]}, trace=True).items():
        if name != "final":
            np.testing.assert_array_equal(again.golden.trace[name], array[:, 0])
    assert (again.golden.trace["readout.v"] != configuration.golden.trace["readout.v"]).any()
    folder = again.save(tmp_path / "chip")
    assert json.loads((folder / "manifest.json").read_text())["repacked"] is True
    files = emit(again.program, again.description, again.golden)
    for name, data in files.items():
        assert (folder / "config" / name).read_bytes() == data
    assert load(folder).is_repacked
    # the configuration that it came from is as it was
    assert not configuration.is_repacked
    assert (dense(configuration, OUT, HIDDEN, OUTPUTS) != w).any()


def test_synapses_are_added_where_there_is_room(configuration: Configuration) -> None:
    w = dense(configuration, REC, HIDDEN, HIDDEN)
    new = np.argwhere(w == 0)[0]
    count = len(table(configuration, REC).table()[0])
    w[tuple(new)] = 5
    again = configuration.repacked({REC: w})
    assert len(table(again, REC).table()[0]) == count + 1
    np.testing.assert_array_equal(dense(again, REC, HIDDEN, HIDDEN), w)
    # a weight of 0 leaves its synapse where it is
    same = configuration.repacked({REC: np.zeros_like(w)})
    assert len(table(same, REC).table()[0]) == count


def test_what_the_chip_has_not_is_refused(configuration: Configuration) -> None:
    w = dense(configuration, FC, INPUTS, HIDDEN)
    for given, told in (
        ({FC: w + 300}, "SNC-N006 node 'x.to.hidden.0': .* weights are beyond -128 to 127: 4"),
        ({FC: floats()[FC] * 20}, "SNC-N006 .* weights are beyond -128 to 127: -2"),
        ({"hidden.bias": np.full(HIDDEN, 128)}, "SNC-N006 node 'hidden.bias': 20 numbers"),
        ({"hidden.dash_mem": np.ones(HIDDEN)}, "SNC-C003 hidden.dash_mem: floats, and the conf"),
        ({FC: w[:-1]}, r"SNC-R001 x.to.hidden.0: expected \[6, 20\] .* got \[5, 20\]"),
        ({FC: w * np.nan}, "SNC-R001 x.to.hidden.0: has numbers that are not finite"),
        ({FC: np.full(w.shape, 2**64 - 1, np.uint64)}, "SNC-R001 .* has numbers beyond 32 bits"),
        ({FC: w == 0}, "SNC-R001 x.to.hidden.0: expected numbers, got bool"),
        ({"fc": w}, "SNC-C003 fc: expected one of x.to.hidden.0, "),
    ):
        with pytest.raises(SnnccError, match=told):
            configuration.repacked(given)
    with pytest.raises(SnnccError) as caught:
        configuration.repacked({FC: w + 300, "hidden.threshold": np.zeros(HIDDEN, int)})
    assert [p.node for p in caught.value.problems] == [FC, "hidden.threshold"]
