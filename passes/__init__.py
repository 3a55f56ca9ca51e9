"""The passes of snncc: one file a pass, loaded lazily; names start with the level they act on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.passes import ModulePass


def get_all_passes() -> dict[str, Callable[[], "type[ModulePass]"]]:
    """Pass name -> factory."""

    def get_core_order() -> "type[ModulePass]":
        from snncc.passes.core_order import CoreOrder

        return CoreOrder

    def get_core_place() -> "type[ModulePass]":
        from snncc.passes.core_place import CorePlace

        return CorePlace

    def get_core_route() -> "type[ModulePass]":
        from snncc.passes.core_route import CoreRoute

        return CoreRoute

    def get_core_to_snn() -> "type[ModulePass]":
        from snncc.passes.core_to_snn import CoreToSnn

        return CoreToSnn

    def get_core_verify() -> "type[ModulePass]":
        from snncc.passes.core_verify import CoreVerify

        return CoreVerify

    def get_kernel_to_standard() -> "type[ModulePass]":
        from snncc.passes.kernel_to_standard import KernelToStandard

        return KernelToStandard

    def get_kernel_verify_order() -> "type[ModulePass]":
        from snncc.passes.kernel_verify_order import KernelVerifyOrder

        return KernelVerifyOrder

    def get_snn_change_precision() -> "type[ModulePass]":
        from snncc.passes.snn_change_precision import SnnChangePrecision

        return SnnChangePrecision

    def get_snn_differentiate() -> "type[ModulePass]":
        from snncc.passes.snn_differentiate import SnnDifferentiate

        return SnnDifferentiate

    def get_snn_eprop() -> "type[ModulePass]":
        from snncc.passes.snn_eprop import SnnEprop

        return SnnEprop

    def get_snn_fold_affine() -> "type[ModulePass]":
        from snncc.passes.snn_fold_affine import SnnFoldAffine

        return SnnFoldAffine

    def get_snn_fold_parameters() -> "type[ModulePass]":
        from snncc.passes.snn_fold_parameters import SnnFoldParameters

        return SnnFoldParameters

    def get_snn_freeze() -> "type[ModulePass]":
        from snncc.passes.snn_freeze import SnnFreeze

        return SnnFreeze

    def get_snn_fuse_elementwise() -> "type[ModulePass]":
        from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise

        return SnnFuseElementwise

    def get_snn_legalize() -> "type[ModulePass]":
        from snncc.passes.snn_legalize import SnnLegalize

        return SnnLegalize

    def get_snn_load_parameters() -> "type[ModulePass]":
        from snncc.passes.snn_load_parameters import SnnLoadParameters

        return SnnLoadParameters

    def get_snn_narrow() -> "type[ModulePass]":
        from snncc.passes.snn_narrow import SnnNarrow

        return SnnNarrow

    def get_snn_normal_form() -> "type[ModulePass]":
        from snncc.passes.snn_normal_form import SnnNormalForm

        return SnnNormalForm

    def get_snn_quantize() -> "type[ModulePass]":
        from snncc.passes.snn_quantize import SnnQuantize

        return SnnQuantize

    def get_snn_record_names() -> "type[ModulePass]":
        from snncc.passes.snn_record_names import SnnRecordNames

        return SnnRecordNames

    def get_snn_schedule() -> "type[ModulePass]":
        from snncc.passes.snn_schedule import SnnSchedule

        return SnnSchedule

    def get_snn_smooth_spikes() -> "type[ModulePass]":
        from snncc.passes.snn_smooth_spikes import SnnSmoothSpikes

        return SnnSmoothSpikes

    def get_snn_sums_as_states() -> "type[ModulePass]":
        from snncc.passes.snn_sums_as_states import SnnSumsAsStates

        return SnnSumsAsStates

    def get_snn_verify_ranges() -> "type[ModulePass]":
        from snncc.passes.snn_verify_ranges import SnnVerifyRanges

        return SnnVerifyRanges

    return {
        "core-order": get_core_order,
        "core-place": get_core_place,
        "core-route": get_core_route,
        "core-to-snn": get_core_to_snn,
        "core-verify": get_core_verify,
        "kernel-to-standard": get_kernel_to_standard,
        "kernel-verify-order": get_kernel_verify_order,
        "snn-change-precision": get_snn_change_precision,
        "snn-differentiate": get_snn_differentiate,
        "snn-eprop": get_snn_eprop,
        "snn-fold-affine": get_snn_fold_affine,
        "snn-fold-parameters": get_snn_fold_parameters,
        "snn-freeze": get_snn_freeze,
        "snn-fuse-elementwise": get_snn_fuse_elementwise,
        "snn-legalize": get_snn_legalize,
        "snn-load-parameters": get_snn_load_parameters,
        "snn-narrow": get_snn_narrow,
        "snn-normal-form": get_snn_normal_form,
        "snn-quantize": get_snn_quantize,
        "snn-record-names": get_snn_record_names,
        "snn-schedule": get_snn_schedule,
        "snn-smooth-spikes": get_snn_smooth_spikes,
        "snn-sums-as-states": get_snn_sums_as_states,
        "snn-verify-ranges": get_snn_verify_ranges,
    }
