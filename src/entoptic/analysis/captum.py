"""A Model as a module of torch, for captum, pytorch-grad-cam and the like."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from entoptic.checks import taking
from entoptic.errors import BadSetting
from entoptic.layers import LOGITS, Layer, layer_name
from entoptic.networks import Model, ModelLike, model_of, taps
from entoptic.networks.frozen import frozen_copy


class CaptumModule(nn.Module):
    """A network from images in [0, 1] to one of its layers; made by `captum_module`.

    Args:
        model: a single network.
        layer: whose value is the output.
        network: a copy of its module, which may be hooked.
    """

    model: Model
    target: Layer
    _parts: Mapping[str, nn.Module]

    def __init__(self, model: Model, layer: Layer, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # Not as parts of this module, which would then have all parts of the network twice.
        self.__dict__["model"], self.__dict__["target"] = model, layer
        self.__dict__["_parts"] = model.modules_by_address(network)

    def layer(self, address: Layer | str) -> nn.Module:
        """Return the part of the network at an address, to be hooked or attributed to.

        Raises:
            UnknownLayer: with the nearest name.
        """
        return self._parts[self.model.resolve(address).name]

    def forward(self, images: Tensor) -> Tensor:
        """Return the layer's value for images.

        Args:
            images: (batch, 3, height, width), sRGB in [0, 1].

        Raises:
            PictureTooSmall, WrongPictureSize: the network can't work at that size.
        """
        model = self.model
        if torch.is_grad_enabled() and not images.requires_grad:
            # The weights ask for no gradient; layers are to have one all the same.
            images = images.detach().requires_grad_()
        size = images.shape[-2], images.shape[-1]
        model.info(self.target, model.shown([self.target], size))
        fed = model.preprocess(model.tables.fitted(images, {self.target}))
        found = taps.run(self.network, self._parts, fed, {self.target})
        return model.arranged(found, size)[self.target]


@taking(layer=layer_name)
def captum_module(model: ModelLike, layer: Layer | str = LOGITS) -> CaptumModule:
    """Make a network into a module of torch, to be attributed by captum or pytorch-grad-cam.

    The module takes images as entoptic does, (batch, 3, height, width) in sRGB and [0, 1]; the
    preprocessing is inside, so that attributions are to pixels and a baseline of 0 is black. It
    holds a copy of the network in evaluation mode, which shares the weights; operations in place
    are replaced, so that hooks see what layers give. `module.layer("fire7")` is the part to hook.

    Args:
        model: a network, or what `model_of` takes for one; not an ensemble.
        layer: whose value is the output; by default the scores of the classes before any softmax.

    Returns:
        The module; its values are those of `Model.activations`, its gradients those of `gradient`.

    Raises:
        UnknownLayer: with the nearest name.
        BadSetting: an ensemble, or the picture itself for a layer.

    >>> import entoptic as ent, torch
    >>> captum_module(ent.load())(torch.full((2, 3, 64, 64), 0.5)).shape
    torch.Size([2, 1000])
    """
    network = model_of(model)
    if network.members:
        names = ", ".join(network.members)
        raise BadSetting(f"an ensemble is no one module; take one of its networks: {names}")
    target = network.resolve(layer)
    if target.name not in network.paths:
        raise BadSetting(f"{str(target)!r} is the picture itself; name a layer of the network")
    copy = frozen_copy(network.module)
    for part in copy.modules():
        if getattr(part, "inplace", None) is True:
            part.inplace = False  # type: ignore[assignment]
    return CaptumModule(network, target, copy)
