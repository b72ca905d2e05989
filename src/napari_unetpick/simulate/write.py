"""A set of simulated micrographs as files: images, picks, truth and a RELION micrographs STAR."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Done, Event, Message, Progress
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.io.formats import output_files
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.star import format_loop
from napari_unetpick.simulate.micrograph import (
    SimulatedMicrograph,
    check_sampling,
    simulate_micrograph,
)
from napari_unetpick.simulate.sample import Sample

PICKS_HEADER = "micrograph,x,y,diameter"
TRUTH_HEADER = "micrograph,x,y,kind,qw,qx,qy,qz,defocus,thickness,overlap"
JUNK_HEADER = "micrograph,x,y,kind"
LARGEST_COUNT = 30000  # of an int16's 32767


def simulate_set(
    sample: Sample,
    out: str | Path,
    count: int,
    seed: int,
    *,
    shape: tuple[int, int] | None = None,
    pixel_size: float | None = None,
) -> Iterator[Event]:
    """Simulate `count` micrographs into the folder `out`, saying how far it is.

    Writes `<sample>_0001.mrc` ... (int16, see `quantise`), `picks.csv` (x = column, y = row,
    diameter; pixels), `truth.csv` (as picks, with pose, defocus (A), ice thickness (A) and
    overlap), `junk.csv` (what is not to be picked) and `micrographs.star` (defocus and optics, as
    RELION's CtfFind writes it). Micrograph i depends on (sample, seed, i) alone. A run that is
    stopped keeps what is finished, tables included.

    Raises
    ------
    InputError
        Before anything is written: count or seed out of range, or a folder that holds micrographs
        of another set.
    """
    out = Path(out)
    sample = sample.sampled(shape, pixel_size)
    check_sampling(sample)
    check_folder(sample, out, count, seed)
    return _simulate_set(sample, out, count, seed)


def _simulate_set(sample: Sample, out: Path, count: int, seed: int) -> Iterator[Event]:
    """Do the work of `simulate_set` once its arguments are known to be good."""
    tables = Tables(sample)
    started = time.monotonic()
    yield Message(
        f"Simulating {tell_count(count, 'micrograph')} of '{sample.name}', {sample.shape[0]} x "
        f"{sample.shape[1]} at {sample.pixel_size:g} A/px, into {out}"
    )
    try:
        for index in range(1, count + 1):
            micrograph = simulate_micrograph(sample, micrograph_seed(seed, index))
            name = f"{sample.name}_{index:04d}.mrc"
            write_mrc(out / name, micrograph.image, micrograph.pixel_size)
            tables.add(name, micrograph)
            left = (time.monotonic() - started) / index * (count - index)
            yield Progress("simulate", index, count, left)
    except BaseException:  # stopped or failed: the finished micrographs stay usable
        with suppress(UnetPickError):
            tables.write(out)
        raise
    tables.write(out)
    yield Done(
        {
            "out": str(out),
            "micrographs": count,
            "particles": len(tables.picks),
            "picks": str(out / "picks.csv"),
            "diameter": sample.diameter_A,
            "pixel_size": sample.pixel_size,
        }
    )


def micrograph_seed(seed: int, index: int) -> int:
    """Seed of the index-th micrograph of a set, whatever the number of micrographs."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])


def check_folder(sample: Sample, out: Path, count: int, seed: int) -> None:
    """Refuse a count, a seed or a folder that cannot be used."""
    if not 1 <= count <= 9999:
        raise InputError(f"a count of {count} micrographs is out of range; choose from 1 to 9999")
    if seed < 0:
        raise InputError(f"the seed {seed} is negative; choose 0 or more")
    output_files.check_folder(out)
    ours = {f"{sample.name}_{index:04d}.mrc" for index in range(1, count + 1)}
    others = sorted({path.name for path in out.glob("*.mrc")} - ours)
    if others:
        raise InputError(
            f"{out}: has other micrographs ({others[0]}), whose picks would be overwritten; "
            "choose an empty folder"
        )


class Tables:
    """The rows of all tables, filled micrograph by micrograph."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.picks: list[str] = []
        self.truth: list[str] = []
        self.junk: list[str] = []
        self.micrographs: list[str] = []

    def add(self, name: str, micrograph: SimulatedMicrograph) -> None:
        """Add a micrograph's rows; x is the column and y the row."""
        diameter = micrograph.diameter_A / micrograph.pixel_size
        for (row, col), (w, x, y, z), thickness, overlap in zip(
            micrograph.coords,
            micrograph.quaternions,
            micrograph.thickness,
            micrograph.overlap,
            strict=True,
        ):
            self.picks.append(f"{name},{col:.3f},{row:.3f},{diameter:.2f}")
            self.truth.append(
                f"{name},{col:.3f},{row:.3f},{micrograph.kind},{w:.6f},{x:.6f},{y:.6f},{z:.6f},"
                f"{micrograph.defocus:.1f},{thickness:.1f},{int(overlap)}"
            )
        for (row, col), kind in zip(micrograph.junk, micrograph.junk_kinds, strict=True):
            self.junk.append(f"{name},{col:.3f},{row:.3f},{kind}")
        optics = micrograph.optics
        self.micrographs.append(
            f"{name} 1 {optics.defocus_u:.1f} {optics.defocus_v:.1f} "
            f"{optics.astigmatism_angle:.2f} {ctf_resolution(micrograph):.2f}"
        )
        self.optics = optics

    def write(self, out: Path) -> None:
        """Write picks, truth, junk and the STAR, each whole or not at all."""
        if not self.micrographs:
            return
        for name, header, rows in (
            ("truth.csv", TRUTH_HEADER, self.truth),
            ("junk.csv", JUNK_HEADER, self.junk),
            ("picks.csv", PICKS_HEADER, self.picks),
        ):
            write_text(out / name, "\n".join([header, *rows]) + "\n")
        write_text(out / "micrographs.star", self.star())

    def star(self) -> str:
        """The micrographs STAR, with its optics group, as RELION 3.1 and later read it."""
        size, optics = self.sample.pixel_size, self.optics
        group = (
            f"simulated 1 {size:.4f} {size:.4f} {optics.voltage:.1f} {optics.cs:.2f} "
            f"{optics.amplitude_contrast:.3f}"
        )
        labels = {
            "optics": "OpticsGroupName OpticsGroup MicrographPixelSize MicrographOriginalPixelSize "
            "Voltage SphericalAberration AmplitudeContrast",
            "micrographs": "MicrographName OpticsGroup DefocusU DefocusV DefocusAngle "
            "CtfMaxResolution",
        }
        rows = {"optics": [group], "micrographs": self.micrographs}
        loops = (
            format_loop(block, [f"rln{name}" for name in names.split()], rows[block])
            for block, names in labels.items()
        )
        return "".join(f"\n# version 30001\n\n{loop}" for loop in loops)


def ctf_resolution(micrograph: SimulatedMicrograph) -> float:
    """Resolution (A) to which a CTF fit would see rings: within Nyquist, damped by the B factor.

    The envelope's square falls to 0.05 at k = sqrt(2 ln 20 / B); a fit rarely goes beyond 90 % of
    Nyquist.
    """
    damped = np.sqrt(micrograph.optics.b_factor / (2.0 * np.log(20.0)))
    return float(max(damped, 2.0 * micrograph.pixel_size / 0.9))


def write_mrc(path: Path, image: NDArray[np.float32], pixel_size: float) -> None:
    """Write an image as MRC mode 1 with its pixel size, the same bytes every time."""
    import mrcfile

    counts, units = quantise(image)
    with (
        atomic_path(path) as temporary,
        mrcfile.new(temporary, data=counts, overwrite=True) as mrc,
    ):
        mrc.voxel_size = (pixel_size, pixel_size, pixel_size)
        mrc.header.nlabl = 1
        mrc.header.label[:] = b""  # mrcfile's own label carries the time
        mrc.header.label[0] = f"simulated micrograph; {units} units an electron".encode()


def quantise(image: NDArray[np.float32]) -> tuple[NDArray[np.int16], int]:
    """Round electrons a pixel to int16, in units of 1, 1/2, ... or 1/64 electron, as fine as fits.

    The step is well below a tenth of the shot noise: at 640 electrons a pixel, 1/32 against 25.
    """
    units = 64
    while units > 1 and image.max() * units > LARGEST_COUNT:
        units //= 2
    counts = np.clip(np.rint(image * units), -LARGEST_COUNT, LARGEST_COUNT)
    return counts.astype(np.int16), units
