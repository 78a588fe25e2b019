"""Encoders by name: our own, and those that other packages declare by entry point."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vecsearch.encoders.base import Encoder, is_trainable, load_settings
from vecsearch.errors import InvalidArgument, MissingPackage, VecsearchError
from vecsearch.images import Preprocess
from vecsearch.types import JSON

GROUP = "vecsearch.encoders"
BUILT_IN = {
    "pixels": "vecsearch.encoders.pixels:PixelEncoder",
    "pca": "vecsearch.encoders.pca:PCAEncoder",
    "lda": "vecsearch.encoders.lda:LDAEncoder",
    "siamese": "vecsearch.encoders.siamese:SiameseEncoder",
    "efficientnet-lite0": "vecsearch.encoders.efficientnet:EfficientNetLite0",
    "efficientnet-lite0-int8": "vecsearch.encoders.efficientnet_int8:EfficientNetLite0Int8",
    "onnx": "vecsearch.encoders.onnx_file:OnnxEncoder",
    "torchvision": "vecsearch.encoders.torch_networks:TorchvisionEncoder",
    "timm": "vecsearch.encoders.torch_networks:TimmEncoder",
    "openclip": "vecsearch.encoders.torch_networks:OpenClipEncoder",
    "chain": "vecsearch.encoders.chain:ChainEncoder",
    "concat": "vecsearch.encoders.concat:ConcatEncoder",
}


SIZED = re.compile(r"(pca|lda)(\d+|0?\.\d+)")


@dataclass(frozen=True)
class EncoderEntry:
    """A name, the class it stands for as ``module:class``, and the package that declares it."""

    name: str
    target: str
    package: str


def encoder_entries() -> list[EncoderEntry]:
    """All encoders that are declared, by name; two may claim the same one. Imports none of them."""
    import importlib.metadata

    entries = [EncoderEntry(name, target, "vecsearch") for name, target in BUILT_IN.items()]
    for point in importlib.metadata.entry_points(group=GROUP):
        package = point.dist.name if point.dist else "an unknown package"
        entries.append(EncoderEntry(point.name, point.value, package))
    return sorted(entries, key=lambda entry: (entry.name, entry.package))


def describe_encoders() -> list[dict[str, JSON]]:
    """Each declared encoder as plain values: what it is called, whose it is, and what it takes.

    One that stands for many is called as in ``torchvision:NETWORK``.
    ``learns`` is ``no``, ``from images``, ``from labels`` or ``as its parts``, or empty if it
    cannot be imported; ``status`` is ``ok``, or why it cannot be used. The others: ``takes``,
    ``package`` and ``licence``.

    Example:
        >>> {one["name"]: one["learns"] for one in describe_encoders()}["lda"]
        'from labels'
    """
    described: list[dict[str, JSON]] = []
    for entry in encoder_entries():
        name, learns, takes, licence, status = entry.name, "", "", "", "ok"
        try:
            found = encoder_class(entry.name)
            licence, name = getattr(found, "licence", ""), getattr(found, "form", entry.name)
            needs_labels = getattr(found, "needs_labels", None)
            known = {None: "no", False: "from images", True: "from labels"}
            learns = known.get(needs_labels, "as its parts")  # a property, if it depends on them
            takes = _taken(found)
            status = lacking(found) or "ok"
        except VecsearchError as error:
            status = str(error)
        described.append(
            {
                "name": name,
                "learns": learns,
                "takes": takes,
                "package": entry.package,
                "licence": licence,
                "status": status,
            }
        )
    return described


def encoder_class(name: str) -> type[Encoder]:
    """Import the encoder of that name, what stands behind a colon left out.

    Raises:
        InvalidArgument: No encoder has that name, or two packages claim it.
        MissingPackage: It needs a package that is not installed.

    Example:
        >>> encoder_class("pca").__name__
        'PCAEncoder'
    """
    entries = encoder_entries()
    claims = [entry for entry in entries if entry.name == name.partition(":")[0]]
    if not claims:
        names = sorted({entry.name for entry in entries})
        from vecsearch.spelling import did_you_mean

        raise InvalidArgument(
            f"No encoder is called {name!r}.{did_you_mean(name, names)} There are: "
            f"{', '.join(names)}."
        )
    if len(claims) > 1:
        packages = " and ".join(entry.package for entry in claims)
        raise InvalidArgument(f"The encoder {name!r} is declared by {packages}: uninstall one.")
    return _import(claims[0])


def make_encoder(name: str, **params: Any) -> Encoder:
    """Make a new encoder, not yet fitted.

    Args:
        name: What it is registered as; for one that stands for many, with a colon and which of
            them, as ``torchvision:resnet18``.
        **params: What it takes, as ``dim`` and ``preprocess``, a ``Preprocess`` with size, fit and
            colour; one that is None is left out, and so is a seed that it has no use for.

    Raises:
        InvalidArgument: The name is not known, or the encoder does not take a parameter.
        MissingPackage: It needs a package that is not installed.

    Example:
        >>> make_encoder("pca", dim=8, seed=1).get_params()["dim"]
        8
    """
    import inspect

    factory: Any = encoder_class(name)
    takes = inspect.signature(factory).parameters
    given = {key: value for key, value in params.items() if value is not None}
    family, colon, which = name.partition(":")
    if argument := getattr(factory, "argument", None):
        if which:
            given[argument] = which
        elif argument not in given:
            raise InvalidArgument(f"Say which: {factory.form}, as {factory.example}.")
    elif colon:
        raise InvalidArgument(f"The encoder {family!r} takes nothing behind a colon.")
    if "seed" not in takes:
        given.pop("seed", None)
    looks = sorted(given.keys() & {"size", "fit", "color"} - takes.keys())
    if looks and "preprocess" in takes:
        raise InvalidArgument(f"The {looks[0]} goes into preprocess=Preprocess(size, fit, color).")
    for key in given:
        if key not in takes:
            raise InvalidArgument(
                f"The encoder {name!r} takes no {key}; it takes: {_taken(factory)}."
            )
    encoder: Encoder = factory(**given)
    return encoder


def make_encoder_for(
    name: str,
    *,
    size: tuple[int, int] | None = None,
    fit: str | None = None,
    color: str | None = None,
    **params: Any,
) -> Encoder:
    """Make a new encoder, some of whose preprocessing may be given; the rest is its own.

    Raises:
        InvalidArgument: As for ``make_encoder``; or it does not take such images.
        MissingPackage: It needs a package that is not installed.
    """
    encoder = make_encoder(name, **params)
    given: dict[str, Any] = {"size": size, "fit": fit, "color": color}
    changed = {key: value for key, value in given.items() if value is not None}
    if not changed:
        return encoder
    return make_encoder(name, preprocess=replace(encoder.preprocess, **changed), **params)


def only_taken(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some options that an encoder takes.

    Raises:
        InvalidArgument: The name is not known.
        MissingPackage: It needs a package that is not installed.
    """
    import inspect

    takes = inspect.signature(encoder_class(name)).parameters
    return {key: value for key, value in options.items() if key in takes}


def make_part(name: str, preprocess: Preprocess | None, **options: Any) -> Encoder:
    """An encoder that is a part of another: by name, not yet fitted; or by the folder it is in.

    Args:
        name: As for ``make_encoder``; ``pca`` and ``lda`` with a dim behind it or not, as
            ``pca64``; or a folder.
        preprocess: What images are brought to; None, and for a folder, for its own.
        **options: What else it takes; what it does not is left out.

    Raises:
        InvalidArgument: There is neither.
    """
    sized = SIZED.fullmatch(name)
    kind, dim = (sized[1], float(sized[2])) if sized else (name, None)
    known = any(entry.name == kind.partition(":")[0] for entry in encoder_entries())
    if not known and Path(name).is_dir():  # of an encoder's own name it is ./NAME
        return open_encoder(name)
    return make_encoder(kind, dim=dim, preprocess=preprocess, **only_taken(kind, options))


def remake_encoder(name: str, params: Mapping[str, Any]) -> Encoder:
    """Make an encoder anew, not yet fitted, from what ``get_params`` gave.

    Raises:
        InvalidArgument: The name is not known, or the encoder does not take a parameter.
        MissingPackage: It needs a package that is not installed.
    """
    preprocess = Preprocess.from_json(params)
    others = {key: value for key, value in params.items() if key not in preprocess.to_json()}
    return make_encoder(name, preprocess=preprocess, **others)


def unfitted(encoder: Encoder) -> Encoder:
    """An encoder as it was before it was fitted; itself, if it learns nothing.

    Raises:
        MissingPackage: It needs a package that is not installed.
    """
    if not is_trainable(encoder):
        return encoder
    if hasattr(encoder, "unfitted"):
        copy: Encoder = encoder.unfitted()
        return copy
    return remake_encoder(encoder.name, encoder.get_params())


def made_by_name(part: Encoder, text: str) -> bool:
    """Whether ``make_part`` made a part from that text by name, rather than from a folder."""
    sized = SIZED.fullmatch(text)
    return part.name == (sized[1] if sized else text.partition(":")[0])


def open_encoder(folder: str | Path) -> Encoder:
    """Read an encoder from a folder that ``Encoder.save`` wrote, whichever it is.

    Raises:
        InvalidArgument: There is no encoder in it, or its name is not known here: the package that
            brought it is missing.
        DamagedCollection: It cannot be read.
        MissingPackage: It needs a package that is not installed.

    Example:
        >>> make_encoder("pixels").save(tmp / "pixels")
        >>> open_encoder(tmp / "pixels").dim
        12288
    """
    place = Path(folder)
    return load_encoder(str(load_settings(place)["encoder"]), place)


def load_encoder(name: str, folder: Path) -> Encoder:
    """Read a saved encoder of a known kind.

    Raises:
        InvalidArgument: The name is not known here: the package that brought it is missing.
        DamagedCollection: The files cannot be read.
    """
    # Only built-in names are known without a search through all installed packages, which takes
    # longer than a query; the fingerprint of a collection tells whether this is the right one.
    if name in BUILT_IN:
        return _import(EncoderEntry(name, BUILT_IN[name], "vecsearch")).load(folder)
    return encoder_class(name).load(folder)


def lacking(found: Any, what: str = "requires") -> str:
    """Which package an encoder needs that is not installed, and what installs it.

    Args:
        found: The encoder, or its class.
        what: ``requires``, or ``requires_to_fit`` for those that it needs only to learn.
    """
    for module, extra in getattr(found, what, ()):
        if not _is_installed(module):
            return f"needs the package {module}: pip install 'vecsearch[{extra}]'"
    return ""


def _is_installed(module: str) -> bool:
    import importlib.util

    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that is not there itself
        return False


def _taken(found: Any) -> str:
    """What an encoder takes, by the names of the options."""
    import inspect

    return ", ".join(inspect.signature(found).parameters).replace("preprocess", "size, fit, color")


def _import(entry: EncoderEntry) -> type[Encoder]:
    module, _, attribute = entry.target.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute.split(" ")[0])
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"The encoder {entry.name!r} of {entry.package} needs the package {error.name!r}: "
            f"pip install {error.name}"
        ) from error
    except (Exception, SystemExit) as error:
        # A plugin that breaks while it is imported breaks only itself.
        raise VecsearchError(
            f"The encoder {entry.name!r} of {entry.package} cannot be imported: {error!r}."
        ) from error
    called = getattr(found, "name", None)
    if not isinstance(found, type) or called != entry.name:
        what = f"a class that calls itself {called!r}" if isinstance(found, type) else "no class"
        raise InvalidArgument(
            f"{entry.package} declares the encoder {entry.name!r}, but {entry.target} is {what}: "
            "it must be a class with that name."
        )
    if not all(isinstance(one, tuple) and len(one) == 2 for one in getattr(found, "requires", ())):
        raise InvalidArgument(
            f"What the encoder {entry.name!r} of {entry.package} requires must be pairs of a "
            "module and what installs it."
        )
    return found
