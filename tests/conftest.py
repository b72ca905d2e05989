"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TOGETHER = ("tests/cli/", "tests/client/", "tests/worker/")  # rooms that share a trained model
APART = "tests/widgets/test_journey.py"  # minutes each, and nothing in common

# as in a terminal: nohup and background jobs ignore some, and so would all that is started here
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # each process its core; results compare
for name in ("UNETPICK_BFLOAT16", "UNETPICK_INT8"):
    os.environ[name] = "0"  # float32, whatever the processor can: results compare
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal tests out file by file, and some rooms whole: what a file's tests share is made once.

    `xdist_group` marks do nothing here: xdist 3.8 adds the group to `item._nodeid`, which pytest
    9.2 no longer reads.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(APART):
                return nodeid
            room = next((each for each in TOGETHER if nodeid.startswith(each)), "")
            return room or nodeid.partition("::")[0]

    return ByFile(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their argument: gzip writes the time, and xdist wants names that stay."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True, scope="session")
def scratch_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work outside a project lies in no folder of the user's, not even that of other processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNETPICK_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real micrographs; tests that need it skip, and say so, where it is absent."""
    if not (folder := os.environ.get("UNETPICK_TEST_DATA")):
        pytest.skip("UNETPICK_TEST_DATA does not name a folder of real micrographs")
    assert os.path.isdir(folder), f"UNETPICK_TEST_DATA: no folder {folder}"
    return Path(folder)
