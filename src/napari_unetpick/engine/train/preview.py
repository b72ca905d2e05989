"""A look at a micrograph with a network that is still in training, which it leaves alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.score_map import RIM, score_map, widen
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.engine.train.validation import MATCH
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.events import FoundCandidates
from napari_unetpick.io.images.image import check_values, read_micrograph, resolve_pixel_size
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.calibration import nearness
from napari_unetpick.picking.peaks import find_peaks
from napari_unetpick.picking.scale import Scale, make_scale

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
        self._images: OrderedDict[str, tuple[Scale, NDArray[np.float32]]] = OrderedDict()

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
        coords, raw, diameter = self._candidates(network, micrograph, check_stop)
        like_picks = matched(coords, raw, picks, diameter)
        if len(like_picks) < ENOUGH_PICKS:
            like_picks = self._ask_others(network, key, check_stop)
        threshold = float(np.quantile(like_picks, SHOWN)) if len(like_picks) else USUAL
        near = nearness(coords, raw, diameter)
        return FoundCandidates(key, coords, raw, near, diameter, preview=True, threshold=threshold)

    def _ask_others(self, network: UNet, key: str, check_stop: Callable[[], None]) -> Floats:
        """Scores of the picks on those labelled micrographs that have most of them."""
        labels = self.job.labels
        others = [m for m in self.job.micrographs if m.key in labels and m.key != key]
        others.sort(key=lambda m: -len(labels[m.key].positives))
        scores = [np.empty(0)]
        for micrograph in others[:ASKED]:
            coords, raw, diameter = self._candidates(network, micrograph, check_stop)
            scores.append(matched(coords, raw, labels[micrograph.key].positives, diameter))
        return np.concatenate(scores)

    def _candidates(
        self, network: UNet, micrograph: Micrograph, check_stop: Callable[[], None]
    ) -> tuple[Floats, Floats, float]:
        scale, image = self._image(micrograph)
        scores = score_map(network, widen(image), self.device, check_stop=check_stop)
        peaks, raw = find_peaks(scores, scale.network_diameter, rim=RIM)
        return scale.to_file(peaks), raw, scale.diameter_px

    def _image(self, micrograph: Micrograph) -> tuple[Scale, NDArray[np.float32]]:
        """Read and preprocess a micrograph, or take it from the last ones."""
        key = micrograph.key
        if key not in self._images:
            job, image = self.job, read_micrograph(micrograph.path)
            check_values(image, micrograph.name)
            rows, cols = image.data.shape
            scale = make_scale(
                (rows, cols),
                resolve_pixel_size(micrograph, image, job.pixel_size),
                job.diameter,
                particle_px=job.settings.particle_px,
                name=micrograph.name,
            )
            small = preprocess(image.data, scale, name=micrograph.name, threads=job.threads)
            self._images[key] = scale, small
            if len(self._images) > KEPT_IMAGES:
                self._images.popitem(last=False)
        self._images.move_to_end(key)
        return self._images[key]


def matched(coords: Floats, raw: Floats, picks: Floats, diameter: float) -> Floats:
    """Return the raw scores of the candidates within half a diameter of a pick, one for each."""
    if not len(picks) or not len(coords):
        return np.empty(0)
    return np.asarray(raw[match_particles(coords, picks, MATCH * diameter) >= 0])
