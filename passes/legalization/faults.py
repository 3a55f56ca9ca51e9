"""What a chip cannot do, collected: legalization goes on as far as it can, to list all."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """One thing that does not fit: a code, the layer, what is wrong, what would help."""

    code: str
    node: str | None
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f" node {self.node!r}:" if self.node is not None else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{self.code}{place} {self.message}{remedy}"


class Unfit(Exception):
    """A network does not fit a chip; `faults` says why."""

    def __init__(self, faults: list[Fault]):
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


@dataclass
class Faults:
    """Collects; `stop` raises what was found."""

    found: list[Fault] = field(default_factory=list)

    def add(self, code: str, node: str | None, message: str, remedy: str) -> None:
        fault = Fault(code, node, message, remedy)
        if fault not in self.found:
            self.found.append(fault)

    def stop(self) -> None:
        if self.found:
            raise Unfit(self.found)
