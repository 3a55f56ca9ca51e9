"""From a network to a program in the numbers of a chip."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from snncc.dialects import snn
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.assumed import assumed
from snncc.passes.legalization.faults import Unfit
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.observed import read_activity, write_activity, write_rates
from snncc.passes.legalization.on_chip import NotOnChip, chip_of, network_of, replace_module
from snncc.passes.legalization.plan import STAGES, Plan, planned
from snncc.passes.snn_fold_parameters import SnnFoldParameters
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise

INTEGERS = "integers"
UNTIL = (*STAGES[1:], INTEGERS)  # `snn-normal-form` needs no chip


@dataclass(frozen=True)
class SnnLegalize(ModulePass):
    """
    Replaces a network by a `core.program` in the arithmetic of `chip`, a shipped name or FILE.yaml.

    Scales follow from what calibration data do in the network, its attribute `activity`
    (`passes/legalization/observed.py`); without it every source is taken to spike in every tenth
    step, by chance. `until` stops before whole numbers: at the chip's `latencies`, or at its
    `neurons`; what is there is a float network that computes what these steps make of it.

    The program has no places yet: `core-place` or `core-route` gives it some.
    """

    name = "snn-legalize"

    chip: str
    until: str = INTEGERS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.until not in UNTIL:
            raise ValueError(f"until: expected one of {', '.join(UNTIL)}, got {self.until!r}")
        description = chip_of(self.name, self.chip)
        SnnFoldParameters().apply(ctx, op)
        SnnFuseElementwise().apply(ctx, op)
        network = network_of(self.name, op)
        try:
            plan = planned(network, description)
            activity = read_activity(network, plan.graph.sizes)
            made = self._made(plan, activity)
        except Unfit as unfit:
            raise NotOnChip(self.name, unfit.faults) from None
        replace_module(op, made)

    def _made(self, plan: Plan, activity: Activity | None) -> ModuleOp:
        """Raises Unfit."""
        if self.until == INTEGERS:
            usual = assumed(plan.formed.graph) if activity is None else activity
            whole = plan.integers(usual)
            if activity is not None and plan.description.grid.routed:
                write_rates(whole.module, whole.program, activity.rates)
            return whole.module
        (stage,) = (stage for stage in plan.stages if stage.name == self.until)
        module = float_model(stage.graph)
        if activity is not None:
            (made,) = (inner for inner in module.ops if isinstance(inner, snn.NetworkOp))
            write_activity(module, made, activity)
        return module
