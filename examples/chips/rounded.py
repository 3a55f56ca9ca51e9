"""
The networks in the whole numbers of their chips, rounded in the plainest way, in NumPy.

Each function has a chip's equations as its sheet writes them, and nothing of the compiler. A matrix
is rounded with one scale, thresholds are what they come to, nothing is calibrated: what is lost
here is what a compiler has to stay below. Streams are [T, B, inputs]; results are sums over time
[B, 10], whose largest names the class.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from networks import CLASSES, Network
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.int64]


def whole(model: Network) -> dict[str, Array]:
    """The matrices in whole numbers, [targets, sources]."""
    return {name: model.whole(name).numpy().astype(np.int64) for name in model.scales}


def shared_unit(model: Network, *names: str) -> tuple[dict[str, Array], dict[str, int], float]:
    """
    Matrices that feed one membrane: their whole numbers, how far each is shifted to count in the
    unit of the smallest, and that unit.
    """
    matrices = {name: getattr(model, name).detach().numpy() for name in names}
    unit = min(float(np.abs(w).max()) for w in matrices.values()) / model.largest
    found, shifts = {}, {}
    for name, w in matrices.items():
        shifts[name] = int(np.ceil(np.log2(np.abs(w).max() / (model.largest * unit))))
        found[name] = np.rint(w / (unit * 2 ** shifts[name])).astype(np.int64)
    return found, shifts, unit


def saturate(x: Array, bits: int) -> Array:
    return np.clip(x, -(1 << bits - 1), (1 << bits - 1) - 1)


def xylo(model: Network, stream: NDArray[np.uint8], up: int = 2) -> tuple[Array, dict[str, int]]:
    """
    Xylo, `xylosim.v2`: 16 bits, a synapse saturates after each source, decays are shifts, hidden
    neurons spike up to 31 times a step. `up`: bits below the unit of the weights, by shifting all
    of them. Also the least and largest membrane and current, and how often n > 1.
    """
    w, shifts, unit = shared_unit(model, "w_in", "w_rec")
    out = whole(model)["w_out"]
    threshold = round(2**up / unit)
    out_threshold = round(2**up / model.scale("w_out"))

    def dash(decay: Tensor) -> Array:
        """d of 1 - 2^-d."""
        return np.rint(-np.log2(1 - decay.numpy())).astype(np.int64)

    hidden, output = model.hidden, model.readout
    dash_syn, dash_mem = dash(hidden.synapse_decay), dash(hidden.membrane_decay)
    out_dash_syn, out_dash_mem = dash(output.synapse_decay), dash(output.membrane_decay)

    def decayed(x: Array, d: Array) -> Array:
        loss = x >> d
        return x - np.where((loss == 0) & (x > 0), 1, loss)

    def gathered(i: Array, sources: Array, weights: Array, shift: int) -> Array:
        for k in range(weights.shape[1]):
            i = saturate(i + sources[:, k : k + 1] * (weights[:, k] << shift), 16)
        return i

    batch, size = stream.shape[1], len(w["w_rec"])
    i, v, n = (np.zeros((batch, size), np.int64) for _ in range(3))
    j, u, total = (np.zeros((batch, CLASSES), np.int64) for _ in range(3))
    seen = {"least": 0, "largest": 0, "several": 0, "spikes": 0}
    for x in np.minimum(stream, 15).astype(np.int64):
        last = n
        i = gathered(i, x, w["w_in"], up + shifts["w_in"])
        i = gathered(i, last, w["w_rec"], up + shifts["w_rec"])
        i = decayed(i, dash_syn)
        v = saturate(decayed(v, dash_mem) + i, 16)
        seen["least"] = min(seen["least"], int(v.min()), int(i.min()))
        seen["largest"] = max(seen["largest"], int(v.max()), int(i.max()))
        n = np.where(v >= threshold, np.minimum(v // threshold, 31), 0)
        v = v - n * threshold
        seen["several"] += int((n > 1).sum())
        seen["spikes"] += int(n.sum())
        j = decayed(gathered(j, last, out, up), out_dash_syn)
        u = saturate(decayed(u, out_dash_mem) + j, 16)
        y = (u >= out_threshold).astype(np.int64)
        u, total = u - y * out_threshold, total + y
    return total, seen


def reckon(model: Network, stream: NDArray[np.uint8], up: int = 2) -> tuple[Array, dict[str, int]]:
    """
    ReckOn: 16 bits that saturate after each source, alpha of 15 bits and kappa of 7 that round
    down, the threshold tested before the leak. `up`: as above.
    """
    w, shifts, unit = shared_unit(model, "w_in", "w_rec")
    w["w_out"] = whole(model)["w_out"]
    alpha, kappa = round(model.ALPHA * 2**15), round(model.KAPPA * 2**7)
    threshold = round(2**up / unit)
    batch, hidden = stream.shape[1], len(w["w_rec"])
    u, o = np.zeros((batch, hidden), np.int64), np.zeros((batch, CLASSES), np.int64)
    total = np.zeros_like(o)
    seen = {"least": 0, "largest": 0, "output least": 0, "output largest": 0}
    for x in stream.astype(np.int64):
        z = u >= threshold
        u = ((u * alpha) >> 15) - threshold * z
        o = (o * kappa) >> 7
        for p in range(max(hidden, x.shape[1])):
            add = np.zeros_like(u)
            if p < x.shape[1]:
                add += x[:, p : p + 1] * (w["w_in"][:, p] << up + shifts["w_in"])
            if p < hidden:
                add += z[:, p : p + 1] * (w["w_rec"][:, p] << up + shifts["w_rec"])
                o = saturate(o + z[:, p : p + 1] * w["w_out"][:, p], 16)
            u = saturate(u + saturate(add, 16), 16)
        total += o
        seen["least"], seen["largest"] = (
            min(seen["least"], int(u.min())),
            max(seen["largest"], int(u.max())),
        )
        seen["output least"] = min(seen["output least"], int(o.min()))
        seen["output largest"] = max(seen["output largest"], int(o.max()))
    return total, seen


def ranc(model: Network, stream: NDArray[np.uint8], bits: int = 9) -> tuple[Array, dict[str, int]]:
    """
    RANC: weights by axon type, v += leak (0), spike at v >= threshold, v -= threshold; a spike
    arrives one tick later. `bits` of a membrane are what the Verilog has: beyond, it would wrap.
    """
    w = whole(model)
    layers = {
        "y": (("b", "yb"), ("d", "yd")),
        "b": (("a", "wb"),),
        "d": (("c", "wd"),),
        "a": (("x", "wa"),),
        "c": (("x", "wc"),),
    }
    thresholds = {k: int(model.THRESHOLDS[k]) for k in layers}
    batch = stream.shape[1]
    v = {k: np.zeros((batch, len(w[of[0][1]])), np.int64) for k, of in layers.items()}
    s = {k: np.zeros_like(x) for k, x in v.items()}
    total, seen = np.zeros((batch, CLASSES), np.int64), {"least": 0, "largest": 0}
    for x in stream.astype(np.int64):
        arrived = {**s, "x": x}
        for k, of in layers.items():
            v[k] = v[k] + sum(arrived[source] @ w[name].T for source, name in of)
            seen["least"] = min(seen["least"], int(v[k].min()))
            seen["largest"] = max(seen["largest"], int(v[k].max()))
            s[k] = (v[k] >= thresholds[k]).astype(np.int64)
            v[k] = v[k] - thresholds[k] * s[k]
        total += s["y"]
    if seen["least"] < -(1 << bits - 1) or seen["largest"] >= 1 << bits - 1:
        raise OverflowError(f"membranes from {seen['least']} to {seen['largest']}, {bits} bits")
    return total, seen


def tinyodin(model: Network, stream: NDArray[np.uint8]) -> tuple[Array, dict[str, int]]:
    """
    tinyODIN: event after event in ascending order, the neurons' own spikes through a FIFO before
    the next input; 12 bits that saturate, reset to 0.
    """
    w = whole(model)
    thresholds = [round(1 / model.scale(name)) for name in ("w_in", "w_out")]
    hidden = len(w["w_in"])
    threshold = np.repeat(thresholds, (hidden, CLASSES))
    # rows of the synapse memory: [source, target]; inputs feed hidden neurons, these the outputs
    from_input = np.pad(w["w_in"].T, ((0, 0), (0, CLASSES)))
    from_hidden = np.pad(w["w_out"].T, ((0, 0), (hidden, 0)))
    total = np.zeros((stream.shape[1], CLASSES), np.int64)
    seen = {"least": 0, "largest": 0, "longest queue": 0}
    for sample in range(stream.shape[1]):
        v, queue = np.zeros(hidden + CLASSES, np.int64), deque()
        for x in stream[:, sample]:
            for p in np.flatnonzero(x):
                rows = deque([from_input[p]])
                while rows:
                    v = saturate(v + rows.popleft(), 12)
                    seen["least"] = min(seen["least"], int(v.min()))
                    seen["largest"] = max(seen["largest"], int(v.max()))
                    fired = np.flatnonzero((v >= 0) & (v >= threshold))
                    v[fired] = 0
                    queue.extend(fired)
                    seen["longest queue"] = max(seen["longest queue"], len(queue))
                    while queue and not rows:
                        source = queue.popleft()
                        if source < hidden:
                            rows.append(from_hidden[source])
                        else:
                            total[sample, source - hidden] += 1
    return total, seen


CHIPS = {"xylo": xylo, "reckon": reckon, "ranc": ranc, "tinyodin": tinyodin}
