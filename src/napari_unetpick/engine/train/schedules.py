"""The learning rate over the steps of a training, and when training may end."""

from __future__ import annotations

import math

from napari_unetpick.settings import TrainSettings

RISE = 0.3  # of all steps, in one-cycle
START = 25.0  # one-cycle begins at this part of the rate
WARM_UP = 0.05  # of all steps: batch normalisation and AdamW's moments settle first


def learning_rate(settings: TrainSettings, progress: float, total_epochs: int) -> float:
    """Return the rate at `progress` epochs (a fraction counts) of `total_epochs`.

    Warm restarts: eta_min + (eta - eta_min) (1 + cos(pi T / T_i)) / 2, with cycles of T_0,
    T_0 T_mult, T_0 T_mult^2 ... epochs (Loshchilov and Hutter 2017, eq. 5).

    One-cycle: from a 25th of the rate up to it in the first 30 % of the steps, then down to
    eta_min, both along a cosine (Smith and Topin 2018).

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
        return _cosine((progress - start) / length, top, low)
    fraction = progress / max(total_epochs, 1)
    if settings.schedule == "one-cycle":
        if fraction < RISE:
            return _cosine(fraction / RISE, top / START, top)
        return _cosine((fraction - RISE) / (1 - RISE), top, low)
    if fraction < WARM_UP:
        return top * (fraction + 0.01) / (WARM_UP + 0.01)
    return _cosine((fraction - WARM_UP) / (1 - WARM_UP), top, low)


def cycle_ends(settings: TrainSettings, total_epochs: int) -> list[int]:
    """Return after which epochs a whole cycle of warm restarts ends; none with another schedule.

    Example: T_0 = 10, T_mult = 2, 100 epochs: 10, 30, 70.
    """
    ends: list[int] = []
    length = end = settings.restart_epochs
    while settings.schedule == "warm-restarts" and end <= total_epochs:
        ends.append(end)
        length *= settings.restart_factor
        end += length
    return ends


def ends_early(settings: TrainSettings, epoch: int, risen: int, total_epochs: int) -> bool:
    """Tell whether training is over before its last epoch; warm restarts finish their cycle first.

    Parameters
    ----------
    epoch
        How many are done.
    risen
        The epoch in which validation F1 last rose.

    Example: patience 3, best in epoch 4, no better one in 5, 6 and 7: it ends after 7.
    """
    if not settings.patience or epoch >= total_epochs or epoch - risen < settings.patience:
        return False
    return settings.schedule != "warm-restarts" or epoch in cycle_ends(settings, total_epochs)


def _cosine(along: float, start: float, end: float) -> float:
    """Go from `start` to `end` as `along` goes from 0 to 1, level at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * min(along, 1.0))) / 2
