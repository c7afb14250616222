"""The film of drifting clouds in the examples: what moves, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

_EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(_EXAMPLES)
    import make_cloud_film

    return make_cloud_film


def test_a_layer_over_a_sky_is_what_would_be_painted_over_it(script: Any) -> None:
    def painted(sky: Any) -> Any:
        return script.clouds.with_cirrus(sky, np.random.default_rng(3))

    sky = np.random.default_rng(0).random((40, 64, 3), np.float32)
    assert np.abs(script.layer(painted, 40, 64).over(sky) - painted(sky)).max() < 1e-4


def test_clouds_drift_to_the_right_and_the_meadow_stays(script: Any) -> None:
    first, *_, last = (np.asarray(each).astype(float) for each in script.frames(96, 128, 5, seed=0))
    assert first.shape == (96, 128, 3)
    # The fifth frame is four after the first, and grain differs by a few levels in each.
    shift = 4 * script.NEAR
    heap = slice(10, 45), slice(40, 100)
    where = heap[0], slice(heap[1].start + shift, heap[1].stop + shift)
    assert np.abs(last[where] - first[heap]).mean() < 0.5 * np.abs(last[heap] - first[heap]).mean()
    assert np.abs(last[-12:] - first[-12:]).mean() < 4
