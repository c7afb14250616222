"""Networks of timm of every family: each has a layer table, and its layer grows in a dream."""

from __future__ import annotations

import pytest
import torch
from benchmarks.zoo import FAMILIES, measure

import entoptic as ent
from entoptic.layers import Layer
from entoptic.networks import load

# A network with gates, one of tokens and one of axes in another order; the others are many.
QUICK = ("mobilenetv3_small_050", "test_vit", "convnext_atto")

each_family = pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES],
)

# Older parts of timm warn of Python's and torch's own changes.
quietly = pytest.mark.filterwarnings("ignore")


@quietly
@each_family
def test_a_dream_of_its_default_layer_makes_that_layer_grow(name: str) -> None:
    found = measure(name, steps=4)
    assert len(found.scores) == 4
    assert found.scores[-1] > found.scores[0] or name in DEAF
    assert (found.info.spatial_size is None) == (name in WITHOUT_MAPS)
    assert found.info.channels is not None
    assert found.info.channels > 1


# As timm initialises it, hardly anything of the picture reaches its middle.
DEAF = ("repvgg_a0",)

# It cuts the picture into tokens without a convolution, so that no map says how they lie.
WITHOUT_MAPS = ("naflexvit_base_patch16_gap",)

# Layers of tokens, with a picture of (height, width) and the grid that must come of it.
TOKENS = {
    "test_vit": ("blocks.2", (64, 96), (4, 6)),
    "vit_small_patch14_reg4_dinov2": ("blocks.3", (56, 84), (4, 6)),
    "vit_small_patch16_dinov3": ("blocks.3", (64, 96), (4, 6)),
    "deit_tiny_distilled_patch16_224": ("blocks.3", (64, 96), (4, 6)),
    "eva02_tiny_patch14_224": ("blocks.3", (56, 84), (4, 6)),
    "vit_base_patch32_clip_224": ("blocks.3", (96, 160), (3, 5)),
    "xcit_nano_12_p16_224": ("blocks.3", (64, 96), (4, 6)),
    "mvitv2_tiny": ("stages.0.blocks.0", (64, 96), (16, 24)),
    "pvt_v2_b0": ("stages.2.blocks.0.norm1", (64, 96), (4, 6)),
    "caformer_s18": ("stages.2.blocks.0", (64, 96), (4, 6)),
    "mixer_s32_224": ("blocks.0", (224, 224), (7, 7)),
    "cait_xxs24_224": ("blocks.3", (224, 224), (14, 14)),
}


@quietly
@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TOKENS],
)
def test_tokens_lie_where_their_patches_are(name: str) -> None:
    address, size, grid = TOKENS[name]
    model = load(f"timm:{name}?weights=random")
    layer = Layer(address)
    assert model.info(layer, size).spatial_size == grid
    plain = torch.full((1, 3, *size), 0.5)
    height, width = size[0] // grid[0], size[1] // grid[1]
    row, column = 1, grid[1] - 2
    spotted = plain.clone()
    # The patch of one token, and no other, is noise.
    spotted[:, :, row * height : (row + 1) * height, column * width : (column + 1) * width] = (
        torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(0))
    )
    first, second = (
        model.arranged(model.activations(image, [layer]), size)[layer] for image in (plain, spotted)
    )
    change = (first - second).abs().sum(1)[0]
    assert change.shape == grid
    assert divmod(int(change.argmax()), grid[1]) == (row, column)


@quietly
@pytest.mark.slow
def test_tokens_out_of_reading_order_have_no_places() -> None:
    model = load("timm:hiera_tiny_224?weights=random")
    info = model.layers()[Layer("blocks.5")]
    assert (info.layout, info.spatial_size, info.channels) == ("NLC", None, 384)
    with pytest.raises(ent.errors.ChannelOutOfRange, match=r"'blocks\.5' has no rows"):
        ent.dream(model, noise=(224, 224), objective="neuron('blocks.5', 3, 1, 1)", steps=1)


@quietly
def test_channels_of_windows_are_those_of_the_whole_picture() -> None:
    model = load("timm:swin_tiny_patch4_window7_224?weights=random")
    size, layer = (84, 112), Layer("layers.0.blocks.0.attn.proj")
    image = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(0))
    raw = model.activations(image, [layer])[layer]
    # 3x4 windows of 7x7 places, one picture after the other.
    assert raw.shape == (2 * 12, 49, 96)
    arranged = model.arranged({layer: raw}, size)[layer]
    assert arranged.shape == (2, 96, 12 * 49)
    torch.testing.assert_close(arranged[1].mean(1), raw[12:].mean((0, 1)))
