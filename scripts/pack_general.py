"""Put a trained general model into the package, with what it took to make and what it reaches.

    python scripts/pack_general.py RUN --minutes 63 --device "2 CPU cores" [--results FILE]
        [--training FILE] [--calibrate] [--processes 2]

RUN is a run folder or a model, also the packaged one. Weights become float16, half the size; scores
change by less than .001. RESULTS is what benchmarks/general.py wrote, TRAINING what else is to be
said of the training, as JSON. With --calibrate what the scores mean is learned again, as at the end
of `unetpick train-general`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.io.models import GENERAL, Model, load_model, save_model

LIMITS = (
    "Trained on simulated micrographs alone. The diameter must be known to about a fifth. The "
    "output for junk sees carbon and large ice; ice balls of a particle's size are picked."
)


def calibrated(model: Model, processes: int) -> dict[str, Any]:
    """Return the card's entries about scores, learned again."""
    import torch

    from napari_unetpick.engine.devices import make_deterministic
    from napari_unetpick.engine.general.calibrate import learn_calibration
    from napari_unetpick.engine.general.job import CALIBRATING
    from napari_unetpick.engine.nn.unet import build_network, place
    from napari_unetpick.settings import from_dict

    make_deterministic()
    settings = from_dict(model.card["settings"])
    network = build_network(settings.network)
    network.load_state_dict({n: torch.from_numpy(v.copy()) for n, v in model.weights.items()})
    device = torch.device("cpu")
    ready = place(network.fused(), device)
    events = learn_calibration(ready, settings, CALIBRATING, device, processes)
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return dict(end.value)
        print(f"\rcalibrating: {event.step}/{event.total}", end="", file=sys.stderr)


def main() -> None:
    """Pack the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--device")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--training", type=Path)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    model = load_model(options.run)
    card = {**model.card, "limits": LIMITS}
    given = {"minutes": options.minutes, "device": options.device}
    card["training"] |= {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in card["training"]:
            parser.error(f"--{name} is not in the model's card: give it")
    if options.calibrate:
        card.pop("results", None)  # of the scores before
        card |= calibrated(model, options.processes)
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
