"""Which device a job runs on, and why."""

from __future__ import annotations

import os

import torch

from napari_unetpick.errors import InputError

WISH = "UNETPICK_BFLOAT16"


def choose_device(wish: str) -> tuple[torch.device, str]:
    """Return the device and one line that says why.

    Raises
    ------
    InputError
        A device was asked for by name and is not there.
    """
    if wish == "cpu":
        return torch.device("cpu"), f"{cpu_words()}, as asked for"
    if wish in ("auto", "cuda") and torch.cuda.is_available():
        return torch.device("cuda"), f"GPU {torch.cuda.get_device_name()}"
    if wish == "cuda":
        raise InputError(f"--device cuda: {why_no_cuda()}; use --device cpu or auto")
    mps = torch.backends.mps.is_available()
    if wish == "mps" and mps:
        return torch.device("mps"), "Apple GPU, as asked for"
    if wish == "mps":
        raise InputError("--device mps: no Apple GPU is usable here; use --device cpu or auto")
    if wish != "auto":
        raise InputError(f"--device {wish}: give one of auto, cpu, cuda, mps")
    return torch.device("cpu"), f"{cpu_words()}: {why_no_cuda()}"


def cpu_words() -> str:
    """Say how many threads the CPU has for networks, and whether they compute in bfloat16."""
    half = ", bfloat16" if computes_in_half(torch.device("cpu")) else ""
    return f"CPU ({torch.get_num_threads()} threads{half})"


def why_no_cuda() -> str:
    """Say why no CUDA device is used: the question users ask first."""
    if torch.version.cuda is None:
        return "the installed torch is built without CUDA"
    if not torch.cuda.is_available():
        return (
            f"torch is built for CUDA {torch.version.cuda}, but no usable GPU or driver was found"
        )
    return "a GPU is available"


def computes_in_half(device: torch.device) -> bool:
    """Tell whether networks compute in bfloat16 there, which has the range of float32.

    On CUDA they do, and on CPUs with instructions for it, where they take half the time, unless
    the environment says otherwise (`UNETPICK_BFLOAT16=0`).
    """
    if device.type != "cpu":
        return device.type == "cuda"
    if os.environ.get(WISH) == "0":
        return False
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def half_precision(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where `computes_in_half` says so; gradients need no scaling in it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_in_half(device))


def make_deterministic() -> None:
    """One seed, one result: on the CPU to the last bit."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
