"""Undo and redo of what a user marks, a stack for each micrograph; napari has none for points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

State = TypeVar("State")
DEEPEST = 200  # states kept for each micrograph


@dataclass
class _Stack(Generic[State]):
    past: list[State] = field(default_factory=list)
    future: list[State] = field(default_factory=list)


class UndoStacks(Generic[State]):
    """For each micrograph (by key) the states before and after the current one."""

    def __init__(self) -> None:
        self._stacks: dict[str, _Stack[State]] = {}

    def push(self, key: str, before: State) -> None:
        """Remember the state that a change replaces; what was undone is forgotten."""
        stack = self._stacks.setdefault(key, _Stack())
        stack.past.append(before)
        del stack.past[:-DEEPEST]
        stack.future.clear()

    def undo(self, key: str, current: State) -> State | None:
        """Return the state before `current`, or None where there is none."""
        stack = self._stacks.get(key)
        if stack is None or not stack.past:
            return None
        stack.future.append(current)
        return stack.past.pop()

    def redo(self, key: str, current: State) -> State | None:
        """Return the state that the last undo left, or None where there is none."""
        stack = self._stacks.get(key)
        if stack is None or not stack.future:
            return None
        stack.past.append(current)
        return stack.future.pop()

    def depth(self, key: str) -> tuple[int, int]:
        """How many states can be undone and redone."""
        stack = self._stacks.get(key, _Stack())
        return len(stack.past), len(stack.future)

    def clear(self) -> None:
        """Forget everything (another project was opened)."""
        self._stacks.clear()
