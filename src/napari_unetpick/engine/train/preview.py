"""A look at a micrograph with a network that is still in training, which it leaves alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import Prepared, prepare_micrograph
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.score_map import find_on
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.events import FoundCandidates
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import SAME_PARTICLE

Floats = NDArray[np.float64]
Marked = tuple[Micrograph, Floats]  # and its picks (N, 2), (row, col), pixels of the file
KEPT_IMAGES = 16  # preprocessed; about 1.5 MB each
ENOUGH_PICKS = 3  # of a micrograph, to say which scores particles have there
ASKED = 2  # labelled micrographs that are asked where it has fewer
SHOWN = 0.3  # quantile of the picks' scores: what scores like the better 70 % is shown
USUAL = 0.3  # raw threshold where no pick was found yet


class Previewer:
    """Finds candidates between the steps of a training.

    Parameters
    ----------
    job
        The training.
    mark
        Returns the micrograph of a key and its picks as they are now.
    """

    def __init__(self, job: TrainJob, device: torch.device, mark: Callable[[str], Marked]) -> None:
        self.job, self.device, self.mark = job, device, mark
        self._images: OrderedDict[str, Prepared] = OrderedDict()

    def find(
        self, network: UNet, key: str, check_stop: Callable[[], None] = lambda: None
    ) -> FoundCandidates:
        """Find the candidates of one micrograph, with a raw threshold worth showing them from.

        Parameters
        ----------
        network
            The averaged network, in evaluation mode.

        Raises
        ------
        InputError
            The micrograph cannot be read.
        """
        micrograph, picks = self.mark(key)
        found = self._candidates(network, micrograph, check_stop)
        like_picks = matched(found, picks)
        if len(like_picks) < ENOUGH_PICKS:
            like_picks = self._ask_others(network, key, check_stop)
        threshold = float(np.quantile(like_picks, SHOWN)) if len(like_picks) else USUAL
        return FoundCandidates(key, found, preview=True, threshold=threshold)

    def _ask_others(self, network: UNet, key: str, check_stop: Callable[[], None]) -> Floats:
        """Scores of the picks on those labelled micrographs that have most of them."""
        labels = self.job.labels
        others = [m for m in self.job.micrographs if m.key in labels and m.key != key]
        others.sort(key=lambda m: -len(labels[m.key].positives))
        scores = [np.empty(0)]
        for micrograph in others[:ASKED]:
            found = self._candidates(network, micrograph, check_stop)
            scores.append(matched(found, labels[micrograph.key].positives))
        return np.concatenate(scores)

    def _candidates(
        self, network: UNet, micrograph: Micrograph, check_stop: Callable[[], None]
    ) -> Candidates:
        prepared = self._prepare(micrograph)
        return find_on(network, prepared.image, prepared.scale, self.device, check_stop)

    def _prepare(self, micrograph: Micrograph) -> Prepared:
        """Read and preprocess a micrograph, or take it from the last ones."""
        key, job = micrograph.key, self.job
        if key not in self._images:
            self._images[key] = prepare_micrograph(
                micrograph,
                diameter=job.diameter,
                particle_px=job.settings.particle_px,
                upsample=job.settings.upsample,
                pixel_size=job.pixel_size,
                threads=job.threads,
            )
            if len(self._images) > KEPT_IMAGES:
                self._images.popitem(last=False)
        self._images.move_to_end(key)
        return self._images[key]


def matched(found: Candidates, picks: Floats) -> Floats:
    """Return the raw scores of the candidates within half a diameter of a pick, one for each."""
    if not len(picks) or not len(found):
        return np.empty(0)
    match = match_particles(found.coords, picks, SAME_PARTICLE * found.diameter_px)
    return np.asarray(found.raw[match >= 0])
