"""A small simulated set and a small trained model that the command-line tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import TINY, TinySet, unetpick_process


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinySet:
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    folder = tmp_path_factory.mktemp("tiny")
    sample = get_sample("ribosome")
    for _ in simulate_set(sample, folder, 4, seed=3, shape=(512, 512)):
        pass
    recipe = folder / "tiny.toml"
    recipe.write_text(TINY)
    return TinySet(folder, folder / "picks.csv", recipe, sample.diameter_A)


@pytest.fixture(scope="session")
def tiny_run(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    done = unetpick_process(*tiny.train, "--run", run)
    assert done.returncode == 0, done.stderr
    return run
