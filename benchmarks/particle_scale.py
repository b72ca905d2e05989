"""How many pixels wide a particle should be for the network: 16, 24, 32 and 48 at equal time.

The patch is always four particles wide and the batch is chosen so that every step sees the same
number of pixels; the number of steps is the same, so training takes the same time. F1 within a
quarter of the diameter decides, since centring is what a finer scale could improve.

    python benchmarks/particle_scale.py --cases random-22 --epochs 8
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from accuracy import OUT, run, simulated_case, write

BATCHES = {16: 36, 24: 16, 32: 9, 48: 4}
STEPS = 40  # an epoch
COLUMNS = ("case", "particle px", "F1", "F1 at d/4", "AP", "train s", "pick s")


def main() -> None:
    """Train at each scale and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="random-22,random-23")
    parser.add_argument("--pixels", default=",".join(map(str, BATCHES)), help="particle widths")
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    rows = []
    for name in options.cases.split(","):
        for particle in map(int, options.pixels.split(",")):
            batch = BATCHES[particle]
            recipe = OUT / f"scale_{particle}.toml"
            recipe.parent.mkdir(parents=True, exist_ok=True)
            recipe.write_text(
                f"particle_px = {particle}\n[train]\nepochs = {options.epochs}\n"
                f"patch_px = {4 * particle}\nbatch = {batch}\npatches_per_epoch = {STEPS * batch}\n"
            )
            case = replace(simulated_case(name), recipe=str(recipe))
            rows.append({**run(case, 42), "particle px": particle})
            print("|" + "|".join(write(rows[-1][key]) for key in COLUMNS) + "|", flush=True)
            (OUT.parent / "particle_scale.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
