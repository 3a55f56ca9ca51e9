"""Convolutions, pooling, batch norm and dropout of ATen, as they compute in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeAlias

import numpy as np

from snncc.errors import SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_elementwise import div
from snncc.importers.torch.registry import operator

Sizes: TypeAlias = "int | Sequence[int]"

MAX_WINDOW = 1 << 20


def spread(sizes: Sizes, rank: int) -> tuple[int, ...]:
    """One size for every spatial axis, or one for each."""
    listed = (sizes,) if isinstance(sizes, int) else tuple(int(s) for s in sizes)
    if len(listed) == 1:
        listed *= rank
    if len(listed) != rank:
        raise error("SNC-I014", f"{list(listed)} for {rank} spatial axes")
    return listed


# --- convolution


@operator("aten.conv1d", "aten.conv2d", "aten.conv3d")
def conv(
    graph: Graph,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Value:
    """Of [N, C, *spatial] or [C, *spatial]. 'same' pads one more at the end where it must."""
    rank = len(weight.shape) - 2
    if rank < 1:
        raise error("SNC-I014", f"conv: a weight of {list(weight.shape)}")
    spacing = spread(dilation, rank)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(spacing, weight.shape[2:], strict=True)]
        pads = [(t // 2, t - t // 2) for t in total]
    elif padding == "valid":
        pads = [(0, 0)] * rank
    elif isinstance(padding, str):
        raise error("SNC-I011", f"conv: padding {padding!r}")
    else:
        pads = [(p, p) for p in spread(padding, rank)]
    alone = len(input.shape) == rank + 1
    x = graph.reshape(input, (1, *input.shape)) if alone else input
    y = graph.conv(
        x,
        weight,
        bias,
        stride=spread(stride, rank),
        padding=pads,
        dilation=spacing,
        groups=groups,
    )
    return graph.reshape(y, y.shape[1:]) if alone else y


@operator("aten.convolution", "aten._convolution")
def convolution(
    graph: Graph,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    transposed: bool,
    output_padding: Sizes,
    groups: int,
    benchmark: bool = False,
    deterministic: bool = False,
    cudnn_enabled: bool = True,
    allow_tf32: bool = True,
) -> Value:
    if transposed:
        raise error("SNC-I012", "a transposed convolution is not supported")
    return conv(graph, input, weight, bias, stride, padding, dilation, groups)


# --- pooling


def _max_pool(rank: int) -> None:
    def pool(
        graph: Graph,
        self: Value,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> Value:
        return _pool(
            graph, "max", self, rank, kernel_size, stride, padding, dilation, ceil_mode, False
        )

    def pool_with_indices(
        graph: Graph, self: Value, *sizes: Sizes, **named: Sizes
    ) -> list[Value | None]:
        return [pool(graph, self, *sizes, **named), None]  # type: ignore[arg-type]

    operator(f"aten.max_pool{rank}d")(pool)
    operator(f"aten.max_pool{rank}d_with_indices")(pool_with_indices)


def _avg_pool(rank: int) -> None:
    @operator(f"aten.avg_pool{rank}d")
    def pool(
        graph: Graph,
        self: Value,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        kind = "avg" if divisor_override is None else "sum"
        y = _pool(
            graph,
            kind,
            self,
            rank,
            kernel_size,
            stride,
            padding,
            1,
            ceil_mode,
            kind == "avg" and not count_include_pad,
        )
        return y if divisor_override is None else div(graph, y, divisor_override)


def _adaptive_pool(rank: int) -> None:
    def windows(x: Value, size: Sequence[int | None] | int) -> list[int]:
        spatial = x.shape[-rank:]
        wanted = [size] * rank if isinstance(size, int) else list(size)
        goals = [s if w is None else int(w) for w, s in zip(wanted, spatial, strict=True)]
        if any(goal < 1 or s % goal for goal, s in zip(goals, spatial, strict=True)):
            raise error(
                "SNC-I014",
                f"adaptive pooling of {list(spatial)} to {goals}: the windows differ in size",
                remedy="pool to a size that divides the input's",
            )
        return [s // goal for goal, s in zip(goals, spatial, strict=True)]

    @operator(f"aten.adaptive_avg_pool{rank}d", *([f"aten._adaptive_avg_pool{rank}d"] * (rank > 1)))
    def average(graph: Graph, self: Value, output_size: Sequence[int | None]) -> Value:
        kernel = windows(self, output_size)
        return _pool(graph, "avg", self, rank, kernel, (), 0, 1, False, False)

    @operator(f"aten.adaptive_max_pool{rank}d")
    def largest(graph: Graph, self: Value, output_size: Sequence[int | None]) -> list[Value | None]:
        kernel = windows(self, output_size)
        return [_pool(graph, "max", self, rank, kernel, (), 0, 1, False, False), None]


for _rank in (1, 2, 3):
    _max_pool(_rank)
    _avg_pool(_rank)
    _adaptive_pool(_rank)


def _pool(
    graph: Graph,
    kind: str,
    x: Value,
    rank: int,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil: bool,
    exclude_padding: bool,
) -> Value:
    """Of [N, C, *spatial] or [C, *spatial]; no stride is the kernel."""
    window = spread(kernel, rank)
    pads = spread(padding, rank)
    if any(2 * p > k for p, k in zip(pads, window, strict=True)):
        raise error("SNC-I014", f"pool: padding {list(pads)} of a window of {list(window)}")
    if prod(window) > MAX_WINDOW:
        raise error("SNC-I017", f"pool: a window of {list(window)}")
    alone = len(x.shape) == rank + 1
    y = graph.pool(
        kind,
        graph.reshape(x, (1, *x.shape)) if alone else x,
        kernel=window,
        stride=window if stride == () or stride == [] else spread(stride, rank),
        padding=[(p, p) for p in pads],
        dilation=spread(dilation, rank),
        ceil=ceil,
        exclude_padding=exclude_padding,
    )
    return graph.reshape(y, y.shape[1:]) if alone else y


# --- batch norm


@operator("aten.batch_norm")
def batch_norm(
    graph: Graph,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Value:
    if training or running_mean is None or running_var is None:
        raise _training("batch norm", "with the statistics of the batch")
    channels = running_mean.shape
    gamma = weight if weight is not None else graph.constant(np.ones(channels, input.dtype))
    beta = bias if bias is not None else graph.constant(np.zeros(channels, input.dtype))
    return graph.batch_norm(input, gamma, beta, running_mean, running_var, eps)


@operator("aten._native_batch_norm_legit_no_training")
def batch_norm_no_training(
    graph: Graph,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> list[Value | None]:
    y = batch_norm(graph, input, weight, bias, running_mean, running_var, False, momentum, eps)
    return [y, None, None]


@operator(
    "aten._native_batch_norm_legit",
    "aten._native_batch_norm_legit_functional",
    "aten.native_batch_norm",
)
def native_batch_norm(
    graph: Graph,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    training: bool,
    momentum: float,
    eps: float,
    running_mean: Value | None = None,
    running_var: Value | None = None,
) -> list[Value | None]:
    y = batch_norm(graph, input, weight, bias, running_mean, running_var, training, momentum, eps)
    return [y, None, None, None, None]


@operator("aten.cudnn_batch_norm", "aten.miopen_batch_norm")
def cudnn_batch_norm(
    graph: Graph,
    input: Value,
    weight: Value,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool,
    exponential_average_factor: float,
    epsilon: float,
) -> list[Value | None]:
    y = batch_norm(
        graph,
        input,
        weight,
        bias,
        running_mean,
        running_var,
        training,
        exponential_average_factor,
        epsilon,
    )
    return [y, None, None, None]


# --- dropout


@operator(
    "aten.dropout", "aten.feature_dropout", "aten.alpha_dropout", "aten.feature_alpha_dropout"
)
def dropout(graph: Graph, input: Value, p: float, train: bool) -> Value:
    if train and p != 0:
        raise _training("dropout", f"with p = {p}")
    return input


@operator("aten.native_dropout")
def native_dropout(graph: Graph, input: Value, p: float, train: bool | None) -> list[Value | None]:
    return [dropout(graph, input, p, train is not False), None]


def _training(layer: str, how: str) -> SnnccError:
    return error(
        "SNC-I015",
        f"{layer} in training mode, {how}",
        remedy="call model.eval() before the export",
    )
