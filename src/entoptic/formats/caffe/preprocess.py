"""Preprocessing of a Caffe network: as its files have it, and a guess where they don't."""

from __future__ import annotations

from dataclasses import dataclass

from entoptic.errors import BadModelFile
from entoptic.formats.caffe.prototxt import Message

# The mean of the ImageNet training pictures (blue, green, red), which BVLC's reference networks
# subtract: the rounded values of ilsvrc_2012_mean.npy, as in their train_val.prototxt files.
_IMAGENET_MEAN_BGR = (104.0, 117.0, 123.0)

# Pixels of 0..255 are scaled by 1 or by about 1/128.
_SMALLEST_SCALE = 1e-9
# The widest pictures are hyperspectral, of some hundred channels.
_MOST_CHANNELS = 4096


@dataclass(frozen=True)
class Transform:
    """Preprocessing of a picture of 0..255 by a data layer: `(pixel - mean) * scale`.

    Args:
        mean: per channel (or one for all), in the order of the network's channels; empty: none.
        mean_file: the mean is in another file, which we haven't.
        scale: factor of the difference.
        crop: side of the square that the network takes, in pixels; 0 where not said.
    """

    mean: tuple[float, ...] = ()
    mean_file: bool = False
    scale: float = 1.0
    crop: int = 0


def transform_of(layer: Message) -> Transform | None:
    """Return the preprocessing that a layer of the prototxt gives, None where it gives none.

    Before `transform_param` there was, in data layers only, a scale among the layer's parameters.
    """
    given = layer.message("transform_param") if "transform_param" in layer else None
    if given is None and "data_param" in layer:
        older = layer.message("data_param")
        given = older if {"scale", "mean_file", "crop_size"} & set(older.fields) else None
    if given is None:
        return None
    return Transform(
        mean=given.numbers("mean_value"),
        mean_file="mean_file" in given,
        scale=given.number("scale", 1.0),
        crop=given.integer("crop_size", 0),
    )


def preprocess_metadata(
    transform: Transform | None, shape: tuple[int, ...], file: str
) -> dict[str, str]:
    """Return the model's preprocessing as text.

    The network's input is `(image * scale - mean) / std`, the image being in [0, 1] with its
    channels in `channel_order`.

    Args:
        transform: preprocessing as the files have it, if they do.
        shape: of the network's input, batch first.
        file: its name in errors.

    Raises:
        BadModelFile: a mean for another number of channels, or a scale that isn't one.

    >>> preprocess_metadata(None, (1, 3, 227, 227), "net.prototxt")["entoptic.mean"]
    '104,117,123'
    """
    channels = shape[1] if len(shape) == 4 else 1
    if channels > _MOST_CHANNELS:
        raise BadModelFile(f"{file}: its input has {channels} channels; a picture has 3")
    known = transform is not None and not transform.mean_file
    mean = transform.mean if transform and known else ()
    if not known and channels == len(_IMAGENET_MEAN_BGR):
        mean = _IMAGENET_MEAN_BGR
    mean = (mean or (0.0,)) * (channels if len(mean) < 2 else 1)
    if len(mean) != channels:
        raise BadModelFile(f"{file}: {len(mean)} mean_value for a picture of {channels} channels")
    scale = transform.scale if transform else 1.0
    if not _SMALLEST_SCALE < scale < 1 / _SMALLEST_SCALE:
        raise BadModelFile(f"{file}: a picture can't be scaled by {scale:g}")
    return {
        "entoptic.preprocess": "file" if known else "guess",
        "entoptic.channel_order": "BGR",
        "entoptic.scale": "255",
        "entoptic.mean": ",".join(f"{value:.9g}" for value in mean),
        "entoptic.std": ",".join([f"{1 / scale:.9g}"] * channels),
        "entoptic.input_size": ",".join(map(str, shape[2:])),
    }
