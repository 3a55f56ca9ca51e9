"""The buffers of a program by role: its named arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
    i8,
    i64,
)
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, SpacedOpaqueSyntaxAttribute
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    lazy_traits_def,
    opt_prop_def,
    prop_def,
)
from xdsl.traits import HasParent, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from snncc.dialects.kernel.packing import PACKINGS, Packing
from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.network import LAST, STREAM, SUM
from snncc.dialects.symbols import symbol_named

if TYPE_CHECKING:
    from snncc.dialects.kernel.program import ProgramOp

MemRef: TypeAlias = MemRefType[Attribute]


class Role(StrEnum):
    """What a buffer is for, and who owns it."""

    CONST = "const"
    """Fixed content: weights and parameters."""
    STATE = "state"
    """Kept from step to step; starts at its content."""
    STREAM = "stream"
    """Carries values between stages, for a block of steps (the first axis)."""
    WORK = "work"
    """Used within one step of one stage."""
    INPUT = "input"
    """The caller's, read; a row for each step or each sample, or one value that is held."""
    OUTPUT = "output"
    """The caller's, written; a row for each step or each sample, or one value for all."""


@irdl_attr_definition
class RoleAttr(EnumAttribute[Role], SpacedOpaqueSyntaxAttribute):
    """What a buffer is for: `const`, `state`, `stream`, `work`, `input` or `output`."""

    name = "kernel.role"


def _program_op() -> type[ProgramOp]:
    # imported here: a program has stages, which refer to buffers
    from snncc.dialects.kernel.program import ProgramOp

    return ProgramOp


@irdl_op_definition
class BufferOp(IRDLOperation):
    """
    A named array of the program.

        kernel.buffer const @fc1.weight : memref<64x128xf32> = #snn.blob<"9f86...">
        kernel.buffer state @lif1.v : memref<128xf32> = dense<0.0> : tensor<f32>
        kernel.buffer stream @lif1 : memref<16x128xi8>
        kernel.buffer work @fc1 : memref<128xf32> stage "lif1"

    An output has a row for each step; or it has one value, the `sum` of all steps, which is
    added to what the caller put there, or the `last` one that was run.

        kernel.buffer output @d.w : memref<1x64x128xf32> sum order [0, 2, 1]

    Spikes of a tape are `bits` (`kernel.pack`). An input that is `held` is the same at every
    step: a parameter that is trained. What is `sampled` has a row for each sample of a block,
    an input that is held for its steps or an output that is their sum or their last value.

        kernel.buffer output @loss : memref<?x1xf32> last sampled

    A state whose first values are trained starts `from` an input that is held, which has as
    many elements; its content is what it has before there are any.

        kernel.buffer state @lif1.v : memref<128xf32> = dense<0.0> : tensor<f32> from @v0

    A value with several axes is stored with its first axis (channels) innermost, where
    `channel_last` stands; a sum or last value may be stored with its axes in another `order`,
    from the outermost to the innermost, and `sizes` are the model's where these are others.
    Content is one value for all elements or one for each. `of` gives the model's name of an input,
    output, state or traced stream whose symbol is another. Bytes of the caller that are spikes,
    0 or 1, are marked `spikes`; integers that are signed numbers are marked `signed`, for
    those who look at them: kernels and bodies say themselves how they read what they take.

    The integers of a constant may be stored in fewer bits than their type has (`packing.py`).
    That changes what is stored and nothing else; who reads such a constant unpacks its rows.

        kernel.buffer const @fc1.weight : memref<64x128xi8> = #snn.blob<"9f86..."> packed 4

    A float input that a stage only turns into whole numbers, and a float output that one makes
    of them, name the stream that holds these, the input with the ends at which it holds them.

        kernel.buffer input @x : memref<?x64xf32> whole @x.whole within [-127, 127]
    """

    name = "kernel.buffer"

    role = prop_def(RoleAttr)
    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(MemRefType)
    content = opt_prop_def(BaseAttr(BlobAttr) | BaseAttr(DenseIntOrFPElementsAttr))
    channel_last = opt_prop_def(UnitAttr)
    stage = opt_prop_def(StringAttr)
    model_name = opt_prop_def(StringAttr)
    spikes = opt_prop_def(UnitAttr)
    signed = opt_prop_def(UnitAttr)
    summed = opt_prop_def(UnitAttr)
    last = opt_prop_def(UnitAttr)
    held = opt_prop_def(UnitAttr)
    sampled = opt_prop_def(UnitAttr)
    bits = opt_prop_def(UnitAttr)
    order = opt_prop_def(DenseArrayBase.constr(i64))
    sizes = opt_prop_def(DenseArrayBase.constr(i64))
    packed = opt_prop_def(IntegerAttr.constr(IntegerType(64)))
    whole = opt_prop_def(FlatSymbolRefAttrConstr)
    within = opt_prop_def(DenseArrayBase.constr(i64))
    start = opt_prop_def(FlatSymbolRefAttrConstr)

    traits = lazy_traits_def(lambda: (SymbolOpInterface(), HasParent(_program_op())))

    assembly_format = (
        "$role $sym_name `:` $type (`=` $content^)? (`packed` $packed^)? "
        "(`channel_last` $channel_last^)? "
        "(`spikes` $spikes^)? (`signed` $signed^)? (`sum` $summed^)? (`last` $last^)? "
        "(`held` $held^)? (`sampled` $sampled^)? (`bits` $bits^)? (`order` $order^)? "
        "(`sizes` $sizes^)? (`from` $start^)? (`whole` $whole^)? (`within` $within^)? "
        "(`stage` $stage^)? (`of` $model_name^)? attr-dict"
    )

    def __init__(
        self,
        role: Role,
        sym_name: str,
        type: MemRef,
        content: BlobAttr | DenseIntOrFPElementsAttr | None = None,
        *,
        channel_last: bool = False,
        stage: str | None = None,
        model_name: str | None = None,
        spikes: bool = False,
        signed: bool = False,
        kind: str = STREAM,
        order: Sequence[int] | None = None,
        sizes: Sequence[int] | None = None,
        held: bool = False,
        sampled: bool = False,
        bits: bool = False,
        packed: int | None = None,
        start: str | None = None,
    ):
        """
        `kind` is that of an output; `order` that of its axes, where it has one of its own, and
        `sizes` the model's, where they are others; `packed` the bits of a constant's elements.
        """
        super().__init__(
            properties={
                "role": RoleAttr(role),
                "sym_name": StringAttr(sym_name),
                "type": type,
                "content": content,
                "channel_last": UnitAttr() if channel_last else None,
                "stage": None if stage is None else StringAttr(stage),
                "model_name": None if model_name is None else StringAttr(model_name),
                "spikes": UnitAttr() if spikes else None,
                "signed": UnitAttr() if signed else None,
                "summed": UnitAttr() if kind == SUM else None,
                "last": UnitAttr() if kind == LAST else None,
                "held": UnitAttr() if held else None,
                "sampled": UnitAttr() if sampled else None,
                "bits": UnitAttr() if bits else None,
                "start": None if start is None else SymbolRefAttr(start),
                "order": None if order is None else DenseArrayBase.from_list(i64, list(order)),
                "sizes": None if sizes is None else DenseArrayBase.from_list(i64, list(sizes)),
                "packed": None if packed is None else IntegerAttr(packed, i64),
            }
        )

    @property
    def kind(self) -> str:
        """What an output gives: a `stream`, the `last` value or a `sum`."""
        if self.summed is not None:
            return SUM
        return STREAM if self.last is None else LAST

    @property
    def has_rows(self) -> bool:
        """Whether it has a row for each step: of a block, or of the caller."""
        role = self.role.data
        if role is Role.INPUT:
            return self.held is None and self.sampled is None
        return role is Role.STREAM or (role is Role.OUTPUT and self.kind == STREAM)

    @property
    def model_shape(self) -> tuple[int, ...]:
        """At one step, an input's or output's sizes in the model's order of axes."""
        if self.has_rows or self.sampled is not None:
            return self.shape[1:]
        return self.shape if self.sizes is None else self.sizes.get_values()

    @property
    def known_as(self) -> str:
        """The name that users know an input, an output, a state or a traced stream by."""
        return (self.sym_name if self.model_name is None else self.model_name).data

    @property
    def starts_from(self) -> str | None:
        """The symbol of the input that holds a state's first values."""
        return None if self.start is None else self.start.root_reference.data

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.get_shape()

    @property
    def packing(self) -> Packing | None:
        """How a constant is stored; None: each element in its type."""
        return None if self.packed is None else PACKINGS[self.packed.value.data]

    @property
    def whole_stream(self) -> BufferOp | None:
        """The stream with the whole numbers of a float input or output, where there is one."""
        if self.whole is None:
            return None
        found = symbol_named(self, self.whole.root_reference.data)
        if not isinstance(found, BufferOp):
            raise VerifyException(f"whole: no kernel.buffer is named {self.whole}")
        return found

    def _verify_whole(self) -> None:
        role = self.role.data
        if role not in (Role.INPUT, Role.OUTPUT) or not self.has_rows:
            raise VerifyException(f"{role.value} buffer: only rows of the caller are whole numbers")
        ends = None if self.within is None else self.within.get_values()
        if (ends is None) != (role is Role.OUTPUT) or (ends is not None and len(ends) != 2):
            raise VerifyException("within: expected two ends of an input, and none of an output")
        if not isinstance(self.parent_op(), _program_op()):
            return
        stream = self.whole_stream
        if stream is None:
            raise VerifyException("within: expected the stream that is held at these ends")
        element = stream.type.element_type
        if stream.role.data is not Role.STREAM or not isinstance(element, IntegerType):
            raise VerifyException(f"whole: expected a stream of integers, got {self.whole}")
        if prod(stream.shape[1:]) != prod(self.shape[1:]):
            raise VerifyException(
                f"whole: expected {prod(self.shape[1:])} elements, got {stream.type}"
            )

    def _verify_packed(self) -> None:
        assert self.packed is not None
        if self.role.data is not Role.CONST:
            raise VerifyException(f"{self.role.data.value} buffer: only a constant is packed")
        if self.packed.value.data not in PACKINGS:
            known = ", ".join(map(str, PACKINGS))
            raise VerifyException(f"packed: expected {known} bits, got {self.packed.value.data}")
        if not isinstance(self.type.element_type, IntegerType) or not self.shape:
            raise VerifyException(f"packed: expected rows of integers, got {self.type}")

    def verify_(self) -> None:
        role = self.role.data
        if self.packed is not None:
            self._verify_packed()
        if (self.whole or self.within) is not None:
            self._verify_whole()
        has_content = self.content is not None
        if has_content != (role in (Role.CONST, Role.STATE)):
            wanted = "content" if role in (Role.CONST, Role.STATE) else "no content"
            raise VerifyException(f"{role.value} buffer: expected {wanted}")
        content = self.content
        if isinstance(content, DenseIntOrFPElementsAttr) and (
            content.get_element_type() != self.type.element_type
            or content.get_shape() not in ((), self.shape)
        ):
            raise VerifyException(
                f"content: expected one or {prod(self.shape)} elements of "
                f"{self.type.element_type}, got {content.type}"
            )
        dynamic = [index for index, size in enumerate(self.shape) if size == DYNAMIC_INDEX]
        if (self.summed or self.last) is not None and role is not Role.OUTPUT:
            raise VerifyException(f"{role.value} buffer: only an output is a sum or a last value")
        if self.summed is not None and self.last is not None:
            raise VerifyException("expected a sum or a last value, got both")
        if self.held is not None and role is not Role.INPUT:
            raise VerifyException(f"{role.value} buffer: only an input is held")
        if self.starts_from is not None:
            self._verify_start(self.starts_from)
        caller = role in (Role.INPUT, Role.OUTPUT)
        if self.sampled is not None:
            if not caller or self.held is not None or (role is Role.OUTPUT and self.has_rows):
                raise VerifyException(
                    f"{role.value} buffer: only an input that is not held, a sum and a last "
                    "value are sampled"
                )
            if self.order is not None or self.sizes is not None:
                raise VerifyException("sampled: expected the model's axes")
        rows = "samples" if self.sampled is not None else "steps"
        expected = [0] if caller and (self.has_rows or self.sampled is not None) else []
        if dynamic != expected:
            raise VerifyException(
                f"{role.value} buffer: expected "
                f"{f'{rows} (?) as the first axis' if expected else 'known sizes'}, got {self.type}"
            )
        if (self.stage is not None) != (role is Role.WORK):
            raise VerifyException(f"{role.value} buffer: a stage owns work buffers, and only them")
        ends = (Role.INPUT, Role.OUTPUT)
        if self.spikes is not None and (role not in ends or self.type.element_type != i8):
            raise VerifyException("spikes: expected an input or output of i8")
        if self.signed is not None and not isinstance(self.type.element_type, IntegerType):
            raise VerifyException("signed: expected integers")
        if self.order is not None:
            if self.kind == STREAM:
                raise VerifyException("order: expected a sum or a last value")
            if sorted(self.order.get_values()) != list(range(len(self.shape))):
                raise VerifyException(
                    f"order: expected each of {len(self.shape)} axes once, "
                    f"got {list(self.order.get_values())}"
                )
        if self.sizes is not None and prod(self.sizes.get_values()) != prod(self.shape):
            raise VerifyException(
                f"sizes: expected {prod(self.shape)} elements, got {list(self.sizes.get_values())}"
            )

    def _verify_start(self, symbol: str) -> None:
        role = self.role.data
        if role is not Role.STATE:
            raise VerifyException(f"{role.value} buffer: only a state starts from an input")
        found = symbol_named(self, symbol)
        is_held = isinstance(found, BufferOp) and found.held is not None
        size = prod(found.shape) if isinstance(found, BufferOp) else 0
        if self.parent is not None and not (is_held and size == prod(self.shape)):
            raise VerifyException(
                f"from: expected an input of {prod(self.shape)} elements that is held, "
                f"got {symbol!r}"
            )
