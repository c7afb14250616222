"""What works of timm: one network of each family is loaded, laid out and dreamt with, measured.

Run `python -m benchmarks.zoo` to write the table of `docs/networks.md` anew. The weights are
random, so that nothing is downloaded; what works doesn't depend on them.
"""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from entoptic import dream
from entoptic.jobs.default_layers import dream_objective
from entoptic.layers import LayerInfo
from entoptic.networks import Model, Preprocess, load

# fmt: off
FAMILIES = (
    "vgg11", "resnet18", "resnext50_32x4d", "wide_resnet50_2", "seresnet50", "res2net50_26w_4s",
    "resnest14d", "skresnet18", "inception_v3", "inception_v4", "inception_resnet_v2",
    "legacy_xception", "densenet121", "dpn68", "efficientnet_b0", "tf_efficientnetv2_b0",
    "mobilenetv2_050", "mobilenetv3_small_050", "mobilenetv4_conv_small_050", "mnasnet_small",
    "ghostnet_050", "convnext_atto", "convnextv2_atto", "regnetx_002", "regnety_002",
    "dm_nfnet_f0", "resnetv2_50", "rexnet_100", "hrnet_w18_small", "dla34", "cspresnet50",
    "ese_vovnet19b_slim", "selecsls42", "hgnetv2_b0", "repvgg_a0", "convmixer_768_32",
    "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "vit_tiny_patch16_224",
    "deit_tiny_distilled_patch16_224", "deit3_small_patch16_224", "eva02_tiny_patch14_224",
    "beit_base_patch16_224", "vit_base_patch32_clip_224", "vit_base_patch16_siglip_224",
    "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3", "maxvit_tiny_tf_224",
    "coatnet_pico_rw_224", "poolformer_s12", "caformer_s18", "mixer_s32_224", "gmlp_ti16_224",
    "resmlp_12_224", "cait_xxs24_224", "xcit_nano_12_p16_224", "pvt_v2_b0", "twins_svt_small",
    "levit_128s", "efficientformer_l1", "efficientformerv2_s0", "mobilevit_xxs",
    "mobilevitv2_050", "fastvit_t8", "edgenext_xx_small", "hiera_tiny_224", "mvitv2_tiny",
    "crossvit_tiny_240", "tnt_s_patch16_224", "visformer_tiny", "convit_tiny", "pit_ti_224",
    "coat_lite_tiny", "volo_d1_224", "focalnet_tiny_srf", "davit_tiny", "gcvit_xxtiny",
    "nest_tiny", "efficientvit_b0", "efficientvit_m0", "tiny_vit_5m_224", "inception_next_tiny",
    "repvit_m0_9", "starnet_s1", "shvit_s1", "rdnet_tiny", "lcnet_050", "tinynet_e",
    "mambaout_femto", "nextvit_small", "botnet26t_256", "halonet26t", "swiftformer_xs",
    "fasternet_t0", "test_vit", "naflexvit_base_patch16_gap", "vit_relpos_small_patch16_224",
)
"""The smallest network of each family."""
# fmt: on

# Height and width of the picture that is dreamt of, where the network lets us choose.
SIZE = 96, 128


@dataclass(frozen=True)
class Found:
    """What came of one network."""

    model: Model
    objective: str
    info: LayerInfo
    layers: int
    size: tuple[int, int]
    scores: tuple[float, ...]
    seconds: float

    def row(self, name: str) -> str:
        """A line of the table."""
        how = self.model.preprocess
        weights = sum(each.numel() for each in self.model.module.parameters())
        return (
            f"| {name} | {weights / 1e6:.1f} | {self.layers} | {_sizes(how)} | "
            f"`{self.objective}` | {_place(self.info)} | {self.seconds:.2f} |"
        )


def measure(name: str, steps: int = 2) -> Found:
    """Load a network of timm with random weights, make its layer table and dream with it.

    Raises:
        EntopticError: whatever doesn't work.
    """
    model = load(f"timm:{name}?weights=random")
    how = model.preprocess
    objective = dream_objective(model)
    (layer,) = objective.layers()
    size = how.size if how.fixed_size else SIZE
    begin = time.perf_counter()
    # Plain steps: a network with random weights needn't follow those shaped for natural pictures.
    plain: dict[str, Any] = {"look": "original", "octaves": 1, "jitter": 0}
    result = dream(model, noise=size, steps=steps, device="cpu", **plain)
    seconds = (time.perf_counter() - begin) / steps
    table = model.layers()
    return Found(model, repr(objective), table[layer], len(table), size, result.scores, seconds)


def main() -> None:
    """Measure all families, or those that the command line names, and write the table."""
    torch.set_num_threads(1)
    names = sys.argv[1:] or FAMILIES
    rows = []
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append(measure(name).row(name))
        print(rows[-1], flush=True)
    if not sys.argv[1:]:
        _write(rows)


def _write(rows: list[str]) -> None:
    page = Path(__file__).parents[1] / "docs" / "networks.md"
    before, mark, _ = page.read_text("utf-8").partition("<!-- measured -->\n")
    header = "| network | weights (M) | layers | sizes | objective | its map (channels) | s/step |"
    rule = "|---|---:|---:|---|---|---|---:|"
    page.write_text("\n".join([before + mark, header, rule, *rows, ""]), "utf-8")


def _sizes(how: Preprocess) -> str:
    if how.fixed_size:
        return f"only {how.size[0]}x{how.size[1]}"
    return "any" if how.multiple == 1 else f"any, filled up to multiples of {how.multiple}"


def _place(info: LayerInfo) -> str:
    places = "x".join(map(str, info.spatial_size)) if info.spatial_size else "none"
    return f"{places} ({info.channels})"


if __name__ == "__main__":
    main()
