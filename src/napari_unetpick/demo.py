"""The main job on sample data: simulate, train, pick micrographs never seen, evaluate, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from napari_unetpick.engine.inputs import make_pick_job, make_train_job
from napari_unetpick.engine.pick.run import pick
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.load import load_inputs
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.events import Done, Event, Message, Progress
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.models import load_model
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.runs import read_metrics
from napari_unetpick.report.pages.html import Section
from napari_unetpick.report.pages.page import training_section
from napari_unetpick.report.pages.write import write_evaluation
from napari_unetpick.report.tables.evaluation import Table, plain_table, protocol_table
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set

SAMPLE = "contaminated"
LABELLED = 6  # micrographs with labels; one of them validates
TEST = 4  # micrographs that training never sees
SEED = 2026


def demo(out: Path, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Run the main job into a folder.

    Writes `data/` (micrographs and truth), `run/` (as `train`), `picks/` (as `pick`), and, as
    `evaluate`, results.csv, .md, .json, pictures and `report.html`. Run again, it resumes where
    it was stopped.

    Yields
    ------
    The events of its steps, and Done with the report's path.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file where a folder is needed; choose another --out")
    sample = get_sample(SAMPLE)
    yield Message(f"1/4  sample data: {sample.description}")
    yield from without_done(simulate_set(sample, out / "data", LABELLED + TEST, SEED))
    names = [m.path.name for m in list_micrographs(out / "data")]
    truth = read_picks(out / "data" / "picks.csv")
    write_part(out / "labelled_picks.csv", truth, names[:LABELLED])
    write_part(out / "test_truth.csv", truth, names[LABELLED:])

    yield Message(f"2/4  training on {LABELLED} labelled micrographs")
    job, _ = make_train_job(
        micrographs=str(out / "data"),
        picks=out / "labelled_picks.csv",
        diameter=sample.diameter_A,
        run=out / "run",
        resume=True,
    )
    yield from without_done(train(job, check_stop))

    yield Message(f"3/4  picking {TEST} test micrographs")
    stems = [str(out / "data" / name) for name in names[LABELLED:]]
    chosen = make_pick_job(
        micrographs=stems, models=[out / "run"], out=out / "picks", unfinished="restart"
    )
    yield from without_done(pick(chosen, check_stop))

    yield Message("4/4  evaluating against the simulated particles")
    yield from write_page(out, stems, sample.description)
    yield Message(f"report: {out / 'report.html'}; RELION and cryoSPARC files: {out / 'picks'}")
    yield Done({"report": str(out / "report.html")})


def without_done(events: Iterator[Event]) -> Iterator[Event]:
    """Pass events on but for the last: the demo has its own."""
    for event in events:
        if not isinstance(event, Done):
            yield event


def write_part(path: Path, truth: dict[str, Picks], names: list[str]) -> None:
    """Write the truth of some micrographs as a pick file."""
    write_csv(path, [truth[name] for name in names if name in truth])


def write_page(out: Path, stems: list[str], description: str) -> Iterator[Event]:
    """Evaluate the picks and write tables and the report."""
    inputs = load_inputs(out / "picks", out / "test_truth.csv", stems)
    found = inputs.evaluate()
    card = load_model(out / "run").card
    steps: list[Progress] = []
    write_evaluation(
        out,
        found,
        lambda key: read_micrograph(inputs.micrographs[key].path).data,
        "Demo on simulated micrographs",
        subtitle=description,
        pixel_sizes=inputs.pixel_sizes,
        before=[what_was_run(card, found)],
        after=[training_section(read_metrics(out / "run" / "metrics.jsonl"))],
        on_progress=lambda done, total, _: steps.append(Progress("drawing", done, total)),
    )
    yield from steps[-1:]
    for line in results_lines(found):
        yield Message(line)


def what_was_run(card: dict[str, Any], found: Evaluation) -> Section:
    """Say what the figures rest on, with validation beside test."""
    validation, training = card["validation"]["f1"], card["training"]
    test = found.headline.f1
    rows = (
        ("Training", f"{training['particles']:,} particles, {training['micrographs']} micrographs"),
        ("Recipe, seed", f"{card['settings']['recipe']}, {card['settings']['train']['seed']}"),
        ("Threshold", f"{card['calibration']['threshold']:.3f}, chosen on validation"),
        ("Validation F1", f"{validation:.3f} (whole micrographs)"),
        ("Test F1", f"{test:.3f} (whole micrographs)"),
        ("Validation - test", f"{100 * (validation - test):+.1f} points"),
    )
    text = (
        "Simulated micrographs with known particles were split into labelled ones and a "
        "test set. The network was trained on the labelled ones only; the test set was "
        "picked and scored once.\n\nSimulated data are easier than most real data: see the "
        "docs for figures on real data."
    )
    return Section("Settings and results", text, table=Table(("What", "Value"), rows))


def results_lines(found: Evaluation) -> list[str]:
    """Return the results table as lines for the terminal."""
    return plain_table(protocol_table(found)).splitlines()
