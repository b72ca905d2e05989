"""The npe2 manifest: it names what exists, and claims no more than is ours."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_unetpick
from napari_unetpick.simulate.samples import SAMPLES

FILE = Path(napari_unetpick.__file__).parent / "napari.yaml"
REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(FILE)


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()


def test_the_top_level_link_is_the_same_file() -> None:
    assert (REPOSITORY / "napari.yaml").resolve() == (
        REPOSITORY / "src" / "napari_unetpick" / "napari.yaml"
    )


def test_every_sample_is_on_the_menu(manifest: PluginManifest) -> None:
    assert {sample.key for sample in manifest.contributions.sample_data or ()} == set(SAMPLES)


def test_commands_are_titled_as_actions(manifest: PluginManifest) -> None:
    verbs = {"Open", "Save", "Simulate", "Show", "Train", "Pick", "Evaluate", "Annotate", "Review"}
    titles = [command.title for command in manifest.contributions.commands or ()]
    assert {title.split()[0] for title in titles} <= verbs
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", ["a.tif", "a.tiff", "a.csv", "a.json", "a.png", "a.txt"])
def test_formats_of_everybody_are_not_claimed(manifest: PluginManifest, name: str) -> None:
    readers = manifest.contributions.readers or ()
    assert not any(fnmatch(name, p) for reader in readers for p in reader.filename_patterns)


def test_no_csv_writer_beside_naparis_own(manifest: PluginManifest) -> None:
    """napari's builtin Points writer claims .csv in (row, col) order; ours would be (x, y)."""
    endings = {e for w in manifest.contributions.writers or () for e in w.filename_extensions}
    assert endings == {".star", ".box"}
