"""ASPIRE's APPLE picker, run by the interpreter of ASPIRE's own environment.

A process that answers questions (see `_record.Worker`). Nothing of ASPIRE is changed. The windows
to learn from are given as shares of all windows, since the numbers that it takes by default are
those of 4000 x 4000 pixels. No margin is left out, so that small micrographs are picked to their
edges.

Questions: `{"path": FILE, "particle_size": PIXELS, "noise": SHARE}` for a square micrograph, where
all windows but the best-responding `SHARE` are taken as noise.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile

answers, sys.stdout = sys.stdout, sys.stderr  # ASPIRE's log goes to stdout,
os.chdir(tempfile.gettempdir())  # and into a folder where it runs

import mrcfile  # noqa: E402
from aspire import config  # noqa: E402
from aspire.apple.apple import Apple  # noqa: E402

PARTICLES = 0.03  # share of the windows that are taken as particles
THREADS = int(os.environ["UNETPICK_BENCHMARK_THREADS"])


def pick(path: str, particle_size: float, noise: float) -> list[list[float]]:
    """Return the centres, (row, col) in pixels of the file."""
    size = max(6, round(particle_size))
    query = max(8, int(size * 2 / 3) // 4 * 4)
    with mrcfile.open(path, permissive=True, header_only=True) as mrc:
        side = (int(mrc.header.nx) - 1) // 2  # it reduces by two
    windows = (side // (query // 4) - 1) ** 2
    picker = Apple(
        particle_size=size,
        query_image_size=query,
        tau1=max(1, int(windows * PARTICLES)),
        tau2=max(2, int(windows * noise)),
        container_size=min(450, 2 * (side // 2)),
        output_dir=None,
        mrc_margin_left=0,
        mrc_margin_right=1,
        mrc_margin_top=0,
        mrc_margin_bottom=1,
        conv_map_nthreads=THREADS,
    )
    centres = picker.process_micrograph_centers(path)
    return [[float(y), float(x)] for x, y in centres]


def main() -> None:
    """Answer until the questions end."""
    logging.disable(logging.INFO)
    config["logging"]["tqdm_disable"] = True
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps({"coords": pick(**question)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
