"""Networks as people write them: shown as plain torch runs them, and never changed."""

from __future__ import annotations

import copy
import dataclasses
import threading
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import entoptic as ent
from entoptic.errors import BadNetwork, PictureTooSmall, UnknownLayer
from entoptic.networks.frozen import check_module
from entoptic.networks.taps import first_tensor

HOW = ent.Preprocess(size=(8, 10), mean=(0, 0, 0), std=(1, 1, 1))
IMAGE = torch.rand((2, 3, 8, 10), generator=torch.Generator().manual_seed(3))


class Net(nn.Module):
    """A convolution and a head; variants differ in how they come from one to the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.conv(x).tanh())


class Part(nn.Module):
    """A part that gives what a function makes of its values."""

    def __init__(self, give: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.give = give

    def forward(self, x: Tensor) -> Any:
        return self.give(self.conv(x).sin())


class Giving(nn.Module):
    """A network, and a part, whose output isn't a tensor; what it takes of it changes in place."""

    def __init__(self, give: Callable[[Tensor], Any], take: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.part, self.head = Part(give), nn.Conv2d(4, 3, 1)
        self.give, self.take = give, take

    def forward(self, x: Tensor) -> Any:
        return self.give(self.head(self.take(self.part(x)).mul_(2)))


Pair = namedtuple("Pair", "extra maps")


@dataclasses.dataclass(frozen=True)
class Output:
    extra: Tensor | None
    maps: Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    maps: Tensor


class ModelOutput(OrderedDict[str, Tensor]):
    """As that of transformers: a dict whose values are attributes, too, and indexed as a tuple."""

    def __getattr__(self, name: str) -> Any:
        if name in self.keys():
            return dict(self.items())[name]
        raise AttributeError(name)

    def __getitem__(self, key: Any) -> Any:
        return dict(self.items())[key] if isinstance(key, str) else tuple(self.values())[key]


class Plain:
    def __init__(self, maps: Tensor) -> None:
        self.name, self.maps = "maps", maps


GIVEN: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "tuple": (lambda x: (None, x, x + 1), lambda given: given[1]),
    "list": (lambda x: [None, [x]], lambda given: given[1][0]),
    "dict": (lambda x: {"aux": None, "out": x}, lambda given: given["out"]),
    "namedtuple": (lambda x: Pair(None, x), lambda given: given.maps),
    "dataclass": (lambda x: Output(None, x), lambda given: given.maps),
    "slots": (Slotted, lambda given: given.maps),
    "modeloutput": (lambda x: ModelOutput(maps=x, aux=x + 1), lambda given: given.maps),
    "indexed modeloutput": (lambda x: ModelOutput(maps=x), lambda given: given[0]),
    "object": (Plain, lambda given: given.maps),
    "return type": (lambda x: x.unsqueeze(0).max(0), lambda given: given.values),
}


class Recurrent(Net):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rnn = kind(4, 5, batch_first=True)  # type: ignore[arg-type, call-arg]

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(self.conv(x), 4, ceil_mode=True)
        return self.rnn(x.flatten(2).transpose(1, 2))[0].mean(1)


class Attentive(Net):
    def __init__(self, **by_name: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.by_name = by_name

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).flatten(2).transpose(1, 2)
        if self.by_name:
            return self.attention(query=x, key=x, value=x)[0].mean(1)
        return self.attention(x, x, x)[0].mean(1)


class Branching(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head(x * 2 if x.sum() > 1e6 else x * 3)


class Counted(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head(x) * x.argmax().item()


class Picked(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x.mean((2, 3)) + x[x > 0].sum()


class Made(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head(x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype))


class Held(Net):
    """Tensors that are neither weights nor buffers, one of which asks for gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.full((4, 1, 1), 2.0, requires_grad=True) * 2
        self.more = {"shift": [torch.linspace(0, 1, 10)]}

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x) * self.scale + self.more["shift"][0])


class Numpy(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head(x) * float(np.abs(x.detach().numpy()).max())


class Holding(Net):
    """What can't be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock, self.local = threading.Lock(), threading.local()
        self.numbers: Iterator[int] = (number for number in range(3))
        self.file = Path(__file__).open()  # noqa: SIM115
        self.numpy, self.rng = np, torch.Generator()
        self.inner = {"condition": [threading.Condition()]}
        self.act = lambda x: x.tanh()

    def __del__(self) -> None:
        self.file.close()

    def forward(self, x: Tensor) -> Tensor:
        with self.lock, self.inner["condition"][0]:
            return self.head(self.act(self.conv(x)))


class Counting(Net):
    """Keeps state in a buffer, a number, a list and a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros(()))
        self.number, self.all, self.last = 0, [0], torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1  # type: ignore[assignment]
        self.number += 1
        self.all.append(self.number)
        self.last[0] = self.number
        x = self.conv(x).tanh()
        self.seen = x
        return self.head(x)


def hooked() -> nn.Module:
    """A hook that keeps a layer's output on the module, and has kept one."""
    network = Net()

    def keep(module: nn.Module, _: Any, output: Tensor) -> None:
        module.output = output

    network.conv.register_forward_hook(keep)
    network(torch.zeros(1, 3, 8, 10))
    return network


class ByHook(Net):
    """What its hooks keep is what it goes on with."""

    def __init__(self) -> None:
        super().__init__()
        kept: list[Tensor] = []
        self.conv.register_forward_hook(lambda _, __, output: setattr(self, "kept", output))
        self.conv.register_forward_hook(lambda _, __, output: kept.append(output))
        self.conv.register_forward_hook(self.keep)
        self.all = kept

    def keep(self, _: nn.Module, __: Any, output: Tensor) -> None:
        self.also = output

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        return self.head(self.kept + self.also * self.all[-1])


def patched() -> nn.Module:
    """A forward in the place of the class's own, which sees the module by its closure."""
    network = Net()
    network.forward = lambda x: network.head(network.conv(x)) * 2  # type: ignore[method-assign]
    return network


class One(Net):
    """For a batch of one: with more images it fails."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).view(1, 4, 8, 10))


class Mixing(Net):
    """For a batch of one: it mixes the images of a larger one."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x)).reshape(1, 3, -1).mean(2)


class Alike(Net):
    """For a batch of one: it mixes images without a trace in any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).softmax(0) + self.conv(x))


class Forgetful(Net):
    """Its `train` returns nothing."""

    def train(self, mode: bool = True) -> Any:
        super().train(mode)


class Aliased(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.second = self.first
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.second(self.act(self.first(x))))


def weight_normed() -> nn.Module:
    network = Net()
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(network.conv)
    network(torch.zeros(1, 3, 8, 10))
    return network


def pruned() -> nn.Module:
    network = Net()
    prune.random_unstructured(network.conv, "weight", 0.5)
    return network


def parametrized() -> nn.Module:
    network = Net()
    parametrizations.weight_norm(network.conv)
    return network


def scripted(part: nn.Module) -> nn.Module:
    with pytest.warns(FutureWarning):
        made: nn.Module = torch.jit.script(part.eval())
    return made


def traced() -> nn.Module:
    with pytest.warns(FutureWarning):
        made: nn.Module = torch.jit.trace(Net().eval(), IMAGE)
    return made


def trained() -> nn.Module:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 3, 1)
    )
    network.train()(IMAGE).sum().backward()
    return network


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    **{
        f"gives {name}": (lambda how=how: Giving(*how), ("part", "output"))  # type: ignore[misc]
        for name, how in GIVEN.items()
    },
    "LSTM": (lambda: Recurrent(nn.LSTM), ("rnn", "rnn<in>", "output")),
    "GRU": (lambda: Recurrent(nn.GRU), ("rnn", "output")),
    "attention": (Attentive, ("attention", "attention<in>", "output")),
    "attention by name": (
        lambda: Attentive(by_name=True),
        ("attention", "attention<in>", "output"),
    ),
    "branching": (Branching, ("conv", "head<in>", "output")),
    "counted": (Counted, ("conv", "output")),
    "picked": (Picked, ("conv", "output")),
    "made in forward": (Made, ("conv", "output")),
    "tensors held": (Held, ("conv", "output")),
    "numpy": (Numpy, ("conv", "output")),
    "what can't be copied": (Holding, ("conv", "output")),
    "counting": (Counting, ("conv", "output")),
    "hooked": (hooked, ("conv", "output")),
    "by hook": (ByHook, ("conv", "output")),
    "patched": (patched, ("conv", "output")),
    "for one": (One, ("conv", "output")),
    "mixing": (Mixing, ("conv", "output")),
    "mixing alike": (Alike, ("conv", "output")),
    "forgetful": (Forgetful, ("conv", "output")),
    "aliases": (Aliased, ("first", "second#1", "act#1")),
    "weight_norm": (weight_normed, ("conv", "output")),
    "pruned": (pruned, ("conv", "output")),
    "parametrized": (parametrized, ("conv", "output")),
    "in training": (trained, ("1", "output")),
    "double": (lambda: Net().double(), ("conv", "output")),
    "bfloat16": (lambda: Net().bfloat16(), ("conv", "output")),
    "scripted part": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), scripted(nn.Tanh()), nn.Conv2d(4, 3, 1)),
        ("0", "2<in>", "output"),
    ),
    "scripted": (lambda: scripted(Net()), ("output",)),
    "traced by jit": (traced, ("output",)),
    "traced by fx": (lambda: torch.fx.symbolic_trace(Net()), ("conv", "output")),
    "exported": (lambda: torch.export.export(Net(), (IMAGE[:1],)).module(), ("output",)),
}


def made(name: str) -> nn.Module:
    torch.manual_seed(1)
    return NETWORKS[name][0]()


def plain(network: nn.Module, address: str, image: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's value, and the gradient of its sum, image by image, by torch and nothing else."""
    layer = ent.Layer.parse(address)
    part = network if layer.name == "output" else network.get_submodule(layer.name)
    seen: list[Tensor] = []

    def before(_: nn.Module, args: Any, kwargs: Any) -> None:
        if layer.port == "input":
            seen.append(first_tensor((args, kwargs)))  # type: ignore[arg-type]

    def after(_: nn.Module, __: Any, output: Any) -> Any:
        if layer.port == "output":
            seen.append(first_tensor(output).clone())

    if not isinstance(network, torch.jit.ScriptModule):
        part.register_forward_pre_hook(before, with_kwargs=True)
        part.register_forward_hook(after)
    dtype = next((each.dtype for each in network.parameters()), torch.float32)
    values, gradients = [], []
    for each in image.split(1):
        seen.clear()
        fed = each.clone().requires_grad_()
        result = network(fed.to(dtype))
        value = seen[layer.call] if seen else result
        values.append(value.detach())
        gradients.extend(torch.autograd.grad(value.sum(), fed))
    return torch.cat(values), torch.cat(gradients)


def test_a_layer_inside_of_torchvisions_attention_is_shown() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(1)
    network = torchvision.models.VisionTransformer(8, 4, 1, 2, 6, 12, num_classes=3).eval()
    layer = "encoder.layers.encoder_layer_0.self_attention"
    value, slope = plain(copy.deepcopy(network), layer, IMAGE[..., :8])
    model = ent.Model.wrap(network, preprocess=dataclasses.replace(HOW, size=(8, 8)))
    info = model.layers()[ent.Layer(layer)]
    assert (info.shape, info.layout, info.spatial_size) == ((1, 5, 6), "NLC", (2, 2))
    found = model.activations(IMAGE[..., :8], [layer])[ent.Layer(layer)]
    torch.testing.assert_close(found, value)
    gradient = ent.gradient(model, of=ent.Layer(layer), at=IMAGE[..., :8])
    torch.testing.assert_close(gradient, slope, rtol=1e-4, atol=1e-5)


def eval_made(name: str) -> nn.Module:
    network = made(name)
    if not isinstance(network, torch.fx.GraphModule):
        network.eval()
    return network


EACH = [(name, layer) for name, (_, layers) in NETWORKS.items() for layer in layers]


@pytest.mark.parametrize(("name", "layer"), EACH)
def test_values_and_gradients_are_those_of_plain_torch(name: str, layer: str) -> None:
    value, slope = plain(eval_made(name), layer, IMAGE)
    model = ent.Model.wrap(made(name), preprocess=HOW)
    if "<in>" not in layer and layer not in ("second#1",):
        assert model.layers()[ent.Layer.parse(layer)].shape == value[:1].shape
    close: dict[str, Any] = (
        {"rtol": 0.05, "atol": 0.05} if name == "bfloat16" else {"rtol": 1e-4, "atol": 1e-5}
    )
    found = model.activations(IMAGE, [layer])[ent.Layer.parse(layer)]
    torch.testing.assert_close(found, value, **close)
    gradient = ent.gradient(model, of=ent.Layer.parse(layer), at=IMAGE)
    torch.testing.assert_close(gradient, slope, **close)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_dream_goes_along_the_gradient_of_plain_torch(name: str) -> None:
    layer = NETWORKS[name][1][0]
    _, slope = plain(eval_made(name), layer, IMAGE[:1])
    model = ent.Model.wrap(made(name), preprocess=HOW)
    how: dict[str, Any] = {"steps": 1, "octaves": 1, "jitter": 0, "step_size": 0.01}
    how |= {"look": "original"}
    found = ent.dream(model, IMAGE[:1], objective=f"mean({layer!r})", **how).image
    expected = (IMAGE[:1] + 0.01 * slope / slope.abs().mean()).clamp(0, 1)
    close = 1e-2 if name == "bfloat16" else 1e-4
    torch.testing.assert_close(found, expected, rtol=close, atol=close)


@pytest.mark.parametrize(
    "name", ["gives dataclass", "LSTM", "attention", "branching", "by hook", "scripted", "mixing"]
)
def test_a_unit_of_each_is_visualized(name: str) -> None:
    layer = NETWORKS[name][1][-1]
    model = ent.Model.wrap(made(name), preprocess=HOW)
    pictures = [
        ent.visualize(model, f"channel({layer!r}, 1)", size=10, steps=steps).image
        for steps in (0, 2)
    ]
    assert pictures[1].isfinite().all()
    assert not torch.equal(*pictures)


def state(network: nn.Module) -> list[tuple[str, Any]]:
    """All there is of a module that something could change."""
    found: list[tuple[str, Any]] = []
    for path, module in network.named_modules():
        for name, value in vars(module).items():
            found.append((f"{path}.{name}", snapshot(value)))
    for path, weight in network.named_parameters():
        grad = None if weight.grad is None else weight.grad.tolist()
        found.append((path, (weight.requires_grad, weight.tolist(), grad, weight._version)))
    return found


def snapshot(value: Any) -> Any:
    if isinstance(value, Tensor):
        return id(value), value._version, value.tolist(), value.requires_grad, value.device
    if isinstance(value, dict):
        return [(key, snapshot(each)) for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [snapshot(each) for each in value]
    return value if isinstance(value, bool | int | float | str) else id(value)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_module_is_never_changed(name: str) -> None:
    network = made(name)
    before = copy.copy(state(network))
    model = ent.Model.wrap(network, preprocess=HOW)
    layer = NETWORKS[name][1][0]
    model.layers()
    model.activations(IMAGE, [layer])
    ent.gradient(model, of=ent.Layer.parse(layer), at=IMAGE)
    ent.dream(model, IMAGE[:1], objective=f"mean({layer!r})", steps=1, octaves=1)
    assert state(network) == before


def test_what_the_user_changes_is_seen() -> None:
    class Scaled(Net):
        scale = 1.0

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) * self.scale

    network = Scaled().eval()
    model = ent.Model.wrap(network, preprocess=HOW)
    first = model.activations(IMAGE, ["output"])[ent.Layer("output")]
    network.scale = 3.0
    torch.testing.assert_close(model.activations(IMAGE, ["output"])[ent.Layer("output")], 3 * first)
    network.conv.register_forward_hook(lambda _, __, output: output + 1)
    torch.testing.assert_close(
        model.activations(IMAGE, ["output"])[ent.Layer("output")], 3 * (first + 1)
    )


@pytest.mark.parametrize("give", GIVEN.values(), ids=GIVEN)
def test_a_gradient_starts_at_what_lies_in_an_output(give: Any) -> None:
    torch.manual_seed(2)
    network = Giving(*give)
    model = ent.Model.wrap(network, preprocess=HOW)
    found = ent.gradient(model, of=ent.Layer("head"), wrt="part", at=IMAGE)
    # The head's weights, twice, are what each place of the part counts.
    expected = 2 * network.head.weight.detach().sum(0)[None].expand_as(found)
    torch.testing.assert_close(found, expected)


class Wrapper(nn.Module):
    """As those of other packages: known by its name."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Any:
        raise AssertionError("it needs other processes")


Wrapper.__name__ = "DistributedDataParallel"


@pytest.mark.parametrize(
    "wrap",
    [
        torch.compile,
        nn.DataParallel,
        Wrapper,
        lambda network: nn.DataParallel(torch.compile(network)),  # type: ignore[type-var]
        torch.optim.swa_utils.AveragedModel,
    ],
)
def test_wrappers_are_looked_into(wrap: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(1)
    network = Net().eval()
    value, slope = plain(copy.deepcopy(network), "conv", IMAGE)
    outer = nn.Sequential(wrap(network), nn.Tanh())
    for module, layer in ((wrap(network), "conv"), (outer, "0.conv")):
        model = ent.Model.wrap(module, preprocess=HOW)
        assert model.names[0] == ("conv" if layer == "conv" else "0")
        found = model.activations(IMAGE, [layer])[ent.Layer(layer)]
        torch.testing.assert_close(found, value)
        gradient = ent.gradient(model, of=ent.Layer(layer), at=IMAGE)
        torch.testing.assert_close(gradient, slope, rtol=1e-4, atol=1e-5)


def test_a_module_compiled_in_place_is_shown() -> None:
    network = Net().eval()
    value, _ = plain(copy.deepcopy(network), "output", IMAGE)
    network.compile()
    model = ent.Model.wrap(network, preprocess=HOW)
    found = model.activations(IMAGE, ["output"])[ent.Layer("output")]
    torch.testing.assert_close(found, value)


def test_each_name_of_a_layer_will_do() -> None:
    model = ent.Model.wrap(Aliased(), preprocess=HOW)
    assert model.names == ("first", "act", "output")
    assert model.resolve("second#1<in>") == ent.Layer("first", "input", 1)
    assert ent.gradient(model, of="second#1", at=IMAGE).equal(
        ent.gradient(model, of="first#1", at=IMAGE)
    )


class Two(Net):
    def forward(self, x: Tensor, weight: Tensor) -> Tensor:  # type: ignore[override]
        return self.conv(x) * weight


class ByName(Net):
    def forward(self, *, pixel_values: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"logits": self.conv(pixel_values)}


class OfDict(Net):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return self.conv(batch["image"])


class OfList(Net):
    def forward(self, images: list[Tensor]) -> Tensor:  # type: ignore[override]
        return self.conv(torch.stack(images))


FED: dict[str, tuple[type[Net], Callable[[nn.Module, Tensor], Any], float]] = {
    "two inputs": (Two, lambda network, x: network(x, torch.tensor(3.0)), 3.0),
    "by name": (ByName, lambda network, x: network(pixel_values=x), 1.0),
    "a dict": (OfDict, lambda network, x: network({"image": x}), 1.0),
    "a list": (OfList, lambda network, x: network(list(x)), 1.0),
    "a part": (Net, lambda network, x: network.conv(x) * 2, 2.0),
}


@pytest.mark.parametrize("name", FED)
def test_a_network_is_run_as_the_user_says(name: str) -> None:
    kind, forward, factor = FED[name]
    network = kind()
    model = ent.Model.wrap(network, preprocess=HOW, forward=forward)
    assert [str(layer) for layer in model.layers()] == ["conv", "output"]
    acts = model.activations(IMAGE, ["conv", "output"])
    expected = network.conv(IMAGE).detach()
    torch.testing.assert_close(acts[ent.Layer("conv")], expected)
    torch.testing.assert_close(acts[ent.Layer("output")], factor * expected)
    _, slope = plain(nn.Sequential(copy.deepcopy(network.conv)), "0", IMAGE)
    found = ent.gradient(model, of=ent.Layer("output"), at=IMAGE)
    torch.testing.assert_close(found, factor * slope, rtol=1e-4, atol=1e-5)
    with pytest.raises(UnknownLayer, match=r"no layer named 'cov' in python; did you mean"):
        model.resolve("cov")


def test_a_network_of_films_is_shown_pictures_that_stand_still() -> None:
    def forward(network: nn.Module, image: Tensor) -> Tensor:
        return network(image[:, :, None].expand(-1, -1, 5, -1, -1)).mean(2)

    network = nn.Sequential(nn.Conv3d(3, 4, 3))
    model = ent.Model.wrap(network, preprocess=HOW, forward=forward)
    assert model.layers()[ent.Layer("0")].shape == (1, 4, 3, 6, 8)
    # A picture that stands still is seen by the sum of the kernel over time.
    flat = F.conv2d(IMAGE, network[0].weight.sum(2), network[0].bias).detach()  # type: ignore[arg-type]
    torch.testing.assert_close(model.activations(IMAGE, ["output"])[ent.Layer("output")], flat)
    assert ent.visualize(model, "channel('output', 1)", size=10, steps=1).image.isfinite().all()


class Sized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 2, 3), nn.Linear(2 * 6 * 8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).flatten(1))


class OnNothing(Net):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError


class Elsewhere(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + x.to("cuda:99")


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "two inputs": (Two, r"missing 1 required positional argument: 'weight'.*forward=\.\.\."),
    "by name": (ByName, r"takes 1 positional argument but 2 were given.*forward=\.\.\."),
    "a dict": (OfDict, r"IndexError: too many indices for tensor of dimension 4.*forward="),
    "a list": (OfList, r"must be tuple of Tensors, not Tensor.*forward="),
    "channels": (
        lambda: nn.Conv2d(5, 2, 3),
        r"to have 5 channels, but got 3 channels instead; it was",
    ),
    "no reason": (OnNothing, "256x320 or 512x640: RuntimeError; it was fed"),
    "another device": (Elsewhere, "256x320 or 512x640: .*(CUDA|NVIDIA|device)"),
}


def test_lazy_layers_are_refused_at_once() -> None:
    with pytest.raises(BadNetwork, match=r"lazy layers .*; run it once on a picture"):
        ent.Model.wrap(nn.Sequential(nn.LazyConv2d(3, 3)))


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_nothing_to_do_with_size_is_named(name: str) -> None:
    make, told = REFUSED[name]
    model = ent.Model.wrap(make(), preprocess=HOW)
    for attempt in (
        lambda: model.layers(),
        lambda: model.activations(IMAGE, ["output"]),
        lambda: ent.gradient(model, of="output", at=IMAGE),
        lambda: ent.visualize(model, "channel('output', 1)", size=9, steps=1),
        lambda: ent.dream(model, IMAGE[:1], objective="mean('output')", steps=1),
    ):
        with pytest.raises(ent.EntopticError, match=told) as caught:
            attempt()
        assert type(caught.value) is BadNetwork
        assert "larger one" not in str(caught.value)


def test_one_size_is_enough_and_one_that_is_too_small_is_told() -> None:
    model = ent.Model.wrap(Sized(), preprocess=HOW)
    # It takes only one size, and is shown pictures of others at that size.
    for size in ((20, 30), (8, 10)):
        assert model.layers(size=size)[ent.Layer("fc")].shape == (1, 5)
    deep = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 9), nn.Conv2d(2, 2, 9)))
    with pytest.raises(PictureTooSmall, match=r"of 12x20 .*; try a larger one"):
        deep.layers(size=(12, 20))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: torch.export.export(Net(), (IMAGE[:1],)), "ExportedProgram isn't a .*'export:FIL"),
        (lambda: lambda x: x, "function isn't a torch.nn.Module; put it into the forward of one"),
        (lambda: Net, r"type isn't a torch.nn.Module; make one, such as Net\(\)"),
        (lambda: [Net()], "list isn't a torch.nn.Module; give the network itself"),
        (
            lambda: quantized(),
            r"'1' is quantised \(Linear\), and no gradient flows .*; wrap the net",
        ),
    ],
)
def test_what_cannot_be_looked_into_is_refused(make: Callable[[], Any], told: str) -> None:
    with pytest.raises(BadNetwork, match=told):
        check_module(make())


def quantized() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.Flatten(), torch.ao.nn.quantized.dynamic.Linear(240, 3))


def test_shapes_are_told_without_computing_where_there_are_no_weights_either() -> None:
    class Parting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert x.is_meta
            return x[:, :2]

    model = ent.Model.wrap(Parting(), preprocess=HOW)
    assert model.layers()[ent.Layer("output")].shape == (1, 2, 8, 10)


def test_weights_without_values_have_shapes_but_no_activations() -> None:
    model = ent.Model.wrap(Net().to("meta"), preprocess=HOW)
    assert model.layers()[ent.Layer("conv")].shape == (1, 4, 8, 10)
    with pytest.raises(BadNetwork, match=r"weights are on 'meta', .*; load them first"):
        model.activations(IMAGE, ["conv"])


def test_a_module_that_refuses_to_be_copied_is_told_of() -> None:
    class Unique(Net):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("there is one of me")

    with pytest.raises(
        BadNetwork, match=r"Unique can't be copied \(there is one of me\), and only"
    ):
        ent.Model.wrap(Unique()).layers()


def test_the_parts_of_what_jit_made_are_told_not_to_be_seen() -> None:
    model = ent.Model.wrap(made("scripted"), preprocess=HOW)
    with pytest.raises(UnknownLayer, match=r"no layer named 'conv' in .*torch.jit made is one l"):
        model.resolve("conv")


class Nothing(nn.Module):
    def forward(self, x: Tensor) -> None:
        return None


class Saying(Net):
    def __init__(self) -> None:
        super().__init__()
        self.nothing = Nothing()

    def forward(self, x: Tensor) -> Tensor:
        self.nothing(x)
        return self.conv(x)


def test_a_layer_that_gives_nothing_is_refused_each_time() -> None:
    model = ent.Model.wrap(Saying(), preprocess=HOW)
    assert model.layers()[ent.Layer("nothing")].shape == ()
    for _ in range(2):
        with pytest.raises(UnknownLayer, match=r"'nothing' gives NoneType, not a tensor"):
            model.activations(IMAGE, ["nothing"])
        with pytest.raises(UnknownLayer, match=r"'nothing' gives NoneType, not a tensor"):
            ent.dream(model, IMAGE[:1], objective="energy('nothing')", steps=1, octaves=1)
