"""Pictures made of what is in memory already."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from entoptic.errors import BadPicture
from entoptic.images import Picture


def test_a_tensor_becomes_a_batch_of_one_and_a_copy() -> None:
    tensor = torch.rand(3, 4, 6, dtype=torch.float64, requires_grad=True)
    image = Picture.of(tensor).image
    assert image.shape == (1, 3, 4, 6)
    assert (image.dtype, image.requires_grad) == (torch.float32, False)
    torch.testing.assert_close(image[0].double(), tensor.detach())
    values = torch.rand(1, 3, 2, 3)
    copy = Picture.of(values)
    values.zero_()
    assert float(copy.image.max()) > 0


def test_channels_last_becomes_contiguous() -> None:
    tensor = torch.rand(1, 3, 4, 6).to(memory_format=torch.channels_last)
    assert Picture.of(tensor).image.is_contiguous()


def test_bytes_in_a_tensor_use_their_whole_range() -> None:
    tensor = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(3, 2, 3)
    torch.testing.assert_close(Picture.of(tensor).image[0, 0, 1], torch.tensor([0.0, 0.2, 1.0]))


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535), (np.float64, 1)])
def test_an_array_with_alpha_is_taken_apart(kind: type, top: int) -> None:
    array = (np.linspace(0, 1, 2 * 3 * 4).reshape(2, 3, 4) * top).astype(kind)  # type: ignore[var-annotated]
    picture = Picture.of(array[:, ::-1])
    expected = torch.from_numpy((array[:, ::-1] / top).astype(np.float32)).permute(2, 0, 1)[None]
    assert torch.equal(picture.image, expected[:, :3])
    assert picture.alpha is not None
    assert torch.equal(picture.alpha, expected[:, 3:])


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 1)])
def test_a_gray_array_becomes_three_channels(shape: tuple[int, ...]) -> None:
    picture = Picture.of(np.full(shape, 0.25, np.float32))
    assert torch.equal(picture.image, torch.full((1, 3, 2, 5), 0.25))
    assert picture.alpha is None


def test_a_pillow_image_is_taken_as_a_file_would_be() -> None:
    image = Pillow.new("LA", (3, 2), (51, 128))
    picture = Picture.of(image)
    torch.testing.assert_close(picture.image, torch.full((1, 3, 2, 3), 0.2))
    assert picture.alpha is not None
    torch.testing.assert_close(picture.alpha, torch.full((1, 1, 2, 3), 128 / 255))


def test_a_pillow_image_of_a_file_works_for_16_bits_too() -> None:
    stream = io.BytesIO()
    Pillow.fromarray(np.array([[1, 65535]], np.uint16)).save(stream, "PNG")
    picture = Picture.of(Pillow.open(stream))
    torch.testing.assert_close(picture.image[0, 0, 0], torch.tensor([1 / 65535, 1.0]))


def test_a_picture_stays_itself() -> None:
    picture = Picture.of(torch.zeros(3, 1, 2))
    assert Picture.of(picture) is picture


def test_jupyter_is_given_the_picture() -> None:
    picture = Picture.of(np.random.default_rng(0).integers(0, 256, (3, 5, 4), dtype=np.uint8))
    with Pillow.open(io.BytesIO(picture._repr_png_())) as judge:
        assert torch.equal(Picture.of(np.array(judge)).image, picture.image)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4, 5), (4, 5, 3), (3, 0, 5)])
def test_a_tensor_of_another_shape_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadPicture, match=r"a picture is a tensor of \(1, 3, height, width\), or"):
        Picture.of(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(5,), (4, 5, 5), (1, 3, 4, 5), (0, 5, 3)])
def test_an_array_of_another_shape_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadPicture, match=r"or \(height, width, 3\) for an array, not \("):
        Picture.of(np.zeros(shape))


@pytest.mark.parametrize("value", [-0.1, 1.1, 255.0])
def test_numbers_outside_the_range_are_told(value: float) -> None:
    expected = r"numbers lie in \[0, 1\], but these go from .*; divide by 255, or clamp"
    with pytest.raises(BadPicture, match=expected):
        Picture.of(torch.full((3, 2, 2), value))
    with pytest.raises(BadPicture, match=expected):
        Picture.of(np.full((2, 2, 3), value))


def test_numbers_that_are_none_are_told() -> None:
    with pytest.raises(BadPicture, match="NaN or infinity at 12 of its 12 values"):
        Picture.of(torch.full((3, 2, 2), torch.nan))
    with pytest.raises(BadPicture, match="NaN or infinite; replace them"):
        Picture.of(np.full((2, 2, 3), np.inf))


def test_types_without_a_range_are_told() -> None:
    with pytest.raises(BadPicture, match="an array of int64 has no known range; give uint8"):
        Picture.of(np.zeros((2, 2, 3), np.int64))
    with pytest.raises(BadPicture, match=r"not torch\.int64; use Picture\.of"):
        Picture.of(torch.zeros(3, 2, 2, dtype=torch.int64))
    with pytest.raises(BadPicture, match=r"the Pillow image can't be used: .*'I'"):
        Picture.of(Pillow.new("I", (2, 2)))
