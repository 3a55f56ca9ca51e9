"""Tables of configurations with several cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snncc.cli.console import out, table

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration


def print_cores(configuration: Configuration) -> None:
    """Each core: what lies there, how full it is, packets of the golden sample."""
    from snncc.cores.plot import layers_of_cores
    from snncc.cores.traffic import traffic_of
    from snncc.dialects.core.wiring import Wiring

    description, wiring = configuration.description, Wiring(configuration.program)
    counted = traffic_of(configuration.program, configuration.golden)
    most = max(neuron.count for neuron in description.neurons.values())
    held, axons, between = wiring.sizes(), wiring.axons(), counted.between
    rows = []
    for core, layers in enumerate(layers_of_cores(wiring)):
        rows.append(
            (
                f"({wiring.cores[core][0]}, {wiring.cores[core][1]})",
                ", ".join(f"{name} {count}" for name, count in layers.items()),
                f"{held[core]} of {most}",
                f"{axons[core]}"
                + (f" of {description.grid.axons}" if description.grid.axons else ""),
                str(between[:, core].sum()),
                str(between[core].sum()),
            )
        )
    if wiring.bus is not None:
        x, y = wiring.bus
        rows.append((f"({x}, {y})", "output bus", "", "", str(between[:, -1].sum()), ""))
    title = f"cores, and packets of the sample ({counted.steps} steps)"
    columns = ["place", "layers", "neurons", "axons", "packets in", "out"]
    out.print(table(title, columns, rows, left=2, whole=1))


def print_layers(configuration: Configuration) -> None:
    """Each layer: copies, spikes, packets, hops, and energy where costs are known."""
    from snncc.cores.plot import energies
    from snncc.cores.traffic import traffic_of

    counted = traffic_of(configuration.program, configuration.golden)
    energy = energies(configuration, counted)
    rows = []
    for name, layer in counted.layers.items():
        row = [
            name,
            str(configuration.program.endings[name].size),
            str(layer.neurons or ""),
            str(layer.spikes),
            str(layer.packets),
            str(layer.hops),
        ]
        rows.append((*row, f"{energy[name] / 1000:.3f}") if energy else tuple(row))
    columns = ["layer", "elements", "neurons", "spikes", "packets", "hops"]
    columns += ["energy, nJ"] if energy else []
    out.print(table(f"the sample, {counted.steps} steps", columns, rows))
