"""A network that learns online: gradients in one run forward, in memory that no step adds to."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.errors import error
from snncc.inputs import to_streams
from snncc.network import Network
from snncc.passes.online.feedback import FeedbackKind
from snncc.runtime.toolchain import FAST
from snncc.training.gradients import Options
from snncc.training.losses import Loss
from snncc.training.optimizers import Optimizer
from snncc.training.program import TrainProgram
from snncc.training.refusals import expect_feedback
from snncc.training.running import C_TYPES


class OnlineProgram(TrainProgram):
    """
    A `TrainProgram` whose gradients are those of e-prop: there is no tape, and a sample may
    come in parts.

        program = OnlineProgram(net, "ce_per_step", steps=100, feedback="random")
        loss = program.train_step(x, label)      # a whole sample
        program.apply()

        program.begin_sample()                   # or as it comes
        for block in stream:                     # [any number of steps, *shape]
            outputs = program.train_steps(block, label)
        loss = program.end_sample()

    `apply` may stand between parts: it updates by the gradients of the steps so far, and the
    sample goes on with its states and traces.

    `feedback` says by which weights learning signals go back (`snncc.passes.online.feedback`):
    the transposed ones (`symmetric`), `random` ones of a `seed`, constants of the C, or
    `adaptive` ones: parameters "feedback.NAME" that start there and get the update of the
    weight that they stand in for, by the same gradient. With weight decay, of both, the
    difference of the two decays.
    """

    mode = "eprop"

    def __init__(
        self,
        network: Network,
        loss: Loss | str,
        *,
        steps: int,
        optimizer: Optimizer | str = "sgd",
        trainable: Sequence[str] | None = None,
        surrogate: SurrogateAttr | str | None = None,
        feedback: FeedbackKind = "symmetric",
        seed: int = 0,
        time_block: int = 1,
        prefix: str | None = None,
        weights: Literal["auto", "c", "bin"] = "auto",
        cc: str | None = None,
        cflags: Sequence[str] = FAST,
    ):
        """
        As of `TrainProgram`; `steps` are those of a sample of `train_step`, and the number
        that a loss takes its mean over. Blocks of more than one step (`time_block`) take more
        memory, and are seldom faster: most of the work is that of the traces. Raises
        SnnccError: SNC-C003 for options, SNC-T001 for a network that has no online gradient.
        """
        expect_feedback(feedback, self.mode, seed)
        self.feedback: FeedbackKind = feedback
        self.seed = seed
        super().__init__(
            network,
            loss,
            steps=steps,
            optimizer=optimizer,
            trainable=trainable,
            surrogate=surrogate,
            time_block=time_block,
            samples=1,
            fused=False,
            prefix=prefix,
            weights=weights,
            cc=cc,
            cflags=cflags,
        )

    def _options(self, surrogate: SurrogateAttr | None) -> Options:
        return Options(surrogate=surrogate, feedback=self.feedback, seed=self.seed)

    # --- a sample in parts

    def begin_sample(self) -> None:
        """The first step comes next: states and traces as they are at first."""
        self._running.call("train_sample_begin")

    def train_steps(self, x: Any, target: Any) -> dict[str, Array]:
        """
        The next steps of one sample, [T, *shape] with a label or a target array [T, *shape]:
        adds their gradients. Gives the outputs that are streams, [T, *shape]. Raises SNC-R001
        and SNC-R003 for arrays that do not fit, SNC-C003 where no sample was begun.
        """
        streams = to_streams(self.network.op, x)
        if streams.batch != 1:
            raise error("SNC-R001", f"expected one sample, got {streams.batch}")
        targets = self._targets(target, 1, streams.batched, streams.steps)
        arrays = self._samples(streams, targets)
        manifest = self.package.manifest
        results = {
            e["name"]: np.zeros((streams.steps, *e["shape"]), C_TYPES[e["type"]])
            for e in manifest["online_outputs"]
        }
        if not self._is_open:
            raise error("SNC-C003", "no sample was begun", remedy="call begin_sample first")
        self._running.call(
            "train_steps",
            *(ctypes.c_void_p(array.ctypes.data) for array in arrays),
            ctypes.c_size_t(streams.steps),
            *(ctypes.c_void_p(array.ctypes.data) for array in results.values()),
        )
        return results

    def end_sample(self) -> float:
        """The loss of the sample that was begun. Raises SNC-C003 where none was."""
        if not self._is_open:
            raise error("SNC-C003", "no sample was begun", remedy="call begin_sample first")
        value = self._losses(1)
        self._running.call("train_sample_end", ctypes.c_void_p(value.ctypes.data))
        self.loss = float(self._in_units(value)[0])
        return self.loss

    @property
    def _is_open(self) -> bool:
        return self._running.word("open") != 0
