"""What an ablation's first call settled for all that follow: its data, and an epoch's length."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text

PLAN = "ablation.json"


@dataclass(frozen=True)
class Plan:
    """What `ablation.json` holds.

    Parameters
    ----------
    data
        Hash of labels, truth and split.
    batches
        Of an epoch, for every rung.
    """

    data: str
    batches: int


def read_plan(out: Path) -> Plan | None:
    """Read what was settled; None where nothing was.

    Raises
    ------
    InputError
        The file is damaged.
    """
    path = out / PLAN
    if not path.is_file():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        plan = Plan(str(table["data"]), int(table["batches"]))
        if plan.batches < 1:
            raise ValueError(f"{plan.batches} batches")
        return plan
    except (OSError, ValueError, OverflowError, TypeError, LookupError, AttributeError) as error:
        raise InputError(
            f"{path}: not the plan of an ablation ({error}); restore it from a copy, or "
            "give --out another folder"
        ) from error


def write_plan(out: Path, plan: Plan) -> None:
    """Write it as JSON."""
    write_text(out / PLAN, json.dumps(asdict(plan)) + "\n")
