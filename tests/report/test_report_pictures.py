"""Pictures: rings, crops and marks lie where the particles are, in the colours they should have."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.runs import read_metrics
from napari_unetpick.report.figures.canvas import to_jpeg, to_png
from napari_unetpick.report.figures.evaluation import draw_precision_recall, draw_reliability
from napari_unetpick.report.figures.gallery import choose_picks, draw_gallery
from napari_unetpick.report.figures.overlay import WIDTH, draw_overlay
from napari_unetpick.report.figures.palette import DARK, FALSE, LIGHT, MATCHED, MISSED
from napari_unetpick.report.figures.training import draw_training
from napari_unetpick.report.figures.view import cut_crop, make_view


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")[..., :3] * 255


def where(image, colour):
    """Mean (row, col) of the pixels that have a colour, and how many there are."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    hit = np.abs(image - rgb).max(axis=-1) < 12
    return np.argwhere(hit).mean(axis=0) if hit.any() else None, int(hit.sum())


def planted(shape=(400, 640), diameter=40.0):
    """One matched, one false and one missed particle in noise."""
    truth = {"mic": Picks("mic", np.array([[100.0, 160.0], [300.0, 480.0]]))}
    found = np.array([[104.0, 160.0], [100.0, 480.0]])
    picks = {"mic": Picks("mic", found, np.array([0.9, 0.6]))}
    result = evaluate(picks, truth, diameter, {"mic": shape})
    rng = np.random.default_rng(0)
    image = rng.normal(100, 10, shape)
    rows, cols = np.indices(shape)
    for row, col in truth["mic"].coords:
        image[np.hypot(rows - row, cols - col) < diameter / 2] -= 15
    return result, image


def test_rings_lie_on_their_particles():
    result, image = planted()
    view = make_view(image, 40.0)
    overlay = pixels(to_png(draw_overlay(result.micrographs[0], view)))
    assert overlay.shape[1] == WIDTH
    strip = overlay.shape[0] - WIDTH * 400 // 640  # the legend's height
    body = overlay[strip:]
    scale = WIDTH / 640
    for colour, place in ((MATCHED, (104, 160)), (FALSE, (100, 480)), (MISSED, (300, 480))):
        centre, count = where(body, colour)
        assert count > 50
        assert centre == pytest.approx((np.array(place) + 0.5) * scale, abs=4)
    # the ring has the particle's diameter
    ring = np.argwhere(np.abs(body - [0x56, 0xB4, 0xE9]).max(axis=-1) < 12)
    assert np.ptp(ring[:, 0]) == pytest.approx(40 * scale, abs=5)
    # and the legend shows all three
    assert all(where(overlay[:strip], colour)[1] > 5 for colour in (MATCHED, FALSE, MISSED))


def test_overlay_of_an_empty_large_micrograph_with_border_and_scale():
    shape = (2000, 2600)
    result = evaluate(
        {}, {"mic": Picks("mic", np.empty((0, 2)))}, 100.0, {"mic": shape}, border_px=100.0
    )
    view = make_view(np.random.default_rng(0).normal(0, 1, shape).astype(np.float32), 100.0)
    assert view.block == 2
    overlay = pixels(to_png(draw_overlay(result.micrographs[0], view, pixel_size=1.0)))
    # the bar of 200 A is 200 / 2600 of the width
    bar = (overlay[-40:] > 230).all(axis=-1)
    longest = max(len(run) for row in bar for run in "".join("01"[int(b)] for b in row).split("0"))
    assert longest == pytest.approx(200 / 2600 * WIDTH, abs=3)


def test_view_survives_what_is_no_number_and_constants():
    image = np.full((60, 80), 7.0)
    assert np.ptp(make_view(image, 10.0).pixels) == 0
    image[3, 4] = np.nan
    assert np.ptp(make_view(image, 10.0).pixels) == 0


def test_view_removes_a_gradient_and_keeps_the_particle():
    rows, cols = np.indices((300, 300)).astype(float)
    image = 1.0 * cols
    image[np.hypot(rows - 150, cols - 150) < 15] -= 40
    view = make_view(image, 30.0).pixels.astype(float)
    assert view[150, 150] < view[150, 200] - 50
    assert abs(view[150, 100] - view[150, 200]) < 60


@pytest.mark.parametrize("block_width", [100, 1280])
def test_crop_is_centred_on_its_pick(block_width):
    image = np.zeros((400, 400), np.float32)
    rows, cols = np.indices(image.shape)
    image[np.hypot(rows - 151.5, cols - 247.5) < 10] = -1.0
    view = make_view(image, 20.0, width=block_width)
    crop = cut_crop(view, np.array([151.5, 247.5]), 60.0, 60).astype(float)
    dark = np.argwhere(crop < crop.min() + 0.3 * np.ptp(crop))
    assert dark.mean(axis=0) == pytest.approx([29.5, 29.5], abs=0.7)
    # beyond the edge it is mid grey
    assert (cut_crop(view, np.array([0.0, 0.0]), 60.0, 60)[:20, :20] == 128).all()


def test_gallery_shows_best_first_and_says_true_or_false():
    result, image = planted()
    chosen = choose_picks(result.micrographs)
    assert [(pick.score, pick.true) for pick in chosen] == [(0.9, True), (0.6, False)]
    view = make_view(image, 40.0)
    crops = [cut_crop(view, result.micrographs[0].pair.picks[p.index], 60.0, 50) for p in chosen]
    picture = pixels(to_png(draw_gallery(chosen, crops, 2)))
    body = picture[60:]  # below the legend
    true, _ = where(body, LIGHT.first)
    false, _ = where(body, LIGHT.second)
    assert true[1] < false[1]


def test_gallery_takes_ranks_evenly():
    truth = {"a": Picks("a", np.empty((0, 2)))}
    scores = np.linspace(0, 1, 500)
    coords = np.random.default_rng(0).random((500, 2)) * 1000
    result = evaluate({"a": Picks("a", coords, scores)}, truth, 20.0)
    chosen = [pick.score for pick in choose_picks(result.micrographs, most=11)]
    assert chosen == pytest.approx(np.linspace(1, 0, 11), abs=0.003)


@pytest.mark.slow
def test_figures_draw_in_both_themes_and_repeat():
    rng = np.random.default_rng(0)
    truth = {"a": Picks("a", rng.random((200, 2)) * 2000)}
    score = rng.random(200)
    result = evaluate({"a": Picks("a", truth["a"].coords.copy(), score)}, truth, 30.0)
    for theme in (LIGHT, DARK):
        for draw in (
            lambda theme: draw_precision_recall(result.curve, theme),
            lambda theme: draw_reliability(result.calibration, result.expected, theme),
        ):
            first = to_png(draw(theme))
            assert first == to_png(draw(theme))
            assert where(pixels(first), theme.paper)[1] > 1000
    assert to_jpeg(draw_precision_recall(result.curve)).startswith(b"\xff\xd8\xff")


def test_metrics_survive_a_torn_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [
        {"epoch": i, "loss": 1.0 / i, "validation_f1": None if i % 2 else 0.5} for i in (1, 2, 3)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + '\n{"epoch": 4, "lo')
    assert read_metrics(path) == rows
    assert where(pixels(to_png(draw_training(rows))), LIGHT.first)[1] > 50
    to_png(draw_training([{"epoch": 1, "loss": 0.5}]))
