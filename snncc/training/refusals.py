"""What no training takes, however its gradients are made."""

from __future__ import annotations

from collections.abc import Collection

from snncc.dialects import snn
from snncc.errors import error
from snncc.inputs import sequence_of
from snncc.options import is_whole
from snncc.passes.online.feedback import FeedbackKind

FEEDBACK: tuple[FeedbackKind, ...] = ("symmetric", "random", "adaptive")


def expect_steps(network: snn.NetworkOp) -> None:
    """Raises SNC-T001 for a network that has no steps."""
    if sequence_of(network) is not None:
        raise error(
            "SNC-T001",
            "the network takes a whole sequence at once: it has no steps to sum a loss over",
        )


def expect_names(wrt: object) -> None:
    """Raises SNC-C003 for what is no collection of names, nor None."""
    if wrt is not None and not (
        isinstance(wrt, Collection) and all(isinstance(name, str) for name in wrt)
    ):
        raise error("SNC-C003", f"wrt: expected names, got {wrt!r}")


def expect_feedback(feedback: str, mode: str, seed: int = 0) -> None:
    """Raises SNC-C003."""
    if feedback not in FEEDBACK:
        raise error(
            "SNC-C003", f"feedback: expected one of {', '.join(FEEDBACK)}, got {feedback!r}"
        )
    if mode != "eprop" and feedback != "symmetric":
        raise error("SNC-C003", "feedback: only online gradients have weights of their own")
    expect_seed(seed)


def expect_seed(seed: int) -> None:
    """Raises SNC-C003."""
    if not (is_whole(seed) and seed >= 0):
        raise error("SNC-C003", f"seed: expected a whole number from 0 on, got {seed!r}")
