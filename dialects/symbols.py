"""Symbols by name in one step: xDSL walks the whole table for each, for each verification."""

from __future__ import annotations

from weakref import WeakKeyDictionary, WeakValueDictionary

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation
from xdsl.traits import SymbolTable

_tables: WeakKeyDictionary[Operation, WeakValueDictionary[str, Operation]] = WeakKeyDictionary()
"""Operation with a symbol table -> what was found in it; renewed where it no longer holds."""


def symbol_named(user: Operation, name: str) -> Operation | None:
    """The operation of this name in the nearest symbol table around `user`."""
    anchor: Operation | None = user
    while anchor is not None and not anchor.has_trait(SymbolTable):
        anchor = anchor.parent_op()
    if anchor is None:
        return None
    found = _tables[anchor].get(name) if anchor in _tables else None
    if found is None or found.parent_op() is not anchor or _name_of(found) != name:
        _tables[anchor] = WeakValueDictionary(
            {symbol: op for op in anchor.regions[0].block.ops if (symbol := _name_of(op))}
        )
        found = _tables[anchor].get(name)
    return found


def _name_of(op: Operation) -> str | None:
    name = op.properties.get("sym_name")
    return name.data if isinstance(name, StringAttr) else None
