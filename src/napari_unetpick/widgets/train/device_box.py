"""The choice of a device to train on: automatic, CPU, or a GPU, by its number where known."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QWidget

DEVICES = {"auto": "Automatic", "cpu": "CPU", "cuda": "NVIDIA GPU (CUDA)", "mps": "Apple GPU"}


class DeviceBox(QComboBox):
    """Offers the GPUs that the engine tells of as soon as it does.

    Parameters
    ----------
    engine
        The viewer's engine client.
    chosen
        The device that is chosen at first; one that isn't known yet is offered, too.
    """

    def __init__(self, engine: Any, chosen: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        for device, words in DEVICES.items():
            self.addItem(words, device)
        self._offer(chosen, f"NVIDIA GPU {chosen.partition(':')[2]} (CUDA)")
        self.setCurrentIndex(self.findData(chosen))
        self.setToolTip(
            "Device used for training. Automatic uses a GPU if a working one is found. Where there "
            "are several, each is listed once the engine runs."
        )
        engine.device_changed.connect(self._device_changed)
        self._device_changed()

    def _device_changed(self, *_: str) -> None:
        gpus = tuple(getattr(self._engine, "gpus", ()))
        for number, name in enumerate(gpus if len(gpus) > 1 else ()):
            self._offer(f"cuda:{number}", f"GPU {number}: {name}")

    def _offer(self, device: str, words: str) -> None:
        place = self.findData(device)
        if place < 0:
            self.addItem(words, device)
        elif device not in DEVICES:
            self.setItemText(place, words)
