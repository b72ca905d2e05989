"""What was found out before a picking, as it is written, read again, and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.evidence import DiameterEstimate
from napari_unetpick.engine.pick.find import FindJob
from napari_unetpick.errors import InputError
from napari_unetpick.events import Message
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.sizes import is_diameter
from napari_unetpick.picking.calibration import Calibration

Job = TypeVar("Job", bound=FindJob)
WORDS = {"dark": "dark on light", "light": "light on dark"}


@dataclass(frozen=True)
class Findings:
    """What was found out; None was given, or is not needed.

    Parameters
    ----------
    contrast
        "dark" or "light" particles.
    diameter, low, high
        A, and the interval that it lies in.
    sure
        Whether that is narrow.
    threshold
        Calibrated score from which a candidate is a pick.
    calibration
        Of these micrographs, where the model's adapts to them, as `Calibration.to_dict` has it.
    defocus
        Usual defocus (A), where the model's scores depend on it and the list says it.
    """

    contrast: str | None = None
    diameter: float | None = None
    low: float | None = None
    high: float | None = None
    sure: bool | None = None
    threshold: float | None = None
    calibration: Mapping[str, Any] | None = None
    defocus: float | None = None

    def to_table(self) -> dict[str, Any]:
        """Return what is known, by name."""
        table = {name: value for name, value in vars(self).items() if value is not None}
        if self.calibration is not None:  # TOML knows no None
            known = {name: v for name, v in self.calibration.items() if v is not None}
            table["calibration"] = known
        return table

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Findings:
        """Read a table again.

        Raises
        ------
        InputError
            A value cannot be.
        """
        try:
            found = cls(**table)
            right = (
                found.contrast in (None, *WORDS)
                and (found.diameter is None or is_diameter(found.diameter))
                and (found.threshold is None or 0 <= found.threshold <= 1)
                and (found.defocus is None or 0 < found.defocus < float("inf"))
            )
            if found.calibration is not None:
                Calibration(**found.calibration)
        except TypeError:
            right = False
        if not right:
            raise InputError(
                "what was found before a picking, in picking.toml cannot be read",
                "leave out --resume to start over",
            )
        return found

    def applied_to(self, job: Job) -> Job:
        """Return a job with what was found, where nothing was given."""
        contrast, diameter = self.contrast or job.contrast, job.diameter or self.diameter
        return replace(job, contrast=contrast, diameter=diameter, defocus=self.defocus)

    def calibrated(self, scorer: Scorer) -> Scorer:
        """Return a scorer with the calibration that was found."""
        if self.calibration is None:
            return scorer
        return replace(scorer, calibration=Calibration(**self.calibration))

    def __str__(self) -> str:
        parts = []
        if self.contrast is not None:
            parts.append(f"particles {WORDS[self.contrast]}")
        if self.diameter is not None:
            parts.append(f"diameter {self.diameter:g} A")
        if self.threshold is not None:
            parts.append(f"threshold {self.threshold:.3f}")
        elif self.calibration is not None:
            parts.append(f"threshold {self.calibration['threshold']:.3f}")
        return ", ".join(parts)


def contrast_in_words(contrast: str, told: bool, count: int) -> Message:
    """Say which contrast particles have on `count` micrographs, or that they leave it open."""
    where = tell_count(count, "micrograph")
    if told:
        return Message(f"particles are {WORDS[contrast]} (found on {where})")
    return Message(
        f"dark or light particles: {where} leave it open; taken as {WORDS[contrast]}, give "
        "--contrast if they are not",
        "warning",
    )


def diameter_in_words(estimate: DiameterEstimate, count: int) -> Message:
    """Say the diameter that was found on `count` micrographs, and how certain it is."""
    text = (
        f"{estimate.diameter:.0f} A ({estimate.low:.0f} to {estimate.high:.0f} A), estimated on "
        f"{tell_count(count, 'micrograph')}"
    )
    if estimate.sure:
        return Message(f"particle diameter {text}")
    return Message(
        f"particle diameter uncertain: {text}; give --diameter if you know it", "warning"
    )


def calibration_in_words(calibration: Calibration, count: int) -> Message:
    """Say what the scores of `count` micrographs make of the calibration."""
    text = f"scores calibrated on {tell_count(count, 'micrograph')}: threshold "
    text += f"{calibration.threshold:.3f}"
    if calibration.expected_precision is not None:
        text += f", expected precision {calibration.expected_precision:.2f}"
    return Message(text)
