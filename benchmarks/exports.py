"""Fresh exports of today's torch against onnxruntime: does every file give what the network gives?

    python -m benchmarks.exports [NAME...] [--out out/exports.md]

Each row is a network with random weights, written by one of torch's two exporters, read by entoptic
and run beside onnxruntime: one picture at the size of the export, two at a time, and one of another
size where the file takes such. The figure is the largest difference, relative to the largest number
of the output.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import entoptic as ent

BOUND = 1e-4


@dataclass(frozen=True)
class Case:
    """One export.

    Args:
        name: `timm:...` or `torchvision:...`.
        dynamo: whether it is the exporter that begins with torch.export; else that by tracing.
        opset: of ONNX.
        batch: whether any number of pictures is allowed for; else one.
        size: whether any size is allowed for; else that of the export.
        side: of the pictures of the export.
        other: (height, width) of the pictures beside it.
    """

    name: str
    dynamo: bool
    opset: int
    batch: bool = False
    size: bool = False
    side: int = 64
    other: tuple[int, int] = (96, 128)

    def __str__(self) -> str:
        how = "dynamo" if self.dynamo else "traced"
        return f"{self.name}-{how}-{self.opset}-{self.free or 'fixed'}"

    @property
    def free(self) -> str:
        """What the export leaves free."""
        axes = ("batch", self.batch), ("size", self.size)
        return " and ".join(name for name, is_free in axes if is_free)


def _cases() -> Iterator[Case]:
    def old(name: str, opset: int, **how: int) -> Case:
        return Case(name, False, opset, **how)  # type: ignore[arg-type]

    def new(name: str, opset: int, **how: int) -> Case:
        return Case(name, True, opset, **how)  # type: ignore[arg-type]

    yield old("torchvision:resnet18", 11, batch=True, size=True)
    yield new("torchvision:resnet18", 18, batch=True, size=True)
    yield new("torchvision:squeezenet1_1", 20)
    yield old("torchvision:squeezenet1_1", 9, batch=True)
    yield old("torchvision:mobilenet_v2", 13, size=True)
    yield new("torchvision:mobilenet_v3_small", 18, batch=True)
    yield old("torchvision:shufflenet_v2_x0_5", 11)
    yield new("torchvision:shufflenet_v2_x0_5", 18)
    yield old("torchvision:mnasnet0_5", 12, batch=True)
    yield new("torchvision:efficientnet_b0", 21, batch=True, size=True)
    yield old("torchvision:regnet_x_400mf", 14)
    yield new("torchvision:densenet121", 18)
    yield new("torchvision:swin_t", 18)
    yield old("torchvision:convnext_tiny", 17, size=True)
    yield old("torchvision:lraspp_mobilenet_v3_large", 17)
    yield new("torchvision:deeplabv3_mobilenet_v3_large", 18)
    yield old("timm:test_resnet", 10, batch=True, size=True)
    yield new("timm:test_efficientnet", 22)
    yield old("timm:test_vit", 14, side=160)
    yield new("timm:test_vit", 18, batch=True, side=160)
    yield new("timm:test_convnext", 18, batch=True, size=True)
    yield new("timm:mobilenetv4_conv_small", 18, batch=True)
    yield old("timm:ghostnet_100", 13)
    yield new("timm:hrnet_w18_small", 18)
    yield old("timm:efficientvit_b0", 17)
    yield new("timm:efficientvit_b0", 18, batch=True)
    yield old("timm:fastvit_t8", 16)
    yield new("timm:mobileone_s0", 18, size=True)
    yield old("timm:lcnet_050", 11, batch=True)
    yield new("timm:edgenext_xx_small", 20)
    yield old("timm:mobilevit_xxs", 17)
    yield new("timm:mobilevit_xxs", 18)
    yield new("timm:xcit_nano_12_p16_224", 18, side=224)
    yield old("timm:poolformer_s12", 17, batch=True)
    yield new("timm:levit_128s", 18, side=224)
    yield old("timm:deit_tiny_patch16_224", 17, batch=True, side=224)
    yield new("timm:deit_tiny_patch16_224", 23, side=224)
    yield old("timm:nf_regnet_b0", 15)
    yield new("timm:resnest14d", 18)
    yield old("timm:seresnext26d_32x4d", 13, batch=True)
    yield new("timm:visformer_tiny", 18, side=224)
    yield old("timm:rexnet_100", 12)
    yield new("timm:mobilevitv2_050", 19)
    yield old("timm:swinv2_cr_tiny_ns_224", 17, side=224)


CASES = tuple(_cases())
"""What is exported, in the order of the table."""

QUICK = tuple(
    case
    for case in CASES
    if str(case)
    in (
        "timm:test_resnet-traced-10-batch and size",
        "timm:test_efficientnet-dynamo-22-fixed",
        "timm:test_vit-dynamo-18-batch",
    )
)
"""Some that soon are done: both exporters, convolutions and attention, fixed and free sizes."""


def network(name: str) -> nn.Module:
    """A network with random weights that are the same each time."""
    source, _, rest = name.partition(":")
    torch.manual_seed(0)
    if source == "timm":
        import timm

        return timm.create_model(rest, pretrained=False).eval()
    import torchvision

    backbone = {"weights_backbone": None} if "_v3_large" in rest else {}
    return torchvision.models.get_model(rest, weights=None, **backbone).eval()


class _First(nn.Module):
    """Of what a network gives by name, the first."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: Tensor) -> Tensor:
        found = self.module(image)
        return next(iter(found.values())) if isinstance(found, dict) else found


def export(case: Case, path: Path) -> None:
    """Write a network as an ONNX file, as the exporters' own documentation does."""
    module = _First(network(case.name))
    images = 2 if case.batch and case.dynamo else 1  # torch.export takes a batch of one for fixed
    example = torch.rand((images, 3, case.side, case.side))
    free = {0: "batch"} if case.batch else {}
    free |= {2: "height", 3: "width"} if case.size else {}
    shapes: dict[str, Any]
    if case.dynamo:
        auto = dict.fromkeys(free, torch.export.Dim.DYNAMIC)
        shapes = {"dynamic_shapes": ({"image": auto}["image"],)} if free else {}
    else:
        shapes = {"dynamic_axes": {"image": free}} if free else {}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            str(path),
            dynamo=case.dynamo,
            opset_version=case.opset,
            input_names=["image"],
            **shapes,
        )


def largest_difference(case: Case, folder: Path) -> float:
    """Export a network and compare: relative to the largest number of the output."""
    import onnxruntime

    path = folder / "net.onnx"
    export(case, path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    model = ent.load(f"onnx:{path}?mean=0&std=1")
    rng = torch.Generator().manual_seed(1)
    sizes = [(case.side, case.side), *([case.other] if case.size else [])]
    worst = 0.0
    for size in sizes:
        for count in (1, 2):
            image = torch.rand((count, 3, *size), generator=rng)
            ours = model.activations(image, ["output"])[ent.Layer("output")].numpy()
            # A file for one picture is shown one after the other; entoptic sees to it by itself.
            parts = [image] if case.batch else image.split(1)
            theirs = np.concatenate([session.run(None, {"image": p.numpy()})[0] for p in parts])
            if ours.shape != theirs.shape:
                raise AssertionError(f"{case}: {ours.shape} instead of {theirs.shape}")
            worst = max(worst, float(np.abs(ours - theirs).max() / np.abs(theirs).max()))
    return worst


def table(cases: tuple[Case, ...]) -> Iterator[str]:
    """Rows in Markdown, each as soon as it is there."""
    yield "| network | exporter | opset | free | largest difference |"
    yield "|---|---|---|---|---|"
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = f"{largest_difference(case, Path(folder)):.1e}"
            except Exception as error:  # noqa: BLE001 - a row says what went wrong, whatever it is
                found = f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"
        how = "dynamo" if case.dynamo else "tracing"
        free = case.free or "nothing"
        yield f"| {case.name} | {how} | {case.opset} | {free} | {found} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="networks, all by default")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for row in table(tuple(c for c in CASES if not options.names or c.name in options.names)):
        print(row, flush=True)
        rows.append(row)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
