"""`gradient`, `jacobian` and parts of networks, against finite differences, MXNet and by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.errors import BadSetting, NoPath
from entoptic.networks import Preprocess

PLAIN = Preprocess((19, 11), (0, 0, 0), (1, 1, 1))


def value_at(model: ent.Model, layer: str, image: Tensor) -> Tensor:
    return model.activations(image, [layer])[model.resolve(layer)]


BLOCKS = st.tuples(
    st.integers(1, 4),
    st.sampled_from([(1, 1), (3, 1), (2, 3)]),
    st.sampled_from([1, (2, 1)]),
    st.sampled_from([nn.Tanh, nn.Softplus, nn.SiLU, nn.Sigmoid]),
    st.booleans(),
)


def smooth_network(blocks: list[tuple[Any, ...]], rng: torch.Generator) -> ent.Model:
    """A network without kinks, in float64."""
    layers: list[nn.Module] = []
    channels = 3
    for out, kernel, stride, activation, pools in blocks:
        layers += [nn.Conv2d(channels, out, kernel, stride, padding=(1, 0)), activation()]
        layers += [nn.AvgPool2d(2, 1)] * pools
        channels = out
    module = nn.Sequential(*layers).double()
    for weight in module.parameters():
        weight.data = torch.randn(weight.shape, generator=rng, dtype=torch.float64) / 2
    return ent.Model.wrap(module, preprocess=PLAIN)


@settings(deadline=None, max_examples=40)
@given(st.lists(BLOCKS, min_size=1, max_size=3), st.data())
def test_any_layer_by_any_layer_equals_finite_differences(
    blocks: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    rng = torch.Generator().manual_seed(5)
    model = smooth_network(blocks, rng)
    names = [str(i) for i in range(len(model.module))]  # type: ignore[arg-type]
    first = data.draw(st.integers(0, len(names) - 1))
    last = data.draw(st.integers(first, len(names) - 1))
    wrt = data.draw(st.sampled_from([names[first], f"{names[first]}<in>", "input"]))
    image = torch.rand((2, 3, 19, 11), generator=rng, dtype=torch.float64)
    base = value_at(model, wrt, image)
    target = value_at(model, names[last], image)
    cotangent = torch.randn(target.shape, generator=rng, dtype=torch.float64)

    found = ent.gradient(model, of=names[last], wrt=wrt, at=image, cotangent=cotangent)

    # The rest of the network after `wrt`, run by hand from a changed value.
    after = 0 if wrt == "input" else first + (not wrt.endswith("<in>"))
    rest = nn.Sequential(*list(model.module)[after : last + 1])  # type: ignore[call-overload]
    direction = torch.randn(base.shape, generator=rng, dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        change = (rest(base + step * direction) - rest(base - step * direction)) / (2 * step)
    expected = float((cotangent * change).sum())
    assert float((found * direction).sum()) == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_without_a_cotangent_a_layer_is_summed() -> None:
    convolution = nn.Conv2d(3, 2, 1, bias=False)
    convolution.weight.data = torch.tensor([[1.0, 2, 3], [10, 20, 30]]).reshape(2, 3, 1, 1)
    model = ent.Model.wrap(nn.Sequential(convolution), preprocess=PLAIN)
    found = ent.gradient(model, of="0", at=torch.rand(1, 3, 4, 5))
    expected = torch.tensor([11.0, 22, 33]).reshape(1, 3, 1, 1).expand(1, 3, 4, 5)
    assert torch.equal(found, expected)


def test_the_gradient_by_the_picture_is_that_by_the_networks_input_times_the_scale() -> None:
    how = Preprocess((4, 5), (104, 117, 123), (1, 2, 4), scale=255, order="BGR")
    model = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 3)), preprocess=how)
    image = torch.rand(1, 3, 4, 5)
    by_picture = ent.gradient(model, of="0", at=image)
    by_input = ent.gradient(model, of="0", wrt="output<in>", at=image)
    std = torch.tensor([1.0, 2, 4]).reshape(1, 3, 1, 1)
    torch.testing.assert_close(by_picture, (by_input * 255 / std).flip(1))


@pytest.mark.parametrize("objective", [ent.alignment("0"), ent.diversity("0")])
def test_the_jacobian_of_each_image_s_score_is_by_that_image_alone(
    objective: ent.Objective,
) -> None:
    torch.manual_seed(2)
    model = ent.Model.wrap(nn.Conv2d(3, 2, 2).double(), preprocess=PLAIN)
    objective = ent.parse(repr(objective).replace("'0'", "'output'"))
    image = torch.rand((3, 3, 3, 4), dtype=torch.float64)
    found = ent.jacobian(model, of=objective, at=image)
    assert found.shape == (3, 3, 3, 4)
    bound = bind(objective, model, (3, 4))
    for number in range(3):

        def own(pixels: Tensor, number: int = number) -> Tensor:
            together = torch.cat([image[:number], pixels[None], image[number + 1 :]])
            acts = model.activations(together, ["output"])
            return bound(model.arranged(acts, (3, 4)))[number]  # type: ignore[arg-type]

        step = 1e-6
        for place in [(0, 0, 0), (2, 1, 3), (1, 2, 2)]:
            ahead, behind = image[number].clone(), image[number].clone()
            ahead[place] += step
            behind[place] -= step
            numeric = (own(ahead) - own(behind)) / (2 * step)
            assert float(found[number][place]) == pytest.approx(float(numeric), rel=1e-4, abs=1e-9)


def test_a_jacobian_of_what_has_no_images_first_is_refused() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 2, 2)
            self.row = nn.Identity()

        def forward(self, image: Tensor) -> Tensor:
            return self.row(self.first(image).flatten(2).movedim(2, 0))

    model = ent.Model.wrap(Tokens(), preprocess=PLAIN)
    told = r"'row' is \(6, 2, 2\) and 'input' \(2, 3, 3, 4\) for 2 images; .* one image at a time"
    with pytest.raises(BadSetting, match=told):
        ent.jacobian(model, of="row", at=torch.rand(2, 3, 3, 4))


def test_the_jacobian_of_a_linear_network_is_its_matrix() -> None:
    linear = nn.Linear(4, 2, bias=False)
    model = ent.Model.wrap(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    )
    found = ent.jacobian(model, of="3", wrt="2", at=torch.rand(2, 3, 4, 5))
    assert found.shape == (2, 2, 4)
    torch.testing.assert_close(found, linear.weight.detach().expand(2, 2, 4))


def test_a_gradient_by_what_comes_later_has_no_path() -> None:
    model = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Tanh()))
    with pytest.raises(NoPath, match="no gradient leads from '0' back to '1': the one doesn't"):
        ent.gradient(model, of="0", wrt="1", at=torch.rand(1, 3, 8, 9))


def test_a_branch_that_does_not_lead_there_has_no_path() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)

        def forward(self, value: Tensor) -> Tensor:
            return self.left(value) + self.right(value)

    with pytest.raises(NoPath):
        ent.gradient(ent.Model.wrap(Branches()), of="right", wrt="left", at=torch.rand(1, 3, 4, 5))


def test_a_cotangent_that_does_not_fit_is_refused() -> None:
    model = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 3)))
    with pytest.raises(BadSetting, match=r"cotangent is \(7,\); it must fit .*\(1, 2, 2, 3\)"):
        ent.gradient(model, of="0", at=torch.rand(1, 3, 4, 5), cotangent=torch.ones(7))


@pytest.mark.parametrize("name", ["vgg16", "vgg16_imagenet"])
def test_gradients_of_vgg16_equal_those_that_mxnet_computed(
    shared: Callable[[str], Path], name: str
) -> None:
    pytest.importorskip("onnx")
    folder = shared(f"models/mxnet/{name}")
    recorded = np.load(shared(f"reference/{name}_mxnet_gradients.npz"))
    model = ent.load(f"mxnet:{folder}/vgg16-symbol.json+{folder}/vgg16-0000.params")
    photo = torch.from_numpy(recorded["image_uint8"]).permute(2, 0, 1)[None].float() / 255
    for layer in ("pool1", "pool2", "pool3", "pool4", "pool5"):
        expected = torch.from_numpy(recorded[f"{layer}_grad"])
        found = ent.gradient(model, of=layer, wrt="output<in>", at=photo)
        error = (found - expected).norm() / expected.norm()
        cosine = torch.cosine_similarity(found.flatten(), expected.flatten(), 0)
        assert error <= 1e-3
        assert cosine >= 0.9999


def test_a_part_up_to_a_layer_gives_what_the_whole_gives_there() -> None:
    model = ent.load()
    image = torch.rand(2, 3, 64, 80)
    part = model.upto("fire4/squeeze1x1")
    there, here = value_at(model, "fire4/squeeze1x1", image), value_at(part, "output", image)
    # The whole is run as a graph, in which the preprocessing is folded.
    torch.testing.assert_close(here, there, rtol=1e-5, atol=1e-5 * float(there.abs().max()))
    assert "fire4/expand1x1" not in part.names
    assert "fire3/concat" in part.names


@pytest.mark.parametrize(
    ("spec", "first", "last", "before"),
    [
        ("squeezenet1_1", "fire3", "pool5", "fire2"),
        ("efficientnet_lite0", "blocks.1", "blocks.2.1", "blocks.0"),
    ],
)
def test_a_part_between_layers_continues_what_comes_before_it(
    spec: str, first: str, last: str, before: str
) -> None:
    model = ent.load(spec)
    image = torch.rand(1, 3, 224, 224)
    part = model.between(first, last)
    fed = value_at(model, before, image)
    torch.testing.assert_close(
        value_at(part, "output", fed), value_at(model, last, image), atol=1e-4, rtol=1e-4
    )


def test_a_part_that_the_picture_reaches_by_another_way_is_refused() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
            self.end = nn.Identity()

        def forward(self, value: Tensor) -> Tensor:
            return self.end(value + self.second(self.first(value)))

    with pytest.raises(NoPath, match="also depends on the picture around it"):
        ent.Model.wrap(Skip()).between("second", "end")
