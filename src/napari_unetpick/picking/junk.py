"""Where a micrograph holds what must not be picked: ice, carbon, edges, aggregates."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.picking.scale import Scale

CELL = 4  # network pixels of a cell's side: a sixth of the particle
LEAST = 0.6  # mean score of a cell from which it is junk


@dataclass(frozen=True, eq=False)
class JunkMap:
    """The junk of one micrograph.

    Parameters
    ----------
    cells
        (rows, cols) bool, True where junk is; they divide the micrograph evenly.
    shape
        Of the micrograph, (rows, cols) in pixels of the file.
    edited
        (rows, cols) bool, True where a user painted or erased; None: nowhere.
    """

    cells: NDArray[np.bool_]
    shape: tuple[int, int]
    edited: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.cells.ndim != 2 or self.cells.dtype != np.bool_ or not self.cells.size:
            raise InputError("a map of junk needs rows and columns of True and False")
        if self.edited is not None and self.edited.shape != self.cells.shape:
            raise InputError("what was painted in a map of junk needs as many rows and columns")

    @property
    def usable(self) -> float:
        """The share of the micrograph without junk, 0 to 1."""
        return 1.0 - float(self.cells.mean())

    def at(self, coords: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which of (N, 2) places (row, col), pixels of the file, lie in junk."""
        cell = np.divide(self.shape, self.cells.shape)
        index = np.floor((coords + 0.5) / cell).astype(int)  # a pixel's centre is a whole number
        index = np.clip(index, 0, np.array(self.cells.shape) - 1)
        return np.asarray(self.cells[tuple(index.T)])

    def painted(self, cells: NDArray[np.bool_]) -> JunkMap:
        """Return the map that a user made of this one, (rows, cols) bool."""
        edited = cells != self.cells
        return JunkMap(cells, self.shape, edited if self.edited is None else edited | self.edited)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a message: the cells as packed bits."""
        bits = base64.b64encode(np.packbits(self.cells).tobytes()).decode("ascii")
        return {"bits": bits, "cells": [*self.cells.shape], "shape": [*self.shape]}


def read_junk_map(table: dict[str, Any]) -> JunkMap:
    """Return the map that `JunkMap.to_dict` told of.

    Raises
    ------
    ValueError, LookupError, TypeError
        It is damaged.
    """
    rows, cols = map(int, table["cells"])
    bits = np.frombuffer(base64.b64decode(table["bits"], validate=True), np.uint8)
    cells = np.unpackbits(bits, count=rows * cols).astype(bool).reshape(rows, cols)
    height, width = map(int, table["shape"])
    return JunkMap(cells, (height, width))


def keep_painted(before: JunkMap | None, now: JunkMap | None) -> JunkMap | None:
    """Return the map of a new picking in which what a user painted or erased before is kept.

    Its cells may be others; without a map (None) the painted junk is all there is.
    """
    if before is None or before.edited is None:
        return now
    if now is None:
        now = JunkMap(np.zeros_like(before.cells), before.shape)
    sizes = zip(now.cells.shape, before.cells.shape, strict=True)
    at = np.ix_(*[(2 * np.arange(n) + 1) * m // (2 * n) for n, m in sizes])  # cells' centres
    edited = before.edited[at]
    return JunkMap(np.where(edited, before.cells[at], now.cells), now.shape, edited)


def junk_map(scores: NDArray[np.float32], scale: Scale, *, rim: int) -> JunkMap:
    """Return the junk of one micrograph from its score map.

    Parameters
    ----------
    scores
        (rows, cols) float32 of junk, 0 to 1, at the network's scale, widened by `rim` pixels.
    """
    inner = scores[rim : scores.shape[0] - rim, rim : scores.shape[1] - rim]
    edges = [np.linspace(0, n, max(1, n // CELL) + 1).round().astype(int) for n in inner.shape]
    sums = np.add.reduceat(np.add.reduceat(inner, edges[0][:-1], 0), edges[1][:-1], 1)
    sizes = np.outer(*(np.diff(each) for each in edges))
    return JunkMap(sums / sizes >= LEAST, scale.file_shape)
