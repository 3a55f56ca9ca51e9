"""Layers that were trained on grids, and what a user asks for: what wins is said here."""

from __future__ import annotations

from collections.abc import Mapping

from snncc.dialects.snn.linear import WeightedSum
from snncc.errors import Problem, SnnccError
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.options import QAT
from snncc.passes.quantization.trained import Trained, conflict, trained
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.options import QuantizeOptions
from snncc.quantization.rewriting import pass_of


def trained_widths(
    model: FloatModel, options: QuantizeOptions, chosen: Mapping[str, str]
) -> dict[str, str]:
    """
    The widths of single layers: those that were `chosen` for them, and with `qat` those that
    they were trained with. Raises SNC-Q006 with all layers whose grids are not what is asked
    for, or that have none.
    """
    widths, problems = dict(chosen), []
    for op in model.sums:
        name = name_of(op)
        if name in chosen:
            continue
        try:
            found = trained(op)
        except NoIntegerForm as fault:
            problems.append(_problem(name, str(fault), "give the layer a width"))
            continue
        if options.weights == QAT and found is not None and found.width is not None:
            widths[name] = found.width
        problem = _conflict(op, options, widths, found)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise SnnccError(problems)
    return widths


def rounded_again(
    model: FloatModel, options: QuantizeOptions, widths: Mapping[str, str]
) -> list[Problem]:
    """A warning for every layer whose own width does not hold the grid it was trained on."""
    found: list[Problem] = []
    for op in model.sums:
        name = name_of(op)
        try:
            known = trained(op)
        except NoIntegerForm as fault:
            found.append(_warning(name, str(fault)))
            continue
        plain = pass_of(options, widths).options()
        reason = None if known is None else conflict(known, plain, plain.bits_of(name))
        if reason is not None:
            found.append(_warning(name, reason))
    return found


def _conflict(
    op: WeightedSum,
    options: QuantizeOptions,
    widths: Mapping[str, str],
    found: Trained | None,
) -> Problem | None:
    name = name_of(op)
    if options.weights == QAT and (found is None or found.width is None):
        reason = "has no grid of its own" if found is None else f"takes {found.bits} bits"
        return _problem(
            name,
            f"qat: {reason}",
            f'give it a width: layers={{"{name}": "int8"}} (--layers {name}=int8)',
        )
    if found is None:
        return None
    plain = pass_of(options, widths).options()
    differs = conflict(found, plain, plain.bits_of(name))
    if differs is None:
        return None
    width = options.weights if options.weights != QAT else "int8"
    return _problem(
        name,
        differs,
        f'keep it with quantize="qat", or round it again: layers={{"{name}": "{width}"}}',
    )


def _problem(name: str, text: str, remedy: str) -> Problem:
    return Problem("SNC-Q006", text, node=name, remedy=remedy)


def _warning(name: str, reason: str) -> Problem:
    return Problem(
        "SNC-W022",
        f"{reason}: they are rounded again",
        node=name,
        remedy="leave the layer's width out to keep what training found",
        severity="warning",
    )
