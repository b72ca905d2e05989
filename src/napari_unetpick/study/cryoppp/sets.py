"""One CryoPPP set as it lies on a disk: micrographs, truth turned upright, sizes, and its parts.

A set is a folder named after its EMPIAR number, with `micrographs/` and
`ground_truth/particle_coordinates/`, a CSV a micrograph.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import Images, read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.io.splits import Part
from napari_unetpick.study.cryoppp.sizes import fill_diameters, find_diameter, find_pixel_size

SHARE = 0.2  # of the micrographs, for validation and again for the test
FEWEST = 3  # micrographs: one a part
COORDINATES = Path("ground_truth", "particle_coordinates")
MIRRORED = (
    "; was this copy already mirrored? It is scored as CryoPPP defines it, rows counted from the "
    "last one"
)
NAME = re.compile(r"(?:empiar[-_ ]?)?(.+)", re.IGNORECASE)


@dataclass(frozen=True)
class CryoPPPSet:
    """A set that can be trained on and scored.

    Parameters
    ----------
    micrographs, truth
        By micrograph key: those that have truth and can be opened. Truth is in (row, col), pixels
        of the stored array, turned upright, with diameters in pixels.
    diameter_px
        Median of the truth's diameters, pixels, or the published one.
    pixel_size
        A/px. It only gives lengths their names: all sizes that matter are in pixels.
    parts
        By micrograph key.
    failed
        Why a micrograph or its truth was left out, by name.
    notes
        What the reader should know, one line each.
    """

    id: str
    micrographs: dict[str, Micrograph]
    truth: dict[str, Picks]
    diameter_px: float
    pixel_size: float
    parts: dict[str, Part]
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def diameter(self) -> float:
        """Particle diameter, A."""
        return self.diameter_px * self.pixel_size

    def keys(self, *parts: Part) -> list[str]:
        """Micrograph keys of some parts, in order."""
        return [key for key in self.micrographs if self.parts[key] in parts]


def set_id(name: str) -> str:
    """Return the number in a folder's or a user's name: `EMPIAR-10017` is `10017`."""
    match = NAME.fullmatch(name.strip())
    return match[1] if match else ""


def find_sets(root: Path) -> dict[str, Path]:
    """Return the folders of ROOT that are laid out like a set, by id.

    Raises
    ------
    InputError
        ROOT is no folder, or two of its folders are the same set.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that holds the CryoPPP sets")
    found: dict[str, Path] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        inner = folder / folder.name  # an archive unpacked into a folder of its own name
        for path in (folder, inner):
            if (path / "micrographs").is_dir() or (path / "ground_truth").is_dir():
                other = found.setdefault(set_id(folder.name), path)
                if other != path:
                    raise InputError(f"{other} and {path} are the same set; keep one of them")
                break
    return found


def read_set(name: str, folder: Path, seed: int) -> CryoPPPSet:
    """Read a set; what cannot be read of it is skipped and reported.

    Parameters
    ----------
    seed
        Of the parts.

    Raises
    ------
    InputError
        There are no micrographs or no truth, their names do not agree, or fewer than three
        micrographs are left.
    """
    failed: dict[str, str] = {}
    micrographs, shapes, headers = _open_all(folder / "micrographs", failed)
    notes: list[str] = []
    truth = _read_truth(folder / COORDINATES, micrographs, shapes, failed, notes)
    assigned = assign_picks(truth, micrographs, shapes)
    labelled = {m.key: m for m in micrographs if m.key in assigned}
    if len(labelled) < FEWEST:
        first = next(iter(failed.values()), "")
        raise InputError(
            f"{folder}: {tell_count(len(labelled), 'micrograph')} with truth can be read, "
            f"but {FEWEST} are needed{f' ({first})' if first else ''}"
        )
    notes += assigned.messages
    without = len(micrographs) - len(labelled)
    if without:
        notes.append(f"{tell_count(without, 'micrograph')} without usable truth: not used")
    diameter_px = find_diameter(name, folder, assigned.values())
    pixel_size = find_pixel_size(name, folder, headers, diameter_px, notes)
    picks = {key: fill_diameters(assigned[key], diameter_px) for key in labelled}
    known = Known(labelled, Images(dict(shapes)), diameters=dict.fromkeys(labelled, diameter_px))
    findings = [each for each in inspect_picks(picks, known)[1] if each.kind != "doubles"]
    notes += [each.what + MIRRORED * (each.kind == "orientation") for each in findings]
    return CryoPPPSet(
        name,
        labelled,
        picks,
        diameter_px,
        pixel_size,
        split_parts(name, list(labelled), seed),
        failed,
        notes,
    )


def split_parts(name: str, keys: list[str], seed: int) -> dict[str, Part]:
    """Deal micrographs to the parts: a fifth validates, a fifth tests, at least one each.

    The order is that of a hash of seed, set and name, so that a micrograph that is missing moves
    at most one other per part.
    """

    def place(key: str) -> bytes:
        return hashlib.sha256(f"{seed}/{name}/{key}".encode()).digest()

    count = max(1, round(SHARE * len(keys)))
    order = sorted(keys, key=place)
    parts: dict[str, Part] = dict.fromkeys(order, "train")
    parts |= dict.fromkeys(order[:count], "test")
    return parts | dict.fromkeys(order[count : 2 * count], "validation")


def _open_all(
    folder: Path, failed: dict[str, str]
) -> tuple[list[Micrograph], dict[str, tuple[int, int]], list[float]]:
    """List the micrographs that can be opened, with their shapes and their headers' pixel sizes."""
    micrographs, shapes, headers = [], {}, []
    if folder.is_dir() and any(folder.glob("*.jpg")) and not any(folder.glob("*.mrc")):
        raise InputError(
            f"{folder}: holds JPEG images, as CryoPPP_Lite does; download the set with MRC files"
        )
    for micrograph in list_micrographs(folder):
        try:
            image = read_micrograph(micrograph.path)
        except UnetPickError as error:
            failed[micrograph.path.name] = str(error)
            continue
        micrographs.append(micrograph)
        shapes[micrograph.key] = (int(image.data.shape[0]), int(image.data.shape[1]))
        headers += [] if image.pixel_size is None else [image.pixel_size]
    return micrographs, shapes, headers


def _read_truth(
    folder: Path,
    micrographs: list[Micrograph],
    shapes: dict[str, tuple[int, int]],
    failed: dict[str, str],
    notes: list[str],
) -> dict[str, Picks]:
    """Read the truth of every micrograph that can be opened, by the name of its CSV."""
    files = {f.stem: f for f in sorted(folder.glob("*.csv")) if not f.name.startswith(".")}
    if not files:
        raise InputError(f"{folder}: has no truth files (.csv, one per micrograph)")
    by_name = {m.name: m.key for m in micrographs}
    match = match_names(files, list(by_name))
    if match.unmatched:
        count = tell_count(len(match.unmatched), "truth file")
        notes.append(f"{count} without a readable micrograph: not used")
    truth: dict[str, Picks] = {}
    for stem, name in match.pairs.items():
        try:
            found = read_picks(files[stem], "cryoppp", image_shapes={stem: shapes[by_name[name]]})
        except UnetPickError as error:
            failed[files[stem].name] = str(error)
            continue
        truth |= found
    if not truth:
        reason = next(iter(failed.values()), "names must agree except for the extension")
        raise InputError(f"{folder}: no truth file belongs to a readable micrograph ({reason})")
    return truth
