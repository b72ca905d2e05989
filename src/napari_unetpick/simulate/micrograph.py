"""One micrograph with its truth: ice, molecules, microscope, camera, in that order."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.simulate.frame import Frame
from napari_unetpick.simulate.handling import handle
from napari_unetpick.simulate.ice import draw_grain, draw_thickness, haze_transfer, transmission
from napari_unetpick.simulate.junk.contamination import draw_cover
from napari_unetpick.simulate.junk.cover import Cover
from napari_unetpick.simulate.molecules.projection import bead_transfer, project_beads, splat
from napari_unetpick.simulate.optics import (
    Optics,
    contrast_transfer,
    count_electrons,
    interaction_constant,
    signal_transfer,
)
from napari_unetpick.simulate.placement import OVERLAP_SHARE, Body, lay_down, place_bodies
from napari_unetpick.simulate.sample import Contamination, Sample

LEAST_TRANSMITTED = 0.02
"""Contrast below this fraction of the beam is clipped: the weak-phase sum could turn negative."""
CELL = 12.0
"""Side of the cells that overlap is measured in, A."""


@dataclass(frozen=True)
class SimulatedMicrograph:
    """A micrograph and all that is known of it.

    Parameters
    ----------
    image
        (rows, cols) float32, electrons a pixel; protein is darker than its surroundings.
    pixel_size, diameter_A, kind
        A/px; the molecule's longest axis, A; and its name.
    coords
        (N, 2) (row, col), pixels, centres of mass of the intact molecules that lie inside the image
        and outside aggregates, carbon and crystals.
    quaternions
        (N, 4) poses (w, x, y, z): they turn the molecule's (x, y, z) into (column, row, beam).
    thickness
        (N,) ice at each particle, A.
    overlap
        (N,) True where another molecule, piece or aggregate covers part of the particle.
    optics
        The CTF's parameters.
    ignore_mask
        (rows, cols) True on crystals, ethane, carbon, aggregates and other junk, and in a
        replicated border.
    junk, junk_kinds
        (M, 2) (row, col) of what is not to be picked, and what each is: "broken", "aggregate",
        "crystal", "ethane" or "foreign" (another protein), among others.
    """

    image: NDArray[np.float32]
    pixel_size: float
    diameter_A: float
    kind: str
    coords: NDArray[np.float64]
    quaternions: NDArray[np.float64]
    thickness: NDArray[np.float64]
    overlap: NDArray[np.bool_]
    optics: Optics
    ignore_mask: NDArray[np.bool_]
    junk: NDArray[np.float64]
    junk_kinds: tuple[str, ...]

    @property
    def defocus(self) -> float:
        """Mean underfocus, A."""
        return self.optics.mean_defocus


def simulate_micrograph(
    sample: Sample,
    seed: int,
    *,
    shape: tuple[int, int] | None = None,
    pixel_size: float | None = None,
    contamination: Contamination | None = None,
) -> SimulatedMicrograph:
    """Simulate one micrograph; the same arguments give the same bytes.

    Parameters
    ----------
    sample
        What is imaged and how.
    seed
        Decides everything that is random.
    shape, pixel_size, contamination
        Taken instead of the sample's own: (rows, cols) in pixels, A/px, and its contamination.

    Raises
    ------
    InputError
        A size or pixel size that cannot show the particle.
    """
    if contamination is not None:
        sample = replace(sample, contamination=contamination)
    sample = sample.sampled(shape, pixel_size)
    check_sampling(sample)
    # The name is hashed in, so that one seed does not give all samples the same ice and defocus.
    entropy = [seed, zlib.crc32(sample.name.encode())]
    streams = np.random.default_rng(entropy).spawn(8)
    sample = vary_conditions(sample, streams[0])
    frame = make_frame(sample)
    optics = draw_optics(sample, streams[0])
    thickness = draw_thickness(frame, sample.thickness, sample.unevenness, streams[1])
    cover = draw_cover(frame, sample.contamination, streams[2])
    bodies = place_bodies(frame, sample, thickness, cover.mask, streams[3])
    lay_down(bodies, sample, streams[6])
    intensity = expose(frame, sample, optics, thickness, cover, bodies, streams[4])
    image = detect(frame, sample, intensity, streams[5])
    image = handle(image, sample.handling, sample.diameter_A / sample.pixel_size, streams[7])
    return record_truth(frame, sample, optics, thickness, cover, bodies, image)


def check_sampling(sample: Sample) -> None:
    """Refuse an image too small or too coarse for its particle."""
    diameter = sample.diameter_A
    if not 0.2 <= sample.pixel_size <= diameter / 6.0:
        raise InputError(
            f"a pixel size of {sample.pixel_size:g} A cannot show sample '{sample.name}' "
            f"({diameter:g} A); choose one from 0.2 to {diameter / 6.0:.1f}"
        )
    least = int(np.ceil(2.0 * diameter / sample.pixel_size))
    if not all(least <= n <= 16384 for n in sample.shape):
        raise InputError(
            f"an image of {sample.shape[0]} x {sample.shape[1]} pixels is out of range; "
            f"choose a width and height from {least} (two particles) to 16384"
        )


def vary_conditions(sample: Sample, rng: np.random.Generator) -> Sample:
    """Draw this micrograph's ice, background and crowding around the sample's means."""
    thickness, haze, coverage = np.exp(np.array([0.15, 0.25, 0.25]) * rng.standard_normal(3))
    return replace(
        sample,
        thickness=sample.thickness * float(thickness),
        haze=sample.haze * float(haze),
        coverage=sample.coverage * float(coverage),
    )


def make_frame(sample: Sample) -> Frame:
    """Pad the image by most of a particle and what the defocus smears out."""
    return Frame(
        sample.shape,
        sample.pixel_size,
        margin=int(np.ceil((0.7 * sample.diameter_A + 120.0) / sample.pixel_size)),
    )


def draw_optics(sample: Sample, rng: np.random.Generator) -> Optics:
    """Draw the micrograph's defocus and astigmatism."""
    defocus = rng.uniform(*sample.defocus)
    astigmatism = rng.gamma(2.0, 100.0)
    return Optics(
        defocus_u=defocus + 0.5 * astigmatism,
        defocus_v=defocus - 0.5 * astigmatism,
        astigmatism_angle=rng.uniform(0.0, 180.0),
        voltage=sample.voltage,
        cs=sample.cs,
        amplitude_contrast=sample.amplitude_contrast,
        b_factor=sample.b_factor,
    )


def expose(
    frame: Frame,
    sample: Sample,
    optics: Optics,
    thickness: NDArray[np.float32],
    cover: Cover,
    bodies: list[Body],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Fraction of the beam (grid) that arrives at each pixel, blurred by the camera."""
    size = frame.pixel_size
    potential = np.zeros(frame.grid, np.float32)
    for body in bodies:
        molecule = body.molecule or sample.particle
        kept = slice(None) if body.kept is None else body.kept
        points = project_beads(molecule.beads[kept], body.quaternion, body.centre, size)
        splat(potential, points, molecule.strengths[kept] / size**2)
    phase = np.float32(interaction_constant(optics.voltage)) * potential + cover.phase
    if cover.grain.any():
        phase += np.sqrt(cover.grain) / size * rng.standard_normal(frame.grid, dtype=np.float32)
    spectrum = scipy.fft.rfft2(phase, workers=-1) * bead_transfer(frame.grid, size)
    grain = scipy.fft.rfft2(draw_grain(frame, thickness, rng), workers=-1)
    spectrum += grain
    spectrum *= 2.0 * contrast_transfer(optics, frame.grid, size)
    spectrum -= grain * haze_transfer(sample.haze, sample.thickness, frame.grid, size)
    spectrum *= signal_transfer(sample.camera, frame.grid, size)
    contrast = scipy.fft.irfft2(spectrum, s=frame.grid, workers=-1)
    passed = transmission(thickness) * np.exp(-cover.loss)
    return passed * np.maximum(1.0 + contrast, np.float32(LEAST_TRANSMITTED))


def detect(
    frame: Frame, sample: Sample, intensity: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Count the electrons of the dose; return the image, (rows, cols) electrons a pixel."""
    expected = intensity * np.float32(sample.dose * frame.pixel_size**2)
    image = count_electrons(expected, sample.camera, frame.pixel_size, rng)
    return np.ascontiguousarray(frame.crop(image), dtype=np.float32)


def record_truth(
    frame: Frame,
    sample: Sample,
    optics: Optics,
    thickness: NDArray[np.float32],
    cover: Cover,
    bodies: list[Body],
    image: NDArray[np.float32],
) -> SimulatedMicrograph:
    """Keep what can be seen inside the image: particles, and what is not one."""
    centres = np.array([body.centre for body in bodies]).reshape(-1, 2)
    kinds = np.array([body.kind for body in bodies], dtype=object)
    inside = frame.inside(centres)
    pixels = np.clip(np.rint(centres).astype(int), 0, np.array(frame.grid) - 1)
    at, hidden = frame.to_image(centres), sample.handling.border_px(frame.shape[1])
    shown = ((at >= hidden) & (at <= np.array(frame.shape) - 1.0 - hidden)).all(axis=1)
    seen = inside & shown & (kinds == sample.molecule) & ~cover.mask[tuple(pixels.T)]
    rubbish = inside & np.isin(kinds, ["broken", "aggregate", "foreign"])
    pieces = np.array(cover.centres, dtype=float).reshape(-1, 2)
    pieces_inside = frame.inside(pieces)
    covered = np.ascontiguousarray(frame.crop(cover.mask))
    if hidden:
        covered[:hidden] = covered[-hidden:] = covered[:, :hidden] = covered[:, -hidden:] = True
    junk = np.concatenate([centres[rubbish], pieces[pieces_inside]])
    piece_kinds = np.array(cover.kinds, dtype=object)[pieces_inside]
    return SimulatedMicrograph(
        image=image,
        pixel_size=sample.pixel_size,
        diameter_A=sample.diameter_A,
        kind=sample.molecule,
        coords=frame.to_image(centres[seen]),
        quaternions=np.array([b.quaternion for b in bodies]).reshape(-1, 4)[seen],
        thickness=thickness[tuple(pixels[seen].T)].astype(np.float64),
        overlap=find_overlaps(frame, sample, bodies)[seen],
        optics=optics,
        ignore_mask=covered,
        junk=frame.to_image(junk),
        junk_kinds=tuple(str(kind) for kind in (*kinds[rubbish], *piece_kinds)),
    )


def find_overlaps(frame: Frame, sample: Sample, bodies: list[Body]) -> NDArray[np.bool_]:
    """Which bodies share more than `OVERLAP_SHARE` of their area with others, fragments apart."""
    size = [int(n * frame.pixel_size / CELL) + 1 for n in frame.grid]
    count = np.zeros(size[0] * size[1], dtype=np.int32)
    cells = []
    for body in bodies:
        beads = (body.molecule or sample.particle).beads
        kept = slice(None) if body.kept is None else body.kept
        points = project_beads(beads[kept], body.quaternion, body.centre, frame.pixel_size)
        at = np.clip((points * frame.pixel_size / CELL).astype(int), 0, np.array(size) - 1)
        own = np.unique(at[:, 0] * size[1] + at[:, 1])
        cells.append(own)
        if body.kind != "fragment":
            count[own] += 1
    return np.array([(count[own] > 1).mean() > OVERLAP_SHARE for own in cells], dtype=bool)
