"""Which device a job runs on, and why."""

from __future__ import annotations

import os
import re

import torch

from napari_unetpick.errors import InputError

WISH, INTEGERS = "UNETPICK_BFLOAT16", "UNETPICK_INT8"
VISIBLE = "CUDA_VISIBLE_DEVICES"
NUMBERED = re.compile(r"cuda:(0|[1-9]\d?)")


def choose_device(wish: str) -> tuple[torch.device, str]:
    """Return the device and one line that says why.

    Parameters
    ----------
    wish
        auto, cpu, cuda, mps, or a GPU by its number, from 0: cuda:1.

    Raises
    ------
    InputError
        A device was asked for by name and is not there.
    """
    if wish == "cpu":
        return torch.device("cpu"), f"{cpu_words()}, as asked for"
    if wish == "mps":
        if torch.backends.mps.is_available():
            return torch.device("mps"), "Apple GPU, as asked for"
        raise _not_there(wish, "no Apple GPU is usable here")
    if wish not in ("auto", "cuda") and not NUMBERED.fullmatch(wish):
        fix = "give one of auto, cpu, cuda, cuda:1 (a GPU by its number), mps"
        raise InputError(f"device {wish!r} is not known", f"{fix} (--device)", viewer=fix)
    device = torch.device("cuda" if wish == "auto" else wish)
    fault = why_no_cuda(device)
    if not fault:
        torch.cuda.set_device(device.index or 0)  # whatever doesn't name a GPU means this one
        number = "" if device.index is None else f" {device.index}"
        return device, f"GPU{number} {torch.cuda.get_device_name(device)}"
    if wish != "auto":
        raise _not_there(wish, fault)
    return torch.device("cpu"), f"{cpu_words()}: {fault}"


def list_gpus() -> list[str]:
    """Return the names of the CUDA GPUs that this process sees; cuda:0 is the first."""
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def visible_words() -> str:
    """Say what CUDA_VISIBLE_DEVICES does to the numbers of GPUs, as it is set."""
    shown = os.environ.get(VISIBLE)
    if shown is None:
        return f"{VISIBLE} is not set: all GPUs are seen; with {VISIBLE}=1 only GPU 1, as cuda:0"
    if not shown.strip():
        return f"{VISIBLE} is empty: no GPU is seen; unset it to see them all"
    return f"{VISIBLE}={shown}: only these GPUs are seen, in this order from cuda:0 on"


def _not_there(wish: str, fault: str) -> InputError:
    return InputError(
        f"device {wish}: {fault}",
        "use --device cpu or auto",
        viewer="choose the device CPU, or Automatic",
    )


def cpu_words() -> str:
    """Say how many threads the CPU has for networks, and whether they compute in bfloat16."""
    half = ", bfloat16" if computes_in_half(torch.device("cpu")) else ""
    return f"CPU ({torch.get_num_threads()} threads{half})"


def why_no_cuda(device: torch.device = torch.device("cuda")) -> str:  # noqa: B008
    """Say why no CUDA device can be used, the question users ask first; "" where one can.

    A card that is too old for this build of torch, or full, is there and yet computes nothing, so
    that a sum is tried.
    """
    if not torch.cuda.is_available():
        if torch.version.cuda is None:
            return "the installed torch is built without CUDA"
        return (
            f"torch is built for CUDA {torch.version.cuda}, but no usable GPU or driver was found"
        )
    if device.index is not None and device.index >= torch.cuda.device_count():
        gpus = ", ".join(f"cuda:{number} {name}" for number, name in enumerate(list_gpus()))
        return f"there is no such GPU, only {gpus}"
    try:
        torch.ones(2, device=device).sum().item()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        return f"the GPU {torch.cuda.get_device_name(device)} does not compute ({reason})"
    return ""


def computes_in_half(device: torch.device) -> bool:
    """Tell whether networks compute in bfloat16 there, which has the range of float32.

    On GPUs with CUDA and on CPUs that have instructions for it, where they take half the time,
    unless the environment says otherwise (`UNETPICK_BFLOAT16=0`).
    """
    if os.environ.get(WISH) == "0" or device.type not in ("cpu", "cuda"):
        return False
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def computes_in_eight_bit(device: torch.device) -> bool:
    """Tell whether trained networks compute in 8-bit integers there: see `nn.eight_bit`.

    On CPUs that have instructions for it and none for bfloat16, unless the environment says
    otherwise (`UNETPICK_INT8=0`).
    """
    if os.environ.get(INTEGERS) == "0" or device.type != "cpu" or computes_in_half(device):
        return False
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    known = hasattr(torch.ops.onednn, "qconv2d_pointwise") and hasattr(
        torch.ops.mkldnn, "_convolution_pointwise"
    )
    return bool(known and torch.backends.mkldnn.enabled and able.get("avx512_vnni"))


def half_precision(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where `computes_in_half` says so; gradients need no scaling in it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_in_half(device))


def make_deterministic() -> None:
    """One seed, one result, to the last bit on the same CPU or GPU."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    # a help to find bugs, which takes time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
