"""
What calibration leaves on a network for `snn-legalize` to read, and legalization on a program for
`core-route`: by the names of populations and inputs, arrays that stand as parameters.

    snn.network   activity = {lif1 = {rates = @lif1.rates, largest = @lif1.largest}, ...}
    core.program  rates = {x = @x.rates, lif1 = @lif1.rates}

`Activity` says what each array is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.snn.neurons.assembly import parameter_of
from snncc.dialects.snn.parameters import ParameterOp
from snncc.dialects.symbols import symbol_named
from snncc.passes.legalization.activity import Activity

ACTIVITY, RATES = "activity", "rates"
KINDS = tuple(entry.name for entry in fields(Activity))
AXES = {"currents": ("receptors",), "spikes": ("steps", "samples")}
"""In front of that of neurons."""


def write_activity(module: ModuleOp, network: snn.NetworkOp, activity: Activity) -> None:
    """In place, instead of one that is there."""
    forget(module, network, ACTIVITY)
    found: dict[str, dict[str, Attribute]] = {}
    for kind in KINDS:
        for name, values in getattr(activity, kind).items():
            found.setdefault(name, {})[kind] = _named(module, network, f"{name}.{kind}", values)
    network.attributes[ACTIVITY] = DictionaryAttr(
        {name: DictionaryAttr(arrays) for name, arrays in found.items()}
    )


def read_activity(network: snn.NetworkOp, sizes: Mapping[str, int]) -> Activity | None:
    """
    None where nothing is known. `sizes` are those of populations and inputs. Raises
    PassFailedException for another form.
    """
    given = network.attributes.get(ACTIVITY)
    if given is None:
        return None
    found: dict[str, dict[str, Array]] = {kind: {} for kind in KINDS}
    for name, arrays in _entries(given, ACTIVITY).items():
        if name not in sizes:
            raise PassFailedException(f"{ACTIVITY}: {name}: expected one of {', '.join(sizes)}")
        for kind, reference in _entries(arrays, f"{ACTIVITY}: {name}").items():
            if kind not in KINDS:
                raise PassFailedException(
                    f"{ACTIVITY}: {name}: expected {', '.join(KINDS)}, got {kind}"
                )
            what = f"{ACTIVITY}: {name}.{kind}"
            values = _values(network, reference, what)
            before = AXES.get(kind, ())
            wanted = f"[{', '.join((*before, str(sizes[name])))}]"
            if values.ndim != 1 + len(before) or values.shape[-1] != sizes[name]:
                raise PassFailedException(f"{what}: expected {wanted}, got {list(values.shape)}")
            found[kind][name] = values
    return Activity(**found)


def write_rates(module: ModuleOp, program: ProgramOp, rates: Mapping[str, Array]) -> None:
    """In place, instead of those that are there: of inputs and populations of the program."""
    forget(module, program, RATES)
    found = {
        name: _named(module, program, f"{name}.rates", values)
        for name, values in rates.items()
        if name in program.endings
    }
    program.attributes[RATES] = DictionaryAttr(found)


def read_rates(program: ProgramOp) -> dict[str, Array]:
    """Spikes a step, [n], of what is known. Raises PassFailedException for another form."""
    found = {}
    given = program.attributes.get(RATES, DictionaryAttr({}))
    for name, reference in _entries(given, RATES).items():
        if name not in program.endings:
            raise PassFailedException(f"{RATES}: {name}: no input and no population")
        values = _values(program, reference, f"{RATES}: {name}")
        if values.shape != (program.endings[name].size,):
            size = program.endings[name].size
            raise PassFailedException(
                f"{RATES}: {name}: expected [{size}], got {list(values.shape)}"
            )
        found[name] = values
    return found


def forget(module: ModuleOp, op: Operation, attribute: str) -> None:
    """Takes off an attribute and the parameters that it names."""
    named: set[str] = set()
    pending = [op.attributes.pop(attribute, None)]
    while pending:
        given = pending.pop()
        if isinstance(given, SymbolRefAttr):
            named.add(given.root_reference.data)
        elif isinstance(given, DictionaryAttr):
            pending += given.data.values()
    for parameter in [inner for inner in module.ops if isinstance(inner, ParameterOp)]:
        if parameter.sym_name.data in named:
            module.body.block.erase_op(parameter)


def _named(module: ModuleOp, op: Operation, name: str, values: Array) -> SymbolRefAttr:
    """A parameter in front of an operation, under a name that is free."""
    taken = {inner.sym_name.data for inner in module.ops if isinstance(inner, ParameterOp)}
    symbol, count = name, 0
    while symbol in taken:
        symbol, count = f"{name}.{count}", count + 1
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
    parameter = parameter_of(symbol, values)
    module.body.block.insert_op_before(parameter, op)
    return SymbolRefAttr(symbol)


def _entries(given: Attribute, what: str) -> Mapping[str, Attribute]:
    if not isinstance(given, DictionaryAttr):
        raise PassFailedException(f"{what}: expected names and what belongs to them, got {given}")
    return given.data


def _values(op: Operation, reference: Attribute, what: str) -> Array:
    if not isinstance(reference, SymbolRefAttr):
        raise PassFailedException(f"{what}: expected a parameter, got {reference}")
    declared = symbol_named(op, reference.root_reference.data)
    if not isinstance(declared, ParameterOp):
        raise PassFailedException(
            f"{what}: no snn.parameter is named {reference.root_reference.data}"
        )
    values = parameter_array(declared).astype(np.float64)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise PassFailedException(f"{what}: expected numbers from 0 on")
    return values
