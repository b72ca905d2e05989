"""The learning rate over the steps of a training."""

from __future__ import annotations

import math

from napari_unetpick.settings import TrainSettings

WARM_UP = 0.05  # of all steps: batch normalisation and AdamW's moments settle first


def learning_rate(settings: TrainSettings, progress: float, total_epochs: int) -> float:
    """Return the rate at `progress` epochs (a fraction counts) of `total_epochs`.

    Warm restarts: eta_min + (eta - eta_min) (1 + cos(pi T / T_i)) / 2, with cycles of T_0,
    T_0 T_mult, T_0 T_mult^2 ... epochs (Loshchilov and Hutter 2017, eq. 5).

    Example: T_0 = 10, T_mult = 2: the rate is full at epochs 0, 10, 30, 70, 150.
    """
    top, low = settings.learning_rate, settings.smallest_rate
    if settings.schedule == "constant":
        return top
    if settings.schedule == "warm-restarts":
        length, start = float(settings.restart_epochs), 0.0
        while progress >= start + length:
            start += length
            length *= settings.restart_factor
        return low + (top - low) * (1 + math.cos(math.pi * (progress - start) / length)) / 2
    fraction = progress / max(total_epochs, 1)
    if fraction < WARM_UP:
        return top * (fraction + 0.01) / (WARM_UP + 0.01)
    along = (fraction - WARM_UP) / (1 - WARM_UP)
    return low + (top - low) * (1 + math.cos(math.pi * min(along, 1.0))) / 2
