"""
What broadcasting and weighted sums become when gradients flow back: `snn.reduce` sums what
was repeated, `snn.outer` multiplies what met in a weight.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import Pool, PoolAttr
from snncc.dialects.snn.types import (
    broadcasts_to,
    expect_float_result,
    expect_same_element,
    expect_shape,
    expect_static,
    expect_summands,
    shape_of,
    shape_text,
    stream_type,
)


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """
    The sum or the maximum over the axes along which the result's shape broadcasts to that of
    the input: the transpose of broadcasting.

        sum: y = sum over the axes, ascending in C order, from +0
        max: y = largest x

        %y = snn.reduce sum %x : tensor<30x4x4xf32> -> tensor<30x1x1xf32>
        %y = snn.reduce max %x : tensor<10xf32> -> tensor<1xf32>
        %y = snn.reduce sum %x : tensor<30x4xi1> -> tensor<f32>

    `sum` gives floats, `max` the type of its input.
    """

    name = "snn.reduce"

    pool = prop_def(PoolAttr)
    input = operand_def(TensorType)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$pool $input (`as` $node^)? attr-dict `:` type($input) `->` type($result)"

    def __init__(
        self,
        pool: Pool | str,
        input: SSAValue,
        shape: Sequence[int],
        *,
        element: Attribute | None = None,
        node: str | None = None,
    ):
        """`shape` is the result's; `element` its element type: that of the input, if not given."""
        super().__init__(
            operands=[input],
            properties={
                "pool": PoolAttr(Pool(pool)),
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(element or stream_type(input).element_type, shape)],
        )

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the input that are reduced."""
        shape, kept = shape_of(self.input), shape_of(self.result)
        padded = (1,) * (len(shape) - len(kept)) + kept
        leading = len(shape) - len(kept)
        return tuple(
            axis
            for axis, (size, target) in enumerate(zip(shape, padded, strict=True))
            if axis < leading or size != target
        )

    def verify_(self) -> None:
        expect_static(self)
        if self.pool.data is Pool.AVG:
            raise VerifyException("expected sum or max, got avg")
        shape, kept = shape_of(self.input), shape_of(self.result)
        if not broadcasts_to(kept, shape):
            raise VerifyException(
                f"result: expected a shape that broadcasts to {shape_text(shape)}, "
                f"got {shape_text(kept)}"
            )
        if self.pool.data is Pool.MAX:
            expect_same_element("result", [self.result], stream_type(self.input).element_type)
        else:
            expect_float_result(self)
            expect_summands([self.input], stream_type(self.result).element_type)


@irdl_op_definition
class OuterOp(IRDLOperation):
    """
    The products of all elements of two streams, summed over their last axis: the gradient of
    a weight, from that of the sums (a) and what they were taken of (b).

        y[g, n, m] = sum over p ascending, from +0, of a[g, n, p] * b[g, m, p]

        %y = snn.outer %a, %b : (tensor<1x128x1xf32>, tensor<1x64x1xi1>) -> tensor<1x128x64xf32>

    Spikes and counts count as 0.0, 1.0, ...; a product of two spikes is 0 or 1.
    """

    name = "snn.outer"

    left = operand_def(TensorType)
    right = operand_def(TensorType)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = (
        "$left `,` $right (`as` $node^)? attr-dict `:` functional-type(operands, $result)"
    )

    def __init__(
        self, left: SSAValue, right: SSAValue, element: Attribute, *, node: str | None = None
    ):
        """[G, N, P] and [G, M, P] give [G, N, M] of `element`."""
        shape = (*shape_of(left)[:2], *shape_of(right)[1:2])
        super().__init__(
            operands=[left, right],
            properties={"node": None if node is None else StringAttr(node)},
            result_types=[TensorType(element, shape)],
        )

    def verify_(self) -> None:
        expect_static(self)
        expect_float_result(self)
        for name, value in (("left", self.left), ("right", self.right)):
            if len(shape_of(value)) != 3:
                raise VerifyException(
                    f"{name}: expected [groups, elements, positions], got {stream_type(value)}"
                )
        groups, rows, positions = shape_of(self.left)
        expect_shape("right", self.right, (groups, shape_of(self.right)[1], positions))
        expect_shape("result", self.result, (groups, rows, shape_of(self.right)[1]))
        expect_summands([self.left, self.right], stream_type(self.result).element_type)
