"""Put a trained general model into the package, with what it took to make and what it reaches.

    python scripts/pack_general.py RUN --minutes 63 --device "2 CPU cores" [--results FILE]
        [--training FILE]

Weights become float16, half the size; scores change by less than .001. RESULTS is what
benchmarks/general.py wrote, TRAINING what else is to be said of the training, as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from napari_unetpick.io.models import GENERAL, Model, load_model, save_model

LIMITS = (
    "Trained on simulated micrographs alone. The diameter must be known to about a fifth. The "
    "output for junk sees carbon and large ice; ice balls of a particle's size are picked."
)


def main() -> None:
    """Pack the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--training", type=Path)
    options = parser.parse_args()
    model = load_model(options.run)
    card = {**model.card, "limits": LIMITS}
    card["training"] = {
        **card["training"],
        "minutes": options.minutes,
        "device": options.device,
    }
    if options.training is not None:
        card["training"] |= json.loads(options.training.read_text(encoding="utf-8"))
    if options.results is not None:
        card["results"] = json.loads(options.results.read_text(encoding="utf-8"))
    weights = {
        name: value.astype(np.float16) if np.issubdtype(value.dtype, np.floating) else value
        for name, value in model.weights.items()
    }
    GENERAL.parent.mkdir(exist_ok=True)
    save_model(GENERAL, Model(weights, card))
    print(f"{GENERAL}: {GENERAL.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
