"""The viewer's side of the engine process: jobs go out, signals come back; no torch, no napari."""

from napari_unetpick.client.engine import EngineClient
from napari_unetpick.client.job import Job

__all__ = ["EngineClient", "Job"]
