"""Where to compute, by name."""

import pytest
import torch

from entoptic.errors import BadSetting
from entoptic.networks import device, devices


def test_one_name_is_one_device() -> None:
    assert devices("cpu") == (torch.device("cpu"),)


def test_a_device_of_torch_is_a_device() -> None:
    assert device(torch.device("cpu")) == torch.device("cpu")
    assert devices(torch.device("cpu")) == (torch.device("cpu"),)
    assert devices([torch.device("cpu"), "cpu"]) == (torch.device("cpu"),) * 2
    with pytest.raises(BadSetting, match="no device is called 'meta'"):
        device(torch.device("meta"))


def test_several_names_are_several_devices_in_order() -> None:
    assert devices("cpu, cpu,cpu") == (torch.device("cpu"),) * 3


def test_auto_is_every_cuda_device_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices() == (torch.device("cuda", 0), torch.device("cuda", 1))


@pytest.mark.parametrize("names", ["", "cpu,", "cpu,meta", "tpu"])
def test_a_name_that_is_none_is_refused(names: str) -> None:
    with pytest.raises(BadSetting, match="no device is called"):
        devices(names)
