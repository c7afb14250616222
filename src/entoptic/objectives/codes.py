"""Terms for codes of sparse autoencoders that were trained on a layer."""

from __future__ import annotations

import torch

from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.layers import Layer
from entoptic.objectives.algebra import Activations
from entoptic.objectives.kinds import Autoencoder, Code, TopK
from entoptic.objectives.reductions import over_positions
from entoptic.objectives.terms import objective
from entoptic.types import Scores


@objective(over_positions="mean")
def code(
    acts: Activations, layer: Layer, file: Autoencoder, number: Code, top_k: TopK = None
) -> Scores:
    """Mean code of a sparse autoencoder over space: one feature of its dictionary.

    The encoder runs at each position by itself: f(W a + b), where a is what the layer holds there
    and f a ReLU, a TopK or a JumpReLU, as the file says. Where the code is 0 at all positions of an
    image, its gradient would be 0 too; it is that of W a + b instead, so that an optimisation can
    begin. The score is exact in any case.

    Args:
        layer: the one that the autoencoder was trained on.
        file: state dict of a sparse autoencoder of overcomplete, saev or ViT-Prisma, by
            `torch.save` or as .safetensors.
        number: of the code, counted from 0. As a unit of its own, "0-15" stands for sixteen.
        top_k: codes that are kept at each position, 0 for ReLU, where the file doesn't say it (of
            overcomplete).

    Returns:
        One score per image, in the units of the codes.

    Raises:
        BadUnitFile: the file can't be read, or is of another layout.
        UnknownLayer, ChannelOutOfRange, BadSetting: before the first step, by `ascend`.

    Source: Cunningham et al., "Sparse Autoencoders Find Highly Interpretable Features in Language
    Models", 2023; TopK: Gao et al., 2024; JumpReLU: Rajamanoharan et al., 2024.

    >>> code("fire5", "sae.pt", 17) - code("fire5", "sae.pt", 3)
    (code('fire5', 'sae.pt', 17) - code('fire5', 'sae.pt', 3))
    """
    assert isinstance(file, SparseEncoder)  # once bound
    assert isinstance(number, int)
    before, codes = file.both(acts[layer], [number])
    inactive = (codes == 0).all(2, keepdim=True)
    return over_positions(codes + torch.where(inactive, before - before.detach(), 0))
