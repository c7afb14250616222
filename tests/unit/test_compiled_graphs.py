"""Networks as graphs: folded, fused and cut, and equal to the network itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

import entoptic as ent
from entoptic.networks import GradientRule, Preprocess, compiled, taps
from entoptic.networks.compile.compiled import Compiled
from entoptic.networks.compile.kernels import max_pool
from entoptic.networks.compile.kernels.convolution import FrozenConv
from entoptic.networks.compile.kernels.max_pool import LeanMaxPool
from entoptic.networks.compile.kernels.rectifier import MaskedBy, Rectifier
from entoptic.networks.compile.kernels.response_norm import FastResponseNorm
from entoptic.networks.compile.kernels.stem import Stem
from entoptic.networks.compile.passes.preprocessing import FEED
from entoptic.networks.gradient_rules import Backward, Call, FunctionRule

CPU = torch.device("cpu")
PLAIN = Preprocess(size=(9, 13), mean=(0, 0, 0), std=(1, 1, 1))
IMAGE = torch.rand((2, 3, 9, 13), generator=torch.Generator().manual_seed(7))


def seasoned(network: nn.Module) -> nn.Module:
    """With statistics as if it had been trained."""
    rng = torch.Generator().manual_seed(4)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.running_mean, norm.weight.data, norm.bias.data):
                values.normal_(generator=rng)
            norm.running_var.uniform_(0.2, 3, generator=rng)
    return network


def chain(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    return seasoned(nn.Sequential(*layers)).eval()


def of(network: nn.Module, *addresses: str, precision: str = "fp32") -> Compiled:
    layers = [ent.Layer.parse(address) for address in addresses]
    model = ent.Model.wrap(network, preprocess=PLAIN)
    found = compiled(model, layers, CPU, precision=precision)
    found(IMAGE.clone().requires_grad_())  # and so verified
    return found  # type: ignore[return-value]


def frozen(graph: fx.GraphModule | None) -> list[FrozenConv]:
    """The convolutions of a graph."""
    assert graph is not None
    return [each for each in graph.modules() if isinstance(each, FrozenConv)]


def kinds(run: Compiled | fx.GraphModule | None) -> list[type[nn.Module]]:
    """Of the layers that run, in order, after the preprocessing."""
    graph = run.graph if isinstance(run, Compiled) else run
    assert isinstance(graph, fx.GraphModule)
    names = [node.target for node in graph.graph.nodes if node.op == "call_module"]
    assert names[0] == FEED
    return [type(graph.get_submodule(name)) for name in names[1:]]


def agrees(run: Compiled, **expected: Tensor) -> None:
    """Its values, by address, are those expected."""
    found = {str(layer): value for layer, value in run(IMAGE).items()}
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_batch_norm_is_folded_into_the_convolution_before_it_and_a_relu_fused() -> None:
    network = chain(nn.Conv2d(3, 6, (3, 2), bias=False), nn.BatchNorm2d(6), nn.ReLU())
    run = of(network, "output")
    assert kinds(run) == [FrozenConv]
    agrees(run, output=network(IMAGE))


@dataclass(frozen=True)
class Seen(FunctionRule):
    """Lists the names of all calls that it sees."""

    names: list[str] = field(default_factory=list)

    def backward(self, call: Call) -> Backward | None:
        self.names.append(getattr(call.function, "__name__", ""))
        return None


def test_gradient_rules_see_the_rectifiers_and_pools_of_a_fused_graph() -> None:
    network = chain(
        *(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 1), nn.ReLU6(), nn.MaxPool2d(2)),
    )
    run = of(network, "output")
    assert kinds(run) == [Stem, FrozenConv, LeanMaxPool]
    rule = Seen()
    found = run(IMAGE.clone().requires_grad_(), [rule])[ent.Layer("output")]
    known = ("relu_", "max_pool2d", "hardtanh_")
    assert [each for each in rule.names if each in known] == [*known, "max_pool2d"]
    torch.testing.assert_close(found, network(IMAGE), rtol=1e-4, atol=1e-5)


def test_the_gradient_is_that_of_the_network_itself() -> None:
    network = chain(
        *(nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU6(inplace=True)),
        *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 5, 1)),
    )
    weights = torch.rand((2, 5, 2, 3), generator=torch.Generator().manual_seed(3))
    gradients: list[Tensor] = []
    for forward in (
        network,
        lambda image: of(network, "output")(image)[ent.Layer("output")],
    ):
        image = IMAGE.clone().requires_grad_()
        gradients += torch.autograd.grad((forward(image) * weights).sum(), image)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-6)


def test_a_target_between_convolution_and_batch_norm_keeps_them_apart() -> None:
    network = chain(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
    run = of(network, "0", "output")
    assert kinds(run) == [FrozenConv, nn.BatchNorm2d, nn.ReLU]
    agrees(run, **{"0": network[0](IMAGE), "output": network(IMAGE)})


def test_a_target_before_a_relu_is_not_overwritten_by_it() -> None:
    network = chain(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
    run = of(network, "1", "2")
    before = network[1](network[0](IMAGE))
    assert (before < 0).any()
    agrees(run, **{"1": before, "2": before.relu()})


def test_a_target_that_the_network_would_overwrite_next_is_run_as_a_graph() -> None:
    network = chain(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
    run = of(network, "1")
    assert kinds(run) == [FrozenConv]
    agrees(run, **{"1": network[1](network[0](IMAGE))})


def test_a_batch_norm_that_a_convolution_shares_with_others_is_not_folded() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return self.norm(x) + x

    network = seasoned(Twice()).eval()
    run = of(network, "output")
    assert kinds(run) == [FrozenConv, nn.BatchNorm2d]
    agrees(run, output=network(IMAGE))


def test_a_batch_norm_written_as_a_function_is_folded_too() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)

        def forward(self, x: Tensor) -> Tensor:
            norm = self.norm
            x = F.batch_norm(self.conv(x), norm.running_mean, norm.running_var, norm.weight)
            return F.relu(x, inplace=True)

    network = seasoned(Functional()).eval()
    run = of(network, "output")
    assert kinds(run) == [FrozenConv]
    agrees(run, output=network(IMAGE))


class Branches(nn.Module):
    """Two branches, each of which counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.left, self.right, self.last = Counting(), Counting(), Counting()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        left, right = self.left(x), self.right(x)
        return self.last(torch.cat([left, right], 1))


class Counting(nn.Module):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        type(self).calls += 1
        return x * 2


def test_a_branch_that_no_target_needs_is_not_run() -> None:
    run = of(Branches(), "right")
    Counting.calls = 0
    run(IMAGE)
    assert Counting.calls == 1  # by taps, the left one would have run before it


def test_what_depends_on_the_size_of_the_picture_runs_as_the_network_itself() -> None:
    class Sized(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if x.shape[2] > 10 else x * 3

    run = of(Sized(), "output")
    assert run.graph is None
    small, large = (torch.ones((1, 3, side, 13)) for side in (9, 12))
    assert [float(run(each)[ent.Layer("output")].mean()) for each in (small, large)] == [3, 2]


def test_what_is_overwritten_under_others_eyes_runs_as_the_network_itself() -> None:
    class Overwriting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            self.relu(x)  # its result is x itself
            return x + 1

    network = Overwriting().eval()
    run = of(network, "output")
    assert run.graph is None
    agrees(run, output=network(IMAGE))


def test_a_network_that_behaves_otherwise_while_it_is_traced_is_found_out() -> None:
    class Sly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            return self.conv(x) if isinstance(x, Tensor) else self.conv(x) * 2

    network = Sly().eval()
    run = of(network, "output")
    assert run.graph is None
    agrees(run, output=network(IMAGE))
    layer = ent.Layer("output")
    fresh = compiled(ent.Model.wrap(network, preprocess=PLAIN), [layer], CPU)
    for each in (run, fresh):
        assert torch.equal(each(IMAGE, [ent.guided()])[layer], network(IMAGE))
        assert each.graph is None


@pytest.mark.parametrize("rules", [[], [ent.guided()]])
def test_a_graph_that_was_right_once_is_not_compared_again(
    rules: list[GradientRule], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = of(chain(nn.Conv2d(3, 4, 3), nn.ReLU()), "output")
    first = run(IMAGE, rules)[ent.Layer("output")]
    monkeypatch.setattr(taps, "run", None)
    assert torch.equal(run(IMAGE, rules)[ent.Layer("output")], first)


def test_a_rule_for_other_calls_than_activations_and_pools_runs_the_network_itself() -> None:
    class Hooked(GradientRule):
        """Counts the network's own convolutions."""

        @contextmanager
        def applied(self, modules: Mapping[str, nn.Module]) -> Iterator[None]:
            handle = modules["0"].register_forward_hook(lambda *_: seen.append("0"))
            yield
            handle.remove()

    seen: list[str] = []
    run = of(chain(nn.Conv2d(3, 4, 3), nn.ReLU()), "output")
    run(IMAGE, [Hooked(), ent.guided()])
    assert seen == ["0"]


def test_hooks_of_the_users_own_are_run() -> None:
    network = chain(nn.Conv2d(3, 4, 3), nn.ReLU())
    network[0].register_forward_hook(lambda *given: given[2] + 1)
    agrees(of(network, "output"), output=network(IMAGE))


def test_new_weights_are_noticed() -> None:
    network = chain(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model, output = ent.Model.wrap(network, preprocess=PLAIN), ent.Layer("output")
    compiled(model, [output], CPU)(IMAGE)
    with torch.no_grad():
        network[0].weight.mul_(-1)
    torch.testing.assert_close(compiled(model, [output], CPU)(IMAGE)[output], network(IMAGE))


@pytest.mark.parametrize(("size", "beta"), [(5, 0.75), (4, 0.75), (3, 0.5)])
def test_response_norms_are_those_of_pytorch_there_and_back(size: int, beta: float) -> None:
    plain = nn.LocalResponseNorm(size, alpha=0.7, beta=beta, k=1.5)
    weights = torch.rand((2, 7, 4, 6), generator=torch.Generator().manual_seed(3))
    found = []
    for norm in (plain, FastResponseNorm(plain)):
        x = torch.randn((2, 7, 4, 6), generator=torch.Generator().manual_seed(5)).requires_grad_()
        y = norm(x)
        found.append((y, *torch.autograd.grad((y * weights).sum(), x)))
    torch.testing.assert_close(found[1], found[0])


def test_a_compiled_graph_is_used_again() -> None:
    model = ent.Model.wrap(chain(nn.Conv2d(3, 4, 3)), preprocess=PLAIN)
    first = compiled(model, [ent.Layer("output")], CPU)
    assert compiled(model, [ent.Layer("output")], CPU) is first
    assert compiled(model, [ent.Layer("0")], CPU) is not first


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d((2, 3), padding=(1, 0)),
        nn.MaxPool2d(3, 1, 1),
        nn.MaxPool2d(2, dilation=(1, 2)),
    ],
)
def test_lean_max_pooling_is_that_of_pytorch_there_and_back(pool: nn.MaxPool2d) -> None:
    found = []
    for layer in (pool, LeanMaxPool(pool)):
        x = torch.randn((2, 7, 8, 11), generator=torch.Generator().manual_seed(5)).requires_grad_()
        y = layer(x)
        weights = torch.rand(y.shape, generator=torch.Generator().manual_seed(3))
        found.append((y, *torch.autograd.grad((y * weights).sum(), x)))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


@pytest.mark.parametrize("at_once", [1 << 22, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d((2, 3)), nn.MaxPool2d(3, 2)])
def test_pooling_part_by_part_gives_what_it_gives_at_once(
    pool: nn.MaxPool2d, dtype: torch.dtype, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(max_pool, "_AT_ONCE", at_once)
    rng = torch.Generator().manual_seed(3)
    found = []
    for layer in (pool, LeanMaxPool(pool, Rectifier())):
        x = torch.rand((6, 5, 24, 21), generator=rng.manual_seed(3)).to(dtype)
        x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
        y = layer(x)
        found.append((y, torch.autograd.grad(y.square().sum(), x)))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


@pytest.mark.parametrize("rectifier", [nn.ReLU(), nn.ReLU6()])
def test_a_pool_masks_the_rectifiers_before_it(rectifier: nn.Module) -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 4, 3)
            self.rectifier, self.pool = rectifier, nn.MaxPool2d(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            both = [self.rectifier(9 * self.one(x)), self.rectifier(self.other(x))]
            return self.pool(torch.cat(both, 1))

    for network in (chain(nn.Conv2d(3, 6, 3), rectifier, nn.MaxPool2d(3, 2)), Joined().eval()):
        run = of(network, "output")
        graph = run.graph
        assert graph is not None
        (pool,) = [each for each in graph.modules() if isinstance(each, LeanMaxPool)]
        assert pool.rectifier is not None
        frozen = [each for each in graph.modules() if isinstance(each, FrozenConv)]
        assert MaskedBy.POOL in [each.masked_by for each in frozen]
        image = IMAGE.clone().requires_grad_()
        ours = torch.autograd.grad(run(image)[ent.Layer("output")].square().sum(), image)
        theirs = torch.autograd.grad(network(PLAIN(image)).square().sum(), image)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_convolutions_in_a_row_before_the_first_pool_are_one_stem() -> None:
    row = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU6()]
    network = chain(*row, nn.MaxPool2d(2), nn.Conv2d(8, 6, 1), nn.ReLU(), nn.MaxPool2d(2))
    run = of(network, "output")
    assert kinds(run.graph) == [Stem, FrozenConv, LeanMaxPool]
    agrees(run, output=network(IMAGE))
    image = IMAGE.clone().requires_grad_()
    ours = torch.autograd.grad(run(image)[ent.Layer("output")].square().sum(), image)
    theirs = torch.autograd.grad(network(PLAIN(image)).square().sum(), image)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_row_that_is_seen_within_or_begins_later_is_no_stem() -> None:
    row = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU()]
    seen = of(chain(*row, nn.MaxPool2d(2)), "1", "output")
    assert kinds(seen.graph) == [FrozenConv, FrozenConv, LeanMaxPool]
    unrectified = of(chain(row[0], *row[2:], nn.MaxPool2d(2)), "output")
    assert kinds(unrectified.graph) == [FrozenConv, FrozenConv, LeanMaxPool]
    more = [part for _ in range(2) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())]
    long = of(chain(*row, *more, nn.MaxPool2d(2)), "output")
    assert kinds(long.graph) == [*[FrozenConv] * 4, LeanMaxPool]


def test_a_rectifier_that_is_a_target_too_is_not_masked_by_the_pool() -> None:
    network = chain(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(3, 2))
    run = of(network, "1", "output")
    graph = run.graph
    assert graph is not None
    (pool,) = [each for each in graph.modules() if isinstance(each, LeanMaxPool)]
    assert pool.rectifier is None


@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_preprocessing_is_folded_into_the_first_convolution(order: str, padding: int) -> None:
    how = Preprocess(
        mean=(100.0, 120.0, 90.0), std=(60.0, 50.0, 70.0), scale=255.0, order=order, multiple=8
    )
    network = chain(nn.Conv2d(3, 6, 3, padding=padding), nn.ReLU())
    model = ent.Model.wrap(network, preprocess=how)
    run = compiled(model, [ent.Layer("output")], CPU)
    assert isinstance(run, Compiled)
    feed = run.graph.get_submodule(FEED)
    assert feed.centered
    image = torch.rand((2, 3, 13, 18), generator=torch.Generator().manual_seed(1)).requires_grad_()
    ours, theirs = run(image)[ent.Layer("output")], network(how(image))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    found = [torch.autograd.grad(each.square().sum(), image)[0] for each in (ours, theirs)]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-3 * found[1].abs().max())  # type: ignore[arg-type]


def test_preprocessing_that_others_see_too_is_not_folded() -> None:
    run = of(chain(nn.Conv2d(3, 6, 3), nn.ReLU()), "output<in>", "output")
    assert not run.graph.get_submodule(FEED).centered


class Deciding(nn.Module):
    """Can't be traced: its course depends on what it is fed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)).relu()
        return self.linear(x.mean((2, 3))) if x.max() > 0 else x


@pytest.mark.parametrize("rules", [[], [ent.guided()]])
def test_a_network_without_a_graph_runs_in_reduced_precision_too(rules: list[Any]) -> None:
    network = seasoned(Deciding()).eval()
    run = of(network, "output", precision="bf16")
    assert run.graph is None
    assert run.precision == "bf16"
    image = IMAGE.clone().requires_grad_()
    ours = run(image, rules)[ent.Layer("output")]
    theirs = of(network, "output")(image, rules)[ent.Layer("output")]
    assert ours.dtype == torch.float32
    assert 0 < (ours - theirs).norm() < 0.02 * theirs.norm()
    found = [torch.autograd.grad(each.square().sum(), image)[0] for each in (ours, theirs)]
    assert (found[0] - found[1]).norm() < 0.1 * found[1].norm()
    # Nothing of the user's is changed.
    assert {each.dtype for each in network.parameters()} == {torch.float32}


def test_a_network_without_a_graph_that_lacks_a_precision_stays_in_float32() -> None:
    class Strict(Deciding):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) @ torch.ones(5, 2)

    run = of(seasoned(Strict()).eval(), "output", precision="bf16")
    assert run.graph is None
    assert run.precision == "fp32"


def bytes_kept(forward: Callable[[Tensor], Tensor]) -> int:
    """What one forward pass keeps for the way back, each piece of memory once."""
    pieces: dict[int, int] = {}

    def count(kept: Tensor) -> Tensor:
        memory = kept.untyped_storage()
        pieces[memory.data_ptr()] = memory.nbytes()
        return kept

    with torch.autograd.graph.saved_tensors_hooks(count, lambda kept: kept):
        result = forward(torch.rand((1, 3, 64, 96)).requires_grad_())
    assert result.requires_grad
    return sum(pieces.values())


@pytest.mark.parametrize(("precision", "share"), [("fp32", 1 / 2), ("bf16", 1 / 4)])
def test_the_way_back_keeps_at_most_half_of_what_the_plain_network_does(
    precision: str, share: float
) -> None:
    network = chain(
        *(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ),
    ).requires_grad_(True)
    run = of(network, "output", precision=precision)
    assert run.precision == precision
    ours = bytes_kept(lambda image: run(image)[ent.Layer("output")])
    assert ours <= share * bytes_kept(network)
