"""Symbols are found in one step, whatever has become of the table since."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType, f32
from xdsl.utils.exceptions import VerifyException

from snncc.dialects import snn, symbols
from snncc.dialects.arrays import dense_of


def parameter(name: str) -> snn.ParameterOp:
    return snn.ParameterOp(name, TensorType(f32, []), dense_of(np.zeros((), np.float32)))


def module(names: list[str]) -> tuple[ModuleOp, dict[str, snn.UseOp]]:
    uses = {name: snn.UseOp(name, TensorType(f32, [])) for name in names}
    network = snn.NetworkOp("net", [], [])
    network.body.block.add_ops([*uses.values(), snn.YieldOp([])])
    return ModuleOp([*map(parameter, names), network]), uses


def test_verification_looks_at_each_symbol_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a module is that of its operations: not their square."""
    looked = 0
    name_of = symbols._name_of

    def counted(op):
        nonlocal looked
        looked += 1
        return name_of(op)

    monkeypatch.setattr(symbols, "_name_of", counted)
    for count in (10, 1000):
        made, _ = module([f"p{number}" for number in range(count)])
        looked = 0
        made.verify()
        assert looked <= 4 * count


def test_a_table_that_changes() -> None:
    made, uses = module(["a", "b"])
    a, b, _ = made.body.block.ops
    assert uses["a"].declaration is a
    made.body.block.erase_op(a)
    with pytest.raises(VerifyException, match=r'no snn\.parameter is named "a"'):
        _ = uses["a"].declaration
    b.properties["sym_name"] = StringAttr("a")
    assert uses["a"].declaration is b
    with pytest.raises(VerifyException, match=r'no snn\.parameter is named "b"'):
        _ = uses["b"].declaration
    added = parameter("b")
    made.body.block.insert_op_before(added, b)
    assert uses["b"].declaration is added
    copy = made.clone()
    *_, network = copy.body.block.ops
    first = network.body.block.first_op
    assert first.declaration is not b
    assert first.declaration.parent_op() is copy
