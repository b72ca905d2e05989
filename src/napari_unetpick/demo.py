"""The main job on sample data: pick with the general model, fine-tune it, pick again, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_unetpick.engine.inputs import make_pick_job, make_train_job
from napari_unetpick.engine.pick.run import pick
from napari_unetpick.engine.train.run import train
from napari_unetpick.evaluation.inputs.load import load_inputs
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.events import Done, Event, Message, Progress
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.output_files import check_folder
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.models import load_model
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.runs import read_metrics
from napari_unetpick.report.pages.before_after import (
    before_after_sections,
    before_after_tiles,
    side_by_side,
)
from napari_unetpick.report.pages.html import Section
from napari_unetpick.report.pages.page import training_section
from napari_unetpick.report.pages.write import write_evaluation
from napari_unetpick.report.tables.comparison import to_csv
from napari_unetpick.report.tables.evaluation import Table, plain_table
from napari_unetpick.simulate.sample import Sample
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set
from napari_unetpick.study.compare.delivered import compare_delivered

SAMPLE = "contaminated"
LABELLED = 3  # micrographs whose particles are all marked
TEST = 4  # micrographs without any label
EPOCHS = 4  # a quarter of the recipe's: the general model knows particles already
SEED = 2027
GENERAL, TUNED = "general model", "fine-tuned model"
TITLE = "Demo: the general model, and the same fine-tuned"
WHAT_WAS_DONE = (
    "The general model, which comes with the program, picked the test micrographs without any "
    "label; all it was told is the particle diameter. Then the model was fine-tuned on "
    f"{LABELLED} other micrographs, on which all particles were marked. The fine-tuned model "
    "picked the same test micrographs, which no training has used. All of these micrographs are "
    "simulated: their particles are known, and both models were scored on them once."
    "\n\nSimulated data are easier than most real data: see the docs for figures on real data."
)


def demo(out: Path, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Run the main job into a folder.

    Writes `data/` (micrographs and truth), `picks_general/` and `picks/` (as `pick`), `run/` (as
    `train`), comparison.csv (both models), and, as `evaluate` does for the fine-tuned one,
    results.csv, .md, .json, pictures and `report.html`. Run again, it resumes where it was
    stopped.

    Yields
    ------
    The events of its steps, and Done with the report's path.
    """
    check_folder(out, "choose another --out")
    sample = get_sample(SAMPLE)
    yield Message(f"1/5  sample data: {sample.description}")
    yield from without_done(simulate_set(sample, out / "data", LABELLED + TEST, SEED))
    paths = [str(m.path) for m in list_micrographs(out / "data")]
    labelled, tests = paths[:LABELLED], paths[LABELLED:]
    truth = read_picks(out / "data" / "picks.csv")
    write_part(out / "labelled_picks.csv", truth, labelled)
    write_part(out / "test_truth.csv", truth, tests)

    yield Message(f"2/5  picking {TEST} test micrographs with the general model, without any label")
    first = make_pick_job(
        micrographs=tests,
        diameter=sample.diameter_A,
        out=out / "picks_general",
        unfinished="restart",
    )
    yield from without_done(pick(first, check_stop))

    yield Message(f"3/5  fine-tuning the general model on {LABELLED} labelled micrographs")
    job, _ = make_train_job(
        micrographs=labelled,
        picks=out / "labelled_picks.csv",
        diameter=sample.diameter_A,
        run=out / "run",
        start="general",
        epochs=EPOCHS,
        resume=True,
    )
    yield from without_done(train(job, check_stop))

    yield Message("4/5  picking the same test micrographs with the fine-tuned model")
    second = make_pick_job(
        micrographs=tests, models=[out / "run"], out=out / "picks", unfinished="restart"
    )
    yield from without_done(pick(second, check_stop))

    yield Message("5/5  evaluating both against the simulated particles")
    yield from write_page(out, tests, sample)
    yield Message(f"report: {out / 'report.html'}; RELION and cryoSPARC files: {out / 'picks'}")
    yield Done({"report": str(out / "report.html")})


def without_done(events: Iterator[Event]) -> Iterator[Event]:
    """Pass events on but for the last: the demo has its own."""
    for event in events:
        if not isinstance(event, Done):
            yield event


def write_part(path: Path, truth: dict[str, Picks], micrographs: list[str]) -> None:
    """Write the truth of some micrographs as a pick file."""
    names = [Path(micrograph).name for micrograph in micrographs]
    write_csv(path, [truth[name] for name in names if name in truth])


def write_page(out: Path, tests: list[str], sample: Sample) -> Iterator[Event]:
    """Evaluate the picks of both models and write tables and the report."""
    inputs = load_inputs(out / "picks", out / "test_truth.csv", tests)
    before = load_inputs(out / "picks_general", out / "test_truth.csv", tests).evaluate()
    after = inputs.evaluate()
    found = compare_delivered({GENERAL: before, TUNED: after})
    card = load_model(out / "run").card

    def image(key: str) -> NDArray[Any]:
        return read_micrograph(inputs.micrographs[key].path).data

    marked = read_picks(out / "labelled_picks.csv")
    labels = ("none", f"{len(marked)} micrographs, {sum(map(len, marked.values())):,} particles")
    steps: list[Progress] = []
    write_text(out / "comparison.csv", to_csv(found))
    write_evaluation(
        out,
        after,
        image,
        TITLE,
        subtitle=sample.description,
        pixel_sizes=inputs.pixel_sizes,
        before=[
            *before_after_sections(found, labels, WHAT_WAS_DONE, image, sample.pixel_size),
            what_was_run(card, after),
        ],
        after=[training_section(read_metrics(out / "run" / "metrics.jsonl"))],
        tiles=before_after_tiles(found),
        on_progress=lambda done, total, _: steps.append(Progress("drawing", done, total)),
    )
    yield from steps[-1:]
    for line in plain_table(side_by_side(found, labels)).splitlines():
        yield Message(line)


def what_was_run(card: dict[str, Any], found: Evaluation) -> Section:
    """Say what the fine-tuned model's figures rest on, with validation beside test."""
    validation, training = card["validation"]["f1"], card["training"]
    test = found.headline.f1
    rows = (
        ("Trained on", f"{training['particles']:,} particles; the other labels validate"),
        ("Recipe, seed", f"{card['settings']['recipe']}, {card['settings']['train']['seed']}"),
        ("Epochs", f"{card['settings']['train']['epochs']}"),
        ("Threshold", f"{card['calibration']['threshold']:.3f}, chosen on validation"),
        ("Validation F1", f"{validation:.3f}"),
        ("Test F1", f"{test:.3f}"),
        ("Validation - test", f"{100 * (validation - test):+.1f} points"),
    )
    text = (
        "From here on, everything is about the fine-tuned model. A part of its labels is not "
        "trained on but validates: it chooses the threshold, and the F1 on it is what to expect of "
        "micrographs that are alike."
    )
    return Section("Fine-tuning", text, table=Table(("What", "Value"), rows))
