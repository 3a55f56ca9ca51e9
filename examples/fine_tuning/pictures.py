"""Accuracy over the images that were seen, and where the memory of each training goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from tune import Tuning

mpl.rcParams["svg.hashsalt"] = "snncc"  # the same bytes each time
mpl.rcParams["svg.fonttype"] = "none"
COLORS = {"bptt": "C0", "eprop": "C1", "integer": "C2"}

PARTS = {
    "floats that weights follow, moments of Adam": ("apply",),
    "integers of them": ("derived", "prepare"),
    "sums of gradients": ("sums", "ends"),
    "tape": ("tape", "checkpoints"),
    "states, traces and work space": ("forward", "backward", "online", "predict"),
}


def draw_accuracy(found: Sequence[Tuning], path: Path) -> None:
    networks = list(dict.fromkeys(each.network for each in found))
    figure = Figure(figsize=(4.2 * len(networks), 3.2), layout="constrained")
    axes = figure.subplots(1, len(networks), squeeze=False, sharey=True)[0]
    for name, axis in zip(networks, axes, strict=True):
        tuned = [each for each in found if each.network == name]
        for each in tuned:
            curves, color = np.array(each.accuracy), COLORS[each.mode]
            passes = np.arange(curves.shape[1])
            axis.plot(passes, curves.mean(axis=0), color, label=each.mode)
            low, high = curves.min(axis=0), curves.max(axis=0)
            axis.fill_between(passes, low, high, color=color, alpha=0.2)
        axis.axhline(tuned[0].plain, color="gray", linestyle=":", label="before the shift")
        axis.axhline(np.mean(tuned[0].retrained), color="black", linestyle="--", label="PyTorch")
        axis.set(title=name, xlabel="passes over 1297 images", ylim=(0, 1))
        axis.legend(loc="lower right", fontsize=8)
    axes[0].set_ylabel("accuracy on unseen images")
    figure.savefig(path, metadata={"Date": None})


def draw_memory(found: Sequence[Tuning], path: Path) -> None:
    figure = Figure(figsize=(8.5, 0.9 + 0.45 * len(found)), layout="constrained")
    axis = figure.subplots()
    labels = [f"{each.network} {each.mode}" for each in found]
    left = np.zeros(len(found))
    for part, names in PARTS.items():
        sizes = np.array([sum(each.memory.get(n, 0) for n in names) for each in found]) / 1000
        axis.barh(labels, sizes, left=left, label=part)
        left += sizes
    axis.invert_yaxis()
    axis.set(xlabel="kB, all that a training takes beside constants")
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, metadata={"Date": None})
