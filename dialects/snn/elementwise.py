"""Elementwise operations without state: add, scale, batch norm, threshold."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import FloatAttr, IntegerType, StringAttr, TensorType, f64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import Comparison, ComparisonAttr, SurrogateAttr
from snncc.dialects.snn.types import (
    expect_broadcast,
    expect_float_result,
    expect_same_element,
    expect_shape,
    expect_static,
    expect_summands,
    is_float,
    shape_of,
    stream_type,
)
from snncc.passes.canonicalization import SnnCanonicalization


@irdl_op_definition
class AddOp(IRDLOperation):
    """
    The sum of streams, left to right: the fan-in of a node with several predecessors.

        y = ((x0 + x1) + x2) + ...        spikes and counts count as 0.0, 1.0, ...

        %y = snn.add %a, %b : (tensor<8xf32>, tensor<8xi1>) -> tensor<8xf32>
    """

    name = "snn.add"

    inputs = var_operand_def(TensorType)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), SnnCanonicalization())

    assembly_format = "$inputs (`as` $node^)? attr-dict `:` functional-type($inputs, $result)"

    def __init__(self, inputs: Sequence[SSAValue], element: Attribute, *, node: str | None = None):
        super().__init__(
            operands=[inputs],
            properties={"node": None if node is None else StringAttr(node)},
            result_types=[TensorType(element, shape_of(inputs[0]))],
        )

    def verify_(self) -> None:
        expect_static(self)
        expect_float_result(self)
        if not self.inputs:
            raise VerifyException("expected at least one operand")
        for index, value in enumerate(self.inputs):
            expect_shape(f"operand {index}", value, shape_of(self.result))
        expect_summands(self.inputs, stream_type(self.result).element_type)


@irdl_op_definition
class ScaleOp(IRDLOperation):
    """
    Each element times its factor: y = x * s.

        %y = snn.scale %x, %s as "gain" : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    """

    name = "snn.scale"

    input = operand_def(TensorType)
    factor = operand_def(TensorType)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), SnnCanonicalization())

    assembly_format = (
        "$input `,` $factor (`as` $node^)? attr-dict `:` functional-type(operands, $result)"
    )

    def __init__(self, input: SSAValue, factor: SSAValue, *, node: str | None = None):
        super().__init__(
            operands=[input, factor],
            properties={"node": None if node is None else StringAttr(node)},
            result_types=[TensorType(stream_type(factor).element_type, shape_of(input))],
        )

    def verify_(self) -> None:
        expect_static(self)
        expect_float_result(self)
        expect_same_element("factor", [self.factor], stream_type(self.result).element_type)
        expect_shape("result", self.result, shape_of(self.input))
        expect_broadcast("factor", self.factor, shape_of(self.result))
        expect_summands([self.input], stream_type(self.result).element_type)


@irdl_op_definition
class BatchNormOp(IRDLOperation):
    """
    Batch normalisation with fixed statistics, per channel (the first axis).

        y = x * a + b        a = gamma / sqrt(variance + epsilon)    b = beta - mean * a

    `a` and `b` are computed in float64 and rounded once (Ioffe and Szegedy, 2015, in
    evaluation mode).

        %y = snn.batch_norm %x, %gamma, %beta, %mean, %variance epsilon 1.0e-05 : f64
             : (tensor<8x4x4xf32>, ...) -> tensor<8x4x4xf32>
    """

    name = "snn.batch_norm"

    input = operand_def(TensorType)
    gamma = operand_def(TensorType)
    beta = operand_def(TensorType)
    mean = operand_def(TensorType)
    variance = operand_def(TensorType)
    epsilon = prop_def(FloatAttr)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = (
        "$input `,` $gamma `,` $beta `,` $mean `,` $variance (`as` $node^)? `epsilon` $epsilon "
        "attr-dict `:` functional-type(operands, $result)"
    )

    def __init__(
        self,
        input: SSAValue,
        gamma: SSAValue,
        beta: SSAValue,
        mean: SSAValue,
        variance: SSAValue,
        epsilon: float,
        *,
        node: str | None = None,
    ):
        super().__init__(
            operands=[input, gamma, beta, mean, variance],
            properties={
                "epsilon": FloatAttr(epsilon, f64),
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(stream_type(gamma).element_type, shape_of(input))],
        )

    def verify_(self) -> None:
        expect_static(self)
        expect_float_result(self)
        expect_shape("result", self.result, shape_of(self.input))
        statistics = (self.gamma, self.beta, self.mean, self.variance)
        expect_same_element("statistics", statistics, stream_type(self.result).element_type)
        if not shape_of(self.input):
            raise VerifyException("input: expected [channels, ...], got a scalar")
        for name, value in zip(("gamma", "beta", "mean", "variance"), statistics, strict=True):
            expect_shape(name, value, shape_of(self.input)[:1])
        expect_summands([self.input], stream_type(self.result).element_type)
        if not self.epsilon.value.data >= 0.0:
            raise VerifyException(f"epsilon: expected at least 0, got {self.epsilon.value.data}")


@irdl_op_definition
class ThresholdOp(IRDLOperation):
    """
    A spike wherever the input passes the threshold; no state.

        gt: z = 1 if x - threshold > 0 else 0        ge: z = 1 if x - threshold >= 0 else 0

        %z = snn.threshold gt %x, %th : (tensor<8xf32>, tensor<f32>) -> tensor<8xi1>
    """

    name = "snn.threshold"

    comparison = prop_def(ComparisonAttr)
    input = operand_def(TensorType)
    threshold = operand_def(TensorType)
    surrogate = opt_prop_def(SurrogateAttr)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = (
        "$comparison $input `,` $threshold (`surrogate` $surrogate^)? (`as` $node^)? attr-dict "
        "`:` functional-type(operands, $result)"
    )

    def __init__(
        self,
        comparison: Comparison | str,
        input: SSAValue,
        threshold: SSAValue,
        *,
        surrogate: SurrogateAttr | None = None,
        node: str | None = None,
    ):
        super().__init__(
            operands=[input, threshold],
            properties={
                "comparison": ComparisonAttr(Comparison(comparison)),
                "surrogate": surrogate,
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(IntegerType(1), shape_of(input))],
        )

    def verify_(self) -> None:
        expect_static(self)
        expect_shape("result", self.result, shape_of(self.input))
        expect_broadcast("threshold", self.threshold, shape_of(self.input))
        expect_same_element("threshold", [self.threshold], stream_type(self.input).element_type)
        expect_same_element("result", [self.result], IntegerType(1))
        element = stream_type(self.input).element_type
        if not is_float(element):
            raise VerifyException(f"input: expected elements of f32 or f64, got {element}")
