"""The page and the tables: complete, self-contained, escaped, and whole or not there."""

from __future__ import annotations

import csv
import errno
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.io.picks import Picks
from napari_unetpick.report.pages.html import PageImage, Section, Tile, render_report, write_report
from napari_unetpick.report.pages.page import training_section
from napari_unetpick.report.pages.write import write_evaluation
from napari_unetpick.report.tables.evaluation import (
    Table,
    markdown_table,
    plain_table,
    to_csv,
    to_markdown,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16


class Links(HTMLParser):
    """Collects everything that a page would load, and its text."""

    def __init__(self):
        super().__init__()
        self.loads, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [
            v for k, v in attrs if k in ("src", "srcset") or (k == "href" and tag != "a")
        ]

    def handle_data(self, data):
        self.text.append(data)


def parse(page):
    links = Links()
    links.feed(page)
    return links


@pytest.fixture
def evaluation():
    rng = np.random.default_rng(0)
    truth = {f"mic_{i}.01": Picks(f"mic_{i}.01", rng.random((20, 2)) * 300) for i in range(5)}
    picks = {
        key: Picks(key, each.coords[:15] + rng.normal(0, 2, (15, 2)), rng.random(15))
        for key, each in truth.items()
    }
    return evaluate(picks, truth, 24.0, dict.fromkeys(truth, (320, 320)))


def images(key):
    return np.random.default_rng(len(key)).normal(0, 1, (320, 320)).astype(np.float32)


@pytest.mark.slow
def test_evaluation_leaves_all_its_files(tmp_path, evaluation):
    done = []
    files = write_evaluation(
        tmp_path / "new" / "out",
        evaluation,
        images,
        "My picks",
        on_progress=lambda *step: done.append(step),
    )
    out = tmp_path / "new" / "out"
    expected = {"results.json", "results.csv", "results.md", "precision_recall.png"}
    expected |= {"reliability.png", "gallery.png", "report.html"}
    assert {file.name for file in out.iterdir()} == expected | {"overlays"}
    assert {file.name for file in (out / "overlays").iterdir()} == {
        f"mic_{i}.01.png" for i in range(5)
    }
    assert set(files) == {file for file in out.rglob("*") if file.is_file()}
    assert done[-1] == (5, 5, "mic_4.01")
    assert json.loads((out / "results.json").read_text()) == evaluation.to_dict()
    page = parse((out / "report.html").read_text())
    assert page.loads
    assert all(load.startswith("data:image/") for load in page.loads)
    text = " ".join(page.text)
    for word in (
        "My picks",
        "protocol particle",
        "5 micrographs",
        "95 %",
        f"{evaluation.headline.f1:.3f}",
    ):
        assert word in text
    again = tmp_path / "again"
    write_evaluation(again, evaluation, images, "My picks")
    for file in files:
        assert (again / file.relative_to(out)).read_bytes() == file.read_bytes()


def test_without_images_there_are_no_pictures_but_all_figures(tmp_path, evaluation):
    write_evaluation(tmp_path, evaluation)
    assert not (tmp_path / "overlays").exists()
    assert not (tmp_path / "gallery.png").exists()
    assert (tmp_path / "precision_recall.png").exists()


def test_nothing_picked_still_makes_a_report(tmp_path):
    result = evaluate({}, {"a": Picks("a", np.array([[5.0, 5.0]]))}, 4.0)
    write_evaluation(tmp_path, result, lambda key: np.zeros((20, 20)))
    assert "0.000" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "overlays" / "a.png").exists()


def test_csv_and_markdown_hold_the_figures(evaluation):
    rows = list(csv.DictReader(to_csv(evaluation).splitlines()))
    assert [row["micrograph"] for row in rows] == [f"mic_{i}.01" for i in range(5)]
    assert float(rows[0]["f1"]) == round(evaluation.micrographs[0].scores["particle"].f1, 4)
    assert float(rows[0]["f1_iou0.6"]) == round(evaluation.micrographs[0].scores["iou0.6"].f1, 4)
    text = to_markdown(evaluation, "Title")
    assert text.startswith("# Title\n")
    assert f"| {evaluation.headline.f1:.3f} |" in text
    assert "particle (pooled)" in text


def test_tables_align_and_escape():
    table = Table(("name", "value"), [("a|b\nc", "1.0"), ("longer", "10.25")])
    assert markdown_table(table).splitlines() == [
        "| name | value |",
        "| --- | ---: |",
        "| a\\|b c | 1.0 |",
        "| longer | 10.25 |",
    ]
    assert plain_table(Table(("n", "value"), [("ab", "1")])).splitlines() == [
        "n   value",
        "ab      1",
    ]


def test_page_escapes_what_files_say():
    page = render_report(
        "<script>alert(1)</script>",
        [Tile("F1", "0.9", "<b>")],
        [
            Section(
                "A & B", "first\n\nsecond", [PageImage(PNG, 'say "x"')], Table(("n",), [("<img>",)])
            )
        ],
    )
    assert "<script" not in page
    assert "<img>" not in page
    text = " ".join(parse(page).text)
    assert "<script>alert(1)</script>" in text
    assert "A & B" in text
    assert page.count("<p>") == 2


def test_page_has_dark_pictures_only_where_given(tmp_path):
    file = tmp_path / "x.png"
    file.write_bytes(PNG)
    with_dark = render_report("t", [], [Section("s", pictures=[PageImage(file, "a", dark=PNG)])])
    assert with_dark.count("<source") == 1
    assert "<source" not in render_report("t", [], [Section("s", pictures=[PageImage(PNG, "a")])])
    with pytest.raises(ValueError, match="PNG, JPEG or SVG"):
        render_report("t", [], [Section("s", pictures=[PageImage(b"GIF", "a")])])


def test_training_section_has_its_curve():
    assert len(training_section([{"epoch": 1, "loss": 1.0}]).pictures) == 1
    assert len(training_section([]).pictures) == 0


def test_a_full_disk_leaves_the_old_page(tmp_path, monkeypatch):
    path = write_report(tmp_path / "report.html", "old", [], [])
    old = path.read_text()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_unetpick.io.atomic.os.replace", full)
    with pytest.raises(EngineError, match="no space"):
        write_report(path, "new", [], [])
    assert path.read_text() == old
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_file_where_the_folder_should_be(tmp_path, evaluation):
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="file where a folder is needed"):
        write_evaluation(tmp_path / "out", evaluation)
