"""The list's order, narrowing and words, over planted entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.project import Entry
from napari_unetpick.widgets.micrographs.row_scores import Summary
from napari_unetpick.widgets.micrographs.sorting import (
    KINDS,
    Wanted,
    arrange,
    cell_text,
    count_line,
    shared_ends,
    short_name,
)


def entry(name: str, defocus: float | None = None, **fields: object) -> Entry:
    return Entry(Micrograph(Path(f"/d/{name}.mrc"), f"{name}.mrc", defocus=defocus), **fields)  # type: ignore[arg-type]


ENTRIES = {
    "mic_10": entry("mic_10", 12_000.0, picks=7, state="partial"),
    "mic_9": entry("mic_9", None, kept=False),
    "Mic_11": entry("Mic_11", 9_000.0, picks=3, state="full", split="test"),
}


def test_without_wishes_the_order_is_the_projects() -> None:
    assert arrange(ENTRIES, Wanted()) == ["mic_10", "mic_9", "Mic_11"]


def test_names_sort_by_number_and_without_case() -> None:
    assert arrange(ENTRIES, Wanted(column="name")) == ["mic_9", "mic_10", "Mic_11"]


@pytest.mark.parametrize("descending,expected", [(False, "Mic_11"), (True, "mic_10")])
def test_unknown_values_come_last_in_both_directions(descending: bool, expected: str) -> None:
    order = arrange(ENTRIES, Wanted(column="defocus", descending=descending))
    assert (order[0], order[-1]) == (expected, "mic_9")


def test_scores_sort_by_what_is_known() -> None:
    known = {"mic_9": Summary(5, 0.9), "mic_10": Summary(0, None), "Mic_11": Summary(9, 0.4)}
    assert arrange(ENTRIES, Wanted(column="found"), "", known.get) == ["mic_10", "mic_9", "Mic_11"]
    by_score = arrange(ENTRIES, Wanted(column="score"), "", known.get)
    assert by_score == ["Mic_11", "mic_9", "mic_10"]


@pytest.mark.parametrize(
    "kind,expected",
    [
        ("Rejected", {"mic_9"}),
        ("Kept", {"mic_10", "Mic_11"}),
        ("With picks", {"mic_10", "Mic_11"}),
        ("Without picks", {"mic_9"}),
        ("Unlabelled", {"mic_9"}),
        ("Partly labelled", {"mic_10"}),
        ("Fully labelled", {"Mic_11"}),
        ("Test", {"Mic_11"}),
        ("Training", set()),
    ],
)
def test_each_kind_lists_its_own(kind: str, expected: set[str]) -> None:
    assert set(arrange(ENTRIES, Wanted(kind=kind))) == expected
    assert kind in KINDS


def test_text_finds_parts_of_names_whatever_their_case_and_the_current_one_stays() -> None:
    assert arrange(ENTRIES, Wanted(text="MIC_1")) == ["mic_10", "Mic_11"]
    assert arrange(ENTRIES, Wanted(text="mic_1"), always="mic_9") == list(ENTRIES)


def test_cells_speak_plain_words_and_usual_units() -> None:
    mic = ENTRIES["mic_10"]
    words = {
        name: cell_text(name, "mic_10", mic, Summary(1234, 0.876))
        for name in ("name", "state", "picks", "split", "defocus", "ctf", "found", "score")
    }
    assert words == {
        "name": "mic_10", "state": "partly", "picks": "7", "split": "", "defocus": "1.20",
        "ctf": "", "found": "1,234", "score": "0.88",
    }  # fmt: skip
    assert cell_text("score", "mic_10", mic, None) == ""


def test_the_shared_parts_of_long_names_are_left_out() -> None:
    names = [f"FoilHole_{n}_Data_2024_Fractions" for n in (301, 302, 317)]
    start, end = shared_ends(names)
    assert short_name(names[2], start, end) == "\u2026317\u2026"
    assert short_name("a_1", *shared_ends(["a_1", "a_2"])) == "a_1"
    assert shared_ends(["only_one"]) == (0, 0)
    # one name within another: nothing may become empty
    for name in ("a_long_name", "a_long_name_a_long_name"):
        ends = shared_ends(["a_long_name", "a_long_name_a_long_name"])
        assert short_name(name, *ends).strip("\u2026")


def test_the_line_below_counts_and_says_nothing_is_there() -> None:
    assert count_line(ENTRIES, 3) == "3 micrographs, 10 picks on 2, 1 rejected"
    assert count_line(ENTRIES, 1).startswith("1 of 3 micrographs")
    assert "No micrographs yet" in count_line({}, 0)
