"""Networks of Caffe, MXNet, TensorFlow and ONNX, loaded as users load them, against recordings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.analysis.classify import identify
from entoptic.cli.main import outcome
from entoptic.errors import BadModelFile, BadSetting
from entoptic.networks.sources import graphs
from entoptic.networks.sources.spec import Spec

pytest.importorskip("onnx")
Shared = Callable[[str], Path]

# Several tests look at one network.
loaded = functools.lru_cache(maxsize=2)(ent.load)


def caffe(shared: Shared, folder: str, prototxt: str, weights: str) -> str:
    where = shared(f"models/caffe/{folder}")
    return f"caffe:{where}/{prototxt}+{where}/{weights}"


def googlenet(shared: Shared) -> str:
    return caffe(shared, "bvlc_googlenet", "deploy.prototxt", "bvlc_googlenet.caffemodel")


def recorded_image(recorded: dict[str, np.ndarray]) -> Tensor:
    return torch.from_numpy(recorded["image_uint8"]).permute(2, 0, 1)[None].float() / 255


def test_caffe_networks_give_the_recorded_activations(shared: Shared) -> None:
    recorded = np.load(shared("reference/caffe_forward.npz"))
    models = {
        "bvlc_googlenet": loaded(googlenet(shared)),
        "squeezenet_v1.1": ent.load(
            caffe(shared, "squeezenet_v1.1", "deploy.prototxt", "squeezenet_v1.1.caffemodel")
        ),
    }
    compared = 0
    for key in recorded.files:
        network, colon, address = key.partition(":")
        if not colon:
            continue
        layer = ent.Layer(address.replace("|", "/"))
        found = models[network].activations(recorded_image(recorded), [layer])[layer].numpy()
        assert np.abs(found - recorded[key]).max() <= 1e-4 * np.abs(recorded[key]).max()
        compared += 1
    assert compared == 8


def test_gluons_squeezenet_gives_the_recorded_outputs(shared: Shared) -> None:
    recorded = np.load(shared("reference/squeezenet1.1_gluon_io.npz"))
    where = shared("models/mxnet/squeezenet_v1.1")
    model = ent.load(
        f"mxnet:{where}/squeezenet_v1.1-symbol.json+{where}/squeezenet_v1.1-0000.params"
    )
    inputs = [key for key in recorded.files if "input" in key]
    assert inputs
    for key in inputs:
        with torch.no_grad():
            found = model.module(torch.from_numpy(recorded[key]))
        expected = torch.from_numpy(recorded[key.replace("input", "output")])
        torch.testing.assert_close(found, expected.reshape(found.shape), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("photo", "words"),
    [("chelsea.png", "cat"), ("coffee.png", "espresso"), ("kodim23.png", "macaw")],
)
def test_the_mobilenet_of_tensorflow_names_photographs(
    shared: Shared, photo: str, words: str
) -> None:
    model = loaded(f"tensorflow:{shared('models/tensorflow/mobilenet_v1_0.25_128.pb')}")
    guesses = identify(model, ent.read(shared(f"photos/{photo}")), top=1)
    assert words in guesses[0].label


def test_the_network_of_the_first_deepdream_names_a_cat_and_an_espresso(shared: Shared) -> None:
    model = loaded(googlenet(shared))
    labels = [
        identify(model, ent.read(shared(f"photos/{photo}.png")), top=1)[0].label
        for photo in ("chelsea", "coffee")
    ]
    assert labels == ["Egyptian cat", "espresso"]


@pytest.mark.parametrize("net", ["det1", "det2"])
def test_mtcnn_says_the_same_from_caffe_and_from_mxnet(shared: Shared, net: str) -> None:
    where = shared("models/mxnet/mtcnn")
    first = ent.load(caffe(shared, "mtcnn", f"{net}.prototxt", f"{net}.caffemodel"))
    second = ent.load(f"mxnet:{where}/{net}-symbol.json+{where}/{net}-0001.params")
    side = 12 if net == "det1" else 24
    # Caffe's columns are MXNet's rows: the nets were trained on pictures lying on their side, and
    # the conversion stood them up; and Caffe's first is blue.
    fed = torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        ours = first.module(fed.flip(1).transpose(2, 3))
        theirs = second.module(fed)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.flatten(1), other.flatten(1), atol=1e-5, rtol=1e-4)


def test_layers_keep_the_names_of_the_file(shared: Shared) -> None:
    table = loaded(googlenet(shared)).layers("inception_4c/*")
    assert ent.Layer("inception_4c/output") in table
    info = table[ent.Layer("inception_4c/output")]
    assert (info.shape, info.stride) == ((1, 512, 14, 14), (16, 16))


def test_the_classic_dream_runs_and_its_score_grows(shared: Shared) -> None:
    model = loaded(googlenet(shared))
    photo = ent.read(shared("photos/sky1024px.jpg"))
    result = ent.dream(model, photo, layer="inception_4c/output", size=160, octaves=1, steps=6)
    assert result.scores[-1] > 1.5 * result.scores[0]


def test_what_is_guessed_is_said_and_can_be_corrected(shared: Shared) -> None:
    file = shared("models/onnx/squeezenet_v1.1_fp32.onnx")
    guessed = ent.load(f"onnx:{file}")
    assert any("preprocessing is a guess" in note for note in guessed.notes)
    right = ent.load(f"onnx:{file}?order=BGR&mean=104,117,123&std=1&scale=255")
    assert right.preprocess == ent.load().preprocess
    photo = ent.read(shared("photos/chelsea.png"))
    assert identify(right, photo)[0] == pytest.approx(identify(ent.load(), photo)[0])


def test_the_command_tells_what_is_guessed(
    shared: Shared, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(["models", googlenet(shared)]) == 0
    told = capsys.readouterr().out
    assert "BGR, 0 to 255, minus (104.0, 117.0, 123.0)" in told
    assert "the preprocessing is a guess, since the file doesn't say" in told


def test_a_converted_network_says_what_the_original_says(shared: Shared, tmp_path: Path) -> None:
    spec = googlenet(shared)
    graphs.save_graph(graphs.onnx_graph(Spec.parse(spec)), tmp_path / "net.onnx")
    image = torch.rand((1, 3, 224, 224), generator=torch.Generator().manual_seed(2))
    layer = ent.Layer("inception_5b/output")
    outs = [
        loaded(each).activations(image, [layer])[layer]
        for each in (spec, f"onnx:{tmp_path}/net.onnx")
    ]
    # The file carries its preprocessing along.
    assert torch.equal(*outs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("onnx:missing.onnx", "'missing.onnx' is not there; write onnx:FILE.onnx"),
        ("onnx:", "names 0 files; write onnx:FILE.onnx"),
        ("caffe:a.prototxt", "names 1 files; write caffe:DEPLOY.prototxt"),
        ("onnx:.", "is a folder; write onnx:FILE.onnx"),
    ],
)
def test_files_that_are_not_there_are_told(spec: str, message: str) -> None:
    with pytest.raises(BadModelFile, match=message):
        ent.load(spec)


def test_labels_can_come_from_a_file(shared: Shared, tmp_path: Path) -> None:
    file = shared("models/onnx/squeezenet_v1.1_fp32.onnx")
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"thing {i}" for i in range(1000)), "utf-8")
    assert ent.load(f"onnx:{file}?labels={names}").label("thing 7") == 7
    assert ent.load(f"onnx:{file}?labels=none").labels is None
    names.write_text("one\ntwo\n", "utf-8")
    with pytest.raises(BadSetting, match="has 2 labels; the network has 1000 classes"):
        ent.load(f"onnx:{file}?labels={names}")
