"""Devices: the one asked for, or a line that says why not."""

from __future__ import annotations

import pytest
import torch

from napari_unetpick.engine.devices import (
    choose_device,
    computes_in_eight_bit,
    list_gpus,
    visible_words,
    why_no_cuda,
)
from napari_unetpick.errors import InputError


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def gpu(monkeypatch):
    """Plant a GPU on which the CPU computes; tests may change how its tensors are made."""
    ones = torch.ones
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Planted GPU")
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: None)
    monkeypatch.setattr(torch, "ones", lambda *size, device: ones(*size))


@pytest.fixture
def two_gpus(monkeypatch, gpu):
    """Plant a second GPU; returns the numbers that were made the current one."""
    names, current = ["Old GPU", "New GPU"], []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    def name_of(device):
        return names[device if isinstance(device, int) else device.index or 0]

    monkeypatch.setattr(torch.cuda, "get_device_name", name_of)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    return current


def test_a_gpu_is_chosen_by_its_number(two_gpus):
    device, why = choose_device("cuda:1")
    assert device == torch.device("cuda", 1)
    assert why == "GPU 1 New GPU"
    assert choose_device("cuda") == (torch.device("cuda"), "GPU Old GPU")
    assert two_gpus == [1, 0]
    assert list_gpus() == ["Old GPU", "New GPU"]


def test_a_number_that_no_gpu_has_is_one_line_that_lists_them(two_gpus):
    with pytest.raises(
        InputError,
        match="device cuda:2: there is no such GPU, only cuda:0 Old GPU, cuda:1 New GPU; "
        "use --device cpu or auto",
    ):
        choose_device("cuda:2")
    assert two_gpus == []


@pytest.mark.parametrize(
    "shown, says",
    [(None, "all GPUs are seen"), ("", "no GPU is seen"), ("3,1", "=3,1: only these")],
)
def test_what_hides_gpus_is_explained(monkeypatch, shown, says):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert says in visible_words()
    assert visible_words().startswith("CUDA_VISIBLE_DEVICES")


@pytest.mark.usefixtures("gpu")
def test_a_gpu_is_taken_where_there_is_one_and_only_if_wanted():
    assert choose_device("auto") == (torch.device("cuda"), "GPU Planted GPU")
    assert choose_device("cuda")[0].type == "cuda"
    assert choose_device("cpu")[0].type == "cpu"


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_computes_nothing_is_left_and_the_reason_said(monkeypatch):
    def too_old(*_, **__):
        raise torch.AcceleratorError("CUDA error: no kernel image is available\nCompile with ...")

    monkeypatch.setattr(torch, "ones", too_old)
    device, why = choose_device("auto")
    assert device.type == "cpu"
    assert "the GPU Planted GPU does not compute (CUDA error: no kernel image is available)" in why
    assert "\n" not in why
    with pytest.raises(InputError, match=r"does not compute .*use --device cpu or auto"):
        choose_device("cuda")


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_reason_is_said():
    device, why = choose_device("auto")
    assert device.type == "cpu"
    assert why_no_cuda() in why
    for wish in ("cuda", "cuda:1", "mps"):
        with pytest.raises(InputError, match=f"device {wish}: .*use --device cpu or auto"):
            choose_device(wish)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("version, says", [(None, "without CUDA"), ("12.8", "no usable GPU")])
def test_a_build_without_cuda_and_a_missing_driver_are_told_apart(monkeypatch, version, says):
    monkeypatch.setattr(torch.version, "cuda", version)
    assert says in choose_device("auto")[1]


def test_an_unknown_device_is_one_line_that_lists_the_known():
    with pytest.raises(
        InputError,
        match="device 'tpu' is not known; give one of auto, cpu, cuda, cuda:1 \\(a GPU by its "
        "number\\), mps \\(--device\\)",
    ):
        choose_device("tpu")
    for wish in ("cuda:", "cuda:-1", "cuda:01", "cuda:x", "cuda1"):
        with pytest.raises(InputError, match="is not known"):
            choose_device(wish)


@pytest.mark.parametrize(
    "able, environment, expected",
    [
        ({"avx512_vnni": True}, {}, True),
        ({"avx512_vnni": True}, {"UNETPICK_INT8": "0"}, False),
        ({}, {}, False),
        ({"avx512_vnni": True, "avx512_bf16": True}, {}, False),
        ({"avx512_vnni": True, "avx512_bf16": True}, {"UNETPICK_BFLOAT16": "0"}, True),
    ],
)
def test_networks_pick_in_integers_where_that_is_fastest(
    monkeypatch: pytest.MonkeyPatch, able: dict, environment: dict, expected: bool
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", True)
    for name in ("UNETPICK_INT8", "UNETPICK_BFLOAT16"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert computes_in_eight_bit(torch.device("cpu")) == expected
    assert not computes_in_eight_bit(torch.device("cuda"))
