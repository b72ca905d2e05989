"""Lists of micrographs: files, folders, globs, RELION's micrographs STAR, cryoSPARC's .cs."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_read_error
from napari_unetpick.io.images.cs_exposures import read_exposures
from napari_unetpick.io.images.image import TIFF_EXTENSIONS
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.images.relion_star import read_micrograph_star
from napari_unetpick.io.names import match_names, refuse_unwritable

FOLDER_EXTENSIONS = (".mrc", *TIFF_EXTENSIONS, ".mrc.gz", ".mrc.bz2")
"""What a folder is searched for; .mrcs and others are mostly stacks, and read only if named."""


def list_micrographs(source: str | Path | Sequence[str | Path]) -> list[Micrograph]:
    """List the micrographs of a file, folder (not subfolders), glob, STAR or .cs, or of several.

    Raises
    ------
    InputError
        Nothing is found, a name is not UTF-8, or two micrographs have one name but for folder and
        extension.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    if not sources:
        raise InputError("no micrographs were given; name a file, folder, glob or STAR")
    found = []
    for one in sources:
        try:
            found += _list_one(one)
        except OSError as error:
            raise explain_read_error(error, one) from None
    refuse_unwritable(each.name for each in found)
    unique: dict[str, Micrograph] = {}
    for micrograph in found:
        other = unique.setdefault(micrograph.key, micrograph)
        if other is not micrograph and other.path.absolute() != micrograph.path.absolute():
            raise InputError(
                f"{other.name} and {micrograph.name} have the same name except for folder "
                "and extension, so their picks cannot be told apart; rename one or give "
                "them separately"
            )
    return list(unique.values())


def match_images(folder: Path, micrographs: Sequence[Micrograph]) -> dict[str, Path]:
    """Find the images of micrographs in a second folder (denoised, binned), by name.

    Returns
    -------
    The images by the micrographs' keys; those of no image or of several are left out.

    Raises
    ------
    InputError
        The folder is none, cannot be read, or holds no image of any of the micrographs.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    own = {micrograph.path for micrograph in micrographs}  # it may be their own folder
    try:
        images = {path.name: path for path in _images_in(folder) if path not in own}
    except OSError as error:
        raise explain_read_error(error, folder) from None
    pairs = match_names(images, [each.key for each in micrographs]).pairs
    if micrographs and not pairs:
        raise InputError(
            f"{folder}: has no {', '.join(FOLDER_EXTENSIONS[:3])} file with the name of a "
            "micrograph (or with an ending such as _denoised after it)"
        )
    return {key: images[name] for name, key in reversed(pairs.items())}


def _images_in(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.name.lower().endswith(FOLDER_EXTENSIONS) and not entry.name.startswith(".")
    )


def _list_one(source: str | Path) -> list[Micrograph]:
    path = Path(source).expanduser()
    if path.is_dir():
        files = _images_in(path)
        if not files:
            raise InputError(
                f"{path}: no {', '.join(FOLDER_EXTENSIONS[:3])} files in this folder; "
                "for subfolders give a glob such as 'FOLDER/*/*.mrc'"
            )
        return [Micrograph(file, str(file)) for file in files]
    if path.exists():
        if path.suffix.lower() == ".star":
            return read_micrograph_star(path)
        if path.suffix.lower() == ".cs":
            return read_exposures(path)
        return [Micrograph(path, str(source))]
    if glob.has_magic(str(path)):
        matches = sorted(glob.glob(str(path), recursive=True))
        if not matches:
            raise InputError(f"{source}: no file matches; check the folder and the quotes")
        return [m for match in matches if Path(match).is_file() for m in _list_one(match)]
    raise InputError(f"{source}: no such file or folder; check the path")
