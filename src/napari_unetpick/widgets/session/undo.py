"""Undo and redo of what a user marks, a stack for each micrograph; napari has none for points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

State = TypeVar("State")
DEEPEST = 200  # states kept for each micrograph


@dataclass
class _Stack(Generic[State]):
    """States before and after the current one, each with the action that led away from it."""

    past: list[tuple[State, object]] = field(default_factory=list)
    future: list[tuple[State, object]] = field(default_factory=list)


class UndoStacks(Generic[State]):
    """For each micrograph (by key) the states before and after the current one.

    An action is any object that stands for one change of many micrographs; None for a change of
    one.
    """

    def __init__(self) -> None:
        self._stacks: dict[str, _Stack[State]] = {}

    def push(self, key: str, before: State, action: object = None) -> None:
        """Remember the state that a change replaces; what was undone is forgotten."""
        stack = self._stacks.setdefault(key, _Stack())
        stack.past.append((before, action))
        del stack.past[:-DEEPEST]
        stack.future.clear()

    def undo(self, key: str, current: State) -> State | None:
        """Return the state before `current`, or None where there is none."""
        stack = self._stacks.get(key)
        if stack is None or not stack.past:
            return None
        before, action = stack.past.pop()
        stack.future.append((current, action))
        return before

    def redo(self, key: str, current: State) -> State | None:
        """Return the state that the last undo left, or None where there is none."""
        stack = self._stacks.get(key)
        if stack is None or not stack.future:
            return None
        after, action = stack.future.pop()
        stack.past.append((current, action))
        return after

    def depth(self, key: str) -> tuple[int, int]:
        """How many states can be undone and redone."""
        stack = self._stacks.get(key, _Stack())
        return len(stack.past), len(stack.future)

    def action(self, key: str, *, undone: bool = False) -> object:
        """Return the action on many that comes next in undo (`undone`: in redo), or None."""
        stack = self._stacks.get(key, _Stack())
        steps = stack.future if undone else stack.past
        return steps[-1][1] if steps else None

    def changed_by(self, action: object) -> list[str]:
        """Return the keys that an action changed, wherever it lies in their past."""
        return [
            key
            for key, stack in self._stacks.items()
            if any(each is action for _, each in stack.past)
        ]

    def undone_of(self, action: object) -> list[str]:
        """Return the keys whose next redo is that action."""
        return [key for key in self._stacks if self.action(key, undone=True) is action]

    def around(self, key: str, action: object, current: State) -> tuple[State, State]:
        """Return the states before and after an action in a micrograph's past."""
        states = [state for state, _ in self._stacks[key].past] + [current]
        at = [each is action for _, each in self._stacks[key].past].index(True)
        return states[at], states[at + 1]

    def clear(self) -> None:
        """Forget everything (another project was opened)."""
        self._stacks.clear()
