"""The methods whose pictures are compared: entoptic's own, and the peers that pip can install."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to make pictures.

    Args:
        module: of `benchmarks.peers`, that makes them.
        installs: what pip is told in an environment of its own, call by call; none for ours.
        shown: of its picture's side, the share that it shows a network at once; 0 for about all.
    """

    module: str
    installs: tuple[tuple[str, ...], ...] = ()
    shown: float = 0.0


METHODS = {
    "entoptic": Method("ours"),
    "entoptic-lucid": Method("ours_lucid"),
    # Today's kornia no longer has what lucent 0.1.8 calls.
    "lucent": Method("lucent", (("torch-lucent==0.1.8", "kornia==0.4.1"),)),
    "dreamlens": Method("dreamlens", (("dreamlens==0.1.1",),)),
    # Without its dependencies: it asks for mkl, of which it uses nothing.
    "torch-dreams": Method(
        "torch_dreams",
        (("--no-deps", "torch-dreams==4.0.0"), ("opencv-python-headless", "tqdm")),
    ),
    # It doesn't say that it needs einops.
    # Its crops' sides lie between 0.25 and 0.3 of the picture's (its box_size is (0.2, 0.25), to
    # whose upper end it adds).
    "horama": Method("horama", (("horama==0.3.0", "tqdm", "einops"),), shown=0.275),
}
"""By the names of the command line."""

LAYER = "fire7"
"""Whose channels are drawn."""
