"""The survey before a picking: a planted contrast and diameter are found, by any scorer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch

from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.find import FindJob, find
from napari_unetpick.engine.pick.findings import Findings
from napari_unetpick.engine.pick.score_map import widen
from napari_unetpick.engine.pick.survey import needs_survey, survey
from napari_unetpick.engine.pick.windows import spread
from napari_unetpick.errors import InputError
from napari_unetpick.events import FoundCandidates, Message
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.logits import logit
from napari_unetpick.picking.calibration import Calibration, sigmoid
from napari_unetpick.settings import Settings

SIDE, PIXEL_SIZE = 480, 4.0


@dataclass(frozen=True)
class DiscScorer(Scorer):
    """Finds dark discs of 24 pixels by correlation with one, whatever the contrast's strength."""

    def score(self, image, check_stop=lambda: None):
        wide = widen(image)
        y, x = np.mgrid[-20:20, -20:20] + 0.5
        disc = -(np.hypot(y, x) < 12).astype(float)
        disc = (disc - disc.mean()) / disc.std()
        mean = scipy.ndimage.uniform_filter(wide, 40)
        spread = np.sqrt(np.maximum(scipy.ndimage.uniform_filter(wide**2, 40) - mean**2, 1e-6))
        alike = scipy.signal.fftconvolve(wide, disc, mode="same") / disc.size / spread
        return sigmoid(20 * (alike - 0.5))[None].astype(np.float32), None


def scorer(**changes: Any) -> DiscScorer:
    made = DiscScorer(
        networks=(),
        weights=np.ones(1),
        settings=Settings(upsample=True),
        calibration=Calibration("probability"),
        diameter=None,
        device=torch.device("cpu"),
        general=True,
    )
    return replace(made, **changes)


def discs(folder: Path, diameter: float, *, sign: int = -1, count: int = 1) -> list[Micrograph]:
    """Write micrographs with soft discs of a diameter (A) on noise, well apart."""
    radius = diameter / PIXEL_SIZE / 2
    y, x = np.mgrid[:SIDE, :SIDE]
    made = []
    for number in range(count):
        rng = np.random.default_rng([number, 9])
        image = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
        grid = np.arange(2 * radius, SIDE - 2 * radius, 6 * radius)
        for row in grid:
            for col in grid:
                at = (row, col) + rng.uniform(-1.5, 1.5, 2) * radius
                inside = np.hypot(y - at[0], x - at[1]) < radius
                image[inside] += sign * 2.0
        path = folder / f"m{number}.mrc"
        with mrcfile.new(path, image) as file:
            file.voxel_size = PIXEL_SIZE
        made.append(Micrograph(path, path.name))
    return made


def look(*arguments: Any, **options: Any) -> tuple[Findings, list[Message]]:
    """Return what a survey finds, and what it says."""
    said: list[Message] = []

    def listen() -> Generator[Any, None, Findings]:
        found = yield from survey(*arguments, **options)
        return found

    events = listen()
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            return stop.value, said
        if isinstance(event, Message):
            said.append(event)


@pytest.mark.parametrize("diameter", [100.0, 230.0])
@pytest.mark.parametrize(("sign", "contrast"), [(-1, "dark"), (1, "light")])
def test_contrast_and_diameter_are_found(tmp_path: Path, diameter, sign, contrast):
    job = FindJob(micrographs=discs(tmp_path, diameter, sign=sign))
    found, said = look(job, scorer())
    assert found.contrast == contrast
    assert found.diameter == pytest.approx(diameter, rel=0.15)
    assert found.low <= found.diameter <= found.high
    assert found.sure
    assert [each.level for each in said] == ["info", "info"]
    assert {"dark": "dark on light", "light": "light on dark"}[contrast] in said[0].text
    assert f"{found.diameter:.0f} A" in said[1].text


def test_what_is_given_is_not_looked_for(tmp_path: Path):
    micrographs = discs(tmp_path, 160.0, sign=1)
    found, said = look(FindJob(micrographs=micrographs, diameter=170.0), scorer())
    assert (found.contrast, found.diameter, len(said)) == ("light", None, 1)
    found, _ = look(FindJob(micrographs=micrographs, contrast="light"), scorer())
    assert found.contrast is None
    assert found.diameter == pytest.approx(160, rel=0.15)
    given = FindJob(micrographs=micrographs, contrast="dark", diameter=170.0)
    assert not needs_survey(given, scorer())
    assert found.applied_to(given) == given
    own = scorer(general=False, diameter=150.0)
    assert not needs_survey(FindJob(micrographs=micrographs), own)


def test_noise_says_that_nothing_is_certain(tmp_path: Path):
    found, said = look(FindJob(micrographs=discs(tmp_path, 160.0, sign=0)), scorer())
    assert found.contrast == "dark"
    assert not found.sure
    assert [each.level for each in said] == ["warning", "warning"]
    assert "--contrast" in said[0].text
    assert "--diameter" in said[1].text


def test_the_threshold_of_an_operating_point_needs_probabilities(tmp_path: Path):
    job = FindJob(micrographs=discs(tmp_path, 160.0), diameter=160.0)
    found, said = look(job, scorer(), "more")
    assert 0 < found.threshold < 1
    assert "precision" in said[-1].text
    assert "--keep more" in said[-1].text
    more, again = look(replace(job, micrographs=job.micrographs * 9), scorer(), "more")
    assert (more, again[-1].text) == (found, said[-1].text)  # of a micrograph, however many
    with pytest.raises(InputError, match="--keep more"):
        look(job, scorer(calibration=Calibration("rank")), "more")


def test_some_micrographs_spread_over_the_list_by_name():
    listed = [Micrograph(Path(f"{n:03d}.mrc"), f"{n:03d}.mrc") for n in range(101)]
    names = [each.key for each in spread(listed[::-1])]
    assert names == ["000", "020", "040", "060", "080", "100"]
    assert len(spread(listed[:4])) == 4


def test_one_that_cannot_be_read_is_passed_over(tmp_path: Path):
    micrographs = discs(tmp_path, 160.0)
    broken = Micrograph(tmp_path / "a.mrc", "a.mrc")
    broken.path.write_bytes(b"no micrograph")
    found, _ = look(FindJob(micrographs=[broken, *micrographs], diameter=160.0), scorer(), "more")
    assert found.contrast == "dark"
    with pytest.raises(InputError, match=r"a\.mrc"):
        look(FindJob(micrographs=[broken]), scorer())


@pytest.mark.parametrize(
    "table", [{"contrast": "grey"}, {"diameter": -3.0}, {"threshold": 2.0}, {"other": 1}]
)
def test_findings_are_read_again_or_refused(table):
    found = Findings("light", 160.0, 150.0, 170.0, sure=True, threshold=0.4)
    assert Findings.read(found.to_table()) == found
    with pytest.raises(InputError, match=r"picking\.toml"):
        Findings.read(table)


def test_one_threshold_near_focus_and_far_from_it(tmp_path):
    near, far = discs(tmp_path, 120.0, count=2)
    near, far = replace(near, defocus=8000.0), replace(far, defocus=18000.0)
    job = FindJob(micrographs=[near, far], diameter=120.0, contrast="dark")
    knows = scorer(focus=0.9)
    found, _ = look(job, knows)
    assert found.defocus == pytest.approx(12000.0)
    assert Findings.read(found.to_table()) == found
    plain, level = (
        [e.candidates for e in find(each, knows) if isinstance(e, FoundCandidates)]
        for each in (job, found.applied_to(job))
    )
    for before, after, sign in zip(plain, level, (1, -1), strict=True):
        shift = logit(after.raw) - logit(before.raw)
        np.testing.assert_allclose(shift, sign * 0.9 * np.log(1.5), rtol=1e-6)


def test_without_defocus_in_the_list_scores_stay(tmp_path):
    job = FindJob(micrographs=discs(tmp_path, 120.0), diameter=120.0, contrast="dark")
    assert look(job, scorer(focus=0.9))[0].defocus is None
