"""Scores, counts and recall of the general model against defocus, at one threshold, as a plot.

Simulated sets: the same molecules in the same ice at seven defocus values, from the sample's lowest
to its highest, picked as one set; once the list of micrographs says the defocus, once it doesn't.

    python benchmarks/defocus.py [--sets random-22,random-24] [--plot defocus.png]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from _record import machine, table
from accuracy import OUT, sample_of
from recall import PLACES, make_set, pick_and_match

from napari_unetpick.io.models import GENERAL

STEPS = 7
COLUMNS = ("set", "defocus, um", "told", "recall", "picks per micrograph", "median score")


def measure(model: str, name: str, *, told: bool) -> list[dict[str, object]]:
    """Pick a set; return what is found at each defocus."""
    defocus = np.linspace(*sample_of(name).defocus, STEPS)
    one, _ = make_set(name, {f"{value:.0f}": float(value) for value in defocus}, told=told)
    each = list(pick_and_match(model, one))
    rows = []
    for number, value in enumerate(defocus):
        hits, scores = (np.concatenate(part) for part in zip(*each[number::STEPS], strict=True))
        rows.append(
            {
                "set": name,
                "defocus, um": float(value) / 1e4,
                "told": "yes" if told else "no",
                "recall": float(hits.mean()),
                "picks per micrograph": len(scores) / PLACES,
                "median score": float(np.median(scores)) if len(scores) else None,
            }
        )
    return rows


def draw(rows: list[dict[str, object]], path: Path) -> None:
    """Draw recall, count and median score against defocus: solid where it was told."""
    from napari_unetpick.report.figures.canvas import legend_style, make_figure, to_png
    from napari_unetpick.report.figures.palette import LIGHT

    figure = make_figure(9.6, 3.2, 120, LIGHT.paper)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, 3)
    colours = (LIGHT.first, LIGHT.second, LIGHT.third)
    sets = list(dict.fromkeys(row["set"] for row in rows))
    for axes, column in zip(panels, COLUMNS[3:], strict=True):
        for colour, mark, name in zip(colours, "os^", sets, strict=False):
            for told, style in (("yes", "-"), ("no", ":")):
                mine = [row for row in rows if row["set"] == name and row["told"] == told]
                x, y = ([row[key] for row in mine] for key in ("defocus, um", column))
                what = "told" if told == "yes" else "not told"
                axes.plot(x, y, style, color=colour, marker=mark, ms=4, label=f"{name}, {what}")
        axes.set_xlabel("defocus (\N{MICRO SIGN}m)")
        axes.set_title(column, loc="left", fontsize=11)
        axes.set_ylim(0, None if column.startswith("picks") else 1)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].legend(loc="lower right", **legend_style(LIGHT))
    path.write_bytes(to_png(figure))


def main() -> None:
    """Measure all sets, print the table, draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(GENERAL))
    parser.add_argument("--sets", default="random-22,random-24")
    parser.add_argument("--plot", type=Path, default=OUT.parent / "defocus.png")
    options = parser.parse_args()
    rows = []
    for name in options.sets.split(","):
        for told in (True, False):
            rows += measure(options.model, name, told=told)
    cells = [[f"{c:.3f}" if isinstance(c, float) else c for c in row.values()] for row in rows]
    print(table(COLUMNS, cells))
    draw(rows, options.plot)
    (OUT.parent / "defocus.json").write_text(json.dumps({"machine": machine(), "rows": rows}))


if __name__ == "__main__":
    main()
