"""What every method of a comparison is asked: the truth in pixels, who chooses, who is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.truth import Areas
from napari_unetpick.evaluation.pairs import compare
from napari_unetpick.evaluation.protocols import Comparison
from napari_unetpick.io.picks import Picks
from napari_unetpick.study.compare.job import CompareJob


@dataclass(frozen=True)
class Question:
    """What every method is asked: the truth, and which micrographs choose and which are scored."""

    truth: dict[str, Picks]
    diameters: dict[str, float] | None
    border_px: dict[str, float]
    shapes: Mapping[str, tuple[int, int]]
    excluded: Areas
    pairs: dict[str, Comparison]
    validation: list[str]
    scored: list[str]
    seed: int

    @property
    def crosswise(self) -> bool:
        """Whether the micrographs that choose are those that are scored."""
        return self.validation == self.scored


def ask(job: CompareJob, failed: Mapping[str, str]) -> Question:
    """Gather what all methods are asked, without the micrographs that failed for any of them."""
    validation = [key for key in job.validation if key not in failed]
    tests = [key for key in job.test if key not in failed] if job.final else []
    scored = tests if job.final else validation
    if not validation or not scored:
        raise InputError(next(iter(failed.values())))
    truth = {key: job.truth[key] for key in dict.fromkeys([*validation, *scored])}
    sizes = job.images.pixel_sizes
    for key, particles in truth.items():
        needs = job.diameter is not None and particles.diameters is None
        if key not in sizes and (job.border or needs):
            raise InputError(
                f"{key}: its pixel size is unknown",
                "give --pixel-size (A/px)",
                viewer="enter it in Annotate, under the diameter",
            )
    known = {key: a for key, a in sizes.items() if key in truth}
    diameters = None if job.diameter is None else {k: job.diameter / a for k, a in known.items()}
    border_px = {key: job.border / a for key, a in known.items()} if job.border else {}
    shapes = job.images.shapes
    pairs = compare({}, truth, diameters, shapes, border_px, {}, job.excluded)
    return Question(
        truth=truth,
        diameters=diameters,
        border_px=border_px,
        shapes=shapes,
        excluded=job.excluded,
        pairs={pair.key: pair for pair in pairs},
        validation=validation,
        scored=scored,
        seed=job.seed,
    )
