"""The Python API: what the command line does, as functions with typed results.

`napari_unetpick` gives these names without importing anything before they are used. Jobs report to
`on_event`, if it is given, with the events of `napari_unetpick.events`; it may raise `Cancelled` to
stop. Whatever is wrong with what was given is an `InputError` of one line.
"""

from __future__ import annotations

from napari_unetpick.api.picking import PickedMicrograph, pick, watch
from napari_unetpick.api.scoring import compare, evaluate
from napari_unetpick.api.simulation import simulate_set
from napari_unetpick.api.training import TrainedModel, read_model, self_train, train
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Project

__all__ = [
    "Candidates",
    "Evaluation",
    "InputError",
    "Micrograph",
    "PickedMicrograph",
    "Picks",
    "Project",
    "TrainedModel",
    "compare",
    "evaluate",
    "list_micrographs",
    "pick",
    "read_model",
    "read_picks",
    "self_train",
    "simulate_set",
    "train",
    "watch",
    "write_picks",
]
