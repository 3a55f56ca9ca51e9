"""`snn.delay`: the one operation that looks back."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.traits import AllocatesState
from snncc.dialects.snn.types import (
    expect_broadcast,
    expect_static,
    known_as,
    shape_of,
    stream_type,
)


@irdl_op_definition
class DelayOp(IRDLOperation):
    """
    The stream some steps ago; the only operation whose stream operand may be defined
    later in the text.

        y[t] = x[t - d]    for t >= d
        y[t] = init        for t < d

        %y = snn.delay %x by 3 init %zero as "axon"
             : tensor<8xi1>, tensor<i1> -> tensor<8xi1>
        %y = snn.delay %x by dense<[1, 3]> : tensor<2xi64> init %zero
             : tensor<2xi1>, tensor<i1> -> tensor<2xi1>

    `by` is one number of steps (at least 1), or one for each element (at least 0, of the
    stream's shape). A delay with an element of 0 steps is instantaneous: it cannot close
    a loop. `init` broadcasts to the stream's shape.
    """

    name = "snn.delay"

    stream = operand_def(TensorType)
    init = operand_def(TensorType)
    steps = prop_def(IntegerAttr.constr(IntegerType(64)) | BaseAttr(DenseIntOrFPElementsAttr))
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(AllocatesState())

    assembly_format = (
        "$stream `by` $steps `init` $init (`as` $node^)? attr-dict "
        "`:` type($stream) `,` type($init) `->` type($result)"
    )

    def __init__(
        self,
        stream: SSAValue,
        steps: int | DenseIntOrFPElementsAttr,
        init: SSAValue,
        node: str | None = None,
    ):
        super().__init__(
            operands=[stream, init],
            properties={
                "steps": IntegerAttr(steps, i64) if isinstance(steps, int) else steps,
                "node": None if node is None else StringAttr(node),
            },
            result_types=[stream.type],
        )

    @property
    def steps_per_element(self) -> tuple[int, ...]:
        """One number for the whole stream, or one for each element in C order."""
        if isinstance(self.steps, IntegerAttr):
            return (self.steps.value.data,)
        return tuple(int(value) for value in self.steps.get_values())

    @property
    def depth(self) -> int:
        """The longest delay: how many past steps are kept."""
        return max(self.steps_per_element)

    @property
    def is_instantaneous(self) -> bool:
        """Whether some element passes through in the same step."""
        return min(self.steps_per_element) == 0

    def verify_(self) -> None:
        expect_static(self)
        known_as(self, 1)
        if self.result.type != self.stream.type:
            raise VerifyException(
                f"expected a result of {self.stream.type}, got {self.result.type}"
            )
        expect_broadcast("init", self.init, shape_of(self.stream))
        if stream_type(self.init).element_type != stream_type(self.stream).element_type:
            raise VerifyException(
                f"init: expected elements of {stream_type(self.stream).element_type}, "
                f"got {stream_type(self.init).element_type}"
            )
        least = 1
        if isinstance(self.steps, DenseIntOrFPElementsAttr):
            least = 0
            if not isinstance(self.steps.get_element_type(), IntegerType):
                raise VerifyException(f"by: expected whole numbers, got {self.steps.type}")
            if self.steps.get_shape() != shape_of(self.stream):
                raise VerifyException(
                    f"by: expected one number of steps for each element of {self.stream.type}, "
                    f"got {self.steps.type}"
                )
        if min(self.steps_per_element) < least:
            raise VerifyException(
                f"by: expected at least {least} step{'s' * (least != 1)}, "
                f"got {min(self.steps_per_element)}"
            )
        if self.depth < 1:
            raise VerifyException("by: expected a delay of at least 1 step somewhere, got 0")
