"""Networks of torchvision, timm and OpenCLIP."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from vecsearch.encoders.base import Requires
from vecsearch.encoders.torch_encoder import Look, TorchEncoder
from vecsearch.errors import InvalidArgument
from vecsearch.images.decoding import FILTERS, Fit
from vecsearch.spelling import did_you_mean
from vecsearch.types import Vectors

if TYPE_CHECKING:
    from torch import Tensor, nn


class TorchvisionEncoder(TorchEncoder):
    """The features of any network of torchvision that names classes of images.

    They are what its last layer stands on. Images are resized, cut and normalised as for the
    network's own weights. Args and Raises: as for all; ``--weights DEFAULT`` has torchvision fetch
    its weights, unless they were fetched before.
    """

    name: ClassVar[str] = "torchvision"
    requires: ClassVar[Requires] = (("torch", "torch"), ("torchvision", "torch"))
    form: ClassVar[str] = "torchvision:NETWORK"
    example: ClassVar[str] = "torchvision:resnet18"
    licence: ClassVar[str] = "BSD-3-Clause; of weights, see torchvision"

    def _check_name(self) -> None:
        from vecsearch.encoders.vision import check_backbone

        check_backbone(self.network)

    def _network(self, fetched: str | None) -> "tuple[nn.Module, Look]":
        from vecsearch.encoders.pretrained_files import give_weights
        from vecsearch.encoders.vision import torchvision, vision_backbone

        network, _ = vision_backbone(self.network)
        models = torchvision().models
        known = models.get_model_weights(self.network).DEFAULT
        if fetched is not None:
            whole = known.get_state_dict(progress=False, check_hash=True)
            give_weights(network, whole, str(known), self.network)
        how = known.transforms()
        side, cut = how.resize_size[0], how.crop_size[0]
        return network, Look(
            (cut, cut), (side, side), tuple(how.mean), tuple(how.std), how.interpolation.value
        )


class TimmEncoder(TorchEncoder):
    """The features of any network of the package timm.

    Args and Raises: as for all; ``--weights DEFAULT`` has timm fetch its weights, unless they were
    fetched before.
    """

    name: ClassVar[str] = "timm"
    requires: ClassVar[Requires] = (("torch", "timm"), ("torchvision", "timm"), ("timm", "timm"))
    form: ClassVar[str] = "timm:NETWORK"
    example: ClassVar[str] = "timm:vit_small_patch16_224"
    licence: ClassVar[str] = "Apache-2.0; of weights, see their card"

    def _check_name(self) -> None:
        timm = _import_beside_torchvision("timm")
        if not timm.is_model(self.network.partition(".")[0]):
            hint = did_you_mean(self.network, timm.list_models())
            raise InvalidArgument(
                f"timm has no network {self.network!r}.{hint} timm.list_models() names all."
            )

    def _network(self, fetched: str | None) -> "tuple[nn.Module, Look]":
        timm = _import_beside_torchvision("timm")
        network = timm.create_model(self.network, pretrained=fetched is not None, num_classes=0)
        how = timm.data.resolve_model_data_config(network)
        _, height, width = how["input_size"]
        resize = int(width / how["crop_pct"]), int(height / how["crop_pct"])
        fit: Fit = "stretch" if how.get("crop_mode") == "squash" else "crop"
        filtered: Any = how["interpolation"] if how["interpolation"] in FILTERS else "bicubic"
        return network, Look(
            (width, height), resize, tuple(how["mean"]), tuple(how["std"]), filtered, fit
        )


# What OpenCLIP calls the ways of images to a square.
FITS: Mapping[str, Fit] = {"shortest": "crop", "squash": "stretch", "longest": "pad"}


class OpenClipEncoder(TorchEncoder):
    """What OpenCLIP's networks make of images, and of words: both lie in one space.

    ``--weights`` is a file, or the name of weights that OpenCLIP knows, as ``laion2b_s34b_b79k``,
    which it fetches unless they were fetched before. Compare by cosine.
    """

    name: ClassVar[str] = "openclip"
    requires: ClassVar[Requires] = tuple(
        (package, "openclip") for package in ("torch", "torchvision", "open_clip")
    )
    form: ClassVar[str] = "openclip:NETWORK"
    example: ClassVar[str] = "openclip:ViT-B-32"
    licence: ClassVar[str] = "MIT; of weights, see their card"

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Embed words, to be compared with images.

        Args:
            texts: What to look for, each a few words.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: There is no such network here, or no weights are named.
            MissingPackage: OpenCLIP is not installed.
            VecsearchError: The weights cannot be fetched.
        """
        import torch

        network: Any = self._opened[0]
        tokenizer = _import_beside_torchvision("open_clip").get_tokenizer(self.network)
        with torch.inference_mode():
            tokens = tokenizer(list(texts)).to(next(network.parameters()).device)
            found = network.encode_text(tokens)
        vectors: Vectors = found.float().cpu().numpy()
        return vectors

    def _check_name(self) -> None:
        known = _import_beside_torchvision("open_clip").list_models()
        if self.network not in known:
            hint = did_you_mean(self.network, known)
            raise InvalidArgument(
                f"OpenCLIP has no network {self.network!r}.{hint} open_clip.list_models() names "
                "all."
            )
        tags = _import_beside_torchvision("open_clip").list_pretrained_tags_by_model(self.network)
        if self._loaded is None and self.weights in tags and self.weights not in self._known():
            other = f"{self.network}-quickgelu"
            advice = f": take openclip:{other}" if other in known else ""
            raise InvalidArgument(
                f"The weights {self.weights!r} were trained with another activation than that of "
                f"openclip:{self.network}{advice}."
            )

    def _known(self) -> Sequence[str]:
        open_clip = _import_beside_torchvision("open_clip")

        def is_quick(settings: dict[str, Any] | None) -> bool:
            return bool((settings or {}).get("quick_gelu", False))

        own = is_quick(open_clip.get_model_config(self.network))
        tags = open_clip.list_pretrained_tags_by_model(self.network)
        # With others it would compute something else than they were trained for, and only warn.
        same = (
            tag for tag in tags if is_quick(open_clip.get_pretrained_cfg(self.network, tag)) == own
        )
        return tuple(same) or ("FILE",)

    def _network(self, fetched: str | None) -> "tuple[nn.Module, Look]":
        open_clip = _import_beside_torchvision("open_clip")
        if fetched is None:
            # It would fetch the words' tower of some networks, and warn of all that they are raw.
            with _quiet():
                network = open_clip.create_model(self.network, pretrained_text=False)
        else:
            network = open_clip.create_model(self.network, pretrained=fetched)
        visual = network.visual
        sides = visual.image_size
        width, height = (sides, sides) if isinstance(sides, int) else (sides[1], sides[0])
        mean = getattr(visual, "image_mean", None) or open_clip.OPENAI_DATASET_MEAN
        std = getattr(visual, "image_std", None) or open_clip.OPENAI_DATASET_STD
        how = getattr(visual, "preprocess_cfg", {})
        filtered: Any = how.get("interpolation")
        return network, Look(
            (width, height),
            (width, height),
            tuple(mean),
            tuple(std),
            filtered if filtered in FILTERS else "bicubic",
            FITS.get(how.get("resize_mode", "shortest"), "crop"),
        )

    def _features(self, network: Any, values: "Tensor") -> "Tensor":
        features: Tensor = network.encode_image(values)
        return features


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nobody log a warning."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _import_beside_torchvision(package: str) -> Any:
    """Import a package that itself imports torchvision."""
    import importlib

    from vecsearch.encoders.vision import torchvision

    torchvision()
    return importlib.import_module(package)
