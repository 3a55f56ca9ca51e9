"""All operators of ATen that are known: importing this module registers them."""

from __future__ import annotations

from snncc.importers.torch import (
    aten_activations,
    aten_create,
    aten_elementwise,
    aten_layers,
    aten_logic,
    aten_norms,
    aten_quantization,
    aten_shapes,
    aten_shifts,
    aten_sums,
    aten_types,
    aten_views,
    aten_weights,
)
from snncc.importers.torch.registry import OPERATORS

__all__ = [  # a module registers its operators where it is imported
    "NOT_SUPPORTED",
    "OPERATORS",
    "aten_activations",
    "aten_create",
    "aten_elementwise",
    "aten_layers",
    "aten_logic",
    "aten_norms",
    "aten_quantization",
    "aten_shapes",
    "aten_shifts",
    "aten_sums",
    "aten_types",
    "aten_views",
    "aten_weights",
]

for _name in (
    "alias",
    "detach",
    "expand",
    "permute",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unsqueeze",
    "view",
):  # functional programs may have views as copies
    OPERATORS[f"aten.{_name}_copy"] = OPERATORS[f"aten.{_name}"]

RANDOM = "it draws random numbers: call model.eval(), or draw them outside and pass them in"

NOT_SUPPORTED: dict[str, str] = {
    **dict.fromkeys(
        (
            "aten.bernoulli",
            "aten.multinomial",
            "aten.normal",
            "aten.normal_functional",
            "aten.poisson",
            "aten.rand",
            "aten.rand_like",
            "aten.randint",
            "aten.randn",
            "aten.randn_like",
            "aten.rrelu",
            "aten.uniform",
        ),
        RANDOM,
    ),
    "aten.embedding": "it looks vectors up by its input: look them up outside of the model",
    **dict.fromkeys(
        ("aten.argmax", "aten.argmin", "aten.sort", "aten.topk"),
        "it compares neurons with each other: do that with what the network gives",
    ),
    "aten.aminmax": "an observer of quantization learns its grid from what it sees: "
    + aten_quantization.OBSERVER,
    **dict.fromkeys(
        ("aten.set", "aten.set_"),
        "a tensor is given other memory (copy.deepcopy, copy.copy, torch.save): copy the values, "
        "x.clone()",
    ),
    **dict.fromkeys(
        ("profiler._record_function_enter_new", "profiler._record_function_exit"),
        "a wrapper or a profiler runs around the model (DataParallel): load what is inside, "
        "model.module",
    ),
    "aten.cumsum": "its sum grows along an axis: write it as a state, or as a loop",
    "aten.nonzero": "its shape depends on values: use torch.where(mask, a, b)",
    "aten.masked_select": "its shape depends on values: use torch.where(mask, a, b)",
    "higher_order.cond": "write it without a branch: torch.where(condition, a, b)",
    "higher_order.while_loop": "write the loop over steps with a fixed number of steps",
}
"""What can be done about operators that are not known, by name."""
