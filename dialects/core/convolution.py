"""Connections that are a convolution, by their kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.arrays import Array
from snncc.dialects.core.program import ConnectionsOp, ProgramOp, numbers_of
from snncc.dialects.snn.linear import output_size
from snncc.dialects.windows import Windows, convolution_entries


@irdl_op_definition
class ConvolutionOp(ConnectionsOp):
    """
    The connections of a convolution (cross-correlation, as `snn.conv2d`) between neurons of the
    shape [channels, height, width]; the kernel is [outputs, inputs of a group, height, width].

        core.convolution @s0 from @x to @lif1 edge "input" receptor 0 delay 0 kernel @lif1.kernel
            stride [2, 2] padding [0, 0, 1, 1] dilation [1, 1] groups 1

    It is what `core.synapses` would list, each place of the kernel that is not 0 and meets an
    element.
    """

    name = "core.convolution"

    kernel = prop_def(FlatSymbolRefAttrConstr)
    stride = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    dilation = prop_def(DenseArrayBase.constr(i64))
    groups = prop_def(IntegerAttr.constr(i64))

    assembly_format = (
        "$sym_name `from` $source `to` $target `edge` $edge `receptor` $receptor `delay` $delay "
        "`kernel` $kernel `stride` $stride `padding` $padding `dilation` $dilation "
        "`groups` $groups attr-dict"
    )

    def __init__(
        self,
        name: str,
        source: str,
        target: str,
        edge: str,
        kernel: str,
        windows: Windows,
        *,
        receptor: int = 0,
        delay: int = 0,
    ):
        def numbers(values: Sequence[int]) -> DenseArrayBase:
            return DenseArrayBase.from_list(i64, list(values))

        super().__init__(
            properties={
                **self.ends(name, source, target, edge, receptor, delay),
                "kernel": SymbolRefAttr(kernel),
                "stride": numbers(windows.strides),
                "padding": numbers([end for ends in windows.paddings for end in ends]),
                "dilation": numbers(windows.dilations),
                "groups": IntegerAttr(windows.groups, i64),
            }
        )

    @property
    def windows(self) -> Windows:
        stride, padding, dilation = (
            tuple(int(v) for v in values.get_values())
            for values in (self.stride, self.padding, self.dilation)
        )
        paddings = tuple(zip(padding[::2], padding[1::2], strict=True))
        return Windows(stride, paddings, dilation, self.groups.value.data)

    @property
    def weight_array(self) -> Array:
        """The kernel."""
        return numbers_of(self, self.kernel)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of the source and of the target."""
        program = self.parent_op()
        assert isinstance(program, ProgramOp)
        source, target = (program.endings[name] for name in (self.source_name, self.target_name))
        return tuple(source.shape.get_values()), tuple(target.shape.get_values())

    def table(self) -> tuple[Array, Array, Array]:
        before, after = self.shapes
        targets, sources, weights = convolution_entries(
            self.weight_array, before, after, self.windows
        )
        kept = np.flatnonzero(weights)
        order = kept[np.lexsort((targets[kept], sources[kept]))]
        return sources[order], targets[order], weights[order]

    def verify_(self) -> None:
        if self.connected() is None:
            return
        for what, values, count, least in (
            ("stride", self.stride, 2, 1),
            ("padding", self.padding, 4, 0),
            ("dilation", self.dilation, 2, 1),
        ):
            numbers = values.get_values()
            if len(numbers) != count or min(numbers) < least:
                raise VerifyException(f"{what}: expected {count} numbers of at least {least}")
        (before, after), kernel, lie = self.shapes, self.weight_array.shape, self.windows
        if len(before) != 3 or len(after) != 3 or len(kernel) != 4:
            raise VerifyException(
                "expected [channels, height, width] at both ends, and a kernel of four axes"
            )
        if lie.groups < 1 or kernel[0] % lie.groups or before[0] != kernel[1] * lie.groups:
            raise VerifyException(
                f"groups: {lie.groups} of {kernel[1]} inputs, and {kernel[0]} outputs, "
                f"do not fit {before[0]} channels"
            )
        sizes = [
            output_size(before[1 + a], kernel[2 + a], s, *p, d)
            for a, (s, p, d) in enumerate(
                zip(lie.strides, lie.paddings, lie.dilations, strict=True)
            )
        ]
        if tuple(after) != (kernel[0], *sizes):
            raise VerifyException(
                f"expected a population of shape {[kernel[0], *sizes]}, got {list(after)}"
            )
