"""What a body saves for its adjoint, against all that it could save."""

from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import arith, test
from xdsl.dialects.builtin import f32
from xdsl.ir import Block, Operation, SSAValue

from snncc.passes.differentiation.cut import fewest_bits


def suffices(saved: set[SSAValue], computed: list[Operation], readers: list[Operation]) -> bool:
    known = set(saved)
    for op in computed:
        if known.issuperset(op.operands):
            known.update(op.results)
    return known.issuperset(operand for op in readers for operand in op.operands)


@settings(max_examples=60)
@given(data=st.data())
def test_no_other_choice_is_smaller(data: st.DataObject) -> None:
    block = Block(arg_types=[f32] * data.draw(st.integers(1, 3)))
    values: list[SSAValue] = list(block.args)
    computed: list[Operation] = []
    for _ in range(data.draw(st.integers(0, 5))):
        op = arith.AddfOp(data.draw(st.sampled_from(values)), data.draw(st.sampled_from(values)))
        computed.append(op)
        values.append(op.result)
    read = data.draw(st.lists(st.sampled_from(values), max_size=3))
    readers: list[Operation] = [test.TestOp([value]) for value in read]
    block.add_ops([*computed, *readers])
    bits = {value: data.draw(st.sampled_from([0, 1, 16, 32, 33])) for value in values}

    def size(saved: list[SSAValue] | tuple[SSAValue, ...]) -> int:
        return sum(bits[value] for value in saved)

    found = fewest_bits(list(block.args), computed, bits.__getitem__)
    every = chain.from_iterable(combinations(values, n) for n in range(len(values) + 1))
    possible = [size(saved) for saved in every if suffices(set(saved), computed, readers)]
    assert suffices(set(found), computed, readers)
    assert size(found) == min(possible)


def test_the_last_of_equal_ones_is_saved() -> None:
    """For it the least is computed again."""
    block = Block(arg_types=[f32, f32])
    first = arith.AddfOp(*block.args)
    second = arith.MulfOp(first.result, first.result)
    block.add_ops([first, second, test.TestOp([second.result])])
    assert fewest_bits(list(block.args), [first, second], lambda _: 32) == [second.result]
