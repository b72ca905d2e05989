"""Pair picks with truth, micrograph by micrograph, with the diameter and shape each match needs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.matching import as_points
from napari_unetpick.evaluation.protocols import Comparison
from napari_unetpick.io.labels import Polygon
from napari_unetpick.io.picks import Picks

Floats = NDArray[np.float64]


def compare(
    picks: Mapping[str, Picks],
    truth: Mapping[str, Picks],
    diameters: float | Mapping[str, float] | None,
    shapes: Mapping[str, tuple[int, int]],
    border_px: float | Mapping[str, float],
    areas: Mapping[str, tuple[Polygon, ...]],
    exclusions: Mapping[str, tuple[Polygon, ...]],
) -> list[Comparison]:
    """Pair every micrograph that has truth with its picks, sorted by name.

    Parameters are those of `evaluate.evaluate`.

    Raises
    ------
    InputError
        A micrograph has neither true nor given diameters, a border has no shape or does not fit,
        or a coordinate is not a number.
    """
    usual = _usual_diameter(truth)
    pairs = []
    for key in sorted(truth):
        given = diameters.get(key) if isinstance(diameters, Mapping) else diameters
        border = border_px.get(key, 0.0) if isinstance(border_px, Mapping) else border_px
        sizes = _true_diameters(truth[key], given if given is not None else usual, key)
        shape = shapes.get(key)
        _check_border(key, shape, border)
        pairs.append(
            Comparison(
                key=key,
                picks=_points(picks.get(key), key, "picks"),
                truth=_points(truth[key], key, "truth"),
                diameters=sizes,
                diameter=_disc_diameter(sizes, given, usual, key),
                shape=shape,
                border=float(border),
                areas=areas.get(key, ()),
                exclusions=exclusions.get(key, ()),
            )
        )
    return pairs


def _true_diameters(truth: Picks, fallback: float | None, key: str) -> Floats:
    """Give each true particle's own diameter, or the fallback where the file has none."""
    own = np.full(len(truth), np.nan) if truth.diameters is None else truth.diameters
    known = np.isfinite(own) & (own > 0)
    if known.all():
        return np.asarray(own, dtype=np.float64)
    if fallback is None:
        raise _no_diameter(key)
    return np.where(known, own, fallback).astype(np.float64)


def _disc_diameter(sizes: Floats, given: float | None, usual: float | None, key: str) -> float:
    """Give one diameter for the micrograph: of its truth, as given, or of the other truth."""
    diameter = float(np.median(sizes)) if len(sizes) else given if given is not None else usual
    if diameter is None:
        raise _no_diameter(key)
    if not np.isfinite(diameter) or diameter <= 0:
        raise InputError(
            f"{key}: a diameter of {diameter:g} px is not possible",
            "check --diameter",
            viewer="check the diameter",
        )
    return float(diameter)


def _usual_diameter(truth: Mapping[str, Picks]) -> float | None:
    """Give the median of all true diameters, for micrographs whose truth is empty."""
    columns = [p.diameters for p in truth.values() if p.diameters is not None and len(p)]
    values = np.concatenate(columns) if columns else np.empty(0)
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.median(values)) if len(values) else None


def _points(picks: Picks | None, key: str, what: str) -> Floats:
    if picks is None:
        return np.empty((0, 2))
    try:
        return as_points(picks.coords)
    except ValueError as error:
        raise InputError(f"{key}: the {what} are unusable ({error})") from error


def _check_border(key: str, shape: tuple[int, int] | None, border: float) -> None:
    if border == 0:
        return
    if shape is None:
        raise InputError(
            f"{key}: excluding a border needs the image size",
            "give --micrographs",
            viewer="find the micrograph, or score the border, too",
        )
    if not 0 < border < min(shape) / 2:
        raise InputError(
            f"{key}: a border of {border:.0f} px excludes all of {shape[0]} x {shape[1]} px",
            "give a smaller --border (in Angstrom)",
            viewer="score the border, too",
        )


def _no_diameter(key: str) -> InputError:
    return InputError(
        f"{key}: the truth has no diameter",
        "give --diameter in Angstrom (with the micrographs or --pixel-size), or truth with a "
        "diameter column",
        viewer="set the diameter in Annotate",
    )
