"""What a comparison found, as frozen data; `to_dict` is what --json prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from napari_unetpick.evaluation.figures import Figures
from napari_unetpick.evaluation.intervals import Difference
from napari_unetpick.evaluation.methods import OperatingPoint
from napari_unetpick.evaluation.metrics import Score
from napari_unetpick.evaluation.results import Evaluation, PrecisionRecallCurve, rounded


@dataclass(frozen=True)
class MethodResult:
    """One method, scored.

    Parameters
    ----------
    kind
        "model", or "picks" of any program.
    evaluation
        Of its picks at the thresholds chosen on validation.
    figures
        The same with 95 % intervals; see `cryoppp.record.figures_of`.
    delivered
        `particle` score of the picks as the program wrote them.
    choice
        Of all validation micrographs; None without scores, where nothing can be chosen.
    folds
        What was chosen for each scored micrograph without it, where it validates itself; else ().
    curve
        Over all thresholds on the scored micrographs, at the chosen minimum distance.
    differences
        Its F1 minus the first method's, by the rows of `methods.PAIRED`; None for the first.
    leak
        Why the scored micrographs are not unseen, or None.
    notes
        One line each.
    """

    name: str
    kind: Literal["model", "picks"]
    evaluation: Evaluation
    figures: Figures
    delivered: Score
    choice: OperatingPoint | None = None
    folds: tuple[OperatingPoint, ...] = ()
    curve: PrecisionRecallCurve | None = None
    differences: Mapping[str, Difference] | None = None
    leak: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def fold_range(self) -> tuple[float, float] | None:
        """Lowest and highest threshold of the folds."""
        values = [fold.threshold for fold in self.folds]
        return (min(values), max(values)) if values else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        choice, half = self.choice, self.evaluation.half
        return {
            "name": self.name,
            "kind": self.kind,
            "threshold": rounded(choice.threshold if choice else None),
            "fold_thresholds": [rounded(value) for value in self.fold_range or ()] or None,
            "min_distance": choice.distance if choice else None,
            "validation_f1": rounded(choice.f1 if choice else None),
            "n_picks": half.n_picks,
            "n_matched": half.n_matched,
            "f1_as_delivered": rounded(self.delivered.f1),
            "average_precision": rounded(self.curve.average_precision if self.curve else None),
            "figures": {name: list(value) for name, value in self.figures.items()},
            "differences": None
            if self.differences is None
            else {
                name: [rounded(each.value), rounded(each.low), rounded(each.high)]
                for name, each in self.differences.items()
            },
            "leak": self.leak,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class ComparisonResult:
    """All methods on the same micrographs.

    Parameters
    ----------
    part
        Which micrographs are scored.
    validation
        Number of micrographs that chose the thresholds.
    test_evaluation
        Running number of this test-set evaluation, or None where validation is scored.
    failed
        Why a micrograph was skipped, by key.
    """

    part: Literal["validation", "test"]
    methods: tuple[MethodResult, ...]
    validation: int
    seed: int = 42
    test_evaluation: int | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """Keys of the scored micrographs."""
        return [row.key for row in self.methods[0].evaluation.micrographs]

    @property
    def all_notes(self) -> list[str]:
        """What the reader should know: leaks first, then of all, then of each method."""
        names: dict[str, list[str]] = {}
        for method in self.methods:
            for note in method.notes:
                names.setdefault(note, []).append(method.name)
        return [
            *(method.leak for method in self.methods if method.leak),
            *self.notes,
            *(f"{', '.join(who)}: {note}" for note, who in names.items()),
            *(f"{key} was skipped: {reason}" for key, reason in self.failed.items()),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; each figure is [value, low, high], null where it is unknown."""
        first = self.methods[0].evaluation
        return {
            "part": self.part,
            "n_micrographs": len(self.keys),
            "n_truth": first.half.n_truth,
            "n_validation": self.validation,
            "diameter_px": round(first.diameter_px, 2),
            "border_px": round(first.border_px, 2),
            "seed": self.seed,
            "look": self.test_evaluation,
            "sides": [method.to_dict() for method in self.methods],
            "micrographs": [
                {
                    "micrograph": key,
                    "f1": {
                        method.name: rounded(method.evaluation.micrographs[i].scores["particle"].f1)
                        for method in self.methods
                    },
                }
                for i, key in enumerate(self.keys)
            ],
            "notes": list(self.notes),
            "failed": dict(self.failed),
        }
