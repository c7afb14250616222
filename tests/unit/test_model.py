"""The model: its layer table, the names of its layers and of its classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import PictureTooSmall, UnknownLabel, UnknownLayer, UnknownModel
from entoptic.networks import sources
from entoptic.networks.sources.embedded import imagenet


class Network(nn.Module):
    """One ReLU that runs twice, one module under two names, one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (3, 5), stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.narrow = nn.Sequential(nn.Conv2d(4, 2, 1), self.relu)
        self.unused = nn.Linear(3, 3)
        self.fc = nn.Linear(2, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.narrow(self.relu(self.conv(x))).mean((2, 3)))


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.Model.wrap(Network(), preprocess=ent.Preprocess(size=(9, 13)))


def test_the_table_lists_outputs_in_the_order_in_which_they_come(model: ent.Model) -> None:
    table = {str(layer): info for layer, info in model.layers().items()}
    assert list(table) == ["conv", "relu", "narrow.0", "relu#1", "narrow", "fc", "output"]
    conv = table["conv"]
    assert (conv.kind, conv.shape, conv.channels) == ("Conv2d", (1, 4, 4, 5), 4)
    assert (conv.stride, conv.receptive_field, conv.parameters) == ((2, 2), (3, 5), 3 * 4 * 15 + 4)
    fc = table["fc"]
    assert (fc.kind, fc.shape, fc.channels, fc.parameters) == ("Linear", (1, 5), 5, 15)
    assert (fc.stride, fc.receptive_field) == (None, None)
    assert table["output"].kind == "Network"
    assert table["relu#1"].shape == (1, 2, 4, 5)


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("narrow*", ["narrow.0", "narrow"]),
        ("relu", ["relu"]),
        ("relu?1", ["relu#1"]),
        ("*c", ["fc"]),
        ("relu*<in>", ["relu<in>", "relu#1<in>"]),
    ],
)
def test_a_glob_picks_from_the_table_and_ports_if_it_names_them(
    model: ent.Model, glob: str, names: list[str]
) -> None:
    assert [str(layer) for layer in model.layers(glob)] == names


def test_the_table_is_that_of_the_size_asked_for(model: ent.Model) -> None:
    conv = ent.Layer("conv")
    assert model.layers(size=(21, 31))[conv].shape == (1, 4, 10, 14)
    assert model.info(conv, (3, 5)).shape == (1, 4, 1, 1)
    assert model.info(ent.Layer("conv", "input"), (21, 31)).shape == (1, 3, 21, 31)


def test_the_table_cannot_be_changed(model: ent.Model) -> None:
    with pytest.raises(TypeError):
        model.layers()[ent.Layer("new")] = model.layers()[ent.Layer("conv")]


def test_no_match_is_answered_with_the_nearest_name(model: ent.Model) -> None:
    with pytest.raises(
        UnknownLayer, match=r"no layer of python matches 'cnv'; did you mean 'conv'"
    ):
        model.layers("cnv")


def test_a_picture_too_small_is_refused_with_its_size_and_the_reason(model: ent.Model) -> None:
    with pytest.raises(PictureTooSmall, match=r"picture of 2x9 \(height x width\): .*larger one"):
        model.layers(size=(2, 9))
    with pytest.raises(PictureTooSmall, match="picture of 2x9"):
        model.activations(torch.zeros(1, 3, 2, 9), ["fc"])


def test_a_picture_may_be_too_small_for_what_lies_behind_the_layer() -> None:
    model = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 9)))
    assert model.info(ent.Layer("0"), (5, 7)).shape == (1, 2, 3, 5)
    assert model.activations(torch.zeros(1, 3, 5, 7), ["0"])[ent.Layer("0")].shape == (1, 2, 3, 5)
    with pytest.raises(PictureTooSmall):
        model.info(ent.Layer("1"), (5, 7))


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("conv", ent.Layer("conv")),
        ("relu#1<in>", ent.Layer("relu", "input", 1)),
        ("input", ent.Layer("input")),
        ("logits", ent.Layer("output")),
        ("output", ent.Layer("output")),
        ("output<in>", ent.Layer("output", "input")),
    ],
)
def test_names_stand_for_layers(model: ent.Model, text: str, layer: ent.Layer) -> None:
    assert model.resolve(text) == layer
    assert model.resolve(layer) == layer


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Conv", "no layer named 'Conv' in python; did you mean 'conv'?"),
        ("narow#1", "no layer named 'narow' in python; did you mean 'narrow'?"),
        ("zzz", "no layer named 'zzz' in python; `entoptic layers` lists the names"),
    ],
)
def test_an_unknown_layer_is_answered_with_the_nearest(
    model: ent.Model, text: str, told: str
) -> None:
    with pytest.raises(UnknownLayer) as caught:
        model.resolve(text)
    assert str(caught.value) == told


@pytest.mark.parametrize("text", ["conv#1", "unused", "relu#2<in>"])
def test_a_layer_or_call_that_never_runs_is_told(model: ent.Model, text: str) -> None:
    layer = model.resolve(text)
    told = f"python has '{layer.name}', but doesn't run it as '{text}'; `entoptic layers` lists"
    with pytest.raises(UnknownLayer, match=told):
        model.info(layer, (9, 13))


def test_a_module_under_two_names_is_one_layer_that_runs_twice(model: ent.Model) -> None:
    assert model.names == ("conv", "relu", "narrow", "narrow.0", "unused", "fc", "output")


def test_layers_of_that_name_are_the_logits_but_never_the_picture() -> None:
    named = nn.Sequential()
    named.add_module("input", nn.AvgPool2d(2))
    named.add_module("logits", nn.AvgPool2d(3))
    model = ent.Model.wrap(named)
    image = torch.rand(1, 3, 12, 18)
    assert model.resolve("logits") == ent.Layer("logits")
    found = model.activations(image, ["input", "logits"])
    assert torch.equal(found[ent.Layer("input")], image)
    assert found[ent.Layer("logits")].shape == (1, 3, 2, 3)
    assert ent.Layer("input") not in model.layers()


def test_addresses_may_differ_from_paths() -> None:
    module = nn.Sequential(nn.AvgPool2d(2), nn.AvgPool2d(3))
    model = ent.Model(module, ent.Preprocess(), addresses={"stage/first": "0", "stage/second": "1"})
    assert [str(layer) for layer in model.layers()] == ["stage/first", "stage/second", "output"]
    first = ent.Layer("stage/first")
    assert model.activations(torch.zeros(1, 3, 12, 18), [first])[first].shape == (1, 3, 6, 9)


def test_activations_are_those_of_the_network_and_need_no_gradient(model: ent.Model) -> None:
    image = torch.rand((2, 3, 9, 13), generator=torch.Generator().manual_seed(2)).requires_grad_()
    found = model.activations(image, ["fc", ent.Layer("conv")])
    expected = model.module.conv(model.preprocess(image))
    torch.testing.assert_close(found[ent.Layer("conv")], expected.detach())
    assert not found[ent.Layer("fc")].requires_grad


@pytest.fixture(scope="module")
def labelled() -> ent.Model:
    labels, synsets = imagenet()
    return ent.Model(nn.Identity(), ent.Preprocess(), labels=labels, synsets=synsets, source="ours")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (0, 0),
        (999, 999),
        ("Egyptian cat", 285),
        ("egyptian CAT", 285),
        ("tench, Tinca tinca", 0),
        ("Carassius auratus", 1),
        ("goldfish", 1),
        ("n01443537", 1),
        ("n03126707", 517),
        # A whole label goes before a synonym.
        ("maillot", 638),
        # "tiger cat" is a class of its own, though "tabby, tabby cat" stands before it.
        ("tiger cat", 282),
        ("tabby cat", 281),
    ],
)
def test_a_class_is_found_by_number_label_synonym_or_synset(
    labelled: ent.Model, name: int | str, number: int
) -> None:
    assert labelled.label(name) == number


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("goldfsh", "no class named 'goldfsh' in ours; did you mean 'goldfish'?"),
        ("", "no class named '' in ours"),
        (
            "sheepdog",
            "no class named 'sheepdog' in ours; with that word there are 'old english sheepdog', "
            "'shetland sheepdog'",
        ),
        (
            "crane",
            "2 classes of ours are called 'crane': 134 (crane n02012849), 517 (crane n03126707); "
            "name one by its number",
        ),
        (1000, "class 1000 does not exist; ours has 1000 classes (0..999)"),
    ],
)
def test_an_unknown_class_is_told(labelled: ent.Model, name: int | str, told: str) -> None:
    with pytest.raises(UnknownLabel) as caught:
        labelled.label(name)
    assert str(caught.value) == told


def test_without_labels_classes_go_by_number(model: ent.Model) -> None:
    assert model.label(3) == 3
    with pytest.raises(UnknownLabel, match="python has no labels; give the class 'cat' by number"):
        model.label("cat")


def test_an_unknown_network_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        UnknownModel, match="no model named 'squeezenet'; did you mean 'squeezenet1_1'"
    ):
        ent.load("squeezenet")
    with pytest.raises(UnknownModel, match="'squeezenet1_1' takes nothing after its name, got 'x'"):
        ent.load("squeezenet1_1:x")
    assert {"squeezenet1_1", "efficientnet_lite0"} <= set(sources)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("squeezenet1_1", "squeezenet1_1"),
        ("squeezenet1_1?size=300x300&scale=2", "squeezenet1_1"),
        ("ensemble:a=squeezenet1_1?scale=2", "ensemble:a=squeezenet1_1"),
    ],
)
def test_a_network_has_its_name_whatever_its_options(source: str, name: str) -> None:
    assert ent.load(source).name == name


def test_a_model_shows_itself_in_a_line(model: ent.Model) -> None:
    assert repr(model) == (
        "<Model python: 7 layers, 221 parameters, pictures of 9x13; .layers() lists the layers>"
    )
    assert "221 parameters, 5 classes, pictures" in repr(replace(model, labels=tuple("abcde")))


def test_a_short_table_shows_all_of_its_rows(model: ent.Model) -> None:
    assert repr(model.layers("*c*")).splitlines() == [
        "layer  kind    shape    channels  stride  receptive field  parameters",
        "conv   Conv2d  1x4x4x5  4         2x2     3x5              184",
        "fc     Linear  1x5      5         -       -                15",
        "2 layers",
    ]
    assert repr(model.layers("fc")).endswith("1 layer")


def test_a_long_table_shows_both_ends_and_how_much_lies_between() -> None:
    table = ent.Model.wrap(
        nn.Sequential(*[nn.ReLU()] * 21, *[nn.Tanh() for _ in range(4)])
    ).layers()
    assert len(table) == 26  # one ReLU that runs 21 times, 4 others, the output
    lines = repr(table).splitlines()
    assert [line.split()[0] for line in lines[1:11]] == [
        "0",
        *(f"0#{call}" for call in range(1, 10)),
    ]
    assert lines[11] == "... 6 more ..."
    assert [line.split()[0] for line in lines[12:]] == [
        *(f"0#{call}" for call in range(16, 21)), "21", "22", "23", "24", "output", "26",
    ]  # fmt: skip
    shown = table._repr_html_()
    assert shown.count("<tr>") == 1 + 10 + 1 + 10
    assert '<td colspan="7">6 more</td>' in shown
    assert "<th>receptive field</th>" in shown


def test_a_table_escapes_names_in_html() -> None:
    named = nn.Sequential()
    named.add_module("a<b", nn.ReLU())
    assert "<td>a&lt;b</td>" in ent.Model.wrap(named).layers()._repr_html_()


def test_a_picture_is_taken_in_whichever_form(model: ent.Model, tmp_path: Path) -> None:
    image = torch.rand(1, 3, 9, 13).mul(255).round().div(255)
    path = tmp_path / "photo.png"
    pixels = image[0].mul(255).round().to(torch.uint8).movedim(0, 2).numpy()
    Pillow.fromarray(pixels).save(path)
    conv = ent.Layer("conv")
    expected = model.activations(image, ["conv"])[conv]
    for given in (path, str(path), ent.read(path), pixels):
        torch.testing.assert_close(model.activations(given, ["conv"])[conv], expected)
