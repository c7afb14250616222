"""A real frozen graph: MobileNet 0.25 for 128 x 128 pixels, and what it sees in photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from entoptic.formats.tensorflow import read_tensorflow

MOBILENET = "models/tensorflow/mobilenet_v1_0.25_128"

Find = Callable[[str], Path]


@pytest.fixture(scope="module")
def mobilenet(shared: Find):
    return read_tensorflow(shared(f"{MOBILENET}.pb"))


def session(model):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def shown(photo: Path, filter_: Image.Resampling) -> np.ndarray:
    """The centre square of a photograph, as the network wants it."""
    picture = Image.open(photo).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((128, 128), filter_)
    return np.asarray(square, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1


@pytest.mark.parametrize("filter_", [Image.Resampling.BICUBIC, Image.Resampling.BILINEAR])
@pytest.mark.parametrize(
    ("photo", "names", "place"),
    [
        ("chelsea.png", {"tabby, tabby cat", "tiger cat", "Egyptian cat"}, 3),
        ("coffee.png", {"espresso"}, 1),
        ("kodim23.png", {"macaw"}, 1),
    ],
)
def test_mobilenet_names_what_a_photograph_shows(
    mobilenet, shared: Find, filter_: Image.Resampling, photo: str, names: set[str], place: int
):
    lines = shared(f"{MOBILENET}.labels.txt").read_text().splitlines()
    labels = [line.partition(":")[2] for line in lines]
    picture = shown(shared(f"photos/{photo}"), filter_)
    (scores,) = session(mobilenet).run(None, {"input": picture})
    assert scores.shape == (1, 1001)
    assert scores.sum() == pytest.approx(1, abs=1e-4)
    first = scores[0].argsort()[::-1][:place]
    assert names & {labels[index] for index in first}


def test_mobilenet_has_the_layers_of_its_graph_and_no_transpose(mobilenet):
    nodes = mobilenet.graph.node
    assert "Transpose" not in {node.op_type for node in nodes}
    names = [node.name for node in nodes]
    # 27 times convolution, factor, sum, Relu6; then pooling, dropout and six of the classifier.
    assert len(names) == len(set(names)) == 27 * 4 + 8
    assert names[0] == "MobilenetV1/MobilenetV1/Conv2d_0/convolution"
    assert "MobilenetV1/MobilenetV1/Conv2d_13_pointwise/Relu6" in names
    facts = {entry.key: entry.value for entry in mobilenet.metadata_props}
    assert facts["entoptic.input_size"] == "128,128"


def test_a_batch_gives_what_its_pictures_give_alone(mobilenet, shared: Find):
    run = session(mobilenet).run
    pictures = [
        shown(shared(f"photos/{name}"), Image.Resampling.BICUBIC)
        for name in ("chelsea.png", "coffee.png")
    ]
    (both,) = run(None, {"input": np.concatenate(pictures)})
    for picture, scores in zip(pictures, both, strict=True):
        np.testing.assert_allclose(run(None, {"input": picture})[0][0], scores, atol=1e-5)


def test_inner_layers_serve_pictures_of_every_size(shared: Find):
    layer = "MobilenetV1/MobilenetV1/Conv2d_5_pointwise/Relu6"
    model = read_tensorflow(shared(f"{MOBILENET}.pb"), outputs=[layer])
    (result,) = session(model).run(None, {"input": np.zeros((1, 3, 200, 136), np.float32)})
    assert result.shape == (1, 64, 25, 17)
