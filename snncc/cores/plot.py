"""A drawing of a configuration: cores on the mesh, how full they are, what they send, energy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snncc.cores.traffic import Traffic, traffic_of
from snncc.dialects.core.wiring import ENTRY, Wiring
from snncc.errors import error

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration

SUFFIXES = (".svg", ".png", ".pdf")
MOST_NAMES = 3
"""Of layers in one core, which are written out."""


def expect_plot(path: Path) -> None:
    """Raises SNC-C004 or SNC-C005 where no drawing can be written to a path."""
    from importlib.util import find_spec

    from snncc.errors import expect_writable

    suffix = path.suffix.lower()
    expect_writable(path, suffix if suffix in SUFFIXES else SUFFIXES[0])
    if find_spec("matplotlib") is None:
        raise error("SNC-C005", "a drawing needs matplotlib", remedy="pip install 'snncc[plot]'")


def plot(configuration: Configuration, path: Path) -> None:
    """
    Writes a picture (.svg, .png, .pdf): each core with its layers, the neurons and axons in use,
    arrows for packets of the golden sample, and energy by layer where costs are known. An SVG has
    the same bytes each time.
    """
    expect_plot(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counted = traffic_of(configuration.program, configuration.golden)
    energy = energies(configuration, counted)
    grid = configuration.description.grid
    size = (2.2 * grid.width + 1.5 + (4.0 if energy else 0.0), 2.0 * grid.height + 1.2)
    with matplotlib.rc_context({"svg.hashsalt": configuration.name, "svg.fonttype": "none"}):
        figure, axes = pyplot.subplots(
            1,
            2 if energy else 1,
            figsize=size,
            layout="constrained",
            squeeze=False,
            width_ratios=[2.2 * grid.width, 4.0] if energy else [1.0],
        )
        _draw_mesh(axes[0][0], configuration, counted)
        if energy:
            names = list(energy)
            axes[0][1].barh(names, [energy[name] / 1000 for name in names], 0.6)
            axes[0][1].invert_yaxis()
            axes[0][1].set_xlabel("nJ in the sample")
        figure.suptitle(
            f"{configuration.name} on {configuration.description.title}: "
            f"{counted.between.sum()} packets in {counted.steps} steps"
        )
        try:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as fault:
            raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None
        finally:
            pyplot.close(figure)


def energies(configuration: Configuration, counted: Traffic) -> dict[str, float]:
    """pJ of each layer in the sample; nothing where the description has no costs."""
    cost = configuration.description.cost
    if cost is None:
        return {}
    found = {name: layer.energy(cost, counted.steps) for name, layer in counted.layers.items()}
    return {name: value for name, value in found.items() if value is not None}


def layers_of_cores(wiring: Wiring) -> list[dict[str, int]]:
    """Of each core: layer -> neurons, copies included."""
    found: list[dict[str, int]] = [{} for _ in wiring.cores]
    for name, neurons in wiring.neurons.items():
        counts = np.bincount(neurons.core, minlength=len(found))
        for core in np.flatnonzero(counts):
            found[core][name] = int(counts[core])
    return found


def _draw_mesh(axes: Any, configuration: Configuration, counted: Traffic) -> None:
    from matplotlib.patches import Rectangle

    description, wiring = configuration.description, Wiring(configuration.program)
    grid = description.grid
    most_neurons = max(neuron.count for neuron in description.neurons.values())
    sizes, axons = wiring.sizes(), wiring.axons()
    for y in range(grid.height):
        for x in range(grid.width):
            axes.add_patch(Rectangle((x - 0.4, y - 0.4), 0.8, 0.8, fc="white", ec="0.8"))
    for core, (x, y) in enumerate(wiring.cores):
        axes.add_patch(Rectangle((x - 0.4, y - 0.4), 0.8, 0.8, fc="0.96", ec="0.3"))
        shares = [("C0", sizes[core] / most_neurons)]
        if grid.axons is not None:
            shares.append(("C1", axons[core] / grid.axons))
        for row, (colour, share) in enumerate(shares):
            at = (x - 0.35, y - 0.36 + 0.09 * row)
            axes.add_patch(Rectangle(at, 0.7, 0.06, fc="white", ec="0.7", lw=0.5))
            axes.add_patch(Rectangle(at, 0.7 * share, 0.06, fc=colour, lw=0))
        layers = [f"{name} {count}" for name, count in layers_of_cores(wiring)[core].items()]
        if len(layers) > MOST_NAMES:
            layers = [*layers[: MOST_NAMES - 1], f"+ {len(layers) - MOST_NAMES + 1} more"]
        lines = "\n".join([*layers, f"{sizes[core]} neurons", f"{axons[core]} axons"])
        axes.text(x, y + 0.37, lines, ha="center", va="top", fontsize=7)
    if wiring.bus is not None:
        x, y = wiring.bus
        axes.add_patch(Rectangle((x - 0.4, y - 0.4), 0.8, 0.8, fc="#eef6ee", ec="0.3", ls="--"))
        text = f"output bus\n{wiring.outputs} lines"
        axes.text(x, y + 0.37, text, ha="center", va="top", fontsize=7)
    _draw_packets(axes, counted)
    axes.set_xlim(-1.1, grid.width - 0.5)
    axes.set_ylim(-0.6, grid.height - 0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(grid.width))
    axes.set_yticks(range(grid.height))
    axes.set_xlabel("blue: neurons in use, orange: axons; arrows: packets")


def _draw_packets(axes: Any, counted: Traffic) -> None:
    """An arrow for each pair of places that packets go between, as wide as they are many."""
    between = counted.between
    most = max(int(between.max()), 1)
    outside = (ENTRY[0] - 1.0, float(ENTRY[1]))
    starts = [*counted.cores, outside]
    ends = [*counted.cores, counted.bus or ENTRY]
    for start, end in np.argwhere(between):
        count = int(between[start, end])
        (x0, y0), (x1, y1) = starts[start], ends[end]
        if (x0, y0) == (x1, y1):
            continue
        axes.annotate(
            "",
            (x1, y1),
            (x0, y0),
            arrowprops={
                "arrowstyle": "-|>",
                "lw": 0.5 + 3.0 * count / most,
                "color": "C3",
                "alpha": 0.35,
                "shrinkA": 14,
                "shrinkB": 14,
                "connectionstyle": "arc3,rad=0.15",
            },
        )
        # beside the curve's middle, nearer to its start, so that both ways can be read
        length = math.hypot(x1 - x0, y1 - y0)
        x = x0 + 0.45 * (x1 - x0) + 0.12 * (y1 - y0) / length
        y = y0 + 0.45 * (y1 - y0) - 0.12 * (x1 - x0) / length
        axes.text(x, y, str(count), fontsize=6, color="C3", ha="center", va="center")
