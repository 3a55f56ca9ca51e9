"""What modules of the libraries keep from step to step, and how they forget it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch


def kept_tensors(module: torch.nn.Module, result: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """
    (name, tensor) of what a module has kept after a call: its attributes and buffers, the
    memories of SpikingJelly, and states that it hands back to be given to the next call.

    These are names for values that are states anyway: a wrong one changes no result.
    """
    for name, value in returned_states(module, result).items():
        yield name, value
    places: list[dict[str, Any]] = [vars(module), dict(module.named_buffers(recurse=False))]
    memories = vars(module).get("_memories")
    if isinstance(memories, dict):
        places.append(memories)
    for place in places:
        for name, value in place.items():
            if isinstance(value, torch.Tensor) and not name.startswith("_"):
                yield name, value


def state_arguments(module: Any) -> list[str]:
    """Names of the arguments of a step that may be left out: its states, perhaps."""
    forward = module.forward if isinstance(module, torch.nn.Module) else module
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        return []
    return [
        p.name for p in parameters[1:] if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is None
    ]


def returned_states(module: Any, result: Any) -> dict[str, torch.Tensor]:
    """States that a step gives back beside its output, by the names of its arguments."""
    found = fed_back(module, result)
    states: dict[str, torch.Tensor] = {}
    for name, value in found.items():
        if isinstance(value, torch.Tensor):
            states[name] = value
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            states.update(
                (field, part)
                for field, part in zip(value._fields, value, strict=True)
                if isinstance(part, torch.Tensor)
            )
    return states


def fed_back(module: Any, result: Any) -> dict[str, Any]:
    """
    What the next call of a step gets: argument name -> what this call returned.

    snnTorch's `spk, mem = lif(x, mem)` and `spk, mem = rlif(x, spk, mem)`, Norse's
    `z, state = cell(x, state)`.
    """
    names = state_arguments(module)
    if not isinstance(result, tuple) or hasattr(result, "_fields") or not names:
        return {}
    if len(result) == len(names) + 1:
        return dict(zip(names, result[1:], strict=True))
    if len(result) == len(names) and len(names) > 1:
        return dict(zip(names, result, strict=True))
    return {}


def forget(module: torch.nn.Module) -> None:
    """
    Puts every part of a model into the state that it has before a sequence, by the method
    that its library has for that: `reset` (SpikingJelly), `reset_states` (Sinabs),
    `reset_mem` (snnTorch).
    """
    for part in module.modules():
        home = type(part).__module__.partition(".")[0]
        for library, method in _RESETS:
            if _belongs(part, library) or home == library:
                function = getattr(part, method, None)
                if callable(function):
                    function()


_RESETS = (("spikingjelly", "reset"), ("sinabs", "reset_states"), ("snntorch", "reset_mem"))


def _belongs(part: torch.nn.Module, library: str) -> bool:
    """Whether a class of the library is among the part's: users subclass neurons."""
    return any(base.__module__.partition(".")[0] == library for base in type(part).__mro__)
