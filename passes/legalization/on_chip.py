"""What the passes on the road to a chip share: its description, the program, how they fail."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.core.description import Description
from snncc.dialects.core.document import DescriptionError
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.shipped import described, known_chips
from snncc.dialects.snn.network import NetworkOp
from snncc.passes.legalization.faults import Fault


class NotOnChip(PassFailedException):
    """What does not fit a chip, all of it, with the code, the node and the remedy of each."""

    def __init__(self, name: str, faults: Sequence[Fault]):
        super().__init__("\n".join(f"{name}: {fault}" for fault in faults))
        self.faults = tuple(faults)


def chip_of(name: str, target: str) -> Description:
    """
    The description that an option `chip` of the pass `name` means: a shipped chip's, or a file's.
    Raises PassFailedException.
    """
    try:
        found = described(target)
    except DescriptionError as fault:
        faults = [Fault("SNC-N001", None, line, "") for line in fault.faults]
        raise NotOnChip(name, faults) from None
    except OSError as fault:
        what = f"{target}: {fault.strerror or fault}"
        raise NotOnChip(name, [Fault("SNC-N001", None, what, "")]) from None
    if found is None:
        known = ", ".join(known_chips())
        what = f"chip: expected {known} or a description FILE.yaml, got {target!r}"
        raise NotOnChip(name, [Fault("SNC-C003", None, what, "")])
    return found


def network_of(name: str, module: ModuleOp) -> NetworkOp:
    """The only network of a module. Raises PassFailedException."""
    found = [op for op in module.ops if isinstance(op, NetworkOp)]
    if len(found) != 1:
        raise PassFailedException(f"{name}: expected one snn.network, got {len(found)}")
    return found[0]


def program_of(name: str, module: ModuleOp) -> ProgramOp:
    """The only program of a module. Raises PassFailedException."""
    found = [op for op in module.ops if isinstance(op, ProgramOp)]
    if len(found) != 1:
        raise PassFailedException(f"{name}: expected one core.program, got {len(found)}")
    return found[0]


def program_and_chip(name: str, module: ModuleOp, target: str) -> tuple[ProgramOp, Description]:
    """
    The program and the description of its chip: the shipped one of the name that the program has,
    or of an option. Raises PassFailedException.
    """
    program = program_of(name, module)
    description = chip_of(name, target or program.chip.data)
    if description.name != program.chip.data:
        raise PassFailedException(
            f"{name}: the program is for {program.chip.data}, not for {description.name}"
        )
    return program, description


def replace_module(module: ModuleOp, other: ModuleOp) -> None:
    """Gives a module what another one has, which has nothing afterwards."""
    module.detach_region(module.body).drop_all_references()
    module.add_region(other.detach_region(other.body))
