"""The methods whose pictures are compared: entoptic's own, and the peers that pip can install."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Method:
    """A way to make pictures.

    Args:
        module: of `benchmarks.peers`, that makes them.
        installs: what pip is told in an environment of its own, call by call; none for ours.
        shown: of its picture's side, the share that it shows a network at once; 0 for about all.
        batches: whether it lets several units climb together.
        settings: what `visualize` is told, for ours; by network, where that is a mapping.
    """

    module: str
    installs: tuple[tuple[str, ...], ...] = ()
    shown: float = 0.0
    batches: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


METHODS = {
    "entoptic": Method("ours", batches=True),
    "entoptic-bf16": Method("ours", batches=True, settings={"precision": "bf16"}),
    # The defaults that were before, and lucid's canvas, transforms and rate.
    "entoptic-first": Method(
        "ours",
        batches=True,
        settings={"method": {"squeezenet1_1": "entoptic", "efficientnet_lite0": "strong"}},
    ),
    "entoptic-as-lucid": Method("ours", batches=True, settings={"method": "lucid"}),
    "entoptic-lucid": Method("ours", batches=True, settings={"transforms": "lucid"}),
    "entoptic-lucid-bf16": Method(
        "ours", batches=True, settings={"transforms": "lucid", "precision": "bf16"}
    ),
    # Today's kornia no longer has what lucent 0.1.8 calls.
    "lucent": Method("lucent", (("torch-lucent==0.1.8", "kornia==0.4.1"),), batches=True),
    "dreamlens": Method("dreamlens", (("dreamlens==0.1.1",),), batches=True),
    # Without its dependencies: it asks for mkl, of which it uses nothing.
    "torch-dreams": Method(
        "torch_dreams",
        (("--no-deps", "torch-dreams==4.0.0"), ("opencv-python-headless", "tqdm")),
        batches=True,
    ),
    # It doesn't say that it needs einops.
    # Its crops' sides lie between 0.25 and 0.3 of the picture's (its box_size is (0.2, 0.25), to
    # whose upper end it adds).
    "horama": Method("horama", (("horama==0.3.0", "tqdm", "einops"),), shown=0.275),
    # The middle as large as the crops are on average: a quarter, as above, and from 0.5 to 0.05.
    "entoptic-maco": Method("ours_maco", shown=0.25),
    "horama-maco": Method(
        "horama_maco",
        (("horama==0.3.0", "tqdm", "einops"), ("--no-deps", "xplique==2.0.2")),
        shown=0.275,
    ),
    "xplique-maco": Method(
        "xplique",
        (
            ("--no-deps", "xplique==2.0.2"),
            ("tensorflow==2.21.0", "deprecated", "einops", "matplotlib", "scipy"),
            ("opencv-python-headless", "scikit-image", "scikit-learn"),
            # It imports more than maco needs.
            ("tensorflow-probability==0.25.0", "tf-keras==2.21.0"),
        ),
        shown=0.275,
    ),
}
"""By the names of the command line."""

LAYER = "fire7"
"""Whose channels are drawn."""
