"""Several photos dreamt together: each as it would be alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.ascent.optimizers import NORMS, normalized
from entoptic.errors import BadSetting, PictureNotFound
from entoptic.jobs.dream_batches import together_by_size
from entoptic.objectives import vocabulary
from entoptic.runners.run import plan_redo
from planning import plan_dream

SHORT: dict[str, Any] = {"octaves": 2, "steps": 3, "seed": 4}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


def noise(seed: int, height: int = 70, width: int = 101) -> Tensor:
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("settings", [{}, {"smoothing": 1.5, "norm": "std"}, {"jitter": 0}])
def test_each_photo_becomes_what_it_becomes_alone(
    squeezenet: ent.Model, settings: dict[str, Any]
) -> None:
    photos = [noise(seed) for seed in range(3)]
    together = list(ent.dream_photos(squeezenet, photos, **SHORT, **settings))
    for place, (photo, result) in enumerate(zip(photos, together, strict=True)):
        alone = ent.dream(squeezenet, photo, **SHORT, **settings)
        assert torch.equal(result.image, alone.image)
        assert result.scores == pytest.approx(alone.scores, rel=1e-6)
        settled = dict(result.job.settings)
        assert settled.pop("together") == (3, place)
        assert settled == alone.job.settings


def test_results_come_in_the_order_of_the_photos_whatever_their_sizes(
    squeezenet: ent.Model,
) -> None:
    photos = [noise(0), noise(1, 60, 40), noise(2), noise(3, 60, 40), noise(4)]
    results = list(ent.dream_photos(squeezenet, photos, octaves=1, steps=0, batch=2))
    assert all(torch.equal(a.image, b) for a, b in zip(results, photos, strict=True))
    assert [each.job.settings.get("together") for each in results] == [
        (2, 0), (2, 0), (2, 1), (2, 1), None
    ]  # fmt: skip


def test_a_match_with_a_guide_is_each_photos_own(squeezenet: ent.Model, tmp_path: Path) -> None:
    guide = ent.write(tmp_path / "guide.png", noise(7))
    photos = [noise(0), noise(1)]
    for objective in ("match('fire5', 'guide.png')", "inversion('fire5', 'guide.png')"):
        wanted = objective.replace("guide.png", guide.as_posix())
        together = ent.dream_photos(squeezenet, photos, objective=wanted, **SHORT)
        for photo, result in zip(photos, together, strict=True):
            alone = ent.dream(squeezenet, photo, objective=wanted, **SHORT)
            torch.testing.assert_close(result.image, alone.image, atol=1e-5, rtol=0)


def test_a_network_whose_sums_round_otherwise_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    # The last layer is a product of matrices, whose sums depend on the number of rows.
    model = ent.load("efficientnet_lite0")
    photos = [ent.write(tmp_path / f"{seed}.png", noise(seed)) for seed in range(3)]
    results = ent.dream_photos(model, photos, objective="logit('tabby')", **SHORT)
    for seed, result in enumerate(results):
        made = result.save(tmp_path / f"dream-{seed}.png")
        again = plan_redo(made).run().save(tmp_path / f"again-{seed}.png")
        assert again.read_bytes() == made.read_bytes()


def test_all_photos_are_checked_before_the_first_is_dreamt(squeezenet: ent.Model) -> None:
    with pytest.raises(PictureNotFound, match=r"no picture 'missing\.png'"):
        ent.dream_photos(squeezenet, [noise(0), "missing.png"])


@pytest.mark.parametrize("batch", [0, "all", True, 5000])
def test_a_batch_is_auto_or_a_number_of_photos(squeezenet: ent.Model, batch: int | str) -> None:
    with pytest.raises(BadSetting, match="batch"):
        ent.dream_photos(squeezenet, [], batch=batch)


def test_what_gains_nothing_or_differs_in_company_is_dreamt_alone(squeezenet: ent.Model) -> None:
    large = [noise(seed, 300, 500) for seed in range(2)]
    plans = [plan_dream(squeezenet, each, octaves=1) for each in large]
    assert together_by_size(plans, "auto") == [(0,), (1,)]
    assert together_by_size(plans, 8) == [(0, 1)]
    tiled = [plan_dream(squeezenet, each, layer="fire3", octaves=1, tile=200) for each in large]
    assert together_by_size(tiled, 8) == [(0,), (1,)]
    related = [plan_dream(squeezenet, noise(0), objective="diversity('fire5')")] * 2
    assert together_by_size(related, 8) == [(0,), (1,)]


def test_memory_bounds_how_many_are_dreamt_together(squeezenet: ent.Model) -> None:
    # Less than this program has taken itself leaves room for one, whatever its size.
    plans = [plan_dream(squeezenet, noise(0), tile="off", memory="1MiB")] * 3
    assert together_by_size(plans, "auto") == [(0,), (1,), (2,)]


@pytest.mark.parametrize("together", [(0, 0), (2, 2), (2, -1), (2,), (10**9, 0)])
def test_no_job_of_a_stranger_asks_for_more_copies_than_can_be(
    squeezenet: ent.Model, together: object
) -> None:
    with pytest.raises(BadSetting, match=r"together|place among them"):
        plan_dream(squeezenet, noise(0), together=together)


def test_copies_that_are_more_pixels_than_a_picture_may_have_are_refused(
    squeezenet: ent.Model,
) -> None:
    with pytest.raises(BadSetting, match="megapixels"):
        plan_dream(squeezenet, noise(0, 600, 800), together=(1000, 0))


@pytest.mark.parametrize("norm", NORMS)
def test_the_size_of_a_gradient_is_its_own_in_any_company(norm: str) -> None:
    # So many numbers that several threads share the sum over one of them.
    gradients = torch.randn((4, 3, 200, 300), generator=torch.Generator().manual_seed(0))
    together = normalized(gradients, norm)  # type: ignore[arg-type]
    for alone, among in zip(gradients.split(1), together.split(1), strict=True):
        assert torch.equal(normalized(alone, norm), among)  # type: ignore[arg-type]


def test_a_users_objective_that_may_compare_images_has_each_photo_alone(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_things", dict(vocabulary._things))  # forgotten afterwards

    @ent.objective
    def brighter_than_the_others(acts, layer: ent.Layer):  # type: ignore[no-untyped-def]
        means = acts[layer].flatten(1).mean(1)
        return means - means.mean()

    @ent.objective(compares_images=False)
    def bright(acts, layer: ent.Layer):  # type: ignore[no-untyped-def]
        return acts[layer].flatten(1).mean(1)

    def groups(objective: ent.Objective) -> list[tuple[int, ...]]:
        plans = [plan_dream(squeezenet, noise(n), objective=objective, **SHORT) for n in range(2)]
        return together_by_size(plans, "auto")

    assert groups(brighter_than_the_others("fire5")) == [(0,), (1,)]
    assert groups(bright("fire5")) == [(0, 1)]
    assert groups(ent.energy("fire5") + abs(ent.alignment("fire5"))) == [(0,), (1,)]
