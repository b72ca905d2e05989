"""A comparison on paper: the same figures in every format, names escaped, all sides drawn."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.figures import figures_of
from napari_unetpick.evaluation.methods import (
    choose_threshold,
    choose_without_each,
    curve_of,
    f1_differences,
    label_micrograph,
)
from napari_unetpick.io.picks import Picks
from napari_unetpick.report.figures.canvas import to_png
from napari_unetpick.report.figures.palette import DARK, LIGHT
from napari_unetpick.report.pages.comparison import draw_methods, write_comparison
from napari_unetpick.report.tables.comparison import (
    difference_table,
    latex_name,
    overview_table,
    setting_table,
    to_csv,
    to_latex,
    to_markdown,
)
from napari_unetpick.study.compare.result import ComparisonResult, MethodResult

D = 20.0
KEYS = ("a", "b", "c")
TRUTH = {key: Picks(key, np.array([[50.0, 50.0], [50.0, 150.0], [150.0, 50.0]])) for key in KEYS}
NASTY = "a_b & 50% $x$ <b>[z] #1 {~^} | c--d"


def method(name, found, kind="picks", scored=True):
    """A side that finds `found` of three particles on each micrograph, and a false one."""
    picks = {
        key: Picks(
            key,
            np.vstack([each.coords[:found], [[150.0, 150.0]]]),
            np.linspace(0.9, 0.2, found + 1),
        )
        for key, each in TRUTH.items()
    }
    at = {key: each.select(each.scores > 0.2) if scored else each for key, each in picks.items()}
    result = evaluate(at, TRUTH, D, dict.fromkeys(KEYS, (200, 200)))
    whole = evaluate(picks, TRUTH, D, dict.fromkeys(KEYS, (200, 200)))
    more = {}
    if scored:
        micrographs = [label_micrograph(row.pair, picks[row.key]) for row in whole.micrographs]
        more = {
            "choice": choose_threshold(micrographs),
            "folds": tuple(choose_without_each(micrographs)),
            "curve": curve_of(
                micrographs, choose_threshold(micrographs), everything=kind == "model"
            ),
        }
    return MethodResult(name, kind, result, figures_of(result), whole.half, **more)


@pytest.fixture
def found():
    methods = [method("net", 3, "model"), method(NASTY, 2), method("no scores", 3, scored=False)]
    methods[1:] = [
        replace(each, differences=f1_differences(methods[0].evaluation, each.evaluation, 1))
        for each in methods[1:]
    ]
    methods[0] = replace(methods[0], leak="leak: net was trained on 1 of the 3 scored micrographs")
    return ComparisonResult("test", tuple(methods), 4, test_evaluation=7, notes=("all in all",))


def test_figures_by_hand(found):
    rows = {row[0]: row for row in overview_table(found).rows}
    headers = overview_table(found).headers
    assert rows["net*"][headers.index("F1")] == "1.000"
    assert rows["net*"][headers.index("F1 as delivered")] == "0.857"  # 3 of 3, one false: 6 / 7
    nasty = rows[NASTY]
    # two of three and none false: 4 / 5
    assert nasty[1:5] == ("1.000", "0.667", "0.800", "0.800 to 0.800")
    assert nasty[headers.index("AP")] == "0.667"
    assert rows["no scores"][headers.index("AP")] == "–"
    differences = difference_table(found)
    assert differences.rows[0][:3] == (NASTY, "-0.200", "-0.200 to -0.200")
    assert differences.rows[1][:3] == ("no scores", "-0.143", "-0.143 to -0.143")
    settings = {row[0]: row[2:6] for row in setting_table(found).rows}
    assert settings["net"] == ("all candidates", "0.433", "0.433 to 0.433", "0.5")
    assert settings[NASTY][0] == "given picks"
    assert settings["no scores"] == ("no scores", "none", "–", "–")
    assert difference_table(replace(found, methods=found.methods[:1])) is None


def test_csv_and_json_say_the_same(found):
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [row["name"] for row in rows] == ["net", NASTY, "no scores"]
    assert {row["n_truth"] for row in rows} == {"9"}
    assert (rows[1]["particle.f1"], rows[1]["f1_minus_first.particle"]) == ("0.8", "-0.2")
    assert (rows[0]["f1_minus_first.particle"], rows[2]["threshold"]) == ("", "")
    plain = found.to_dict()
    assert (plain["look"], plain["part"], plain["n_truth"]) == (7, "test", 9)
    assert plain["sides"][1]["figures"]["particle.f1"] == [0.8, 0.8, 0.8]
    assert plain["micrographs"][0] == {
        "micrograph": "a",
        "f1": {"net": 1.0, NASTY: 0.8, "no scores": 0.8571},
    }


def test_markdown_keeps_its_columns(found):
    text = to_markdown(found, "Comparison")
    assert "test-set evaluation number 7" in text
    assert "- leak: net was trained on 1" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    widths = [line.replace("\\|", "").count("|") for line in lines]
    # overview, differences, settings, protocols: a header, a rule and their rows
    assert widths == [12] * 5 + [10] * 4 + [10] * 5 + [9] * 20
    assert "c--d" in text


def test_latex_is_a_plain_tabular_with_names_as_they_are(found):
    text = to_latex(found)
    lines = text.splitlines()
    assert lines[0].startswith("% Three pickers compared on 3 test micrographs")
    assert lines[1] == r"\begin{tabular}{lrrrrrrrr}"
    assert lines[-1] == r"\end{tabular}"
    body = [line for line in lines if line.endswith(r" \\")]
    assert [line.replace(r"\&", "").count("&") for line in body] == [8] * 4
    assert (
        r"a\_b \& 50\% \$x\$ \textless{}b\textgreater{}[z] \#1 "
        r"\{\textasciitilde{}\textasciicircum{}\} \textbar{} c-{}-d & 1.000 & 0.667 & "
        r"0.800 (0.800--0.800)"
    ) in text
    assert "booktabs" not in text
    assert "rule" not in text


@pytest.mark.parametrize(
    "name, latex",
    [
        ("[1]", "{}[1]"),  # else the row before would read it as the space below it
        ("*", "{}*"),
        (r"C:\x", r"C:\textbackslash{}x"),
        ("{}", r"\{\}"),
        ("Ångström", "Ångström"),
    ],
)
def test_names_that_latex_would_read(name, latex):
    assert latex_name(name) == latex


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def test_the_folder_is_complete_and_the_page_escaped(found, tmp_path):
    out = tmp_path / "new" / "out"
    files = write_comparison(out, found)
    names = {f"comparison.{ending}" for ending in ("md", "csv", "tex", "html")}
    assert {file.name for file in files} == names | {"precision_recall.png"}
    assert set(out.iterdir()) == set(files)
    page = Text()
    page.feed((out / "comparison.html").read_text(encoding="utf-8"))
    assert "b" not in page.tags
    text = " ".join(page.text)
    assert NASTY in text
    assert "test-set evaluation number 7" in text
    assert "a leak" in text  # on the tile
    wall = tmp_path / "wall"
    wall.write_text("mine")
    with pytest.raises(InputError, match="wall"):
        write_comparison(wall, found)
    assert wall.read_text() == "mine"


def colours(png):
    from matplotlib.image import imread

    pixels = (imread(io.BytesIO(png), format="png")[..., :3] * 255).round().astype(int)
    return {"#{:02x}{:02x}{:02x}".format(*rgb) for rgb in np.unique(pixels.reshape(-1, 3), axis=0)}


@pytest.mark.slow
def test_every_method_is_in_the_plot(found):
    for theme in (LIGHT, DARK):
        figure = draw_methods(found, theme)
        seen = colours(to_png(figure))
        assert {each.lower() for each in (theme.first, theme.second, theme.third)} <= seen
        axes = figure.axes[0]
        assert "protocol particle" in axes.get_xlabel()
        assert "protocol particle" in axes.get_ylabel()
        entries = [text.get_text() for text in figure.legends[0].get_texts()]
        assert entries[0] == "net: F1 1.000, average precision 1.000"
        assert entries[2] == "no scores: F1 0.857 (no scores)"
        marked = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
        assert np.allclose(marked[1], (0.6667, 1.0))  # (recall, precision)


def test_many_methods_stay_apart(found):
    many = tuple(replace(found.methods[0], name=f"side {i}") for i in range(9))
    axes = draw_methods(replace(found, methods=many)).axes[0]
    curves = [
        line for line in axes.lines if len(line.get_xdata()) > 1 and line.get_linewidth() == 2
    ]
    assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 9
