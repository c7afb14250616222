"""The example that trains a sparse autoencoder, in a small setting."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import entoptic as ent

ROOT = Path(__file__).parents[2]


def loaded() -> ModuleType:
    """examples/sparse_autoencoder.py."""
    path = ROOT / "examples" / "sparse_autoencoder.py"
    spec = importlib.util.spec_from_file_location("sparse_autoencoder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # As dataclasses look it up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sparse_autoencoder", module)
        spec.loader.exec_module(module)
    return module


sparse_autoencoder = loaded()


@pytest.mark.slow
def test_an_autoencoder_is_trained_and_its_features_are_shown(tmp_path: Path) -> None:
    photos = [ROOT / "docs" / "pictures" / "walkthrough" / "1-photo.jpg"]
    sparse_autoencoder.main(
        [
            *map(str, photos),
            "-o",
            str(tmp_path),
            "--crops",
            "2",
            "--steps",
            "200",
            "--codes",
            "64",
            "--top-k",
            "8",
            "--show",
            "2",
            "--picture-steps",
            "2",
        ]
    )
    # Two rows of eight tiles.
    assert ent.read(tmp_path / "sparse-autoencoder.jpg").width == 8 * 132 - 4
    unit = ent.code("fire5", tmp_path / "sae.pt", 3)
    assert ent.visualize(ent.load(), unit, size=48, steps=1).image.shape == (1, 3, 48, 48)


def test_training_explains_what_has_a_sparse_cause() -> None:
    rng = torch.Generator().manual_seed(0)
    causes = torch.eye(6)[torch.randint(6, (4096,), generator=rng)] * 3
    vectors = causes @ torch.randn(6, 10, generator=rng)
    _, explained = sparse_autoencoder.trained(vectors, codes=12, top_k=2, steps=1000)
    assert explained > 0.95
