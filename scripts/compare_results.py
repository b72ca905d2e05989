"""Compare what two checkouts train and pick from the same data and seed, bit for bit.

    python scripts/compare_results.py BASE_CHECKOUT [NEW_CHECKOUT] [--cache FOLDER]

Run it after a change that should not change results. Each checkout runs the same commands on one
small simulated set, with one thread: train on full labels and on clicks, from scratch and from a
model; self-train; pick with one model and with two. NEW_CHECKOUT is by default the one that this
script lies in. The interpreter that runs the script runs them, with PYTHONPATH=CHECKOUT/src.

Compared are every tensor of the model files and the calibration in their cards, which other
settings and versions in the card do not touch; CSV and STAR files byte by byte; and metrics.jsonl,
so that one sees from which epoch on a training differs. The exit code is 1 where anything differs.

What BASE_CHECKOUT gives is kept in the cache, by the hash of its source: the next comparison with
it runs NEW_CHECKOUT alone. Results are those of one processor and one version of PyTorch: give
another machine another cache.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open

SEED = 11
SIMULATE = ("--sample", "ribosome", "--count", "6", "--size", "512", "--seed", str(SEED))
DIAMETER = "290"
RECIPE = """\
[network]
width = 8
depth = 2
[train]
patches_per_epoch = 96
batch = 8
patch_px = 64
"""
LABELLED, CLICKED, UNSEEN = range(4), range(3), 5  # of the micrographs
CLICKS = 9  # a micrograph
COMPARED = (".safetensors", ".csv", ".star", ".jsonl")
Command = tuple[str, ...]


def commands(images: Sequence[str]) -> dict[str, Command]:
    """Return what is run, by name, in order; paths are from the folder of the results."""
    labelled = tuple(images[i] for i in LABELLED)
    usual = ("--diameter", DIAMETER, "--recipe", "../data/recipe.toml", "--seed", str(SEED))
    full, clicks = ("--picks", "../data/full.csv"), ("--picks", "../data/clicks.csv")

    def train(name: str, *more: str, epochs: int = 4) -> Command:
        run = ("--run", name, "--initial-epochs", str(epochs), "--device", "cpu")
        return ("train", *labelled, *usual, *run, *more)

    def pick(name: str, *models: str) -> Command:
        given = tuple(part for model in models for part in ("--model", model))
        return ("pick", *images[UNSEEN - 1 :], *given, "--out", name, "--device", "cpu")

    return {
        "full": train("full", *full, "--start", "scratch"),
        "clicks": train("clicks", *clicks, "--partial", "--start", "scratch", epochs=8),
        "full from full": train("full-2", *full, "--start", "full", epochs=2),
        "clicks from full": train("clicks-2", *clicks, "--partial", "--start", "full", epochs=2),
        "clicks from clicks": train(
            "clicks-3", *clicks, "--partial", "--start", "clicks", epochs=2
        ),
        "two validate": train("taught", *full, "--start", "scratch", "--validation", "0.5"),
        "self-train": (
            *("self-train", *images, "--run", "taught", "--rounds", "2"),
            *("--self-training-epochs", "2", "--device", "cpu"),
        ),
        "pick": pick("picked", "full"),
        "pick by clicks": pick("picked-clicks", "clicks"),
        "pick by two": pick("picked-two", "full", "full-2"),
    }


def make_data(checkout: Path, folder: Path) -> None:
    """Simulate the micrographs, and write labels and recipe beside them."""
    if told := run(checkout, ("simulate", str(folder), *SIMULATE), folder.parent):
        sys.exit(f"{checkout}: simulate failed: {told}")
    header, *rows = (folder / "picks.csv").read_text(encoding="utf-8").splitlines()
    by_name: dict[str, list[str]] = {}
    for row in rows:
        by_name.setdefault(row.partition(",")[0], []).append(row)
    of = [by_name[name] for name in sorted(by_name)]
    for name, parts in (
        ("full.csv", [of[i] for i in LABELLED]),
        ("clicks.csv", [of[i][:CLICKS] for i in CLICKED]),
    ):
        lines = [header, *(row for part in parts for row in part)]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")


def run(checkout: Path, command: Command, folder: Path) -> str:
    """Run a command with a checkout's code; return "", or the last lines of what went wrong."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout / "src"),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, "-m", "napari_unetpick", *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return f"exit code {done.returncode}: " + " / ".join(done.stderr.strip().splitlines()[-3:])


def run_all(checkout: Path, out: Path) -> dict[str, str]:
    """Run every command in the folder `out`, beside the data; return what went wrong, by name."""
    failed: dict[str, str] = {}
    out.mkdir(parents=True, exist_ok=True)
    images = sorted(f"../data/{path.name}" for path in (out.parent / "data").glob("*.mrc"))
    for name, command in commands(images).items():
        started = time.monotonic()
        if told := run(checkout, command, out):
            failed[name] = told
        print(f"  {name:20} {time.monotonic() - started:6.1f} s  {told}", flush=True)
    return failed


def source_hash(checkout: Path) -> str:
    """Return twelve characters that tell a checkout's source, and what is run, from others."""
    source = checkout / "src" / "napari_unetpick"
    if not source.is_dir():
        sys.exit(f"{checkout}: no checkout (src/napari_unetpick is missing)")
    names = [f"{number}.mrc" for number in range(UNSEEN + 1)]
    told = hashlib.sha256(repr((commands(names), SIMULATE, RECIPE, CLICKS)).encode())
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            told.update(str(path.relative_to(source)).encode() + path.read_bytes())
    return told.hexdigest()[:12]


def base_results(checkout: Path, cache: Path) -> Path:
    """Return the folder of the base's data and results, made where the cache lacks it."""
    kept = cache / source_hash(checkout)
    if not (kept / "done").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        make_data(checkout, kept / "data")
        if failed := run_all(checkout, kept / "results"):
            sys.exit(f"{checkout}: {len(failed)} commands failed")
        (kept / "done").touch()
    return kept


def files_of(folder: Path) -> set[str]:
    """Return what is compared in a results folder, but for labels that were only copied."""
    found = (path for path in folder.rglob("*") if path.suffix in COMPARED)
    return {p.relative_to(folder).as_posix() for p in found if p.parent.name != "labels"}


def compare(base: Path, new: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield (file, what was found, whether it is the same) for each file of either."""
    first, second = files_of(base), files_of(new)
    for name in sorted(first | second):
        if name not in first or name not in second:
            yield name, f"only {'NEW' if name not in first else 'BASE'} has it", False
        elif name.endswith(".safetensors"):
            yield name, *compare_models(base / name, new / name)
        else:
            yield name, *compare_lines(base / name, new / name)


def compare_models(base: Path, new: Path) -> tuple[str, bool]:
    """Compare tensors and calibration."""
    (first, card), (second, new_card) = read_model(base), read_model(new)
    if first.keys() != second.keys():
        return f"other tensors: {', '.join(sorted(first.keys() ^ second.keys()))}", False
    others = [name for name, value in first.items() if not same_bits(value, second[name])]
    worst = max((largest_difference(first[name], second[name]) for name in others), default=0.0)
    found = f"{len(others)} of {len(first)} tensors differ, by {worst:.2g} at most"
    told = [found] if others else []
    keys = sorted({*card, *new_card})
    told += [
        f"{key} {card.get(key)} -> {new_card.get(key)}"
        for key in keys
        if card.get(key) != new_card.get(key)
    ]
    return "; ".join(told) or f"{len(first)} tensors, calibration", not told


def read_model(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Return a model's tensors and its calibration."""
    with safe_open(path, framework="numpy") as file:
        card = json.loads(file.metadata()["unetpick"])
        return {name: file.get_tensor(name) for name in file.keys()}, card["calibration"]  # noqa: SIM118


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    kinds = first.dtype == second.dtype and first.shape == second.shape
    return kinds and first.tobytes() == second.tobytes()


def largest_difference(first: np.ndarray, second: np.ndarray) -> float:
    if first.shape != second.shape:
        return float("inf")
    return float(np.abs(first.astype(float) - second.astype(float)).max(initial=0.0))


def compare_lines(base: Path, new: Path) -> tuple[str, bool]:
    """Compare byte by byte, and say which line is the first that differs."""
    first, second = base.read_bytes(), new.read_bytes()
    lines, others = first.splitlines(), second.splitlines()
    if first == second:
        return f"{len(lines)} lines", True
    pairs = enumerate(zip(lines, others, strict=False), 1)
    number = next((n for n, (a, b) in pairs if a != b), min(len(lines), len(others)) + 1)
    return f"{len(lines)} and {len(others)} lines differ from line {number} on", False


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("base", type=Path, metavar="BASE_CHECKOUT")
    parser.add_argument("new", type=Path, metavar="NEW_CHECKOUT", nargs="?", default=here)
    cache = Path(tempfile.gettempdir()) / "unetpick-results"
    parser.add_argument("--cache", type=Path, default=cache, help=f"of the base [{cache}]")
    given = parser.parse_args()
    base, new = given.base.resolve(), given.new.resolve()
    source_hash(new)  # refuses what is no checkout
    started = time.monotonic()
    print(f"BASE {base}", flush=True)
    kept = base_results(base, given.cache.resolve())
    print(f"NEW  {new}", flush=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=kept) as folder:
        failed = run_all(new, Path(folder))
        rows = list(compare(kept / "results", Path(folder)))
    width = max(len(name) for name, _, _ in rows)
    for name, told, same in rows:
        print(f"{'same' if same else 'DIFFERS':8} {name:{width}}  {told}")
    differ = sum(not same for _, _, same in rows)
    print(f"{differ} of {len(rows)} files differ; {len(failed)} commands failed; ", end="")
    print(f"{(time.monotonic() - started) / 60:.1f} minutes")
    return int(bool(differ or failed))


if __name__ == "__main__":
    sys.exit(main())
