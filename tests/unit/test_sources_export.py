"""Files of torch.export: the network is what was exported, and nothing in a file can run."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadModelFile
from entoptic.layers import Layer
from entoptic.networks import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Network(nn.Module):
    """Convolutions, a gate, one module that runs twice, tokens and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8))
        self.act = nn.ReLU(inplace=True)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)
        self.register_buffer("shift", torch.tensor([0.5]))

    def forward(self, image: Tensor) -> Tensor:
        maps = self.act(self.stem(image))
        first, second = maps.chunk(2, dim=1)
        maps = self.act(self.deep(torch.cat([second, first * first.mean((2, 3), True)], 1)))
        tokens = self.norm(maps.flatten(2).transpose(1, 2))
        scores: Tensor = self.head(tokens.mean(1)) + self.shift
        return scores


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(9)
    net = Network().eval()
    net.stem[1].running_mean.uniform_(-1, 1)
    return net


@pytest.fixture(scope="module")
def file(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "net.pt2"
    auto = torch.export.Dim.AUTO
    sizes = ({0: auto, 2: auto, 3: auto},)
    example = torch.rand((2, 3, 24, 32))
    torch.export.save(torch.export.export(network, (example,), dynamic_shapes=sizes), path)
    return path


def test_the_output_and_the_gradient_are_those_of_the_exported_network(
    file: Path, network: Network
) -> None:
    model = load(f"export:{file}?mean=0&std=1")
    assert model.preprocess.size == (24, 32)
    image = torch.rand((3, 3, 20, 44), generator=torch.Generator().manual_seed(2))
    output = model.activations(image, ["logits"])[Layer("output")]
    torch.testing.assert_close(output, network(image))
    climbs = []
    for each in (model, ent.Model.wrap(network, preprocess=model.preprocess)):
        canvas = ent.Pixels(image[:1].clone())
        for step in ent.ascend(each, ent.channel("output", 3), canvas, steps=2):
            climbs.append(step.image())
    torch.testing.assert_close(climbs[1], climbs[3])


def test_layers_have_the_names_of_modules_and_of_operations(file: Path, network: Network) -> None:
    model = load(f"export:{file}?mean=0&std=1")
    table = {str(layer): info for layer, info in model.layers().items()}
    assert table["stem"].shape == (1, 8, 12, 16)
    assert table["stem.0"].stride == (2, 2)
    assert table["stem.0"].receptive_field == (3, 3)
    assert table["norm"].layout == "NLC"
    assert table["norm"].spatial_size == (12, 16)
    assert {"cat", "mul", "head", "output"} <= table.keys()
    image = torch.rand((1, 3, 24, 32), generator=torch.Generator().manual_seed(2))
    stem = model.activations(image, ["stem"])[Layer("stem")]
    torch.testing.assert_close(stem, network.stem(image))


def test_a_dream_of_an_exported_network_works(file: Path) -> None:
    result = ent.dream(load(f"export:{file}"), noise=(40, 56), octaves=2, steps=2)
    assert result.image.shape == (1, 3, 40, 56)
    assert result.scores[3] > result.scores[2]


def rewritten(file: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of an archive with other contents."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name.partition("/")[2], old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def graph_with(change: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], bytes]:
    def of(name: str, data: bytes) -> bytes:
        if name != "models/model.json":
            return data
        graph = json.loads(data)
        change(graph["graph_module"])
        return json.dumps(graph).encode()

    return of


def pickled(name: str, data: bytes) -> bytes:
    return data.replace(b'"use_pickle": false', b'"use_pickle": true')


def repeated(name: str, data: bytes) -> bytes:
    """A weight of a billion numbers in the bytes of a few."""
    if not name.endswith("weights_config.json"):
        return data
    config = json.loads(data)
    meta = config["config"]["head.bias"]["tensor_meta"]
    meta["sizes"], meta["strides"] = [{"as_int": 1_000_000_000}], [{"as_int": 0}]
    return json.dumps(config).encode()


def target(name: str) -> Callable[[str, bytes], bytes]:
    return graph_with(lambda module: module["graph"]["nodes"][3].update(target=name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (target("torch.os.system"), "the operation 'torch.os.system' isn't read"),
        (target("torch.ops.aten.from_file.default"), "from_file.default' isn't read"),
        (target("torch.ops.aten.nothing.default"), "nothing.default' isn't read"),
        (target("_operator.attrgetter"), "'_operator.attrgetter' isn't read"),
        (pickled, "as a pickle, which could run code"),
        (repeated, "repeats 'weight_.*' beyond its size"),
        (lambda name, data: None if "model.json" in name else data, r"has no models/model\.json"),
        (lambda name, data: b"{" if "model.json" in name else data, "isn't JSON"),
        (lambda name, data: b"[" * 99_999 if "model.json" in name else data, "isn't JSON"),
        (lambda name, data: b"{}" if "model.json" in name else data, "can't read .*KeyError"),
        (lambda name, data: data[:4] if "weight_" in name else data, "can't read"),
    ],
)
def test_what_could_run_code_or_is_damaged_is_refused(
    change: Callable[[str, bytes], bytes | None], message: str, file: Path, tmp_path: Path
) -> None:
    bad = rewritten(file, tmp_path / "bad.pt2", change)
    with pytest.raises(BadModelFile, match=message) as caught:
        load(f"export:{bad}")
    assert "\n" not in str(caught.value)


def test_sample_inputs_are_never_opened(file: Path, tmp_path: Path) -> None:
    odd = rewritten(
        file, tmp_path / "odd.pt2", lambda name, data: b"no pickle" if "sample" in name else data
    )
    assert load(f"export:{odd}").layers()[Layer("output")].shape == (1, 5)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/models/model.json", b" " * 1_000_000)
    (tmp_path / "bomb.pt2").write_bytes(data.getvalue())
    with pytest.raises(BadModelFile, match=r"bomb\.pt2 is compressed"):
        load(f"export:{tmp_path / 'bomb.pt2'}")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt2").write_bytes(b"nonsense")
    with pytest.raises(BadModelFile, match=r"x\.pt2 is no file of torch\.export"):
        load(f"export:{tmp_path / 'x.pt2'}")
