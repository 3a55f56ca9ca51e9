"""The plot of an analysis."""

from __future__ import annotations

from pathlib import Path

from snncc.errors import error
from snncc.quantization.analysis import Analysis

SUFFIXES = (".png", ".pdf", ".svg")


def expect_plot(path: Path) -> None:
    """Raises SNC-C004 or SNC-C005 where no plot can be written to a path, before work is done."""
    from importlib.util import find_spec

    from snncc.errors import expect_writable

    suffix = path.suffix.lower()
    expect_writable(path, suffix if suffix in SUFFIXES else SUFFIXES[0])
    if find_spec("matplotlib") is None:
        raise error("SNC-C005", "a plot needs matplotlib", remedy="pip install 'snncc[plot]'")


def plot(analysis: Analysis, path: Path) -> None:
    """Writes a picture (.png, .pdf, .svg): rates of both networks, their distance, states."""
    expect_plot(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    layers = analysis.layers
    names = [layer.name for layer in layers]
    places = range(len(layers))
    figure, (rates, errors, bounds) = pyplot.subplots(
        3, 1, figsize=(max(6.0, 1.2 * len(layers)), 8.0), sharex=True, layout="constrained"
    )
    rates.bar([p - 0.2 for p in places], [y.float_rate for y in layers], 0.4, label="float")
    rates.bar([p + 0.2 for p in places], [y.rate for y in layers], 0.4, label="integer")
    rates.set_ylabel("output a step")
    rates.legend()
    errors.bar(places, [100 * y.rate_error for y in layers], 0.6)
    errors.set_ylabel("rate error, %")
    for place, layer in zip(places, layers, strict=True):
        for index, state in enumerate(layer.states):
            at = place + 0.25 * index
            full = 2.0 ** (state.bits - 1)
            bounds.plot([at, at], [end / full for end in state.proved], lw=6, color="0.8")
            bounds.plot([at, at], [end / full for end in state.seen], lw=3, color="C0")
    bounds.set_ylabel("states, of their type\n(grey: proved, blue: seen)")
    bounds.set_xticks(list(places), names, rotation=30, ha="right")
    title = analysis.network
    if analysis.accuracy is not None and analysis.float_accuracy is not None:
        title += f": accuracy {analysis.float_accuracy:.3f} float, {analysis.accuracy:.3f} integer"
    figure.suptitle(title)
    try:
        figure.savefig(path)
    except OSError as fault:
        raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None
    finally:
        pyplot.close(figure)
