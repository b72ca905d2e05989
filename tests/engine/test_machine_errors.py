"""What the machine refuses: one line that says what to do, and exit code 2."""

from __future__ import annotations

import errno

import pytest
import torch

from napari_unetpick import __main__, cli
from napari_unetpick.worker.failures import explain


def cuda_error(text: str) -> Exception:
    return torch.AcceleratorError(text)


REFUSALS = [
    (MemoryError(), "main memory is full"),
    (RuntimeError("[enforce] . DefaultCPUAllocator: can't allocate memory"), "main memory is full"),
    (RuntimeError("std::bad_alloc"), "main memory is full"),
    (RuntimeError("could not create a primitive"), "main memory is full"),
    (RuntimeError("can't start new thread"), "main memory is full"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "main memory is full"),
    (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "memory is full"),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "GPU's memory is full"),
    (RuntimeError("CUDA error: out of memory\nCompile with"), "GPU's memory is full"),
    (cuda_error("CUDA error: device-side assert\nCompile with"), "the GPU failed"),
    (RuntimeError("CUDA error: unspecified launch failure\nCompile"), "the GPU failed"),
    (OSError(errno.ENOSPC, "No space left on device"), "no space left"),
    (OSError(errno.EIO, "Input/output error", "/mnt/a.mrc"), "/mnt/a.mrc: input/output error"),
    (PermissionError(errno.EACCES, "Permission denied", "/mnt/a"), "/mnt/a: permission denied"),
]


@pytest.mark.parametrize(("error", "what"), REFUSALS)
def test_the_command_line_says_what_to_do(
    error: Exception, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", failing)
    monkeypatch.setattr("sys.argv", ["unetpick", "train"])
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.count("\n") == 1
    assert what in said
    assert "; " in said
    assert "bug" not in said


@pytest.mark.parametrize(("error", "what"), REFUSALS)
def test_the_viewer_says_it_in_its_words(error: Exception, what: str) -> None:
    kind, line = explain(error, "train")
    assert kind == ("memory" if "memory is full" in what else "engine")
    assert what in line
    assert "--" not in line


def test_a_full_gpu_asks_for_a_smaller_batch_where_there_is_one() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory")
    assert "batch" in explain(error, "train")[1]
    assert "batch" not in explain(error, "pick")[1]
