"""Simulated micrographs from Python."""

from __future__ import annotations

from napari_unetpick.api.jobs import OnEvent, StrPath, run_job
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph


def simulate_set(
    sample: str,
    out: StrPath,
    *,
    count: int = 8,
    seed: int = 1,
    on_event: OnEvent | None = None,
) -> list[Micrograph]:
    """Simulate micrographs with known truth (`out/picks.csv`), as `unetpick simulate` does.

    Parameters
    ----------
    sample
        Such as "barrel", "ribosome", or "random-7" for a random molecule.
    """
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set as simulate

    run_job(simulate(get_sample(sample), out, count, seed), on_event)
    return list_micrographs(out)
