"""The session's own layers among a viewer's, by kind: made, kept in their order, and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qtpy.QtCore import QTimer

from napari_unetpick.adapters.notify import tell
from napari_unetpick.widgets.layers import styles
from napari_unetpick.widgets.layers.shown_parts import ShownParts

DRAWN = ("exclusions", "complete")
PAINTED = "junk"  # the keys there are napari's own
STEPS = (".", ",")
DELETED = (
    "the labels are kept; the layer is made again with the next micrograph, or when you click this "
    "one in the list"
)


class OwnLayers:
    """At most one layer of each kind; one that the user deletes is told of once.

    Parameters
    ----------
    follow
        Called with the kind and the layer when one was made.

    Attributes
    ----------
    made
        The layers by kind.
    keys
        What keys do on them.
    """

    def __init__(self, session: ShownParts, follow: Callable[[str, Any], None]) -> None:
        self._session, self._follow = session, follow
        self.made: dict[str, Any] = {}
        self.keys = LayerKeys(self.made)
        self._changing = 0
        self._deleted = False  # by the user, who is not told yet
        session.viewer.layers.events.removed.connect(self._removed)

    def add(self, kind: str, layer: Any) -> None:
        """Add a layer to the viewer; the one that is selected there stays so, but for picks."""
        chosen = self._session.viewer.layers.selection
        before = chosen.active
        self._session.viewer.add_layer(layer)
        self.made[kind] = layer
        self.keys.made(kind)
        self._follow(kind, layer)
        if kind != "picks" and before is not None:
            chosen.active = before

    def make_missing(self, kinds: tuple[str, ...], pixel_size: float | None) -> None:
        """Make empty layers of those kinds that are not there: not yet, or not any longer."""
        missing = [kind for kind in dict.fromkeys(kinds) if kind not in self.made]
        for kind in missing:
            layer = styles.EMPTY[kind]()
            place = styles.placement(pixel_size, (1.0, 1.0))
            styles.put(layer, place)  # before it is added: napari warns of mixed units
            self.add(kind, layer)
        if missing:
            self.put_in_order()

    def put_in_order(self) -> None:
        """Keep them in one order: micrograph lowest, picks on top."""
        layers = self._session.viewer.layers
        wanted = [self.made[kind] for kind in styles.ORDER if kind in self.made]
        places = sorted(layers.index(layer) for layer in wanted)
        for place, layer in zip(places, wanted, strict=True):
            if layers.index(layer) != place:
                layers.move(layers.index(layer), place)

    def clear(self) -> None:
        """Remove all of them."""
        with self.quietly():
            for layer in list(self.made.values()):
                self._session.viewer.layers.remove(layer)

    @property
    def changing(self) -> bool:
        """Whether own code changes layers."""
        return self._changing > 0

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """While own code changes layers, nothing counts as the user's edit."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1

    def _removed(self, event: Any) -> None:
        for kind, layer in list(self.made.items()):
            if layer is event.value:
                del self.made[kind]
                if not self.changing and not self._deleted:
                    self._deleted = True
                    QTimer.singleShot(0, self._tell_deleted)  # several at once: one line

    def _tell_deleted(self) -> None:
        self._deleted = False
        if not self._session.closed:
            tell(DELETED)


class LayerKeys:
    """What each key does, and on which kinds of layers."""

    def __init__(self, made: dict[str, Any]) -> None:
        self._made = made  # layers by kind
        self._calls: dict[str, Callable[[], None]] = {}
        self._not_on_shapes: set[str] = set()

    def bind(self, key: str, call: Callable[[], None], *, shapes: bool = True) -> None:
        """Bind a key on all own layers, now and later; `shapes` False: but on drawn areas.

        Napari has letters of its own there (E: ellipse, X: remove a corner, Escape: end a shape).
        """
        self._calls[key] = call
        if not shapes:
            self._not_on_shapes.add(key)
        for kind in self._made:
            self._bind(kind, key)

    def made(self, kind: str) -> None:
        """Bind all keys on a layer that was made."""
        for key in self._calls:
            self._bind(kind, key)

    def _bind(self, kind: str, key: str) -> None:
        if kind in DRAWN and key in self._not_on_shapes:
            return
        if kind == PAINTED and key not in STEPS:
            return
        call = self._calls[key]
        self._made[kind].bind_key(key, lambda _: call(), overwrite=True)
