"""Threads: networks are prepared and run in several at once, and nobody else's are touched."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, fx, nn

import entoptic as ent
from entoptic.networks import Preprocess
from entoptic.networks.compile.trace import traced

PHOTO = torch.rand((1, 3, 24, 32), generator=torch.Generator().manual_seed(1))
PLAIN = Preprocess(size=(24, 32), mean=(0, 0, 0), std=(1, 1, 1))


class Block(nn.Module):
    """Weights of its own, parts, and a function of `math` on a size, as attention has it."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)
        self.scale = nn.Parameter(torch.full((outside, 1, 1), 0.9))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu() * self.scale.expand(x.shape[0], -1, 1, 1)
        return x / math.sqrt(x.shape[1])


class Hooked(nn.Sequential):
    """Its course depends on the batch, so that it has no graph."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.shape[0] > 0 else x


def network(kind: type[nn.Sequential] = nn.Sequential) -> nn.Sequential:
    torch.manual_seed(3)
    return kind(*(Block(3 if number == 0 else 4, 4) for number in range(6)))


def model(kind: type[nn.Sequential]) -> ent.Model:
    return ent.Model.wrap(network(kind), preprocess=PLAIN)


def dreamt(model: ent.Model) -> Tensor:
    return ent.dream(model, PHOTO, layer="4", octaves=2, steps=2, jitter=2).image


def together(models: Sequence[ent.Model]) -> list[Tensor]:
    """What as many threads dream that begin at once."""
    ready = threading.Barrier(len(models))

    def begun(model: ent.Model) -> Tensor:
        ready.wait(10)
        return dreamt(model)

    with ThreadPoolExecutor(len(models)) as pool:
        return list(pool.map(begun, models))


def test_first_dreams_in_threads_are_those_of_one_beside_a_network_of_the_users_own() -> None:
    expected = {kind: dreamt(model(kind)) for kind in (nn.Sequential, Hooked)}
    own = network()
    right = own(PHOTO)
    done = threading.Event()

    def users() -> int:
        runs = 0
        while not done.is_set() or not runs:
            assert torch.equal(own(PHOTO), right)
            assert isinstance(own[0].scale, nn.Parameter)
            runs += 1
        return runs

    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(users)
        try:
            for kind, picture in expected.items():
                for _ in range(2):
                    first, second = (model(kind) for _ in range(2))
                    for found in together([first, second, first, second]):
                        assert torch.equal(found, picture)
        finally:
            done.set()
        assert beside.result() > 0


class Watched(nn.Module):
    """Sees what everybody would see of torch while it is traced."""

    seen: tuple[object, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        Watched.seen = patched()
        return helped(self.part(x)) + 1


def patched() -> tuple[object, ...]:
    return nn.Module.__call__, nn.Module.__getattr__, vars(math)["sqrt"], globals()["helped"]


def helped(x: Tensor) -> Tensor:
    return x if x.shape[0] > 0 else -x


fx.wrap("helped")


def test_nothing_is_patched_for_others_while_a_network_is_traced() -> None:
    before = patched()
    tracer, graph = traced(nn.Sequential(Watched()))
    assert Watched.seen == before
    # And yet what its author has wrapped is one node.
    assert helped in [node.target for node in graph.nodes]
    assert isinstance(tracer.root, nn.Module)
    assert not vars(tracer.root.get_submodule("0")).keys() & {"forward", "_compiled_call_impl"}
