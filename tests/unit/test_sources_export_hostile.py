"""What a stranger's file of torch.export may ask for: operators of a table, sizes within bounds."""

from __future__ import annotations

import copy
import json
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from entoptic.errors import BadModelFile, BadSetting
from entoptic.formats.torch_export.operator_table import INERT, OPERATORS
from entoptic.formats.torch_export.operators import is_pure, named
from entoptic.layers import Layer
from entoptic.networks import Model, load

resource = pytest.importorskip("resource", reason="only POSIX has it")

Change = Callable[[dict[str, Any]], None]


def saved(net: nn.Module, path: Path, decomposed: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (torch.rand((1, 3, 8, 10)),))
        torch.export.save(program.run_decompositions() if decomposed else program, path)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 40, 3), nn.ReLU(), nn.Dropout(), nn.BatchNorm2d(40))
    return saved(net.eval(), tmp_path_factory.mktemp("export") / "net.pt2")


@pytest.fixture
def changed(whole: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the file with another graph, or other settings of its weights."""

    def write(change: Change, part: str = "models/model.json") -> Path:
        target = tmp_path / "bad.pt2"
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name.endswith(part):
                    document = json.loads(data)
                    change(document)
                    data = json.dumps(document).encode()
                new.writestr(name, data)
        return target

    return write


def nodes_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["graph_module"]["graph"]["nodes"]
    return found


def adding(target: Any, *inputs: tuple[str, dict[str, Any]]) -> Change:
    """One operation more, whose result nobody takes."""

    def change(document: dict[str, Any]) -> None:
        given = [{"name": name, "arg": arg, "kind": 1} for name, arg in inputs]
        made = [{"as_tensor": {"name": "extra"}}]
        node = {"target": target, "inputs": given, "outputs": made, "name": "extra"}
        nodes_of(document).append({**node, "metadata": {}})

    return change


IMAGE = {"as_tensor": {"name": "input"}}

# Names that walk to Python's insides, operators that write, open, draw, wait, hand out memory or
# ask for values, operators that work in place on what others hold, and other people's operators.
FORBIDDEN = [
    "torch.ops.aten.__getattribute__.default",
    "torch.ops.aten.__setattr__.default",
    "torch.ops.aten.__class__.__init__",
    "torch.ops.aten.add.__call__",
    "torch.ops.aten.add.__getattribute__",
    "torch.ops.aten.add.__init__.__globals__",
    "torch.ops.aten.relu._op",
    "torch.ops.aten.relu.op",
    "torch.ops.aten.relu.overloads",
    "torch.ops.aten._parse_qualified_op_name.__globals__",
    "torch.ops.aten.add_.__call__",
    "torch.ops.aten.save.default",
    "torch.ops.aten.from_file.default",
    "torch.ops.aten.from_file.out",
    "torch.ops.aten._print.default",
    "torch.ops.aten.warn.default",
    "torch.ops.aten.manual_seed.default",
    "torch.ops.aten.add.out",
    "torch.ops.aten.relu.out",
    "torch.ops.aten.resize_.default",
    "torch.ops.aten.set_.source_Tensor",
    "torch.ops.aten.set_data.default",
    "torch.ops.aten.requires_grad_.default",
    "torch.ops.aten.rand.default",
    "torch.ops.aten.randn_like.default",
    "torch.ops.aten.bernoulli.default",
    "torch.ops.aten.uniform_.default",
    "torch.ops.aten.empty.memory_format",
    "torch.ops.aten.empty_like.default",
    "torch.ops.aten.item.default",
    "torch.ops.aten._local_scalar_dense.default",
    "torch.ops.aten.nonzero.default",
    "torch.ops.aten.wait.default",
    "torch.ops.aten.nothing.default",
    "torch.ops.aten.relu",
    "torch.ops.aten.relu.default.default",
    "torch.ops.aten.relu.default\n",
    "torch.ops.aten..default",
    "torch.ops.prim.print.default",
    "torch.ops.prims.copy_to.default",
    "torch.ops.higher_order.cond",
    "torch.ops.load_library.default",
    "torch.ops.torchvision.nms.default",
    "_operator.attrgetter",
    "_operator.getitem",
    "_operator.setitem",
    "_operator.iconcat",
    "operator.add",
    "math.factorial",
    "torch.load",
    "torch.hub.load",
    "builtins.exec",
    "os.system",
    "",
]


@pytest.mark.parametrize("target", FORBIDDEN)
def test_what_isn_t_in_the_table_is_refused_by_name(
    target: str, changed: Callable[..., Path]
) -> None:
    with pytest.raises(BadModelFile) as caught:
        load(f"export:{changed(adding(target, ('self', IMAGE)))}")
    assert f"the operation {target!r} isn't read" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", [None, 7, ["torch.ops.aten.relu.default"], {}])
def test_a_name_that_is_no_text_is_refused(target: object, changed: Callable[..., Path]) -> None:
    with pytest.raises(BadModelFile, match="can't read"):
        load(f"export:{changed(adding(target, ('self', IMAGE)))}")


def test_every_operator_of_the_table_is_pure() -> None:
    for name in OPERATORS:
        operator, in_place = named(f"torch.ops.aten.{name}")
        assert is_pure(operator)
        assert not in_place
        draws = torch.Tag.nondeterministic_seeded in operator.tags
        assert not draws or name in INERT, name


def test_an_operator_whose_schema_says_that_it_writes_is_not_pure() -> None:
    for operator in (
        torch.ops.aten.relu_.default,
        torch.ops.aten.add.out,
        torch.ops.aten.index_put_.default,
        torch.ops.aten._native_batch_norm_legit.default,
    ):
        assert not is_pure(operator)


def ints(*numbers: int) -> dict[str, Any]:
    return {"as_ints": list(numbers)}


HUGE = 10**6
TOO_LARGE = {
    "zeros": [("size", ints(HUGE, HUGE))],
    "ones": [("size", ints(*[64] * 9))],
    "full": [("size", ints(2**40)), ("fill_value", {"as_int": 0})],
    "eye": [("n", {"as_int": HUGE})],
    "arange": [("end", {"as_int": 10**12})],
    "hann_window": [("window_length", {"as_int": 10**11})],
    "repeat": [("self", IMAGE), ("repeats", ints(HUGE, 1, HUGE, 1))],
    "constant_pad_nd": [("self", IMAGE), ("pad", ints(HUGE, HUGE, HUGE, HUGE))],
    "zeros of many axes": [("size", ints(*[1] * 5000))],
    "adaptive_avg_pool2d": [("self", IMAGE), ("output_size", ints(HUGE, HUGE))],
    "upsample_nearest2d": [("self", IMAGE), ("output_size", ints(HUGE, HUGE))],
    "upsample_bilinear2d": [
        ("self", IMAGE),
        ("output_size", ints(HUGE, HUGE)),
        ("align_corners", {"as_bool": False}),
    ],
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_absurd_sizes_are_refused_before_memory_is_taken(
    case: str, changed: Callable[..., Path]
) -> None:
    target = f"torch.ops.aten.{case.partition(' ')[0]}.default"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadModelFile, match=r"can't run: it makes a tensor of shape \["):
        load(f"export:{changed(adding(target, *TOO_LARGE[case]))}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kilobytes


def test_expanding_beyond_all_bounds_is_refused(changed: Callable[..., Path]) -> None:
    def change(document: dict[str, Any]) -> None:
        adding("torch.ops.aten.zeros.default", ("size", ints(1)))(document)
        nodes_of(document)[-1]["outputs"] = [{"as_tensor": {"name": "one"}}]
        extra = ("self", {"as_tensor": {"name": "one"}}), ("size", ints(10**12))
        adding("torch.ops.aten.expand.default", *extra)(document)

    with pytest.raises(BadModelFile, match=r"makes a tensor of shape \[1000000000000\]"):
        load(f"export:{changed(change)}")


@pytest.mark.parametrize(
    ("target", "numbers", "message"),
    [
        ("_operator.pow", (10**9, 10**9), "can't be computed: 1000000000 is too large an exponent"),
        ("_operator.pow", (10**9, 60), "no number of 64 bits"),
        ("_operator.lshift", (1, 10**15), "no number of 64 bits"),
        ("_operator.mul", (2**62, 2**62), "no number of 64 bits"),
        ("_operator.mul", (2**64, 1), "a whole number has more than 64 bits"),
        ("_operator.floordiv", (1, 0), "can't be computed"),
        ("_operator.rshift", (1, -1), "can't be computed"),
        ("torch.sym_sqrt", (-1,), "can't be computed"),
        ("torch.sym_max", (1,), "can't be computed"),
        ("torch.sym_max", (1, 2, 3, 4), "given something else than numbers"),
    ],
)
def test_sizes_are_computed_within_bounds(
    target: str, numbers: tuple[int, ...], message: str, changed: Callable[..., Path]
) -> None:
    given = [("a", {"as_int": number}) for number in numbers]
    with pytest.raises(BadModelFile, match=message):
        load(f"export:{changed(adding(target, *given))}")


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        ("relu", [("self", {"as_string": "x"})], "can't be given 'self' as string"),
        ("relu", [("self", {"as_tensors": [{"name": "input"}]})], "'self' as tensors"),
        ("relu", [("other", IMAGE)], "can't be given 'other' as tensor"),
        ("relu", [("self", IMAGE), ("self", IMAGE)], "can't be given 'self'"),
        ("relu", [("self", {"as_graph": {}})], "can't be given 'self' as graph"),
        ("relu", [("self", {"as_operator": "os.system"})], "can't be given 'self' as operator"),
        ("relu", [("self", {"as_tensor": {"name": "unknown"}})], "'unknown' is taken before"),
        ("zeros", [("size", {"as_ints": ["1"]})], "a str stands where a int belongs"),
        ("zeros", [("size", {"as_ints": [True]})], "a bool stands where a int belongs"),
        ("zeros", [("size", {"as_ints": [1] * 70_000})], "a list has 70000 entries"),
        ("zeros", [("size", {"as_int": 3})], "can't be given 'size' as int"),
        ("relu", [], "can't run"),
    ],
)
def test_arguments_are_what_the_schema_says(
    target: str, inputs: list[Any], message: str, changed: Callable[..., Path]
) -> None:
    with pytest.raises(BadModelFile, match=message):
        load(f"export:{changed(adding(f'torch.ops.aten.{target}.default', *inputs))}")


@pytest.mark.parametrize(("kind", "argument"), [("dropout", "train"), ("batch_norm", "training")])
def test_a_network_in_training_is_refused(
    kind: str, argument: str, changed: Callable[..., Path]
) -> None:
    def change(document: dict[str, Any]) -> None:
        (node,) = [each for each in nodes_of(document) if f"aten.{kind}." in each["target"]]
        (given,) = [each for each in node["inputs"] if each["name"] == argument]
        given["arg"] = {"as_bool": True}

    with pytest.raises(BadModelFile, match=rf"{kind}\.default is as in training, .*net\.eval\(\)"):
        load(f"export:{changed(change)}")


def test_more_operations_than_any_network_has_are_refused(
    changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["entoptic.formats.torch_export.graph"], "_MAX_NODES", 5)
    extra = adding("torch.ops.aten.relu.default", ("self", IMAGE))
    with pytest.raises(BadModelFile, match="has 6 operations; no network has"):
        load(f"export:{changed(lambda document: [extra(document) for _ in range(2)])}")


@pytest.mark.parametrize("side", [0, -1, 2**20, 10**30, "8", True])
def test_a_picture_of_absurd_size_is_refused(side: object, changed: Callable[..., Path]) -> None:
    def change(document: dict[str, Any]) -> None:
        values = document["graph_module"]["graph"]["tensor_values"]
        values["input"]["sizes"][2] = {"as_int": side}

    with pytest.raises(BadModelFile, match=f"takes pictures with a side of {side}"):
        load(f"export:{changed(change)}")


# Weights


def weight(sizes: list[int], strides: list[int]) -> Change:
    def change(document: dict[str, Any]) -> None:
        meta = document["config"]["0.weight"]["tensor_meta"]
        meta["sizes"] = [{"as_int": each} for each in sizes]
        meta["strides"] = [{"as_int": each} for each in strides]

    return change


@pytest.mark.parametrize(
    ("sizes", "strides", "message"),
    [
        ([10**6, 10**6], [0, 0], "repeats 'weight_.*' beyond its size"),
        ([1] * 5000, [1] * 5000, "has 5000 axes"),
        ([4, 3, 3, 2**60], [1, 1, 1, 1], "has the shape or strides"),
        ([4, 3, 3, -3], [27, 9, 3, 1], "has the shape or strides"),
        ([4, 3, 3, 3], [27, 9, 3, 2**40], "can't read"),
    ],
)
def test_weights_are_no_larger_than_their_bytes(
    sizes: list[int], strides: list[int], message: str, changed: Callable[..., Path]
) -> None:
    bad = changed(weight(sizes, strides), "model_weights_config.json")
    with pytest.raises(BadModelFile, match=message):
        load(f"export:{bad}")


def test_many_weights_in_the_same_bytes_are_refused(
    changed: Callable[..., Path], whole: Path
) -> None:
    """Each alone is as large as its bytes; together they would be much larger than the file."""

    def settings(document: dict[str, Any]) -> None:
        one = document["config"]["0.weight"]
        for number in range(1000):
            other = copy.deepcopy(one)
            other["tensor_meta"]["sizes"] = [{"as_int": 1000 - number % 50}]
            other["tensor_meta"]["strides"] = [{"as_int": 1}]
            other["tensor_meta"]["storage_offset"] = {"as_int": number % 7}
            document["config"][f"w{number}"] = other

    def graph(document: dict[str, Any]) -> None:
        signature = document["graph_module"]["signature"]
        for number in range(1000):
            about = {"arg": {"name": f"p_{number}"}, "parameter_name": f"w{number}"}
            signature["input_specs"].append({"parameter": about})

    both = changed(graph)
    target = both.with_name("both.pt2")
    with zipfile.ZipFile(both) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("model_weights_config.json"):
                document = json.loads(data)
                settings(document)
                data = json.dumps({"config": document["config"]}).encode()
            new.writestr(name, data)
    with pytest.raises(BadModelFile, match=r"repeats 'weight_.*' beyond its size"):
        load(f"export:{target}")


def test_weights_that_nobody_takes_are_not_read(changed: Callable[..., Path]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["config"]["unused"] = {"path_name": "nowhere", "use_pickle": True}

    bad = changed(change, "model_weights_config.json")
    assert load(f"export:{bad}").layers()[Layer("output")].shape == (1, 40, 6, 8)


def test_parts_that_lie_over_each_other_are_refused(whole: Path, tmp_path: Path) -> None:
    """One part's bytes under a hundred names, as in bombs that aren't compressed."""
    target = tmp_path / "over.pt2"
    target.write_bytes(whole.read_bytes())
    with zipfile.ZipFile(target, "a") as archive:
        largest = max(archive.infolist(), key=lambda each: each.file_size)
        for number in range(100):
            other = copy.copy(largest)
            other.filename = f"net/data/weights/{number}"
            archive.filelist.append(other)
        archive.writestr("net/last", b"")
    with pytest.raises(BadModelFile, match="its parts are larger than the file"):
        load(f"export:{target}")


# What networks change in place


class InPlace(nn.Module):
    """Changes the picture, a weight and what it has made."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("shift", torch.ones(4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        maps = self.conv(image.mul_(2))
        self.relu_of(maps)
        result: Tensor = maps.add_(self.shift)
        return result

    @staticmethod
    def relu_of(maps: Tensor) -> None:
        maps.relu_()


def test_what_is_changed_in_place_is_replaced_and_nothing_of_the_user_s_is_changed(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    net = InPlace().eval()
    model = load(f"export:{saved(net, tmp_path / 'net.pt2')}?mean=0&std=1")
    image = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(2))
    given = image.clone()
    wanted = net(given.clone())
    for _ in range(2):
        made = model.activations(given, ["output", "conv"])
        torch.testing.assert_close(made[Layer("output")], wanted)
        torch.testing.assert_close(made[Layer("conv")], net.conv(2 * image))
    assert torch.equal(given, image)
    plain: Model = model
    assert torch.equal(dict(plain.module.named_parameters())["weights.2"], torch.ones(4, 1, 1))


class SliceInPlace(nn.Module):
    """Changes a value by way of slices of slices, twice, and takes a slice again."""

    def forward(self, image: Tensor) -> Tensor:
        maps = image + 1
        part = maps[:, 1, 2:]
        part[:, 1:4] = 7
        part[0].mul_(3)
        return torch.cat([maps.flatten(1), part.flatten(1)], 1)


class TurnedInPlace(nn.Module):
    """Changes a value by way of its transpose."""

    def forward(self, image: Tensor) -> Tensor:
        maps = image + 1
        maps.transpose(2, 3).mul_(3)
        return maps


def test_a_change_by_way_of_slices_reaches_the_whole(tmp_path: Path) -> None:
    image = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(2))
    model = load(f"export:{saved(SliceInPlace(), tmp_path / 'net.pt2')}?mean=0&std=1")
    made = model.activations(image, ["output"])[Layer("output")]
    torch.testing.assert_close(made, SliceInPlace()(image))


def test_a_change_by_way_of_another_view_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"changed by way of a part of it.*run_decompositions"):
        load(f"export:{saved(TurnedInPlace(), tmp_path / 'net.pt2')}")
    decomposed = saved(TurnedInPlace(), tmp_path / "pure.pt2", decomposed=True)
    image = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(2))
    made = load(f"export:{decomposed}?mean=0&std=1").activations(image, ["output"])
    torch.testing.assert_close(made[Layer("output")], TurnedInPlace()(image))


def test_dropout_in_place_is_dropout(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(inplace=True)).eval()
    image = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(2))
    model = load(f"export:{saved(net, tmp_path / 'net.pt2')}?mean=0&std=1")
    made = model.activations(image, ["output"])[Layer("output")]
    torch.testing.assert_close(made, net(image))


class Odd(nn.Module):
    """An infinite number, and a list of one part."""

    def forward(self, image: Tensor) -> Tensor:
        (only,) = image.chunk(1, 1)
        return only.clamp(0.5, float("inf"))


def test_infinite_numbers_and_lists_of_one_part_are_read(tmp_path: Path) -> None:
    image = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(2))
    model = load(f"export:{saved(Odd(), tmp_path / 'net.pt2')}?mean=0&std=1")
    made = model.activations(image, ["output"])[Layer("output")]
    torch.testing.assert_close(made, image.clamp(min=0.5))


# Other files that a specification names


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/dev", "/proc/self/mem"])
def test_labels_come_from_a_file_of_bounded_size(device: str, whole: Path) -> None:
    with pytest.raises(BadModelFile, match=f"can't read {device}"):
        load(f"export:{whole}?labels={device}")


def test_a_file_of_labels_that_is_too_large_is_refused(whole: Path, tmp_path: Path) -> None:
    with (tmp_path / "labels.txt").open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(BadModelFile, match="is larger than 16777216 bytes"):
        load(f"export:{whole}?labels={tmp_path / 'labels.txt'}")


def test_labels_of_another_network_are_refused(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    with pytest.raises(BadSetting, match="has 2 labels; the network has 40 classes"):
        load(f"export:{whole}?labels={tmp_path / 'labels.txt'}")
