"""One or several trained models as one scorer: their score maps are averaged.

Members that were validated on the same labels count more if they err less often: one training that
went badly should not spoil the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.devices import computes_in_eight_bit
from napari_unetpick.engine.nn.eight_bit import EightBitUNet, PickingNetwork
from napari_unetpick.engine.nn.unet import build_network, place
from napari_unetpick.engine.pick.score_map import junk_of, score_maps, widen
from napari_unetpick.errors import ModelError
from napari_unetpick.io.models import Model
from napari_unetpick.picking.adaptation import Adaptation, read_adaptation
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.renamed_keys import carry_over
from napari_unetpick.settings import Settings, from_dict

Floats = NDArray[np.float64]
ERROR_POWER = 6  # one that errs by a tenth more counts 0.56 of the other
Scored = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Score maps of particles (members, rows, cols), and of junk (rows, cols) or None."""
LEAST_ERROR = 0.005  # of F1: nobody is known to be better


@dataclass(frozen=True)
class Scorer:
    """Networks ready to score, with what their cards say.

    Parameters
    ----------
    weights
        (members,) how much each counts, 1 together.
    calibration
        The members' mean, by weight.
    diameter
        A, that the first was trained for; None of the general model, which knows any.
    general
        Whether all members are general models: any diameter, dark particles.
    adaptation
        How the calibration follows from the scores of the set at hand; None where it stays.
    focus
        Logits that a score rises by with the logarithm of the defocus; 0 where it isn't known.
    knows_junk
        Whether it says where junk is, if a member knows it.
    thorough
        Whether scores are averaged over the eight orientations of a micrograph.
    """

    networks: tuple[PickingNetwork, ...]
    weights: Floats
    settings: Settings
    calibration: Calibration
    diameter: float | None
    device: torch.device
    general: bool = False
    adaptation: Adaptation | None = None
    focus: float = 0.0
    knows_junk: bool = True
    thorough: bool = False

    def score(
        self, image: NDArray[np.float32], check_stop: Callable[[], None] = lambda: None
    ) -> Scored:
        """Return raw score maps of a preprocessed micrograph, with rims of `RIM`.

        Particles (members, rows, cols), and junk (rows, cols) where a member knows it, or None.
        """
        return self.score_many(image[None], check_stop)[0]

    def score_many(
        self, images: NDArray[np.float32], check_stop: Callable[[], None] = lambda: None
    ) -> list[Scored]:
        """Score several micrographs of one size at once: (images, rows, cols)."""
        if self.thorough:
            return averaged(lambda turned: self._score(turned, check_stop), images)
        return self._score(images, check_stop)

    def _score(self, images: NDArray[np.float32], check_stop: Callable[[], None]) -> list[Scored]:
        wide = np.stack([widen(each) for each in images])
        maps = [score_maps(each, wide, self.device, check_stop) for each in self.networks]
        scored = []
        for each in zip(*maps, strict=True):  # of all members
            junk = junk_of(each) if self.knows_junk else None
            scored.append((np.stack([outputs[0] for outputs in each]), junk))
        return scored


def averaged(
    score: Callable[[NDArray[np.float32]], list[Scored]], images: NDArray[np.float32]
) -> list[Scored]:
    """Return the mean of what `score` gives for (images, rows, cols) in eight orientations."""
    sums: list[list[NDArray[np.float32]]] = []
    for mirrored in (False, True):
        for turns in range(4):
            turned = np.rot90(images, turns, axes=(1, 2))
            turned = turned[..., ::-1] if mirrored else turned
            found = [
                [upright(each, turns, mirrored) for each in scored if each is not None]
                for scored in score(np.ascontiguousarray(turned))
            ]
            pairs = zip(sums or found, found, strict=True)
            sums = [
                [total + each for total, each in zip(*pair, strict=True)] if sums else pair[1]
                for pair in pairs
            ]
    means = [[np.ascontiguousarray(total / 8, np.float32) for total in each] for each in sums]
    return [(each[0], each[1] if len(each) > 1 else None) for each in means]


def upright(scores: NDArray[np.float32], turns: int, mirrored: bool) -> NDArray[np.float32]:
    """Turn scores (..., rows, cols) of a turned image back."""
    back = scores[..., ::-1] if mirrored else scores
    return np.rot90(back, -turns, axes=(-2, -1))


def make_scorer(
    models: Sequence[tuple[str, Model]],
    device: torch.device,
    *,
    junk: bool = True,
    thorough: bool = False,
) -> Scorer:
    """Build the networks of one or several models (name, model).

    Parameters
    ----------
    junk
        Whether it is heeded.
    thorough
        Whether scores are averaged over the eight orientations of a micrograph.

    Raises
    ------
    ModelError
        Weights do not fit their card, or the members see particles at different scales.
    """
    networks, settings, calibrations, diameters = [], [], [], []
    for name, model in models:
        each, calibration, diameter = read_card(name, model)
        networks.append(load_network(name, model, each, device))
        settings.append(each)
        calibrations.append(calibration)
        diameters.append(diameter)
    if len({(each.particle_px, each.upsample) for each in settings}) > 1:
        raise ModelError(
            "the models work at different scales (particle_px, upsample); train them with the "
            "same recipe"
        )
    same_labels = len({model.card.get("data") for _, model in models}) == 1
    weights = member_weights(calibrations, same_labels)
    return Scorer(
        networks=tuple(networks),
        weights=weights,
        settings=settings[0],
        calibration=mean_calibration(calibrations, weights),
        diameter=next((each for each in diameters if each is not None), None),
        device=device,
        general=bool(models) and all(is_general(model) for _, model in models),
        adaptation=read_adaptation(models[0][1].card, models[0][0]) if len(models) == 1 else None,
        focus=read_focus(*models[0]) if len(models) == 1 else 0.0,
        knows_junk=junk,
        thorough=thorough,
    )


def is_general(model: Model) -> bool:
    """Tell whether a model is a general one, made for particles of any kind."""
    return model.card.get("general") is True


def read_focus(name: str, model: Model) -> float:
    """Return what a model's card says of scores and defocus, 0 where it says nothing.

    Raises
    ------
    ModelError
        It is no number.
    """
    slope = model.card.get("focus", 0.0)
    if not isinstance(slope, float | int) or not np.isfinite(slope):
        raise ModelError(
            f"{name}: the model's card is of another version ('focus': {slope!r}); "
            "update napari-unetpick"
        )
    return float(slope)


def read_card(name: str, model: Model) -> tuple[Settings, Calibration, float | None]:
    """Return what a model's card says of its settings, its scores and its diameter (A).

    The diameter of a general model is None.
    """
    try:
        calibration = Calibration(**carry_over(model.card["calibration"], "calibration"))
        numbers = calibration.slope, calibration.offset, calibration.shadow, calibration.threshold
        if not np.isfinite(numbers).all():
            raise ValueError("calibration is not finite")
        if calibration.expected_f1 is not None and not 0 <= calibration.expected_f1 <= 1:
            raise ValueError("expected F1 is not from 0 to 1")
        settings = from_dict(model.card["settings"], name=name)
        diameter = None if is_general(model) else float(model.card["diameter"])
        return settings, calibration, diameter
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{name}: the model's card is incomplete or of another version ({error}); "
            "train or copy it again"
        ) from error


def load_network(
    name: str, model: Model, settings: Settings, device: torch.device
) -> PickingNetwork:
    """Build one network ready to score."""
    network = build_network(settings.network)
    weights = {key: torch.from_numpy(value.copy()) for key, value in model.weights.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"{name}: the weights do not fit the model's card; train or copy it again"
        ) from error
    placed = place(network.fused(), device)
    return EightBitUNet(placed) if computes_in_eight_bit(device) else placed


def member_weights(members: list[Calibration], same_labels: bool) -> Floats:
    """Return (members,) how much each counts, 1 together; equally where F1 cannot be compared.

    Parameters
    ----------
    same_labels
        Whether the same labels say what each one's expected F1 is.
    """
    known = [each.expected_f1 for each in members if each.expected_f1 is not None]
    if not same_labels or len(known) < len(members):
        return np.full(len(members), 1 / len(members))
    errors = np.maximum(1 - np.array(known), LEAST_ERROR)
    weights = (errors.min() / errors) ** ERROR_POWER
    return np.asarray(weights / weights.sum())


def mean_calibration(members: list[Calibration], weights: Floats) -> Calibration:
    """Average the members' calibrations by weight; "rank" if any is one."""
    if len(members) == 1:
        return members[0]
    values: dict[str, Any] = {
        key: float(np.dot(weights, [getattr(m, key) for m in members]))
        for key in ("slope", "offset", "shadow", "threshold", "min_distance")
    }
    kinds = {m.kind for m in members}
    return Calibration(kind="rank" if "rank" in kinds else "probability", **values)
