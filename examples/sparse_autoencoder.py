"""Train a sparse autoencoder on a layer of a network, and show its features beside the channels.

    python examples/sparse_autoencoder.py holidays/

takes minutes on two cores. It writes `sae.pt` in the layout of saev, with which
`entoptic visualize "code('fire5', 'sae.pt', 17)"` goes on, and `sparse-autoencoder.jpg`: a row for
each feature, with the photographs that excite it most, and the same of the channel that it weighs
most. The autoencoder is a TopK (Gao et al., "Scaling and evaluating sparse autoencoders", 2024).
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import entoptic as ent
from entoptic.analysis.photographs import photo_files
from entoptic.images.contact_sheet import sheet
from entoptic.jobs.exemplars import UnitExemplars

# Vectors that are trained on in one step.
_BATCH = 1024
# Steps after which features that were never kept begin anew.
_REVIVE_EVERY = 200
_TILE = 128


def activations(model: ent.Model, layer: str, photos: Sequence[Path], crops: int) -> Tensor:
    """Return what a layer holds at each position of crops of photographs, (vectors, channels)."""
    rng = torch.Generator().manual_seed(0)
    height, width = model.preprocess.size
    found = []
    for path in photos:
        image = ent.read(path).image
        least = max(height / image.shape[-2], width / image.shape[-1])
        for _ in range(crops):
            scale = least * (1 + 0.6 * float(torch.rand((), generator=rng)))
            size = [
                max(each, round(side * scale))
                for each, side in zip((height, width), image.shape[-2:], strict=True)
            ]
            larger = ent.resize(image, *size).clamp(0, 1)
            top, left = (
                int(torch.randint(side - own + 1, (), generator=rng))
                for side, own in zip(size, (height, width), strict=True)
            )
            crop = larger[..., top : top + height, left : left + width]
            (values,) = model.activations(crop, [layer]).values()
            found.append(values[0].flatten(1).T)
    return torch.cat(found)


class SparseAutoencoder(nn.Module):
    """A TopK autoencoder, with the names of parameters that saev has."""

    def __init__(self, channels: int, codes: int, top_k: int) -> None:
        super().__init__()
        rows = functional.normalize(torch.randn(codes, channels), dim=1)
        self.W_dec = nn.Parameter(rows)
        self.W_enc = nn.Parameter(rows.T.clone())
        self.b_enc = nn.Parameter(torch.zeros(codes))
        self.b_dec = nn.Parameter(torch.zeros(channels))
        self.top_k = top_k

    def encode(self, vectors: Tensor) -> Tensor:
        before = vectors @ self.W_enc + self.b_enc
        kept = before.topk(self.top_k, dim=1)
        return torch.zeros_like(before).scatter(1, kept.indices, kept.values.relu())

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        codes = self.encode(vectors)
        return codes, codes @ self.W_dec + self.b_dec


def trained(vectors: Tensor, codes: int, top_k: int, steps: int) -> tuple[SparseAutoencoder, float]:
    """Return an autoencoder of vectors, and the share of their variance that it explains."""
    torch.manual_seed(0)
    scale = vectors.square().sum(1).mean().sqrt() / vectors.shape[1] ** 0.5
    given = vectors / scale
    made = SparseAutoencoder(vectors.shape[1], codes, top_k)
    with torch.no_grad():
        made.b_dec.copy_(given.mean(0))
        made.b_enc.copy_(-(made.b_dec @ made.W_enc))
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-3)
    kept = torch.zeros(codes)
    for step in range(steps):
        batch = given[torch.randint(len(given), (_BATCH,))]
        found, again = made(batch)
        loss = (again - batch).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, 4 * (1 - step / steps))
        optimizer.step()
        with torch.no_grad():
            made.W_dec.copy_(functional.normalize(made.W_dec, dim=1))
            kept += (found > 0).sum(0)
            if step % _REVIVE_EVERY == _REVIVE_EVERY - 1 and step < 0.7 * steps:
                _revive(made, kept == 0, batch - again)
                kept.zero_()
    with torch.no_grad():
        some = given[torch.randperm(len(given))[: 8 * _BATCH]]
        rest = (made(some)[1] - some).square().sum()
        explained = 1 - float(rest / (some - some.mean(0)).square().sum())
        # Of the vectors as they are: what was divided by the scale is in the weights.
        for weight, factor in ((made.W_enc, 1 / scale), (made.W_dec, scale), (made.b_dec, scale)):
            weight.mul_(factor)
    return made, explained


def _revive(made: SparseAutoencoder, dead: Tensor, rest: Tensor) -> None:
    """Let features that were never kept begin where most is left unexplained."""
    numbers = dead.nonzero()[:, 0][: len(rest)]
    worst = rest.square().sum(1).topk(len(numbers)).indices
    rows = functional.normalize(rest[worst], dim=1)
    made.W_dec[numbers] = rows
    made.W_enc[:, numbers] = rows.T
    made.b_enc[numbers] = -(rows @ made.b_dec)


def save(made: SparseAutoencoder, path: Path) -> None:
    """Write an autoencoder as saev does: a line of JSON, then its state dict."""
    codes, channels = made.W_dec.shape
    activation = {"cls": "TopK", "params": {"top_k": made.top_k}}
    header = {
        "schema": 2,
        "cfg": {"d_vit": channels, "exp_factor": codes // channels, "activation": activation},
    }
    weights = io.BytesIO()
    torch.save(made.state_dict(), weights)
    path.write_bytes(json.dumps(header).encode() + b"\n" + weights.getvalue())


@dataclass(frozen=True)
class Feature:
    """A feature that is shown.

    Args:
        number: of the code.
        share: of the positions at which it is kept.
        channel: that it weighs most.
        weight: cosine between its row of the decoder and that channel.
    """

    number: int
    share: float
    channel: int
    weight: float


def chosen(made: SparseAutoencoder, vectors: Tensor, count: int) -> list[Feature]:
    """Return features that are kept now and then, and strongly: one for each channel at most."""
    with torch.no_grad():
        some = vectors[:: max(1, len(vectors) // 65536)]
        found = torch.cat([made.encode(each) for each in torch.split(some, 4096)])
        rows = functional.normalize(made.W_dec, dim=1)
    share = (found > 0).float().mean(0)
    # Below the mean, which is the same for every autoencoder of so many codes.
    rare = (share > 0) & (share < made.top_k / len(share))
    strong = torch.where(rare, found.amax(0), 0)
    features: list[Feature] = []
    for number in strong.argsort(descending=True).tolist():
        channel = int(rows[number].argmax())
        if strong[number] > 0 and channel not in {each.channel for each in features}:
            features.append(
                Feature(number, float(share[number]), channel, float(rows[number, channel]))
            )
        if len(features) == count:
            break
    return features


def picture(
    model: ent.Model,
    layer: str,
    path: Path,
    features: Sequence[Feature],
    photos: Sequence[Path],
    steps: int,
) -> Tensor:
    """Return a row for each feature: its picture and photographs, then those of the channel."""
    codes = [ent.code(layer, path, each.number) for each in features]
    channels = [ent.channel(layer, each.channel) for each in features]
    made = ent.visualize(model, *codes, *channels, size=_TILE, steps=steps, progress=False).images
    found = ent.exemplars(model, *codes, *channels, photos=list(photos), count=3)
    tiles, labels = [], []

    def add(place: int, label: str, unit: UnitExemplars) -> None:
        tiles.append(made[place : place + 1])
        labels.append(label)
        for each in unit.exemplars:
            tiles.append(_square(found.image(each)))
            labels.append(f"{each.value:.3g}")

    for place, each in enumerate(features):
        add(place, f"code {each.number}, {each.share:.2%}", found.units[place])
        other = len(features) + place
        add(other, f"channel {each.channel}, {each.weight:.2f}", found.units[other])
    return sheet(torch.cat(tiles), 8, labels=labels)


def _square(image: Tensor) -> Tensor:
    """Return the middle of an image at the size of a tile."""
    side = min(image.shape[-2:])
    return ent.resize(ent.center_crop(image, side, side), _TILE, _TILE).clamp(0, 1)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("photos", nargs="+", help="photographs, and folders of them")
    parser.add_argument("--model", default="squeezenet1_1")
    parser.add_argument("--layer", default="fire5")
    parser.add_argument("--codes", type=int, default=512)
    parser.add_argument("--top-k", type=int, default=16)
    parser.add_argument("--crops", type=int, default=2, help="of each photograph")
    parser.add_argument("--steps", type=int, default=2000, help="of the training")
    parser.add_argument("--show", type=int, default=8, help="features in the picture")
    parser.add_argument("--picture-steps", type=int, default=256)
    parser.add_argument("--output", "-o", type=Path, default=Path(), help="a folder")
    given = parser.parse_args(argv)
    given.output.mkdir(parents=True, exist_ok=True)
    model, photos = ent.load(given.model), photo_files(given.photos)
    vectors = activations(model, given.layer, photos, given.crops)
    print(f"{len(vectors)} vectors of {vectors.shape[1]} channels, from {len(photos)} photographs")
    made, explained = trained(vectors, given.codes, given.top_k, given.steps)
    path = given.output / "sae.pt"
    save(made, path)
    print(f"{path}: {given.codes} codes, {given.top_k} at a time; explained: {explained:.0%}")
    features = chosen(made, vectors, given.show)
    rows = picture(model, given.layer, path, features, photos, given.picture_steps)
    print(ent.write(given.output / "sparse-autoencoder.jpg", rows))


if __name__ == "__main__":
    main()
