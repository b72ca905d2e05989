"""A comparison of picks as they were delivered: at the thresholds that their models chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from napari_unetpick.evaluation.figures import figures_of
from napari_unetpick.evaluation.methods import f1_differences
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.study.compare.result import ComparisonResult, MethodResult


def compare_delivered(evaluations: Mapping[str, Evaluation]) -> ComparisonResult:
    """Compare evaluations of the same test micrographs; `compare` chooses thresholds instead.

    Parameters
    ----------
    evaluations
        By the name of the method, in order; the others are compared with the first.
    """
    methods = [
        MethodResult(name, "picks", each, figures_of(each), each.half, curve=each.curve)
        for name, each in evaluations.items()
    ]
    first = methods[0].evaluation
    methods[1:] = [
        replace(each, differences=f1_differences(first, each.evaluation, first.seed))
        for each in methods[1:]
    ]
    return ComparisonResult("test", tuple(methods), 0, first.seed)
