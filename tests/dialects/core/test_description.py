"""Descriptions of chips: what is wrong with one is named with its line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from snncc.cores.chips import chip_named, description_text, known_chips
from snncc.dialects.core.document import DescriptionError, parse_description
from snncc.errors import SnnccError

TEXT = """\
schema: snncc.chip/1
name: tiny
title: A chip
source: {text: nothing}
inputs: {count: 4}
neurons:
  n:
    count: 4
    states:
      v: {bits: 16}
    parameters:
      threshold: {low: 1, high: 100}
    arrivals: {overflow: saturate, bits: 16, per: step}
    step: |
      v = arrive(v)
      spikes = spike(v >= threshold)
      v = 0 if spikes else v
    approximates:
      membrane: {form: none}
      threshold: threshold
      reset: {kinds: {zero: 0}}
edges:
  input: {source: input, target: n, low: -8, high: 7, latency: 0}
"""


def test_every_shipped_description_is_read_and_written() -> None:
    for name in known_chips():
        description = chip_named(name)
        assert parse_description(description_text(description)) == description


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("bits: 16}", "bits: many}", ":10: neurons.n.states.v.bits: "),
        ("count: 4\n", "count: -4\n", ":8: neurons.n.count: "),
        ("title: A chip", "title: A chip\ncolour: red", ":4: colour: Extra inputs"),
        ("arrive(v)", "arive(v)", "step: line 1: arive: expected one of arrive"),
        (
            "v >= threshold",
            "v >= theta",
            ":14: neurons.n.step: theta is no state, parameter",
        ),
        ("if spikes else v", "if", "step: line 3: not an equation"),
        ("v = arrive(v)", "import os", "step: line 1: expected NAME = ..."),
        ("v = arrive(v)", "v = v.real", "step: line 1: v.real: no form of an equation"),
        ("v = arrive(v)", "v = arrive(v, 1, 2)", "arrive: expected 1 or 2 arguments, got 3"),
        ("v = arrive(v)", "v = arrive(v, 1)", ":14: neurons.n.step: line 1: arrive: there is no"),
        ("v = arrive(v)", "v = spikes", "spikes is no state, parameter or setting"),
        ("v = arrive(v)", "v = saturate(v, 32)", "line 1: expected 1 to 31 bits, got 32"),
        ("v = arrive(v)", "v = saturate(v, v)", "line 1: expected a number that stands in the"),
        ("v = arrive(v)", "v[2] = arrive(v)", "line 1: v: there is no v[2]"),
        ("v = 0 if spikes else v", "v = spikes", "v: expected a number, got a spike"),
        ("spike(v >= threshold)", "v - threshold", "line 3: condition: expected a comparison"),
        ("target: n", "target: m", ":23: edges.input.target: m is no class of neurons"),
        (
            "low: 1, high: 100",
            "low: 100, high: 1",
            ":12: neurons.n.parameters.threshold: expected low",
        ),
        ("      threshold: threshold\n", "      threshold: theta\n", "approximates: theta is no"),
        (
            "{kinds: {zero: 0}}",
            "{kinds: {zero: 0, subtract: 1}}",
            ":21: neurons.n.approximates.reset",
        ),
        ("schema: snncc.chip/1", "schema: snncc.chip/9", ":1: schema: "),
        ("source: {text: nothing}", "source: {text: nothing", ":5: "),
        ("name: tiny", "name: tiny\nname: other", ":3: name stands twice"),
        ("name: tiny", "name: &a tiny\ntitle2: *a", "title2"),
    ],
)
def test_faults_name_line_and_key(old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(DescriptionError) as caught:
        parse_description(TEXT.replace(old, new, 1))
    assert any(told in fault for fault in caught.value.faults), caught.value.faults


def test_text_is_never_run(tmp_path: Path) -> None:
    """A name that Python knows is no name of an equation."""
    for expression in ("__import__('os')", "open('x')", "[1][0]", "lambda: 1", "'a'", "1.5"):
        with pytest.raises(DescriptionError):
            parse_description(TEXT.replace("v = arrive(v)", f"v = {expression}"))


@pytest.mark.parametrize(
    "text", ["", "a", "- 1", "a: [*b]", "&a [*a]", "\x00", "!!python/object:os.x {}", "{" * 5000]
)
def test_what_is_no_description(text: str) -> None:
    with pytest.raises(DescriptionError):
        parse_description(text)


def test_large_numbers_end_quickly() -> None:
    for number in ("9" * 5000, "1 << 4000000000", "2 * " * 3000 + "1"):
        with pytest.raises(DescriptionError):
            parse_description(TEXT.replace("v = arrive(v)", f"v = arrive(v) + {number}"))


def test_chips_by_name_and_by_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TEXT)
    assert chip_named(str(path)).name == "tiny"
    with pytest.raises(SnnccError, match=r"SNC-C003 target: expected c, .*xylo"):
        chip_named("xilo")
    with pytest.raises(SnnccError, match=r"SNC-N001 .*no such file"):
        chip_named(str(tmp_path / "none.yaml"))
    path.write_text(TEXT.replace("bits: 16", "bits: 99", 1))
    with pytest.raises(SnnccError, match=r"SNC-N001 tiny\.yaml:10: neurons\.n\.states\.v\.bits"):
        chip_named(str(path))


def test_the_documented_description_is_one() -> None:
    page = Path(__file__).parents[3] / "docs" / "adding.md"
    text = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    chip = parse_description(textwrap.dedent(text))
    assert chip.neurons["lif"].membrane == "v"
    assert parse_description(description_text(chip)) == chip
