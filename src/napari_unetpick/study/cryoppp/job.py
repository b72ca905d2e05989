"""What the CryoPPP benchmark was asked to do, checked before any work begins."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_unetpick.engine.inputs import change_settings
from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.output_files import check_folder
from napari_unetpick.settings import load_recipe, to_dict
from napari_unetpick.study.cryoppp.published import TRAINING_SETS
from napari_unetpick.study.cryoppp.sets import find_sets, set_id

CONDITIONS = "benchmark.json"
TrainOn = Literal["each", "published"]
TRAIN_ON: tuple[TrainOn, ...] = ("each", "published")


@dataclass(frozen=True)
class Benchmark:
    """What is to be benchmarked; made by `make_benchmark`.

    Parameters
    ----------
    folders
        Every set under ROOT, by id.
    sets
        Those to be scored.
    train_on
        "each": a model a set, from its own training part. "published": one model from the
        published training sets that are there.
    recipe
        A name or a TOML file.
    final
        Score the test parts.
    budget
        Minutes after which it stops, resumable; None for no limit.
    conditions
        What may not change when it is resumed.
    """

    folders: dict[str, Path]
    sets: tuple[str, ...]
    out: Path
    train_on: TrainOn
    recipe: str
    seed: int
    final: bool = False
    budget: float | None = None
    device: str = "auto"
    resume: bool = False
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def part(self) -> Literal["validation", "test"]:
        """Which part is scored."""
        return "test" if self.final else "validation"


def make_benchmark(
    *,
    root: Path,
    sets: str,
    out: Path,
    train_on: str = "each",
    recipe: str = "improved",
    seed: int | None = None,
    final: bool = False,
    budget: float | None = None,
    device: str = "auto",
    resume: bool = False,
) -> Benchmark:
    """Check what `unetpick benchmark cryoppp` was given, before anything is written.

    Parameters
    ----------
    sets
        EMPIAR numbers, separated by commas.

    Raises
    ------
    InputError
        Something cannot be used, or `out` holds another benchmark.
    """
    mode = next((each for each in TRAIN_ON if each == train_on), None)
    if mode is None:
        raise InputError(f"--train-on {train_on}: give one of {', '.join(TRAIN_ON)}")
    if budget is not None and not budget > 0:
        raise InputError(f"--budget {budget:g}: give a number of minutes above 0")
    settings = change_settings(load_recipe(recipe), None, seed)
    folders = find_sets(root)
    wanted = tuple(dict.fromkeys(set_id(name) for name in sets.split(",") if name.strip()))
    if not wanted:
        raise InputError("--sets: give EMPIAR numbers, such as 10017,10081")
    missing = [name for name in wanted if name not in folders]
    if missing:
        raise InputError(
            f"{root}: has no set {', '.join(missing)} (a folder with micrographs/ and "
            f"ground_truth/); it has: {', '.join(folders) or 'none'}"
        )
    if mode == "published" and not any(name in folders for name in TRAINING_SETS):
        raise InputError(
            f"{root}: has none of the published training sets ({', '.join(TRAINING_SETS)}); "
            "download some, or use --train-on each"
        )
    job = Benchmark(
        folders=folders,
        sets=wanted,
        out=out,
        train_on=mode,
        recipe=recipe,
        seed=settings.train.seed,
        final=final,
        budget=budget,
        device=device,
        resume=resume,
        conditions={"format": 1, "train_on": mode, "settings": to_dict(settings)},
    )
    _check_folder(job)
    return job


def _check_folder(job: Benchmark) -> None:
    """Refuse a folder that holds another benchmark, or this one where it is not resumed."""
    path = job.out / CONDITIONS
    check_folder(job.out, "choose another --out")
    if not path.is_file():
        return
    if not job.resume:
        raise InputError(
            f"{job.out}: already holds a benchmark; add --resume to continue it (finished "
            "sets are kept), or give --out another folder"
        )
    if path.read_text(encoding="utf-8") != _conditions_text(job):
        raise InputError(
            f"{job.out}: its benchmark was started with another recipe, seed or --train-on "
            f"(see {path}); resume it with those, or give --out another folder"
        )


def begin(job: Benchmark) -> None:
    """Write the conditions, once the input is checked: from here on there is one to resume."""
    write_text(job.out / CONDITIONS, _conditions_text(job))


def _conditions_text(job: Benchmark) -> str:
    return json.dumps(job.conditions, indent=1) + "\n"
