"""The results as a table and as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.results import GOALS, SUBJECT, Result
from benchmarks.timing import Ratio

WIDTH = 130
"""Columns of text that the table needs."""


def table(results: Sequence[Result]) -> Table:
    """One row for each network and contender, the layers' densities under the name."""
    table = Table(title="One core; medians over the rounds; ratios within each round")
    table.add_column("network, densities", no_wrap=True)
    table.add_column("contender", no_wrap=True)
    table.add_column("us a step", justify="right", no_wrap=True)
    table.add_column(f"ratio to {SUBJECT}", justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    table.add_column("equal spikes", no_wrap=True)
    for result in results:
        rates = " ".join(f"{rate:.3f}".lstrip("0") for rate in result.densities.values())
        heads = [result.network, rates]
        for number, name in enumerate(result.times.rounds):
            table.add_row(
                heads[number] if number < len(heads) else "",
                name,
                f"{result.microseconds(name):.2f}",
                *_ratio_texts(name, result.ratios().get(name)),
                result.agreement[name].text,
            )
        table.add_section()
    return table


def _ratio_texts(name: str, ratio: Ratio | None) -> tuple[str, str]:
    """The ratio with its least and largest value, and whether it is what it should be."""
    if ratio is None:
        return "", ""
    text = f"{ratio.median:.2f} ({ratio.lowest:.2f} to {ratio.highest:.2f})"
    goal = GOALS.get(name)
    if goal is None:
        return text, ""
    return text, f"{goal:g}: {'met' if ratio.median >= goal else 'missed'}"


def plot(results: Sequence[Result], path: Path) -> None:
    """A bar for each contender and network. Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(results), figsize=(5 * len(results), 3.5), squeeze=False, layout="constrained"
    )
    for axis, result in zip(axes[0], results, strict=True):
        names = list(result.times.rounds)
        values = [result.microseconds(name) for name in names]
        colors = ["tab:orange" if name == SUBJECT else "tab:gray" for name in names]
        bars = axis.barh(names, values, color=colors)
        axis.bar_label(bars, fmt="%.1f", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.25)
        axis.set_title(result.network)
        axis.set_xlabel("µs a step, one core")
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
