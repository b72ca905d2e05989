"""The general model on sets that it has never seen, without a click; right diameter given.

Development sets choose between models: betagal's training and validation splits, the four exposures
`contamination/*_0.mrc`, and simulated sets, each also at a third of its dose and with twice its
haze. Test sets are scored once for each figure that is published: apoferritin, betagal's test
split, `contamination/*_1.mrc` and `ice_large.mrc`. Real sets are found by UNETPICK_TEST_DATA.

Protocol particle; real truth without a border of half a diameter. "best F1" has its threshold
chosen on the set itself, an upper bound. "expected" is the mean score of the picks, what the user
is told of precision.

    python benchmarks/general.py [--model MODEL] [--sets betagal,random-21] [--test]
    python benchmarks/general.py --inverted      light on dark, without being told
    python benchmarks/general.py --thorough      scores averaged over eight orientations
    python benchmarks/general.py --reduced 12    coarse copies, 12 pixels a particle
    python benchmarks/general.py --diameters     estimates it where none is given, beside the axes
    python benchmarks/general.py --no-junk       without the output for junk and the second look
    python benchmarks/general.py --peers topaz,relion,apple [--no-ours]

With --peers other pickers that need no labels (see _general_peers.py) pick the same files. Each is
scored at its best setting and threshold on the set itself, an upper bound, and compared with our
"best F1". On sets without particles it says how many picks a micrograph a peer makes by default.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
from _general_peers import Peer, default_cut, find_peers
from _general_scores import (
    Scored,
    best_cut,
    best_setting,
    difference_table,
    differences,
    label,
)
from _record import machine
from accuracy import DATA, OUT, REAL, read_rows, sample_of

from napari_unetpick.evaluation.metrics import Score, pool

SIMULATED = (*(f"random-{n}" for n in range(21, 26)), "globule", "rod", "tetramer")
MICROGRAPHS = 3
AXES = {"apoferritin": (120.0, 120.0), "betagal": (90.0, 175.0)}
"""Shortest and longest, A; beta-galactosidase: Jacobson et al. 1994, Nature 369, 761."""
DIAMETERS = ("set", "axes", "estimate", "interval", "sure", "within 15 %")
COLUMNS = ("set", "micrographs", "F1", "best F1", "precision", "recall", "expected", "picks")


@dataclass(frozen=True)
class Set:
    """Micrographs with their truth.

    Parameters
    ----------
    files
        (micrograph, truth (N, 2) row, col) of each.
    border
        Diameters from the edge that are not scored.
    defocus
        Of each micrograph, A, where the list would say it.
    """

    name: str
    files: list[tuple[Path, np.ndarray]]
    diameter: float
    pixel_size: float | None
    border: float
    defocus: tuple[float, ...] = ()


def real_set(protein: str, splits: tuple[str, ...]) -> Set:
    """Return some splits of a real set."""
    diameter, pixel_size = REAL[protein]
    folder = DATA / protein
    split = {row["micrograph"]: row["split"] for row in read_rows(folder / "split.csv")}
    rows = read_rows(folder / "picks.csv")
    files = [
        (
            folder / name,
            np.array(
                [(float(r["y"]), float(r["x"])) for r in rows if r["micrograph"] == name]
            ).reshape(-1, 2),
        )
        for name, part in split.items()
        if part in splits
    ]
    return Set(f"{protein} ({', '.join(splits)})", files, diameter, pixel_size, 0.5)


def empty_set(pattern: str) -> Set:
    """Return exposures that hold nothing that may be picked."""
    files = [(path, np.empty((0, 2))) for path in sorted((DATA / "contamination").glob(pattern))]
    return Set(f"contamination/{pattern}", files, 150.0, 4.0, 0.0)


def simulated_set(name: str) -> Set:
    """Simulate a set; `random-21-low` is at a third of the dose and twice the haze."""
    from napari_unetpick.simulate.micrograph import simulate_micrograph
    from napari_unetpick.simulate.write import micrograph_seed, write_mrc

    sample = replace(sample_of(name), name=name.removesuffix("-low"))  # its ice is the same
    folder = OUT / "general" / name
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(MICROGRAPHS):
        path, truth = folder / f"{name}_{number}.mrc", folder / f"{name}_{number}.npy"
        if not truth.is_file():
            made = simulate_micrograph(sample, micrograph_seed(9, number + 1))
            write_mrc(path, made.image, made.pixel_size)
            np.save(truth, made.coords)
        files.append((path, np.load(truth)))
    return Set(name, files, sample.diameter_A, None, 0.0)


def make_sets(names: list[str], *, test: bool) -> Iterator[Set]:
    """Return the sets of that name; without names all of one kind."""
    if test:
        yield real_set("apoferritin", ("train", "test"))
        yield real_set("betagal", ("test",))
        yield empty_set("*_1.mrc")
        yield empty_set("ice_large.mrc")
        return
    for name in names or ["betagal", "contamination", *SIMULATED, *(f"{s}-low" for s in SIMULATED)]:
        if name == "betagal":
            yield real_set(name, ("train", "validation"))
        elif name == "contamination":
            yield empty_set("*_0.mrc")
        else:
            yield simulated_set(name)


def reduced(one: Set, across: float) -> Set:
    """Return copies whose particles are `across` pixels wide, Fourier-cropped."""
    import mrcfile

    from napari_unetpick.io.images.image import read_micrograph
    from napari_unetpick.picking.crop import resample

    folder = OUT / "general" / f"{one.name.split()[0].replace('/', '_')}_{across:g}px"
    folder.mkdir(parents=True, exist_ok=True)
    files, size = [], None
    for path, truth in one.files:
        image = read_micrograph(path)
        own = one.pixel_size or image.pixel_size
        shape = tuple(2 * round(n * across * own / one.diameter / 2) for n in image.data.shape)
        ratio = np.divide(image.data.shape, shape)
        size = own * float(ratio.mean())
        copy = folder / path.name
        if not copy.is_file():
            with mrcfile.new(copy, data=resample(image.data, shape), overwrite=True) as mrc:
                mrc.voxel_size = size
        files.append((copy, truth / ratio))
    return replace(one, name=f"{one.name}, {across:g} px", files=files, pixel_size=size)


def inverted(one: Set) -> Set:
    """Return copies with light particles on dark."""
    import mrcfile

    from napari_unetpick.io.images.image import read_micrograph

    folder = OUT / "general" / f"{one.name.split()[0].replace('/', '_')}_inverted"
    folder.mkdir(parents=True, exist_ok=True)
    files, size = [], None
    for path, truth in one.files:
        image = read_micrograph(path)
        size = one.pixel_size or image.pixel_size
        copy = folder / path.name
        if not copy.is_file():
            with mrcfile.new(copy, data=-image.data.astype(np.float32), overwrite=True) as mrc:
                mrc.voxel_size = size
        files.append((copy, truth))
    return replace(one, name=f"{one.name}, inverted", files=files, pixel_size=size)


def pick_set(scorer, one: Set, *, adapt: bool):
    """Find the candidates of a set, with its contrast and calibration found as `pick` does."""
    from napari_unetpick.engine.pick.find import FindJob, find
    from napari_unetpick.engine.pick.survey import needs_survey
    from napari_unetpick.events import FoundCandidates
    from napari_unetpick.io.images.micrograph import Micrograph

    micrographs = [
        Micrograph(path, path.name, defocus=defocus)
        for (path, _), defocus in zip_longest(one.files, one.defocus)
    ]
    job = FindJob(micrographs=micrographs, diameter=one.diameter, pixel_size=one.pixel_size)
    if adapt and needs_survey(job, scorer):
        found = surveyed(job, scorer)
        job, scorer = found.applied_to(job), found.calibrated(scorer)
    events = find(job, scorer)
    return scorer, [each.candidates for each in events if isinstance(each, FoundCandidates)]


def surveyed(job, scorer):
    """Return what is found out before a picking."""
    from napari_unetpick.engine.pick.survey import survey

    events = survey(job, scorer)
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def estimate(scorer, one: Set) -> dict[str, object]:
    """Estimate the diameter of a set; right is any value between the axes, and 15 % beside."""
    from napari_unetpick.engine.pick.find import FindJob
    from napari_unetpick.io.images.micrograph import Micrograph

    micrographs = [Micrograph(path, path.name) for path, _ in one.files]
    found = surveyed(FindJob(micrographs=micrographs, pixel_size=one.pixel_size), scorer)
    name = one.name.split()[0].rstrip(",")
    if name in AXES:
        width, length = AXES[name]
    else:
        particle = sample_of(name).particle
        width, length = particle.width_A, particle.diameter_A
    return {
        "set": one.name,
        "axes": f"{width:.0f}-{length:.0f}",
        "estimate": found.diameter,
        "interval": f"{found.low:.0f}-{found.high:.0f}",
        "sure": "yes" if found.sure else "no",
        "within 15 %": "yes" if 0.85 * width <= found.diameter <= 1.15 * length else "no",
    }


def pick_ours(scorer, one: Set, *, adapt: bool = True) -> tuple[float, list[Scored]]:
    """Pick a set; return the automatic threshold and all labelled candidates."""
    scorer, candidates = pick_set(scorer, one, adapt=adapt)
    picks = []
    for found in candidates:
        chosen, calibrated = found.picked(scorer.calibration, 0.0)
        picks.append(np.column_stack([found.coords[chosen], calibrated[chosen]]))
    return scorer.calibration.threshold, label(one, picks)


def score(one: Set, threshold: float, found: list[Scored]) -> dict[str, object]:
    """Score our picks at a threshold, and at the best one."""
    counts = pool(each.cut(threshold) for each in found)
    best = pool(each.cut(best_cut(found)) for each in found)
    scores = np.concatenate([each.scores for each in found])
    true = counts.n_truth > 0
    return {
        "set": one.name,
        "micrographs": len(one.files),
        "F1": counts.f1 if true else None,
        "best F1": best.f1 if true else None,
        "precision": counts.precision if true else None,
        "recall": counts.recall if true else None,
        "expected": float(scores[scores >= threshold].mean()) if counts.n_picks else None,
        "picks": counts.n_picks / len(one.files),
    }


def add_peers(row: dict[str, object], one: Set, peers: list[Peer]) -> dict[str, list[Score]]:
    """Add each peer's best F1 to the row of a set; return its counts by micrograph."""
    best = {}
    for peer in peers:
        if (picks := peer.picks(one)) is None:
            continue
        setting, threshold = default_cut(peer.name, list(picks))
        default = pool(each.cut(threshold) for each in label(one, picks[setting]))
        row[f"{peer.name} picks"] = default.n_picks / len(one.files)
        if default.n_truth:
            row[f"{peer.name} setting"], best[peer.name] = best_setting(one, picks)
            row[peer.name] = pool(best[peer.name]).f1
    return best


def peer_columns(peers: list[Peer], *, ours: bool) -> tuple[str, ...]:
    """Name the columns of the table with peers."""
    own = ("F1", "best F1") if ours else ()
    names = [peer.name for peer in peers]
    return ("set", "micrographs", *own, *names, *(f"{name} picks" for name in names))


def parse_arguments() -> argparse.Namespace:
    from napari_unetpick.io.models import GENERAL

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(GENERAL))
    parser.add_argument("--sets", default="", help="comma-separated; default: all for development")
    parser.add_argument("--test", action="store_true", help="the test sets: once a figure")
    parser.add_argument("--inverted", action="store_true", help="light particles on dark")
    parser.add_argument("--reduced", type=float, help="pixels per particle of copies")
    parser.add_argument("--no-adapt", action="store_true", help="one calibration for all sets")
    parser.add_argument("--thorough", action="store_true", help="scores of eight orientations")
    parser.add_argument("--diameters", action="store_true", help="estimate them, pick nothing")
    parser.add_argument("--no-junk", action="store_true", help="picks in junk are kept")
    parser.add_argument("--peers", default="", help="comma-separated: topaz, relion, apple")
    parser.add_argument("--no-ours", action="store_true", help="the peers alone")
    for name in ("topaz", "aspire"):
        here = OUT.parent / f"{name}-env" / "bin" / "python"
        parser.add_argument(f"--{name}-python", type=Path, default=here, help="its interpreter")
    options = parser.parse_args()
    if options.diameters and options.no_ours:
        parser.error("--diameters needs the general model; leave out --no-ours")
    return options


def main() -> None:
    """Score the sets and print the table as it grows."""
    import torch

    from napari_unetpick.engine.pick.ensemble import make_scorer
    from napari_unetpick.io.models import load_model

    options = parse_arguments()
    peers = find_peers(
        [name for name in options.peers.split(",") if name],
        {"topaz": options.topaz_python, "apple": options.aspire_python},
    )
    if not options.no_ours:
        models = [(options.model, load_model(options.model))]
        scorer = make_scorer(
            models, torch.device("cpu"), junk=not options.no_junk, thorough=options.thorough
        )
    columns = peer_columns(peers, ours=not options.no_ours) if peers else COLUMNS
    columns = DIAMETERS if options.diameters else columns
    print("|" + "|".join(columns) + "|\n|" + "---|" * len(columns), flush=True)
    rows, counts = [], {}
    for one in make_sets([name for name in options.sets.split(",") if name], test=options.test):
        if options.inverted:
            one = inverted(one)
        if options.reduced:
            one = reduced(one, options.reduced)
        row, by = {"set": one.name, "micrographs": len(one.files)}, {}
        if options.diameters:
            if not any(len(truth) for _, truth in one.files):
                continue
            row |= estimate(scorer, one)
        elif not options.no_ours:
            threshold, found = pick_ours(scorer, one, adapt=not options.no_adapt)
            row = score(one, threshold, found)
            if row["F1"] is not None:
                by["ours"] = [each.cut(best_cut(found)) for each in found]
        counts[one.name] = by | add_peers(row, one, peers)
        rows.append(row)
        cells = (row.get(column) for column in columns)
        text = (f"{c:.3f}" if isinstance(c, float) else "" if c is None else str(c) for c in cells)
        print("|" + "|".join(text) + "|", flush=True)
    record = "general_diameters.json" if options.diameters else "general.json"
    (OUT.parent / record).write_text(json.dumps(rows, indent=1))
    if peers:
        compared = differences(counts, "ours")
        print("\n" + difference_table(compared, [peer.name for peer in peers]))
        record = {"machine": machine(), "rows": rows, "differences": compared}
        (OUT.parent / "general_peers.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
