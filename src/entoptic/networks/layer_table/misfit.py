"""Errors for images of a size that a network can't work on, which say what size it can."""

from __future__ import annotations

from entoptic.errors import BadNetwork, PictureTooSmall, WrongPictureSize
from entoptic.layers import Layer
from entoptic.networks.layer_table.tables import Tables

# Sizes on which a network is tried that can't work on one, to tell whether that is due to the size.
_LARGER = ((256, 320), (512, 640))
_LONGEST_TRIAL = 640


def misfit(
    tables: Tables, source: str, size: tuple[int, int], reason: str, layer: Layer | None = None
) -> WrongPictureSize | BadNetwork:
    """Return the error for a network that can't work at a size, up to a layer.

    Args:
        tables: of the network.
        source: what it is called.
        size: (height, width) that was asked for.
        reason: what torch said.
        layer: the layer that is to be reached; None for the network's end.
    """
    how = tables.preprocess
    asked, own = (f"{height}x{width}" for height, width in (size, how.size))
    if how.fixed_size:
        return WrongPictureSize(
            f"{source} can't work on pictures of {own} (height x width), which it is said "
            f"to take: {reason}; give the size that it was made for (?size=HxW)"
        )
    tried = {*tables.found, how.size, *_LARGER} - {size}
    fit = [each for each in sorted(tried) if _works(tables, each, layer)]
    what = f"the network can't work on a picture of {asked} (height x width)"
    if not fit:
        short = min(size[0], _LONGEST_TRIAL), min(size[1], _LONGEST_TRIAL)
        reason = tables.fed(how.grown(short), computed=True).failure or reason
        others = " or ".join(f"{height}x{width}" for height, width in sorted(tried))
        return BadNetwork(
            f"{what}, nor on {others}: {reason}; it was fed one tensor of "
            f"{how.channels} channels (batch, channels, height, width): where it "
            "wants another number, say so by Preprocess(channels=...); where it wants "
            "something else, say how it is run by Model.wrap(..., forward=...)"
        )
    if any(min(each) > max(size) for each in fit if each != how.size):
        return PictureTooSmall(f"{what}: {reason}; try a larger one (--size)")
    height, width = how.size if how.size in fit else fit[0]
    return WrongPictureSize(f"{what}: {reason}; it works on one of {height}x{width}")


def _works(tables: Tables, size: tuple[int, int], layer: Layer | None) -> bool:
    table = tables.at(size)
    return layer in table.rows or table.failure is None
