"""Compare simulated with real micrographs: radial power spectra (figure) and particle SNR (table).

Usage: python benchmarks/simulation_realism.py [--data FOLDER] [--out docs/images] [--count 5]

FOLDER holds `apoferritin/` (1.5 A/px, unfiltered) and `betagal/` (7.08 A/px, denoised) with their
micrographs and `picks.csv`; its default is the environment variable UNETPICK_TEST_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import mrcfile
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.samples import SAMPLES, get_sample

SMOOTHING = 0.1
"""Standard deviation of the Gaussian that every image is smoothed with, particle diameters."""


@dataclass(frozen=True)
class RealSet:
    """A set of real micrographs: replicated borders are cut off, the diameter is in A."""

    name: str
    pixel_size: float
    diameter: float
    border: int


REAL = (RealSet("apoferritin", 1.5, 120.0, 0), RealSet("betagal", 7.08, 190.0, 22))


def read_real(data: Path, real: RealSet) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and the (row, col) of their picks."""
    picks = pd.read_csv(data / real.name / "picks.csv")
    pairs = []
    for path in sorted((data / real.name).glob("*.mrc")):
        image = mrcfile.read(path).astype(np.float32)
        inner = slice(real.border, -real.border or None)
        coords = picks.loc[picks.micrograph == path.name, ["y", "x"]].to_numpy() - real.border
        pairs.append((np.ascontiguousarray(image[inner, inner]), coords))
    return pairs


def power_spectrum(image: np.ndarray, pixel_size: float, bins: int = 60) -> tuple:
    """Radial mean of the power (Hann window), with frequencies in 1/A on a logarithmic grid."""
    size = min(image.shape)
    window = np.hanning(size)[:, None] * np.hanning(size)[None, :]
    square = image[:size, :size] - image[:size, :size].mean()
    power = np.abs(np.fft.rfft2(square * window)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(size, pixel_size)[:, None], np.fft.rfftfreq(size, pixel_size))
    edges = np.geomspace(4.0 / (size * pixel_size), 0.5 / pixel_size, bins + 1)
    which = np.digitize(radius.ravel(), edges)
    count = np.bincount(which, minlength=bins + 2)[1:-1]
    total = np.bincount(which, power.ravel(), minlength=bins + 2)[1:-1]
    filled = count > 0
    return np.sqrt(edges[1:] * edges[:-1])[filled], total[filled] / count[filled]


def normalised(frequency: np.ndarray, power: np.ndarray, longest: float, shortest: float):
    """Divide a spectrum by its mean between two periods (A)."""
    band = (frequency > 1.0 / longest) & (frequency < 1.0 / shortest)
    return power / power[band].mean()


def particle_snr(image, coords, diameter_px, mask=None) -> np.ndarray:
    """Contrast of each particle over the local background's standard deviation.

    The image is smoothed by a Gaussian of SMOOTHING diameters and its local mean (Gaussian of 1.5
    diameters) is taken off. Background: pixels farther than 0.6 diameters from every pick, outside
    the mask. Contrast: mean of the background in the ring of 0.6 to 1 diameter around the particle
    less the mean of the disc of 0.4 diameters. Its unit is the background's standard deviation
    over the micrograph (1.4826 times the median absolute deviation). Particles within a diameter
    of the border or with less than a tenth of a free ring are left out.
    """
    smooth = gaussian_filter(image, SMOOTHING * diameter_px)
    smooth = smooth - gaussian_filter(image, 1.5 * diameter_px)
    taken = np.zeros(image.shape, bool) if mask is None else mask.copy()
    windows = [disc_window(image.shape, centre, diameter_px) for centre in coords]
    for window, distance in windows:
        taken[window] |= distance <= 0.6 * diameter_px
    margin = int(0.5 * diameter_px)
    inner = (slice(margin, -margin), slice(margin, -margin))
    background = smooth[inner][~taken[inner]]
    spread = 1.4826 * np.median(np.abs(background - np.median(background)))
    ratios = []
    for centre, (window, distance) in zip(coords, windows, strict=True):
        if (centre < diameter_px).any() or (centre > np.array(image.shape) - 1 - diameter_px).any():
            continue
        ring = (distance > 0.6 * diameter_px) & (distance <= diameter_px) & ~taken[window]
        if ring.sum() >= 0.1 * 0.64 * np.pi * diameter_px**2:
            disc = smooth[window][distance <= 0.4 * diameter_px]
            ratios.append((smooth[window][ring].mean() - disc.mean()) / spread)
    return np.array(ratios)


def disc_window(shape, centre, radius) -> tuple:
    """Window around a centre, and in it each pixel's distance from the centre."""
    low = np.maximum(np.floor(centre - radius).astype(int), 0)
    high = np.minimum(np.ceil(centre + radius).astype(int) + 1, shape)
    rows, cols = np.ogrid[low[0] : high[0], low[1] : high[1]]
    distance = np.hypot(rows - centre[0], cols - centre[1])
    return (slice(low[0], high[0]), slice(low[1], high[1])), distance


def table_row(name: str, micrographs: list[np.ndarray], counts: list[int], note: str) -> str:
    """One Markdown row: the medians of the micrographs, and the particles' spread."""
    medians = [np.median(snr) for snr in micrographs]
    low, high = np.percentile(np.concatenate(micrographs), [10, 90])
    return (
        f"| {name} | {note} | {len(micrographs)} | {np.mean(counts):.0f} | {np.mean(medians):.2f} "
        f"| {min(medians):.2f} to {max(medians):.2f} | {low:.2f} to {high:.2f} |"
    )


def snr_table(data: Path, count: int) -> list[str]:
    """Particle SNR of the real sets and of every named sample, as Markdown."""
    rows = [
        "| set | what | micrographs | particles each | mean SNR | range of micrographs' medians "
        "| 10 % to 90 % of particles |",
        "|---|---|---|---|---|---|---|",
    ]
    for real in REAL:
        pairs = read_real(data, real)
        values = [particle_snr(i, c, real.diameter / real.pixel_size) for i, c in pairs]
        note = f"real, {real.diameter:g} A, {real.pixel_size:g} A/px"
        rows.append(table_row(real.name, values, [len(c) for _, c in pairs], note))
    for name, sample in SAMPLES.items():
        values, counts = [], []
        for seed in range(count):
            m = simulate_micrograph(sample, seed)
            diameter = m.diameter_A / m.pixel_size
            values.append(particle_snr(m.image, m.coords, diameter, m.ignore_mask))
            counts.append(len(m.coords))
        note = f"simulated, {sample.diameter_A:g} A, {sample.pixel_size:g} A/px"
        rows.append(table_row(name, values, counts, note))
    return rows


def band_passed(image: np.ndarray, pixel_size: float, widths: tuple[float, float] | None):
    """Smooth by a Gaussian and subtract a wider one (standard deviations in A), if any."""
    if widths is None:
        return image
    narrow, wide = (gaussian_filter(image, width / pixel_size) for width in widths)
    return narrow - wide


def draw_spectra(axis, title, real, simulated, band, widths) -> None:
    """Real spectra in black, simulated ones in colour, each divided by its mean in a band."""
    for image, pixel_size in real:
        frequency, power = power_spectrum(band_passed(image, pixel_size, widths), pixel_size)
        line = axis.loglog(frequency, normalised(frequency, power, *band), "k", lw=0.8, alpha=0.6)
    line[0].set_label("real")
    for index, (name, images, pixel_size) in enumerate(simulated):
        for number, image in enumerate(images):
            frequency, power = power_spectrum(band_passed(image, pixel_size, widths), pixel_size)
            label = f"simulated {name}" if number == 0 else None
            values = normalised(frequency, power, *band)
            axis.loglog(frequency, values, color=f"C{index}", lw=0.9, alpha=0.8, label=label)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("spatial frequency, 1/A")
    axis.set_ylabel(f"power / mean power at {band[0]:g}-{band[1]:g} A")
    axis.legend(fontsize=7)
    axis.grid(alpha=0.3)


def show(axis, image, title, sigma) -> None:
    """Show an image smoothed by `sigma` pixels, its contrast cut at 0.5 %."""
    smooth = gaussian_filter(image, sigma)
    low, high = np.percentile(smooth, [0.5, 99.5])
    axis.imshow(smooth, cmap="gray", vmin=low, vmax=high)
    axis.set_title(title, fontsize=9)
    axis.axis("off")


def draw_figure(data: Path, out: Path, count: int) -> None:
    """Draw crops side by side above the spectra, for either real set."""
    figure, axes = plt.subplots(2, 4, figsize=(14, 7), gridspec_kw={"height_ratios": [1, 1]})
    fine = [image for image, _ in read_real(data, REAL[0])]
    coarse = [image for image, _ in read_real(data, REAL[1])]
    cages = [
        simulate_micrograph(get_sample("cage"), s, shape=(1200, 1240), pixel_size=1.5).image
        for s in range(count)
    ]
    others = [
        (name, [simulate_micrograph(SAMPLES[name], 1, shape=(1200, 1240), pixel_size=1.5).image])
        for name in ("barrel", "rod", "globule", "ribosome")
    ]
    tetramer = get_sample("tetramer")
    bare = replace(tetramer.contamination, crystals=0.0, ethane=0.0, carbon=0.0)
    tetramer = replace(tetramer, contamination=bare, shape=(980, 980), pixel_size=7.08)
    tetramers = [simulate_micrograph(tetramer, seed).image for seed in range(count)]
    show(axes[0, 0], fine[0][:600, 100:700], "real apoferritin, 1.5 A/px", 1.5)
    show(axes[0, 1], cages[0][:600, :600], "simulated cage, 1.5 A/px", 1.5)
    show(axes[0, 2], coarse[0][:400, :400], "real beta-galactosidase, 7.08 A/px", 2.0)
    show(axes[0, 3], tetramers[0][:400, :400], "simulated tetramer, 7.08 A/px", 2.0)
    grid = axes[1, 0].get_gridspec()
    for axis in axes[1]:
        axis.remove()
    left, right = figure.add_subplot(grid[1, :2]), figure.add_subplot(grid[1, 2:])
    simulated = [("cage", cages, 1.5), *((name, images, 1.5) for name, images in others)]
    title = "unfiltered; the plateau at 4-5 A is the shot noise"
    draw_spectra(left, title, [(i, 1.5) for i in fine], simulated, (5.0, 4.0), None)
    title = "both less their mean over 285 A and smoothed by a Gaussian of 19 A"
    real = [(image, 7.08) for image in coarse]
    draw_spectra(right, title, real, [("tetramer", tetramers, 7.08)], (250.0, 80.0), (19.0, 285.0))
    right.set_xlim(1e-3, 1.0 / 50.0)
    right.set_ylim(1e-2, 10.0)
    figure.tight_layout()
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "simulation_realism.png", dpi=80)


def time_table() -> list[str]:
    """CPU seconds a micrograph takes, as Markdown; a busy machine does not change them."""
    rows = ["| sample | pixels | A/px | CPU seconds |", "|---|---|---|---|"]
    jobs = [(name, None, None) for name in SAMPLES]
    for name, shape, pixel_size in [*jobs, ("cage", (4096, 4096), 1.0)]:
        sample = SAMPLES[name].sampled(shape, pixel_size)
        _ = sample.particle  # building the molecule is done once in a run
        started = time.process_time()
        simulate_micrograph(sample, 1)
        seconds = time.process_time() - started
        rows.append(
            f"| {name} | {sample.shape[0]} x {sample.shape[1]} | {sample.pixel_size:g} "
            f"| {seconds:.1f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("UNETPICK_TEST_DATA"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--count", type=int, default=5, help="simulated micrographs a sample")
    options = parser.parse_args()
    if options.data is None or not (options.data / "apoferritin").is_dir():
        parser.error("no real micrographs: give their folder with --data")
    print("\n".join(snr_table(options.data, options.count)), end="\n\n")
    print("\n".join(time_table()))
    draw_figure(options.data, options.out, options.count)


if __name__ == "__main__":
    main()
