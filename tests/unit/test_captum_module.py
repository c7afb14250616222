"""A Model as a module of torch: the same values and gradients, also by captum and grad-cam."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadSetting, PictureTooSmall, UnknownLayer
from entoptic.layers import Layer


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load()


@pytest.fixture
def images() -> Tensor:
    return torch.rand((2, 3, 64, 80), generator=torch.Generator().manual_seed(0))


def same(found: Tensor, wanted: Tensor) -> None:
    """Compare what is summed in another order."""
    scale = wanted.abs().max()
    torch.testing.assert_close(found / scale, wanted / scale, rtol=0, atol=1e-4)


@pytest.mark.parametrize("layer", ["logits", "fire5", "fire3/squeeze1x1<in>"])
def test_values_and_gradients_are_those_of_the_model(
    model: ent.Model, images: Tensor, layer: str
) -> None:
    module = ent.captum_module(model, layer)
    given = images.clone().requires_grad_()
    value = module(given)
    wanted = model.activations(images, [layer])[Layer.parse(layer)]
    same(value, wanted)
    value.sum().backward()
    assert given.grad is not None
    gradient = ent.gradient(model, of=Layer.parse(layer), at=images)
    same(given.grad, gradient)
    assert not any(each.requires_grad for each in module.parameters())


def test_hooks_see_what_layers_give_and_the_model_is_not_touched(images: Tensor) -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    model = ent.Model.wrap(inner, preprocess=ent.Preprocess((64, 80)))
    module = ent.captum_module(model, "output")
    seen: list[Tensor] = []
    module.layer("0").register_forward_hook(lambda *args: seen.append(args[2]))
    module(images)
    assert (seen[0] < 0).any()
    assert not inner[0]._forward_hooks
    assert inner[1].inplace
    assert module.network[0].weight.data_ptr() == inner[0].weight.data_ptr()


def test_a_network_of_tokens_gives_maps(images: Tensor) -> None:
    timm = pytest.importorskip("timm")
    inner = timm.create_model("vit_tiny_patch16_224", img_size=(64, 80))
    model = ent.Model.wrap(inner, preprocess=ent.Preprocess((64, 80), fixed_size=True))
    assert ent.captum_module(model, "blocks.2")(images).shape == (2, 192, 4, 5)


def test_what_can_not_be_a_module_is_told(model: ent.Model, images: Tensor) -> None:
    with pytest.raises(UnknownLayer, match="did you mean 'fire7'"):
        ent.captum_module(model, "fire77")
    with pytest.raises(BadSetting, match="take one of its networks: a, b"):
        ent.captum_module(ent.ensemble(a=model, b=model), "a/fire7")
    with pytest.raises(BadSetting, match="'input' is the picture itself"):
        ent.captum_module(model, "input")
    with pytest.raises(PictureTooSmall):
        ent.captum_module(model)(images[..., :8, :8])
    with pytest.raises(UnknownLayer, match="no layer named 'fir'"):
        ent.captum_module(model).layer("fir")


def test_captum_finds_our_gradients(model: ent.Model, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr", reason="captum isn't installed")
    module = ent.captum_module(model)
    found = attr.Saliency(module).attribute(images.clone(), target=7, abs=False)
    gradient = ent.gradient(model, of=ent.logit(7), at=images)
    same(found, gradient)
    # From black to the images: what integrated gradients attribute is the difference in score.
    paths = attr.IntegratedGradients(module).attribute(images, target=7, n_steps=64)
    rise = (module(images) - module(torch.zeros_like(images)))[:, 7]
    torch.testing.assert_close(paths.sum((1, 2, 3)), rise, rtol=0.1, atol=0.1)
    inner = attr.LayerActivation(module, module.layer("fire5")).attribute(images)
    wanted = model.activations(images, ["fire5"])[Layer("fire5")]
    same(inner, wanted)


def test_grad_cam_weighs_a_layer_by_its_mean_gradient(model: ent.Model, images: Tensor) -> None:
    cam = pytest.importorskip("pytorch_grad_cam", reason="pytorch-grad-cam isn't installed")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    module = ent.captum_module(model)
    with cam.GradCAM(model=module, target_layers=[module.layer("fire9")]) as made:
        made(images, [targets.ClassifierOutputTarget(7)] * 2)
        acts, grads = (
            torch.as_tensor(getattr(made.activations_and_grads, name)[0])
            for name in ("activations", "gradients")
        )
    wanted = model.activations(images, ["fire9"])[Layer("fire9")]
    same(acts, wanted)
    gradient = ent.gradient(model, of=ent.logit(7), wrt="fire9", at=images)
    same(grads, gradient)
