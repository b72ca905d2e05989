"""Names of micrographs: the key they are matched by, tolerant matching, where they lie."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from napari_unetpick.errors import InputError

IMAGE_EXTENSION = re.compile(r"\.(mrc|mrcs|tif|tiff|map|st|rec|eer)(\.(gz|bz2))?$", re.IGNORECASE)
CRYOSPARC_UID = re.compile(r"^(\d{21}_)+")
"""What cryoSPARC puts in front of a name, at each import: 000000633063778279389_mic.mrc."""

# What motion correction, denoising and pickers append to a name. Stripped only to match, never to
# write.
KNOWN_SUFFIX = re.compile(
    r"(_patch_aligned_doseweighted|_patch_aligned|_rigid_aligned|_aligned|_doseweighted|_dw|_nodw"
    r"|[_.]denoised|_deconvolved|_deconv|_lowpass|_binned|_bin\d+(\.\d+)?"
    r"|_background_subtracted|_aligned_mic|_sumcorr|_fractions|_frames|_eer|\.frames|\.fractions"
    r"|_autopick|_manualpick|_automatch|_topazpicks|_extract|_boxnet\w*|_crYOLO|_info|_particles)$",
    re.IGNORECASE,
)
BINNED = re.compile(r"_bin(ned|\d+(\.\d+)?)(?![a-z])", re.IGNORECASE)
"""What names an image with other pixels than the micrograph's."""


@dataclass(frozen=True)
class NameMatch:
    """Which pick names belong to which micrographs.

    Parameters
    ----------
    pairs
        Pick name -> micrograph name, both as written.
    unmatched
        Pick names without a micrograph, or with more than one that they could mean.
    """

    pairs: dict[str, str] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)


def micrograph_key(name: str) -> str:
    """Return the name without folders and image extension; other dots stay.

    `Movies/May08_03.05.02.mrc` -> `May08_03.05.02`; `May08_03.05.02` stays as it is.
    """
    base = base_name(name)
    return IMAGE_EXTENSION.sub("", base) or base


def base_name(name: str) -> str:
    """Return the name without folders, whichever system wrote it."""
    return re.split(r"[/\\]", name.strip())[-1]


def match_names(picks: Iterable[str], micrographs: Iterable[str]) -> NameMatch:
    """Match pick names to micrographs by key, then without uid prefix, then without suffixes.

    Each later step sees only what the earlier ones left over, and takes a pair only where exactly
    one name of either side carries the shortened key: an ambiguous name stays unmatched. Of picks
    of one key in different folders, those in the micrograph's folder are its own.

    Raises
    ------
    InputError
        Micrographs of one key in different folders are given, or picks of such, and no folder
        tells which are meant.
    """
    left = list(dict.fromkeys(picks))
    free = list(dict.fromkeys(micrographs))
    refuse_one_name(free)
    by_key = {micrograph_key(name): name for name in free}
    named = defaultdict(list)
    for name in left:
        if (key := micrograph_key(name)) in by_key:
            named[key].append(name)
    pairs = {name: by_key[key] for key in named for name in _own_names(named[key], by_key[key])}
    for shorten in (_without_uid, _without_suffix):
        taken = set(pairs.values())
        left = [name for name in left if name not in pairs]
        free = [name for name in free if name not in taken]
        pairs.update(_unique_pairs(left, free, shorten))
    return NameMatch(pairs, [name for name in left if name not in pairs])


def refuse_one_name(names: Iterable[str]) -> None:
    """Raise InputError for two micrographs whose names differ only in their folders.

    A name without folder may be that of any folder, `M/mic1.mrc` may be `/data/M/mic1.mrc`.
    """
    by_key = defaultdict(list)
    for name in names:
        by_key[micrograph_key(name)].append(name)
    for same in by_key.values():
        if clash := _clash(same):
            raise InputError(
                f"{clash[0]} and {clash[1]} have the same name in different folders, so "
                "their picks cannot be told apart; give the micrographs of one folder at a "
                "time, or rename one"
            )


def refuse_unwritable(names: Iterable[str]) -> None:
    """Raise InputError for a file name that no table can hold: not UTF-8, or of two lines."""
    for name in names:
        if "\n" in name or "\r" in name:
            raise InputError(
                f"{name!r}: the name has a line break, so it cannot be written; rename it"
            )
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode("utf-8", "backslashreplace").decode()
            raise InputError(
                f"{shown}: the name is not UTF-8, so it cannot be written; rename it"
            ) from None


def _own_names(names: list[str], micrograph: str) -> list[str]:
    """Return which of the names of one key are those of the micrograph."""
    if _clash(names) is None:
        return names
    own = [name for name in names if _may_be_one(name, micrograph)]
    refuse_one_name(own or names)
    if any(not _folders(name) for name in own):  # it may be that of the other folder as well
        refuse_one_name(names)
    return own


def _clash(names: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two of the names of one key that cannot be one micrograph."""
    return next((pair for pair in combinations(names, 2) if not _may_be_one(*pair)), None)


def _may_be_one(first: str, second: str) -> bool:
    """Tell whether the shorter of two names' folders are the last ones of the longer."""
    one, other = _folders(first), _folders(second)
    length = min(len(one), len(other))
    return one[len(one) - length :] == other[len(other) - length :]


def _folders(name: str) -> list[str]:
    return posixpath.normpath(name.strip().replace("\\", "/")).split("/")[:-1]


def _unique_pairs(
    picks: Sequence[str], micrographs: Sequence[str], shorten: Callable[[str], str]
) -> dict[str, str]:
    """Pair the names whose shortened keys are equal and unique on both sides."""
    if not picks or not micrographs:
        return {}
    pick_keys = [shorten(name) for name in picks]
    micrograph_keys = [shorten(name) for name in micrographs]
    times_picked, times_given = Counter(pick_keys), Counter(micrograph_keys)
    by_key = dict(zip(micrograph_keys, micrographs, strict=True))
    return {
        name: by_key[key]
        for name, key in zip(picks, pick_keys, strict=True)
        if times_picked[key] == 1 and times_given[key] == 1
    }


def _without_uid(name: str) -> str:
    return CRYOSPARC_UID.sub("", micrograph_key(name))


def _without_suffix(name: str) -> str:
    key = _without_uid(name)
    while (shorter := KNOWN_SUFFIX.sub("", key)) != key and shorter:
        key = shorter
    return IMAGE_EXTENSION.sub("", key) or key


def find_root(names: Iterable[str], star: Path) -> Path | None:
    """Return the first root under which one of the files that a RELION file names exists, or None.

    RELION writes paths relative to its project folder: that is the working folder, or else one of
    the folders above the file.
    """
    roots = [Path(), *star.absolute().parents]
    for name in names:
        for root in roots:
            if (root / name).is_file():
                return root
    return None
