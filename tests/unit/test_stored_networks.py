"""What a picture's job may load by itself: no code, no file, nothing that isn't here yet."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import entoptic as ent
from entoptic.errors import BadSetting, NotAllowed
from entoptic.networks import load


@pytest.fixture
def nothing_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for what timm and torchvision download; whoever downloads fails."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def download(*given: object, **named: object) -> None:
        raise AssertionError(f"a download of {given}")

    for place in ("torch.hub.download_url_to_file", "timm.models._hub.hf_hub_download"):
        monkeypatch.setattr(place, download)
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("python:os:getcwd", "runs code"),
        ("onnx:a.onnx", "is in a file"),
        ("caffe:a+b", "is in a file"),
        ("mxnet:a+b", "is in a file"),
        ("tensorflow:a.pb", "is in a file"),
        ("export:a.pt2", "is in a file"),
        ("timm:resnet18?weights=a.pth", "option 'weights', which may be a file"),
        ("squeezenet1_1?labels=/dev/zero", "option 'labels', which may be a file"),
        ("ensemble:a=squeezenet1_1,b=onnx:a.onnx", "b: the network 'onnx:a.onnx' is in a file"),
    ],
)
def test_code_and_files_are_left_to_the_user(spec: str, told: str) -> None:
    with pytest.raises(NotAllowed, match=told):
        load(spec, stored=True)


def test_another_packages_source_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    # By its name: the package `models` has a registry that is called `sources`.
    sources = importlib.import_module("entoptic.networks.sources")
    monkeypatch.setattr(sources, "plugins", lambda: ("garden",))
    with pytest.raises(NotAllowed, match="'garden:rose' is another package's, whose code it runs"):
        load("garden:rose", stored=True)


@pytest.mark.parametrize(
    "spec", ["squeezenet1_1", "squeezenet1_1?mean=0,0,0&size=64x64", "ensemble:a=squeezenet1_1"]
)
def test_embedded_networks_are_loaded(spec: str) -> None:
    assert load(spec, stored=True).source == spec


@pytest.mark.parametrize("spec", ["torchvision:squeezenet1_1", "timm:test_vit.r160_in1k"])
def test_nothing_is_downloaded_for_a_job(spec: str, nothing_downloaded: Path) -> None:
    with pytest.raises(NotAllowed, match=f"weights of '{spec}' aren't on this machine"):
        load(spec, stored=True)


def test_weights_that_torchvision_has_downloaded_are_used(nothing_downloaded: Path) -> None:
    from torchvision import models

    module = models.squeezenet1_1(weights=None)
    (nothing_downloaded / "hub" / "checkpoints").mkdir(parents=True)
    name = Path(models.SqueezeNet1_1_Weights.DEFAULT.url).name
    torch.save(module.state_dict(), nothing_downloaded / "hub" / "checkpoints" / name)
    found = load("torchvision:squeezenet1_1", stored=True).module.state_dict()
    assert all(torch.equal(found[key], value) for key, value in module.state_dict().items())


def test_weights_that_timm_has_downloaded_are_used(nothing_downloaded: Path) -> None:
    import timm

    module = timm.create_model("test_vit")
    repository = nothing_downloaded / "hub" / "models--timm--test_vit.r160_in1k"
    for folder in ("refs", "snapshots/1"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text("1")
    save_file(module.state_dict(), repository / "snapshots" / "1" / "model.safetensors")
    found = load("timm:test_vit.r160_in1k", stored=True).module.state_dict()
    assert all(torch.equal(found[key], value) for key, value in module.state_dict().items())


def test_random_weights_need_no_download(nothing_downloaded: Path) -> None:
    assert (
        load("timm:test_vit?weights=random", stored=True).source == "timm:test_vit?weights=random"
    )


def test_what_the_user_names_is_loaded_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynets.py").write_text(
        "import entoptic as ent\n\ndef one():\n    return ent.load()\n"
    )
    assert load("python:mynets:one").source == "python:mynets:one"
    monkeypatch.delitem(sys.modules, "mynets")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("squeezenet1_1?size=4097x10", "whole numbers from 1 to 4096"),
        ("squeezenet1_1?size=10.5x10", "whole numbers from 1 to 4096"),
        ("ensemble:" + ",".join(f"a{n}=squeezenet1_1" for n in range(33)), "33 networks; .* 32 at"),
        ("ensemble:a=" * 2000, "is an ensemble itself"),
    ],
)
def test_sizes_and_counts_are_bounded(spec: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        load(spec)


def test_devices_are_bounded() -> None:
    with pytest.raises(BadSetting, match="65 devices; name 64 at most"):
        ent.networks.devices("cpu," * 64 + "cpu")
