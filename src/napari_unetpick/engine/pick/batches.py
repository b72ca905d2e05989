"""Micrographs through a GPU: read ahead by threads, scored in batches, finished by threads.

While the network scores one batch, the next one is read and the candidates of the last are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import Prepared, count_cores
from napari_unetpick.engine.pick.ensemble import Scored, Scorer
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph

Result = TypeVar("Result")
MOST = 16  # micrographs in a batch
THREADS = 16  # at most, to read and to finish; each holds a micrograph
BYTES_A_PIXEL = 1000  # of a network's image, that scoring takes


class Batches:
    """Scores images, as many at once as the device's memory holds."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.most = MOST

    def score(
        self, images: Sequence[NDArray[np.float32]], check_stop: Callable[[], None]
    ) -> list[Scored]:
        """Score preprocessed micrographs; only those of one size go together."""
        scored: list[Scored] = []
        for _, alike in groupby(images, key=lambda image: image.shape):
            left = list(alike)
            while left:
                count = min(self.fitting(left[0]), len(left))
                try:
                    scored += self.scorer.score_many(np.stack(left[:count]), check_stop)
                except torch.cuda.OutOfMemoryError:
                    if count == 1:
                        raise
                    self.most = count // 2
                    torch.cuda.empty_cache()
                    continue
                del left[:count]
        return scored

    def fitting(self, image: NDArray[np.float32]) -> int:
        """Return how many such images to score at once."""
        if self.scorer.device.type != "cuda":
            return self.most
        free, _ = torch.cuda.mem_get_info(self.scorer.device)
        return max(1, min(self.most, free // (BYTES_A_PIXEL * image.size)))


def in_batches(
    micrographs: Sequence[Micrograph],
    scorer: Scorer,
    *,
    read: Callable[[Micrograph], Prepared],
    finish: Callable[[Micrograph, Prepared, Scored], Result],
    negative: bool,
    check_stop: Callable[[], None],
) -> Iterator[tuple[Micrograph, Callable[[], Result]]]:
    """Yield each micrograph, in order, with what waits for its result.

    Parameters
    ----------
    read, finish
        Are called in threads; an UnetPickError of theirs is raised where the result is waited for.
    negative
        Whether the network is shown the negatives.
    """
    batches, threads = Batches(scorer), max(1, min(THREADS, count_cores()))
    readers, finishers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
    try:
        coming = [readers.submit(read, each) for each in micrographs[: 2 * MOST]]
        before: list[tuple[Micrograph, Callable[[], Any]]] = []
        for first in range(0, len(micrographs), MOST):
            group = micrographs[first : first + MOST]
            prepared = [_ended(each) for each in coming[: len(group)]]
            last = first + 2 * MOST
            coming = coming[len(group) :]
            coming += [readers.submit(read, each) for each in micrographs[last : last + MOST]]
            images = [each.result().image for each in prepared if not each.exception()]
            if negative:
                images = [-image for image in images]
            scored = iter(batches.score(images, check_stop))
            here: list[tuple[Micrograph, Callable[[], Any]]] = []
            for micrograph, each in zip(group, prepared, strict=True):
                if each.exception():
                    here.append((micrograph, each.result))  # which raises it
                    continue
                ready = finishers.submit(finish, micrograph, each.result(), next(scored))
                here.append((micrograph, ready.result))
            yield from before
            before = here
        yield from before
    finally:
        readers.shutdown(cancel_futures=True)
        finishers.shutdown(cancel_futures=True)


def _ended(future: Future[Prepared]) -> Future[Prepared]:
    """Wait for it; raise what no micrograph is to blame for."""
    error = future.exception()
    if error is not None and not isinstance(error, UnetPickError):
        raise error
    return future
