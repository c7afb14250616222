"""Canvases whose pictures, spectra and colours are known beforehand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.optimizers import Rule
from entoptic.images import color, fourier
from entoptic.networks import Preprocess

# Even and odd, wide and tall, prime, and one pixel thin.
SIZES = [(12, 16), (13, 17), (12, 7), (5, 16), (1, 1), (1, 8), (9, 1), (2, 2), (31, 47)]

MAKERS: dict[str, Callable[[int, int, int, int], ent.Canvas]] = {
    "fourier": lambda h, w, n, seed: ent.Fourier(h, w, batch=n, seed=seed),
    "natural": lambda h, w, n, seed: ent.Natural(h, w, batch=n, seed=seed),
    "laplacian": lambda h, w, n, seed: ent.Laplacian(h, w, batch=n, seed=seed),
    "maco": lambda h, w, n, seed: ent.MaCo(h, w, batch=n, seed=seed),
    "cppn": lambda h, w, n, seed: ent.CPPN(h, w, batch=n, seed=seed),
    "shared": lambda h, w, n, seed: ent.Shared(h, w, batch=n, seed=seed),
    "transparent": lambda h, w, n, seed: ent.Transparent(
        ent.Fourier(h, w, batch=n, seed=seed), seed=seed
    ),
    "grey": lambda h, w, n, seed: ent.Gray(ent.Fourier(h, w, batch=n, seed=seed)),
    "masked": lambda h, w, n, seed: ent.Masked(
        ent.Fourier(h, w, batch=n, seed=seed),
        torch.linspace(0, 1, h * w).reshape(1, 1, h, w),
        torch.full((1, 3, h, w), 0.25),
    ),
}
EVERY = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
# What begins as a photo.
STARTS = pytest.mark.parametrize(
    "kind", [ent.Fourier, ent.Natural, ent.Laplacian, ent.MaCo, ent.Shared]
)


def picture(height: int, width: int, batch: int = 2) -> Tensor:
    """Noise with pixels that are quite black and quite white."""
    image = torch.rand((batch, 3, height, width), generator=torch.Generator().manual_seed(8))
    return (1.6 * image - 0.3).clamp(0, 1)


def smooth(height: int, width: int) -> Tensor:
    """A red gradient to the right, a green one down, and a blue hill."""
    rows = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    columns = ((torch.arange(width) + 0.5) / width).expand(height, width)
    hill = (math.pi * rows).sin() * (math.pi * columns).sin()
    return (0.2 + 0.6 * torch.stack([columns, rows, hill]))[None]


def correlation(left: Tensor, right: Tensor) -> float:
    return float(torch.stack([left.flatten(), right.flatten()]).detach().corrcoef()[0, 1])


def filter_model(weight: Tensor) -> ent.Model:
    """A filter as large as the picture, nothing else."""
    convolution = nn.Conv2d(3, 1, (weight.shape[2], weight.shape[3]), bias=False)
    convolution.weight.data = weight.clone()
    size = (weight.shape[2], weight.shape[3])
    return ent.Model.wrap(
        nn.Sequential(convolution), preprocess=Preprocess(size=size, mean=(0,) * 3, std=(1,) * 3)
    )


def climb_filter(canvas: ent.Canvas, weight: Tensor, rate: float, steps: int) -> None:
    for _ in ent.ascend(
        filter_model(weight), ent.channel("0", 0), canvas, optimizer=ent.adam(rate), steps=steps
    ):
        pass


@EVERY
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_canvas_has_any_size_and_stays_in_range(
    make: Callable[..., ent.Canvas], height: int, width: int
) -> None:
    canvas = make(height, width, 2, 0)
    with torch.no_grad():
        for parameter in canvas.parameters():
            parameter.mul_(1e4).add_(3)
    shown = canvas()
    assert shown.shape == (2, 3, height, width)
    assert shown.isfinite().all()
    assert 0 <= shown.min() <= shown.max() <= 1


@EVERY
def test_the_first_axis_of_every_parameter_is_the_batch(make: Callable[..., ent.Canvas]) -> None:
    assert {len(parameter) for parameter in make(12, 7, 3, 0).parameters()} == {3}


@EVERY
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    make: Callable[..., ent.Canvas],
) -> None:
    state = torch.get_rng_state()
    first, again, other = make(12, 7, 2, 5)(), make(12, 7, 2, 5)(), make(12, 7, 2, 6)()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(torch.get_rng_state(), state)


@EVERY
@pytest.mark.parametrize(("height", "width"), [(4, 5), (5, 4), (4, 4)])
def test_every_gradient_is_that_of_finite_differences(
    make: Callable[..., ent.Canvas], height: int, width: int
) -> None:
    # Kept small: with few units and a batch of two, all parameters can be tried.
    canvas = (
        ent.CPPN(height, width, layers=2, width_units=3, batch=2)
        if make is MAKERS["cppn"]
        else make(height, width, 2, 0)
    ).double()
    names = [name for name, _ in canvas.named_parameters()]

    def shown(*values: Tensor) -> Tensor:
        return torch.func.functional_call(canvas, dict(zip(names, values, strict=True)), ())

    assert shown(*canvas.parameters()).dtype == torch.float64
    assert torch.autograd.gradcheck(shown, tuple(canvas.parameters()))


@EVERY
def test_every_canvas_keeps_its_picture_when_saved_and_loaded(
    make: Callable[..., ent.Canvas],
) -> None:
    canvas, other = make(12, 7, 2, 5), make(12, 7, 2, 6)
    other.load_state_dict(canvas.state_dict())
    assert torch.equal(other(), canvas())
    assert torch.equal(copy.deepcopy(canvas)(), canvas())


@STARTS
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_canvas_started_from_a_picture_gives_its_bytes_back(
    kind: type[ent.Fourier], height: int, width: int, dtype: torch.dtype
) -> None:
    levels = (picture(height, width) * 255).round()
    image = (levels / 255).to(dtype)
    shown = kind.of(image)()
    assert shown.dtype == dtype
    assert (shown - image).abs().max() < 1 / 255
    assert torch.equal((shown * 255).round(), levels.to(dtype))


@STARTS
@pytest.mark.parametrize("name", ["photos/chelsea.png", "photos/flowers.jpg"])
@pytest.mark.parametrize("odd", [0, 1])
def test_a_canvas_started_from_a_photo_gives_its_bytes_back(
    kind: type[ent.Fourier], name: str, odd: int, shared: Callable[[str], Path]
) -> None:
    image = ent.read(shared(name)).image[..., : 298 + odd, : 400 + odd]
    shown = kind.of(image)().detach()
    assert (shown - image).abs().max() < 1 / 255
    assert torch.equal((shown * 255).round(), (image * 255).round())


@STARTS
def test_a_canvas_keeps_its_picture_when_resized(kind: type[ent.Fourier]) -> None:
    canvas = kind.of(smooth(24, 31))
    for height, width in [(24, 31), (48, 62), (37, 29), (12, 15)]:
        shown = canvas.resized(height, width)()
        assert (shown - smooth(height, width)).abs().max() < 0.02
    # There and back again, nothing has moved.
    assert (canvas.resized(48, 62).resized(24, 31)() - canvas()).abs().max() < 0.01


@EVERY
def test_resizing_to_the_same_size_copies_the_picture(make: Callable[..., ent.Canvas]) -> None:
    canvas = make(12, 7, 2, 0).double()
    copied = canvas.resized(12, 7)
    assert torch.allclose(copied(), canvas(), atol=1e-6)
    for parameter in copied.parameters():
        parameter.data.add_(torch.linspace(0, 1, parameter.numel()).reshape(parameter.shape))
    assert not torch.allclose(copied(), canvas(), atol=1e-6)


def test_a_cppn_three_times_as_large_has_the_same_pixels_in_the_middle_of_three() -> None:
    canvas = ent.CPPN(16, 11, seed=3)
    with torch.no_grad():
        canvas.weights[-1].copy_(torch.linspace(-1, 1, 48 * 3).reshape(1, 48, 3))
    assert canvas().std() > 0.1
    large = canvas.resized(48, 33)()
    assert torch.allclose(large[..., 1::3, 1::3], canvas(), atol=1e-4)


@pytest.mark.parametrize("biased", [True, False])
def test_a_cppn_is_lucids_network(biased: bool) -> None:
    canvas = ent.CPPN(5, 7, layers=2, width_units=4, batch=2, seed=1, biased=biased)
    unit = 2 * math.sqrt(3) / 7
    for row, column in ((0, 0), (4, 1), (2, 3)):
        units = unit * torch.tensor([row + 0.5 - 2.5, column + 0.5 - 3.5])
        for weight, bias in zip(canvas.weights[:-1], canvas.biases[:-1], strict=True):
            bent = torch.atan(units @ weight[1] + bias[1, 0])
            even = bent.square() / 0.6 if biased else (bent.square() - 0.45) / 0.396
            units = torch.cat([bent / 0.67, even])
        expected = torch.sigmoid(units @ canvas.weights[-1][1] + canvas.biases[-1][1, 0])
        assert torch.allclose(canvas()[1, :, row, column], expected, atol=1e-5)
    assert torch.allclose(canvas.resized(15, 21)()[..., 1::3, 1::3], canvas(), atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_cppn_starts_with_contrast_and_unsaturated(seed: int) -> None:
    """From one color a channel without a score there has no gradient, and others saturate."""
    start = ent.CPPN(40, 56, batch=2, seed=seed)()
    assert (start.std((2, 3)) > 0.05).all()
    assert ((start > 0.01) & (start < 0.99)).float().mean() > 0.98


@pytest.mark.parametrize("seed", range(3))
def test_a_channel_that_a_gray_picture_does_not_activate_is_painted_by_a_cppn(seed: int) -> None:
    gray = torch.full((1, 3, 64, 80), 0.5)
    model = ent.load()
    found = model.activations(gray, ["fire3"])[ent.Layer("fire3")]
    assert found[0, 24, 1:-1, 1:-1].max() == 0  # but for the padding at the border
    made = ent.visualize(model, "fire3:24", method="cppn", size=(64, 80), steps=24, seed=seed)
    assert made.scores[-1] > 10
    assert made.image.std((2, 3)).min() > 0.05


def test_a_cppn_starts_with_what_tensorflow_draws() -> None:
    canvas = ent.CPPN(2, 2, width_units=50, seed=1)
    weights = 10 * torch.cat([each.detach().flatten() for each in canvas.weights[1:]])
    assert weights.std() == pytest.approx(1, abs=0.02)  # of 100 inputs each
    assert 2.2 < weights.abs().max() <= 2 / 0.8796
    biases = torch.cat([bias.detach().flatten() for bias in canvas.biases])
    assert biases.std() == pytest.approx(0.1, abs=0.012)  # three standard errors


@pytest.mark.parametrize(("height", "width"), [(12, 16), (13, 17), (12, 7)])
@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
def test_unit_coefficients_make_waves_of_1_over_frequency(
    height: int, width: int, decay: float
) -> None:
    canvas = ent.Fourier(height, width, decay=decay).double()
    with torch.no_grad():
        canvas.coefficients[..., 0] = 1
        canvas.coefficients[..., 1] = 0
    waves = torch.fft.rfft2(canvas.values(), norm="ortho")
    for row in range(height):
        for column in range(width // 2 + 1):
            down = min(row, height - row) / height
            across = column / width
            frequency = max(math.hypot(down, across), 1 / max(height, width))
            # float32 is as precise as the scale is kept; lucid divides by 4.
            expected = torch.full((3,), 0.25 * frequency**-decay, dtype=torch.complex128)
            assert torch.allclose(waves[0, :, row, column], expected, rtol=1e-6)


def test_white_noise_gets_natural_images_colors() -> None:
    rng = torch.Generator().manual_seed(1)
    values = torch.randn((1, 3, 500, 600), generator=rng, dtype=torch.float64)
    # lucid's published matrix, scaled so that its longest column has length 1.
    root = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]]).double()
    root = root / (0.26**2 + 0.27**2 + 0.27**2) ** 0.5
    assert torch.allclose(color.COVARIANCE, root @ root.T)
    covariance = color.to_srgb(values)[0].flatten(1).cov()
    assert torch.allclose(covariance, color.COVARIANCE, atol=0.005)


def test_noise_on_a_fourier_canvas_has_natural_images_colors() -> None:
    canvas = ent.Fourier(64, 48, batch=200, sd=1e-3, decay=0)
    # Near middle grey the sigmoid is a line of slope 1/4; half the energy is real, half imaginary.
    colors = (canvas().detach() - 0.5) * 4
    pixels = colors.transpose(0, 1).flatten(1).double()
    sd = 1e-3 * 0.25 * math.sqrt(2)
    assert torch.allclose(pixels.cov() / sd**2, color.COVARIANCE, atol=0.01)


def test_colors_there_and_back_are_the_same() -> None:
    values = torch.randn((2, 3, 4, 5), dtype=torch.float64)
    assert torch.allclose(color.to_decorrelated(color.to_srgb(values)), values, atol=1e-12)
    assert torch.allclose(color.to_srgb(color.to_decorrelated(values)), values, atol=1e-12)


@pytest.mark.parametrize(
    "canvas",
    [
        ent.Pixels(torch.full((1, 3, 9, 12), 0.5)),
        ent.Fourier(9, 12),
        ent.Laplacian(9, 12),
        ent.Shared(9, 12, batch=1),
    ],
    ids=lambda canvas: type(canvas).__name__,
)
def test_a_filter_is_the_best_picture_of_a_canvas_that_can_draw_it(canvas: ent.Canvas) -> None:
    rng = torch.Generator().manual_seed(4)
    weight = torch.randn((1, 3, 9, 12), generator=rng)
    # The score filter . x - |x - 1/2|^2 / 2 is best where x is 1/2 + filter.
    weight = 0.3 * weight / weight.abs().amax()
    score = ent.channel("0", 0) - 0.5 * ent.l2() * ent.l2()
    for _ in ent.ascend(filter_model(weight), score, canvas, optimizer=ent.adam(0.1), steps=200):
        pass
    drawn = canvas().detach() - 0.5
    assert correlation(drawn, weight) > 0.99
    assert (drawn - weight).abs().max() < 0.05


@pytest.mark.parametrize(("height", "width"), [(12, 16), (13, 17), (9, 12)])
def test_the_phases_of_a_filter_are_drawn_though_the_sizes_of_waves_are_fixed(
    height: int, width: int
) -> None:
    weight = ent.MaCo(height, width, seed=7)().detach() - 0.5
    canvas = ent.MaCo(height, width, seed=1)
    assert abs(correlation(canvas().detach(), weight)) < 0.6
    # The score filter . x - |x - 1/2|^2 / 2 is best where x is 1/2 + filter.
    score = ent.channel("0", 0) - 0.5 * ent.l2() * ent.l2()
    for _ in ent.ascend(filter_model(weight), score, canvas, optimizer=ent.adam(0.1), steps=300):
        pass
    assert correlation(canvas().detach(), weight) > 0.99


def test_a_smooth_filter_is_drawn_by_coordinates() -> None:
    weight = smooth(12, 16) - 0.5
    canvas = ent.CPPN(12, 16, layers=3)
    score = ent.channel("0", 0) - 0.5 * ent.l2() * ent.l2()
    for _ in ent.ascend(filter_model(weight), score, canvas, optimizer=ent.adam(0.005), steps=300):
        pass
    assert correlation(canvas().detach(), weight) > 0.99


@pytest.mark.parametrize(("height", "width"), [(12, 16), (13, 17), (12, 7), (5, 16)])
def test_a_climb_of_maco_leaves_the_sizes_of_its_waves(height: int, width: int) -> None:
    canvas = ent.MaCo(height, width, batch=2).double()
    before = canvas().detach().clone()
    climb_filter(canvas.float(), picture(height, width, 1) - 0.5, rate=0.5, steps=20)
    canvas.double()
    # But for the outer columns, where waves stand in pairs: all by one factor, of the contrast.
    inner = slice(1, (width + 1) // 2)
    factor = (fourier.to_spectrum(canvas.values()).abs() / canvas.magnitude)[..., inner].detach()
    assert torch.allclose(factor, factor[:, :1, :1, :1].expand_as(factor), rtol=1e-5)
    assert (canvas() - before).abs().max() > 0.05


def parameters_of_maco() -> tuple[Tensor, Tensor]:
    """Sizes and phases of a picture of 4 x 6; any numbers would do."""
    number = torch.arange(48.0).reshape(3, 4, 4)
    return 1 + (7 * number) % 11, (5 * number) % 13 / 4


def test_maco_is_its_sources_picture_for_given_parameters() -> None:
    sizes, phases = parameters_of_maco()
    for unit in (1.0, 1e5):  # xplique's own spectrum goes up to 3e5
        canvas = ent.MaCo(4, 6, spectrum=unit * sizes)
        with torch.no_grad():
            canvas.phases.copy_(phases)
        # Two of the four rows, by xplique 2.0.2: maco_image_parametrization(sizes, phases, (0, 1)).
        expected = [
            [
                [0.47340, 0.43330, 0.58971, 0.56739, 0.50752, 0.38173],
                [0.45409, 0.42949, 0.46048, 0.13894, 0.34514, 0.74534],
            ],
            [
                [0.49361, 0.46103, 0.55785, 0.59015, 0.58413, 0.37779],
                [0.43044, 0.46263, 0.59125, 0.15519, 0.23512, 0.73330],
            ],
            [
                [0.47221, 0.47833, 0.49807, 0.56836, 0.60526, 0.33938],
                [0.39279, 0.50626, 0.62598, 0.22419, 0.29752, 0.64949],
            ],
        ]
        assert torch.allclose(canvas()[0, :, 1:3], torch.tensor(expected), atol=2e-5)


def test_maco_has_the_picture_of_phases_that_all_have_moved_and_spread_alike() -> None:
    canvas = ent.MaCo(12, 7, batch=2, seed=3).double()
    before = canvas().detach().clone()
    with torch.no_grad():
        canvas.phases.mul_(torch.tensor([5.0, 0.5]).reshape(2, 1, 1, 1)).add_(2)
    # Each image by itself: the other one's spread is ten times less.
    assert torch.allclose(canvas(), before, atol=1e-4)


def test_maco_has_natural_waves_and_the_contrast_asked_for() -> None:
    canvas = ent.MaCo(24, 31, contrast=2.0, spread=3.0).double()
    values = canvas.values().detach()
    assert values.std(correction=0).item() == pytest.approx(2.0, rel=1e-4)
    sizes = fourier.to_spectrum(values).abs()[0] / fourier.natural(24, 31)
    law = sizes[:, :, 1:]
    assert torch.allclose(law, law[0, 0, 0].expand_as(law), rtol=1e-5)


def test_natural_waves_are_far_smaller_than_the_law_where_they_are_fast() -> None:
    flat = fourier.natural(512, 512)[0, :256, 0] * fourier.frequencies(512, 512)[:256, 0]
    # ImageNet's, as xplique carries it, as parts of those of 0.02 cycles a pixel.
    for at, imagenet in ((51, 0.52), (102, 0.32), (154, 0.17)):
        ours = float(flat[at - 2 : at + 3].mean() / flat[8:13].mean())
        assert ours == pytest.approx(imagenet, abs=0.11)
    # A picture is as soft at every size: the same cycles along its shorter side.
    small, large = fourier.natural(128, 200)[:, 1:64, 0], fourier.natural(512, 800)[:, 1:64, 0]
    assert torch.allclose(small, large / 4)


def test_the_spectrum_of_a_wave_is_one_peak() -> None:
    wave = torch.cos(2 * math.pi * (2 * torch.arange(8)[:, None] / 8 + torch.arange(12) / 12))
    image = color.to_image(torch.stack([wave, 0 * wave, 3 * wave])[None].double())
    spectrum = ent.spectrum_of(image.float())
    # A cosine of amplitude 1 has two waves of half of it; the transform's scale is sqrt(8 * 12).
    # The window makes three of one along each axis: 1/4, 1/2, 1/4, divided by sqrt(3/8).
    peak = (1 / 2 / math.sqrt(3 / 8)) ** 2 * math.sqrt(96) / 2
    assert float(spectrum[0, 2, 1]) == pytest.approx(peak, rel=1e-4)
    assert float(spectrum[0, 3, 1]) == pytest.approx(peak / 2, rel=1e-4)
    assert float(spectrum[0, 2, 2]) == pytest.approx(peak / 2, rel=1e-4)
    assert torch.allclose(spectrum[2], 3 * spectrum[0], atol=1e-3)
    assert spectrum[1].max() < 1e-3
    assert spectrum[:, :, 3:].max() < 1e-3
    made = ent.MaCo(8, 12, spectrum=spectrum).magnitude[0]
    assert torch.allclose(made, spectrum * (made.max() / spectrum.max()))


def test_a_picture_whose_edges_do_not_meet_has_no_cross_in_its_spectrum() -> None:
    # A slope from edge to edge: repeated, it jumps there, and a jump has waves of every frequency.
    image = smooth(32, 48)
    spectrum = ent.spectrum_of(image)[0]
    jumps = fourier.to_spectrum(color.from_image(image))[0, 0].abs()
    assert spectrum[8:16, 0].max() < 0.1 * jumps[8:16, 0].min()
    assert spectrum[0, 8:].max() < 0.1 * jumps[0, 8:].min()


def test_a_frame_draws_no_stripes() -> None:
    rng = torch.Generator().manual_seed(5)
    image = 0.25 + 0.5 * torch.rand((20, 3, 48, 64), generator=rng)
    framed = image.clone()
    framed[:, :, :1] = framed[:, :, :, -1:] = 0
    plain, spectrum = (ent.spectrum_of(each)[0] for each in (image, framed))
    for along in ((slice(8, 40), 0), (0, slice(8, None))):  # where its waves would stand
        ratio = spectrum[along].mean() / plain[along].mean()
        assert float(ratio) == pytest.approx(1, abs=0.15)
        raw = fourier.to_spectrum(color.from_image(framed)).abs().mean(0)[0][along].mean()
        assert raw > 2 * spectrum[along].mean()


def test_noise_keeps_the_sizes_of_its_waves_when_tapered() -> None:
    rng = torch.Generator().manual_seed(5)
    noise = torch.randn((400, 12, 7), generator=rng)
    power = fourier.to_spectrum(fourier.tapered(noise)).abs().square().mean(0)
    assert torch.allclose(power[3:], torch.ones(9, 4), atol=0.35)
    assert float(power[3:].mean()) == pytest.approx(1, abs=0.05)


def test_a_narrow_line_in_a_spectrum_is_averaged_when_it_shrinks() -> None:
    spectrum = torch.zeros(1, 64, 33)
    spectrum[0, :, 8] = 1.0  # one column: 1 / 8 of the frequencies
    flat = fourier.magnitude_resized(spectrum, 16, 16)[0]
    # A column of the smaller spectrum is 4 of the larger, which weigh as a triangle: 1/4 in its
    # middle; what lies beside, at 1 / 8 of a cycle per pixel, counts as its frequencies do.
    assert float(flat[8, 2]) == pytest.approx(1 / 4, rel=0.05)
    assert not flat[:, [0, 1, 3, 4]].any()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (45, 31), (32, 48), (128, 128)])
def test_a_spectrum_of_1_over_frequency_is_the_same_at_every_size(height: int, width: int) -> None:
    natural = fourier.falloff(32, 48)[None]
    resized = fourier.magnitude_resized(natural, height, width)
    expected = fourier.falloff(height, width)
    assert resized.shape == (1, *expected.shape)
    # Along the axes and off them; the mean has no frequency.
    assert torch.allclose(resized[0, 1:, 1:], expected[1:, 1:], rtol=0.02)


def test_a_spectrum_keeps_its_directions_when_resized() -> None:
    # All waves go down or upwards to the right by the same angle; none the other way.
    spectrum = torch.zeros(3, 32, 17)
    spectrum[:, 8, 8] = 1.0
    resized = fourier.magnitude_resized(spectrum, 64, 64)[0]
    peak = divmod(int(resized.argmax()), resized.shape[-1])
    assert peak == (16, 16)
    assert not resized[33:].any()


def test_a_mask_lets_only_what_it_covers_change() -> None:
    background = picture(12, 16, 1)
    mask = torch.zeros(1, 1, 12, 16)
    mask[..., 2:7, 4:10] = 1
    canvas = ent.Masked(ent.Pixels(torch.full((1, 3, 12, 16), 0.5)), mask, background)
    weight = torch.ones(1, 3, 12, 16)
    climb_filter(canvas, weight, rate=0.2, steps=10)
    shown = canvas().detach()
    inside = mask.bool().expand_as(shown)
    assert torch.equal(shown[~inside], background[~inside])
    assert (shown[inside] == 1).all()  # clipped, as the canvas of pixels is
    assert torch.equal(canvas.resized(12, 16)(), canvas())


def test_half_a_mask_is_half_of_both() -> None:
    pixels = ent.Pixels(torch.full((2, 3, 1, 2), 0.75))
    canvas = ent.Masked(pixels, torch.full((1, 1, 1, 2), 0.5), torch.full((1, 3, 1, 2), 0.25))
    assert torch.equal(canvas(), torch.full((2, 3, 1, 2), 0.5))


def test_the_background_of_a_masked_canvas_is_as_sharp_after_it_was_small() -> None:
    background = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    canvas = ent.Masked(
        ent.Pixels(torch.zeros(1, 3, 12, 16)), torch.zeros(1, 1, 12, 16), background
    )
    again = canvas.double().resized(5, 7).resized(12, 16)
    assert again().dtype == torch.float64
    assert torch.equal(again().float(), background)


@pytest.mark.parametrize("rule", [ent.adam(0.05), ent.climb(0.05)])
def test_what_is_shared_changes_in_all_pictures_under_every_step_rule(rule: Rule) -> None:
    canvas = ent.Shared(12, 16, batch=2, shrinks=(16,))
    before = canvas.values().detach()
    weight = torch.zeros(1, 3, 12, 16)
    weight[:, 0, :, :8] = 1  # the left half redder
    unit = ent.channel("0", 0)
    score = ent.per_image([unit, 0.0 * unit])  # the second picture wants nothing
    for _ in ent.ascend(filter_model(weight), score, canvas, optimizer=rule, steps=20):
        pass
    own, given = (canvas.values() - before).detach()
    # The second picture is evenly redder: its own waves haven't moved, the shared layer has.
    assert torch.allclose(given, given[:, :1, :1].expand_as(given), atol=1e-5)
    red, green, _ = color.to_srgb(given[None])[0].mean((1, 2))
    assert red > 0.1
    assert red > green
    # The first has the same change, and its own.
    assert (own - given)[0, :, :8].mean() > 0.1
    (layer,) = canvas.layers
    assert torch.equal(layer[0], layer[1])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ent.Fourier(0, 5), "height is 0"),
        (lambda: ent.Fourier(5, 5, batch=0), "batch is 0"),
        (lambda: ent.Fourier(5, 5, decay=math.nan), "decay is nan"),
        (lambda: ent.Fourier(5, 5, sd=-1), "sd is -1"),
        (lambda: ent.Laplacian(5, 0), "width is 0"),
        (lambda: ent.Laplacian(5, 5, sd=math.inf), "sd is inf"),
        (lambda: ent.MaCo(5, 5, batch=0), "batch is 0"),
        (lambda: ent.MaCo(5, 5, contrast=0), "contrast is 0"),
        (lambda: ent.MaCo(5, 5, spread=math.inf), "spread is inf"),
        (lambda: ent.MaCo(5, 5, spectrum=torch.ones(5, 3)), r"shape \(5, 3\)"),
        (lambda: ent.MaCo(5, 5, spectrum=torch.zeros(3, 5, 3)), "not zero everywhere"),
        (lambda: ent.MaCo(5, 5, spectrum=-torch.ones(3, 5, 3)), "not negative"),
        (lambda: ent.MaCo(0, 5), "height is 0"),
        (lambda: ent.Fourier(5, 5, channels=4), "only 3 channels are colours, not 4"),
        (lambda: ent.Transparent(ent.Fourier(5, 5), opacity=1), "opacity is 1; it must be above 0"),
        (lambda: ent.CPPN(5, 5, layers=0), "layers is 0"),
        (lambda: ent.CPPN(5, 0), "width is 0"),
        (lambda: ent.CPPN(5, 5, width_units=0), "width units is 0"),
        (lambda: ent.Shared(5, 5, batch=2, shrinks=(0,)), "shrinks is 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(make: Callable[[], ent.Canvas], match: str) -> None:
    with pytest.raises(ent.EntopticError, match=match):
        make()


@STARTS
def test_a_picture_out_of_range_is_refused(kind: type[ent.Fourier]) -> None:
    with pytest.raises(ent.EntopticError, match=r"wants pixels in \[0, 1\]; these go from 2 to 2"):
        kind.of(torch.full((1, 3, 2, 4), 2.0))
    with pytest.raises(ent.EntopticError, match="nan"):
        kind.of(torch.full((1, 3, 2, 4), math.nan))


def test_a_mask_or_background_that_does_not_fit_is_refused() -> None:
    canvas, background = ent.Fourier(4, 6, batch=3), torch.zeros(1, 3, 4, 6)
    with pytest.raises(ent.EntopticError, match=r"the mask is \(1, 1, 4, 5\)"):
        ent.Masked(canvas, torch.zeros(1, 1, 4, 5), background)
    with pytest.raises(ent.EntopticError, match=r"the background is \(2, 3, 4, 6\)"):
        ent.Masked(canvas, torch.zeros(1, 1, 4, 6), torch.zeros(2, 3, 4, 6))
    with pytest.raises(ent.EntopticError, match="from 0 to 2"):
        ent.Masked(canvas, torch.tensor([0.0, 2.0]).repeat(12).reshape(1, 1, 4, 6), background)


def test_a_transparent_canvas_starts_half_opaque_with_the_colors_it_was_given() -> None:
    colors = picture(12, 7)
    canvas = ent.Transparent(ent.Fourier.of(colors), seed=3)
    planes = canvas.planes().detach()
    assert planes.shape == (2, 4, 12, 7)
    assert (planes[:, :3] - colors).abs().max() < 1 / 255
    alpha = planes[:, 3:]
    assert (alpha - 0.5).abs().max() < 0.1
    assert not torch.equal(alpha[0], alpha[1])
    # What any other part of entoptic sees of it is the picture on white.
    assert torch.allclose(canvas(), alpha * planes[:, :3] + 1 - alpha)
    faint = ent.Transparent(ent.Fourier.of(colors), opacity=0.05)
    assert float(faint.alpha().detach().mean()) == pytest.approx(0.05, abs=0.01)


def test_a_transparent_canvas_keeps_both_when_resized() -> None:
    canvas = ent.Transparent(ent.Fourier.of(smooth(24, 31)))
    with torch.no_grad():
        canvas.alpha = ent.Fourier.of(smooth(24, 31)[:, 2:], decorrelated=False)
    for height, width in [(48, 62), (37, 29), (12, 15)]:
        wanted = smooth(height, width)
        shown = canvas.resized(height, width).planes()
        assert (shown - torch.cat([wanted, wanted[:, 2:]], 1)).abs().max() < 0.02


def test_what_does_not_matter_becomes_transparent() -> None:
    # The network sees only how red the left half is; the right half costs opacity for nothing.
    weight = torch.zeros(1, 3, 12, 16)
    weight[:, 0, :, :8] = 1 / 96
    red = torch.tensor([0.9, 0.5, 0.5])[:, None, None].expand(1, 3, 12, 16)
    canvas = ent.Transparent(ent.Fourier.of(red))
    # A background is half red at the mean: the left half in red gains 0.5, and costs half of 0.25.
    score = ent.channel("0", 0) - 0.25 * ent.opacity()
    for _ in ent.ascend(
        filter_model(weight),
        score,
        canvas,
        transforms=[ent.OverBackground()],
        optimizer=ent.adam(0.05),
        steps=150,
    ):
        pass
    alpha = canvas.alpha().detach()
    assert alpha[..., :8].mean() > 0.75
    assert alpha[..., 8:].mean() < 0.25


def test_a_picture_is_shown_as_it_is_where_opaque_and_else_the_background() -> None:
    colors = picture(9, 12)
    planes = torch.cat([colors, torch.zeros(2, 1, 9, 12)], 1)
    planes[:, 3, :, :5] = 1
    rng = torch.Generator().manual_seed(4)
    first, again = ent.OverBackground()(planes, rng), ent.OverBackground()(planes, rng)
    assert torch.equal(first[..., :5], colors[..., :5])
    assert (first[..., 5:] - again[..., 5:]).abs().mean() > 0.05
    assert (first[0, :, :, 5:] - first[1, :, :, 5:]).abs().mean() > 0.05
    assert 0 < first[..., 5:].min() < first[..., 5:].max() < 1
    same = ent.OverBackground()(planes, torch.Generator().manual_seed(4))
    assert torch.equal(first, same)
    plain = ent.OverBackground(contrast=0)(planes, rng)[..., 5:]
    assert torch.allclose(plain, plain[..., :1, :1].expand_as(plain))


def test_half_transparent_is_half_of_both() -> None:
    planes = torch.full((1, 4, 5, 7), 0.5)
    planes[:, :3] = 1.0
    empty = planes.clone()
    empty[:, 3] = 0
    shown, background = (
        ent.OverBackground()(each, torch.Generator().manual_seed(1)) for each in (planes, empty)
    )
    assert torch.allclose(shown, (background + 1) / 2, atol=1e-6)


def test_a_climb_over_backgrounds_is_the_same_again() -> None:
    def climbed(seed: int) -> Tensor:
        canvas = ent.Transparent(ent.Fourier(9, 12))
        score = ent.channel("0", 0) - ent.opacity()
        over = (ent.OverBackground(), *ent.ROBUST)
        weight = torch.ones(1, 3, 4, 5)
        for _ in ent.ascend(
            filter_model(weight), score, canvas, transforms=over, steps=3, seed=seed
        ):
            pass
        return canvas.planes().detach()

    assert torch.equal(climbed(1), climbed(1))
    assert not torch.equal(climbed(1), climbed(2))


def test_transparency_needs_a_background_and_a_background_transparency() -> None:
    model, unit = filter_model(torch.ones(1, 3, 9, 12)), ent.channel("0", 0)
    told = r"has 4 channels, but python wants 3; let the transforms begin with OverBackground\(\)"
    with pytest.raises(ent.EntopticError, match=told):
        next(ent.ascend(model, unit, ent.Transparent(ent.Fourier(9, 12))))
    told = "OverBackground wants a picture with transparency, 4 channels; this has 3: optimise"
    with pytest.raises(ent.EntopticError, match=told):
        next(ent.ascend(model, unit, ent.Fourier(9, 12), transforms=[ent.OverBackground()]))


def test_a_transparent_picture_is_saved_with_its_alpha(tmp_path: Path) -> None:
    planes = ent.Transparent(ent.Fourier.of(picture(9, 12, 1))).planes().detach()
    file = ent.write(tmp_path / "fish.png", planes[:, :3], alpha=planes[:, 3:])
    read = ent.read(file)
    assert read.alpha is not None
    assert torch.equal(torch.cat([read.image, read.alpha], 1), (planes * 255).round() / 255)


def test_a_canvas_in_gray_has_three_equal_channels_and_the_luma_of_its_picture() -> None:
    colors = picture(5, 7)
    shown = ent.Gray(ent.Pixels(colors))()
    luma = 0.299 * colors[:, 0] + 0.587 * colors[:, 1] + 0.114 * colors[:, 2]
    assert torch.allclose(shown, luma[:, None].expand(-1, 3, -1, -1))


def gray_model(weight: Tensor) -> ent.Model:
    """A filter of one channel, fed 100 to 200 as -1 to 1."""
    convolution = nn.Conv2d(1, 1, (weight.shape[2], weight.shape[3]), bias=False)
    convolution.weight.data = weight.clone()
    how = Preprocess((9, 12), (150,), (50,), scale=255, channels=1)
    return ent.Model.wrap(nn.Sequential(convolution), preprocess=how)


def test_a_network_of_one_channel_is_fed_luma() -> None:
    model = gray_model(torch.ones(1, 1, 9, 12))
    image = torch.full((1, 3, 9, 12), 100 / 255)
    image[:, 1] = 200 / 255
    acts = model.activations(image, ["0<in>", "input"])
    luma = 0.413 * 100 + 0.587 * 200
    fed = acts[ent.Layer("0", "input")]
    assert torch.allclose(fed, torch.full((1, 1, 9, 12), (luma - 150) / 50), atol=1e-5)
    assert acts[ent.Layer("input")].shape == (1, 3, 9, 12)
    plain = torch.full((1, 1, 9, 12), 100 / 255)
    fed = model.activations(plain, ["0<in>"])[ent.Layer("0", "input")]
    assert torch.allclose(fed, torch.full((1, 1, 9, 12), -1.0), atol=1e-5)


def test_a_filter_of_one_channel_is_drawn_in_gray() -> None:
    weight = smooth(9, 12)[:, :1] - 0.5
    canvas = ent.Gray(ent.Pixels(picture(9, 12, 1) / 2 + 0.25))
    score = 0.1 * ent.channel("0", 0) - ent.l2() * ent.l2() / 10
    for _ in ent.ascend(gray_model(weight), score, canvas, optimizer=ent.adam(0.02), steps=200):
        pass
    shown = canvas().detach()
    assert torch.equal(shown[:, 0], shown[:, 2])
    assert correlation(shown, weight.expand_as(shown)) > 0.99


@pytest.mark.parametrize(
    "canvas",
    [
        ent.Pixels(torch.full((1, 5, 9, 12), 0.5)),
        ent.Fourier(9, 12, channels=5, decorrelated=False),
    ],
    ids=lambda canvas: type(canvas).__name__,
)
def test_a_filter_of_five_channels_is_drawn_with_a_robust_picture(canvas: ent.Canvas) -> None:
    rng = torch.Generator().manual_seed(4)
    weight = 0.1 * torch.randn((1, 5, 9, 12), generator=rng)
    convolution = nn.Conv2d(5, 1, (9, 12), bias=False)
    convolution.weight.data = weight.clone()
    model = ent.Model.wrap(nn.Sequential(convolution), preprocess=Preprocess.none((9, 12), 5))
    score = ent.channel("0", 0) - 0.5 * ent.l2("canvas") * ent.l2("canvas")
    for _ in ent.ascend(model, score, canvas, optimizer=ent.adam(0.1), steps=200):
        pass
    assert correlation(canvas() - 0.5, weight) > 0.99
    next(ent.ascend(model, score, canvas, transforms=ent.ROBUST))


def test_a_canvas_of_the_wrong_number_of_channels_is_refused() -> None:
    network = nn.Conv2d(5, 1, 1)
    model = ent.Model.wrap(network, preprocess=Preprocess.none((9, 12), 5))
    told = "has 3 channels, but python wants 5; take a canvas of so many, such as Pixels"
    with pytest.raises(ent.EntopticError, match=told):
        next(ent.ascend(model, ent.mean("output"), ent.Fourier(9, 12)))


def test_the_layer_canvas_is_the_picture_before_the_transforms() -> None:
    canvas = ent.Pixels(picture(9, 12, 1))
    score = ent.per_image([0.0 * ent.mean("0") + ent.mean("canvas") - ent.mean("input")])
    model = filter_model(torch.ones(1, 3, 3, 4))

    class Darker:
        def __call__(self, image: Tensor, rng: torch.Generator) -> Tensor:
            return torch.cat([image / 2, image / 4])  # two copies of the batch

    step = next(ent.ascend(model, score, canvas, transforms=[Darker()], steps=1))
    mean = picture(9, 12, 1).mean()
    assert float(step.scores) == pytest.approx(float(mean * (1 - 3 / 8)), rel=1e-5)
    alone = next(ent.ascend(model, -ent.l2("canvas"), canvas, transforms=[Darker()], steps=1))
    assert alone.scores.shape == (1,)
    wanted = ent.gradient(model, of="mean('input')", at=picture(9, 12, 1))
    assert torch.equal(ent.gradient(model, of="mean('canvas')", at=picture(9, 12, 1)), wanted)
