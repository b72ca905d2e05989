"""Advanced settings as forms that magicgui builds from the settings' dataclasses."""

from __future__ import annotations

import dataclasses
from math import floor, log10
from typing import Any, get_type_hints

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unetpick.errors import InputError
from napari_unetpick.settings import RECIPES, Settings, from_dict
from napari_unetpick.widgets.qt.controls import hint, say, section
from napari_unetpick.widgets.train import settings_labels

LARGEST = 1_000_000
DIGITS = 2  # significant ones that a spin box shows of a small default


class SettingsForm(QWidget):
    """All training settings, over a recipe; `values` holds only what the user changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, Any] = {}
        self._initial: dict[str, Any] = {}
        self.trouble = hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.recipe = self._recipe()
        size = self._field("particle_px", Settings().particle_px, float)
        enlarge = self._field("upsample", Settings().upsample, bool)
        layout.addWidget(_column([self.recipe, size, enlarge]))
        for name, title in settings_labels.SECTIONS.items():
            layout.addWidget(section(title, self._section(name)))
        layout.addWidget(self.trouble)
        self._reset()
        self.recipe.changed.connect(self._reset)
        for field in self.fields.values():
            field.changed.connect(self._check)

    def values(self) -> dict[str, Any]:
        """Return what differs from the recipe, nested, as `settings.from_dict` takes it."""
        table: dict[str, Any] = {"recipe": self.recipe.value}
        for name, field in self.fields.items():
            # as the box showed it: a small default may have lost digits in it
            if field.value == self._initial[name]:
                continue
            part, _, key = name.rpartition(".")
            (table.setdefault(part, {}) if part else table)[key] = field.value
        return table

    def checked(self) -> dict[str, Any]:
        """Return `values`; an InputError says which value is impossible."""
        table = self.values()
        from_dict(table, name="advanced settings")
        return table

    def _check(self, *_: object) -> None:
        try:
            self.checked()
        except InputError as error:
            say(self.trouble, error.in_viewer)
        else:
            say(self.trouble, "")

    def _reset(self, *_: object) -> None:
        """Show the recipe's own values."""
        settings = RECIPES[self.recipe.value]
        for name, field in self.fields.items():
            part, _, key = name.rpartition(".")
            value = getattr(getattr(settings, part) if part else settings, key)
            with field.changed.blocked():
                field.value = value
            self._initial[name] = field.value
        self._check()

    def _recipe(self) -> Any:
        from magicgui.widgets import ComboBox

        label, tooltip = settings_labels.WORDS["recipe"]
        choices = [(words, name) for name, words in settings_labels.RECIPES.items()]
        return ComboBox(name="recipe", label=label, tooltip=tooltip, choices=choices)

    def _section(self, name: str) -> QWidget:
        defaults = getattr(Settings(), name)
        hints = get_type_hints(type(defaults))
        fields = [
            self._field(f"{name}.{each.name}", getattr(defaults, each.name), hints[each.name])
            for each in dataclasses.fields(defaults)
            if f"{name}.{each.name}" not in settings_labels.OF_THE_MODEL
        ]
        return _column(fields)

    def _field(self, name: str, default: Any, kind: Any) -> Any:
        from magicgui.widgets import create_widget

        label, tooltip = settings_labels.WORDS[name]
        options: dict[str, Any] = {"tooltip": tooltip}
        if kind in (int, float):
            options |= {"min": 0, "max": LARGEST, "step": 1 if kind is int else step_of(default)}
        made = create_widget(
            value=default,
            annotation=kind,
            name=name.replace(".", "_"),
            label=label,
            options=options,
        )
        self.fields[name] = made
        return made


def _column(fields: list[Any]) -> QWidget:
    """Put magicgui's widgets below each other, with their labels."""
    from magicgui.widgets import Container

    container = Container(widgets=fields)
    container.margins = (0, 0, 0, 0)
    native: QWidget = container.native
    return native


def step_of(value: float) -> float:
    """Return the step of a spin box that shows two digits of a default: 0.35 -> 0.01."""
    return float(10.0 ** (floor(log10(value)) - DIGITS + 1)) if value > 0 else 0.01
