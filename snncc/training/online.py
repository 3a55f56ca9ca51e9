"""Gradients of e-prop: one run forward, in memory that does not grow with the steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.passes.differentiation.wanted import wanted_of
from snncc.passes.online.eprop import eprop
from snncc.training.gradients import GradientsByName, Options, Trained


class OnlineTrained(Trained):
    """
    A network with its loss and its online program.

    A loss of each step gives its gradient in the step. One of the whole sequence that is
    written in the network (a count of spikes) gives that of the sequence so far, as on a
    device that does not know the rest.
    """

    def _differentiate(self, outputs: list[str], options: Options) -> None:
        wanted = wanted_of(self.module, self.network, outputs, options.wrt, (), self.states)
        self.online = eprop(self.network, wanted, options.online)
        made = self.online
        for part in (*made.feedback.values(), made.network, made.finish):
            if part is not None:
                self.module.body.block.add_op(part)

    @property
    def reaches_anything(self) -> bool:
        return bool(self.online.parameters or self.online.states)

    @property
    def finish(self) -> snn.NetworkOp | None:
        return self.online.finish

    @property
    def parameters(self) -> Mapping[str, str]:
        return self.online.parameters

    def run(
        self, arrays: Mapping[str, Array], states: Mapping[str, Array], batch: int
    ) -> tuple[float, GradientsByName]:
        """
        The loss and the gradients, in one run; only a mean over the batch (the rates of a
        regularisation) has to be known before.
        """
        before: Mapping[str, Array] = {}
        if any(term.rate_target is not None for _, term in self.terms):
            before = self._runner(self.network).run(arrays, state0=states).outputs
        steps = next(iter(arrays.values())).shape[0]
        given = dict(arrays)
        for name, seed in self._seeds(before, batch).items():
            given[f"{GRADIENT}{name}"] = np.broadcast_to(seed, (steps, *seed.shape))
        online = self.online
        given = {name: given[name] for name in online.network.inputs}
        sums = self._runner(online.network).run(given, state0=states).outputs
        found = GradientsByName(self._finished(online.finish, online.parameters, sums))
        for name, parts in online.states.items():
            found.states[name] = np.sum([sums[part] for part in parts], axis=0)
        return self._value(sums, batch), found
