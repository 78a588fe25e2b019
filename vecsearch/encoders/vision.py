"""Networks of torchvision, less the layer that names ImageNet's classes."""

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
from torch import nn

from vecsearch.encoders.plain import OWN_BACKBONES
from vecsearch.errors import InvalidArgument, MissingPackage

# The operators of detection, which no backbone here uses. Where torchvision's own library cannot
# be loaded, as beside a torch of another build, it is their absence that stops its import.
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[torch.library.Library] = []


def torchvision() -> Any:
    """Import torchvision, also where its compiled operators do not fit this torch.

    Raises:
        MissingPackage: It is not installed.
    """
    try:
        import torchvision as found
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"This backbone needs the package {error.name!r}: pip install 'vecsearch[torch]'"
        ) from error
    except RuntimeError as error:
        if "does not exist" not in str(error) or _kept:
            raise
        import sys

        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            library.define(operator)  # type: ignore[no-untyped-call]
        _kept.append(library)
        import torchvision as found
    return found


def check_backbone(name: str) -> None:
    """Refuse a name that is no classifier of torchvision.

    Raises:
        InvalidArgument: There is none of that name.
        MissingPackage: torchvision is not installed.
    """
    models = torchvision().models
    known = models.list_models(module=models)
    if name not in known:
        from vecsearch.spelling import did_you_mean

        hint = did_you_mean(name, [*OWN_BACKBONES, *known])
        raise InvalidArgument(
            f"No backbone is called {name!r}.{hint} There are small, conv3 and torchvision's, as "
            "resnet18."
        )


def normalisation(name: str) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation of the pixels, one a channel, that its weights are meant for."""
    look = torchvision().models.get_model_weights(name).DEFAULT.transforms()
    return look.mean, look.std


def vision_backbone(name: str) -> tuple[nn.Module, int]:
    """A classifier of torchvision without its last layer, and how many features it gives.

    Raises:
        InvalidArgument: There is none of that name, or it does not end in a linear layer.
        MissingPackage: torchvision is not installed.
    """
    check_backbone(name)
    models = torchvision().models
    # These two were trained on other values, to which they bring those of all others.
    inception = name in ("googlenet", "inception_v3")
    more = {"aux_logits": False, "transform_input": True, "init_weights": True}
    network: nn.Module = models.get_model(name, weights=None, **(more if inception else {}))
    if isinstance(network, models.MNASNet):
        # Its own refuses weights that do not say by which version of it they were written.
        network._load_from_state_dict = MethodType(nn.Module._load_from_state_dict, network)
    linear = [
        (path, layer) for path, layer in network.named_modules() if isinstance(layer, nn.Linear)
    ]
    if not linear:
        raise InvalidArgument(f"{name} has no features to stand on: choose another backbone.")
    path, last = linear[-1]
    above, _, own = path.rpartition(".")
    setattr(network.get_submodule(above), own, nn.Identity())
    return network, last.in_features
