"""Training data streamed from disk: preprocessed micrographs in, balanced patches out."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import EngineError
from napari_unetpick.io.atomic import atomic_path, explain_os_error

OPEN_MAPS = 256  # memory-mapped files kept open; thousands would meet the system's limit
BYTES_A_PIXEL = 5  # float16 image, uint8 target, weight and, from some models, junk

Array = NDArray[np.float32]


class PatchSource:
    """Preprocessed micrographs and their targets, on disk, memory-mapped.

    Parameters
    ----------
    folder
        Where the arrays lie; removed by `remove`.
    keep
        Use what an interrupted run of the same data left there.
    """

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self.folder = folder
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_os_error(error, folder) from error
        self._open: OrderedDict[str, NDArray[np.generic]] = OrderedDict()

    def has_image(self, index: int) -> bool:
        """Tell whether micrograph `index` was stored (also by an interrupted run)."""
        return self._path(f"{index:06d}_image").is_file()

    def put_image(self, index: int, image: Array) -> None:
        """Store a preprocessed micrograph (rows, cols) as float16."""
        self._put(f"{index:06d}_image", image.astype(np.float16))

    def put_targets(self, index: int, planes: NDArray[np.uint8]) -> None:
        """Store (2, rows, cols) uint8 target and weight, or (3, rows, cols) with junk."""
        self._put(f"{index:06d}_targets", planes)

    def image(self, index: int) -> Array:
        """Return a whole preprocessed micrograph, (rows, cols) float32."""
        return np.asarray(self._map(f"{index:06d}_image"), dtype=np.float32)

    def shape(self, index: int) -> tuple[int, int]:
        """Return (rows, cols) of micrograph `index`."""
        rows, cols = self._map(f"{index:06d}_image").shape
        return rows, cols

    def cut(self, index: int, row: float, col: float, size: int) -> Array:
        """Cut (3, size, size) image, target, weight around (row, col), 0-1 but for the image.

        Junk follows where the targets have it.

        What lies outside the micrograph is 0, its mean, at weight 0: a reflection would show the
        network whole particles where the edge cuts them, and put their centres onto the edge.
        """
        start = np.array([round(row), round(col)]) - size // 2
        edges = np.clip([start, start + size], 0, self.shape(index))
        inside = tuple(slice(*pair) for pair in edges.T)
        there = tuple(slice(*pair) for pair in (edges - start).T)
        targets = self._map(f"{index:06d}_targets")
        patch = np.zeros((1 + len(targets), size, size), np.float32)
        patch[0][there] = self._map(f"{index:06d}_image")[inside]
        patch[1:][(slice(None), *there)] = targets[:, *inside]
        patch[1:] /= 255
        return patch

    def drop(self, index: int) -> None:
        """Delete micrograph `index`."""
        for name in (f"{index:06d}_image", f"{index:06d}_targets"):
            self._open.pop(name, None)
            self._path(name).unlink(missing_ok=True)

    def check_room(self, needed: int) -> None:
        """Refuse to start a run that the disk has no room for (`needed` bytes in all)."""
        stored = sum(path.stat().st_size for path in self.folder.iterdir())
        free = shutil.disk_usage(self.folder).free
        if needed - stored > free:
            raise EngineError(
                f"{self.folder.parent}: training needs {needed / 2**30:.1f} GiB of disk while it "
                f"runs, {free / 2**30:.1f} GiB are free",
                "free some, or choose another --run",
                viewer="free some, or save the project elsewhere",
            )

    def remove(self) -> None:
        """Delete the stored arrays."""
        self._open.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _put(self, name: str, array: NDArray[np.generic]) -> None:
        self._open.pop(name, None)
        with atomic_path(self._path(name)) as temporary, open(temporary, "wb") as handle:
            np.save(handle, array, allow_pickle=False)

    def _map(self, name: str) -> NDArray[np.generic]:
        if name not in self._open:
            self._open[name] = np.load(self._path(name), mmap_mode="r", allow_pickle=False)
            if len(self._open) > OPEN_MAPS:
                self._open.popitem(last=False)
        self._open.move_to_end(name)
        return self._open[name]


@dataclass(frozen=True)
class Place:
    """Where a patch is cut: micrograph index and centre in network pixels."""

    micrograph: int
    row: float
    col: float
    background: bool


def worst(hard: list[tuple[Place, float]]) -> list[Place]:
    """Return the quarter of background patches where the network was most wrong."""
    if len(hard) < 8:
        return []
    order = np.argsort([-error for _, error in hard], kind="stable")[: len(hard) // 4]
    return [hard[i][0] for i in order]


def draw_places(
    rng: np.random.Generator,
    centres: dict[int, NDArray[np.float64]],
    shapes: dict[int, tuple[int, int]],
    count: int,
    patch: int,
    *,
    balanced: bool,
    hard: list[Place],
) -> list[Place]:
    """Draw where an epoch's patches are cut.

    Balanced: every other patch lies around a particle (every particle equally likely), the
    others are background places, half of them from `hard`, half anywhere. Otherwise all lie
    anywhere.

    Parameters
    ----------
    centres
        (N, 2) particles of each micrograph, (row, col) in network pixels.
    """
    indices = np.array(sorted(shapes))
    owners = np.concatenate([np.full(len(centres[i]), i) for i in indices])
    points = np.concatenate([centres[i].reshape(-1, 2) for i in indices])
    places = []
    for number in range(count):
        if balanced and number % 2 == 0 and len(points):
            one = int(rng.integers(len(points)))
            row, col = points[one] + rng.uniform(-patch / 3, patch / 3, 2)
            places.append(Place(int(owners[one]), row, col, background=False))
        elif balanced and number % 4 == 1 and hard:
            old = hard[int(rng.integers(len(hard)))]
            row, col = rng.uniform(-patch / 4, patch / 4, 2)
            places.append(Place(old.micrograph, old.row + row, old.col + col, background=True))
        else:
            index = int(indices[rng.integers(len(indices))])
            row, col = rng.uniform(0, 1, 2) * shapes[index]
            places.append(Place(index, row, col, background=True))
    return places
