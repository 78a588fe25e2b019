"""What every registered encoder owes."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS

from vecsearch.encoders import (
    Encoder,
    describe_encoders,
    encoder_class,
    encoder_entries,
    is_fitted,
    is_trainable,
    load_encoder,
    make_encoder,
    open_encoder,
)
from vecsearch.encoders.affine import AffineEncoder
from vecsearch.encoding import encode_images
from vecsearch.errors import (
    DamagedCollection,
    InvalidArgument,
    MissingPackage,
    NotFitted,
    VecsearchError,
)
from vecsearch.images import Preprocess, read, walk
from vecsearch.types import Pixels

# Those that take images of any size; test_kit.py and test_pretrained.py try the others.
NAMES = ["lda", "pca", "pixels", "siamese"]
GREY = Preprocess((12, 10), color="grey")


@pytest.fixture(scope="module")
def clothes(sample: Path) -> tuple[Pixels, list[str]]:
    """300 real product images of all classes, 12 × 10 grey, with their classes."""
    paths = walk(sample / "train")[0][::7][:290]
    pixels = np.concatenate([batch.pixels for batch in read(sample / "train", paths, GREY, 1)])
    return pixels, [path.split("/")[0] for path in paths]


# What is enough to see that an encoder keeps its promises.
QUICK: dict[str, dict[str, Any]] = {"siamese": {"settings": {"epochs": 1, "width": 2}}}


def made(name: str, preprocess: Preprocess = GREY, **params: Any) -> Encoder:
    return make_encoder(name, preprocess=preprocess, **QUICK.get(name, {}), **params)


def fitted(name: str, clothes: tuple[Pixels, list[str]], **params: Any) -> Encoder:
    encoder = made(name, **params)
    return encoder.fit(*clothes) if is_trainable(encoder) else encoder


@pytest.mark.parametrize("name", NAMES)
class TestEveryEncoder:
    def test_shape_and_type(self, name: str, clothes: tuple[Pixels, list[str]]) -> None:
        encoder = fitted(name, clothes)
        vectors = encoder.encode(clothes[0])
        assert vectors.shape == (len(clothes[0]), encoder.dim)
        assert vectors.dtype == np.float32
        assert vectors.flags.c_contiguous
        assert np.isfinite(vectors).all()
        assert encoder.encode(clothes[0][:0]).shape == (0, encoder.dim)

    def test_alone_as_in_a_batch(self, name: str, clothes: tuple[Pixels, list[str]]) -> None:
        encoder = fitted(name, clothes)
        together = encoder.encode(clothes[0])
        alone = np.concatenate([encoder.encode(image[None]) for image in clothes[0]])
        np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-5)

    def test_the_same_twice(self, name: str, clothes: tuple[Pixels, list[str]]) -> None:
        first, second = fitted(name, clothes), fitted(name, clothes)
        assert first.fingerprint == second.fingerprint
        np.testing.assert_array_equal(first.encode(clothes[0]), second.encode(clothes[0]))

    def test_saved_and_loaded(
        self, name: str, clothes: tuple[Pixels, list[str]], tmp_path: Path
    ) -> None:
        encoder = fitted(name, clothes)
        encoder.save(tmp_path / "saved")
        for loaded in (load_encoder(name, tmp_path / "saved"), open_encoder(tmp_path / "saved")):
            assert loaded.fingerprint == encoder.fingerprint
            assert loaded.get_params() == encoder.get_params()
            assert loaded.facts() == encoder.facts()
            assert loaded.preprocess == encoder.preprocess
            assert is_fitted(loaded)
            np.testing.assert_array_equal(loaded.encode(clothes[0]), encoder.encode(clothes[0]))
        files = {path.suffix for path in (tmp_path / "saved").iterdir()}
        assert files <= {".json", ".safetensors", ".onnx"}

    def test_another_setting_is_another_encoder(
        self, name: str, clothes: tuple[Pixels, list[str]]
    ) -> None:
        pixels, labels = clothes
        variants = [
            GREY,
            Preprocess((10, 12), color="grey"),
            Preprocess((12, 10), fit="crop", color="grey"),
            Preprocess((12, 10), fit="pad", color="grey"),
            Preprocess((2, 20), color="rgb"),
        ]
        prints = []
        for preprocess in variants:
            encoder = made(name, preprocess)
            if is_trainable(encoder):
                encoder.fit(pixels.reshape(-1, *preprocess.shape), labels)
            prints.append(encoder.fingerprint)
        if "dim" in encoder.get_params():
            prints += [fitted(name, clothes, dim=dim).fingerprint for dim in (1, 2)]
            prints.append(fitted(name, clothes, seed=1).fingerprint)
        if is_trainable(encoder):  # other images make other weights
            other = made(name)
            assert is_trainable(other)
            prints.append(other.fit(pixels[::2], labels[::2]).fingerprint)
        assert len(set(prints)) == len(prints)

    def test_images_of_another_kind_are_refused(
        self, name: str, clothes: tuple[Pixels, list[str]]
    ) -> None:
        encoder = fitted(name, clothes)
        for wrong in (clothes[0][:, :5], clothes[0].astype(np.float32), clothes[0][0]):
            with pytest.raises(InvalidArgument, match=r"uint8 images of shape \(n, 10, 12, 1\)"):
                encoder.encode(wrong)

    def test_a_broken_file_is_an_error_of_ours(
        self, name: str, clothes: tuple[Pixels, list[str]], tmp_path: Path
    ) -> None:
        fitted(name, clothes).save(tmp_path)
        for path in tmp_path.iterdir():
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            with pytest.raises(DamagedCollection):
                load_encoder(name, tmp_path)
            path.write_bytes(whole)


@pytest.mark.parametrize("name", ["pca", "lda"])
def test_not_fitted(name: str) -> None:
    encoder = make_encoder(name, preprocess=GREY)
    assert not is_fitted(encoder)
    with pytest.raises(NotFitted, match=f"'{name}' has not seen any images: call fit first"):
        encoder.encode(np.zeros((1, 10, 12, 1), np.uint8))


@pytest.mark.parametrize("name", ["pca", "lda"])
def test_two_images_at_least(name: str) -> None:
    encoder: Any = make_encoder(name, preprocess=GREY)
    with pytest.raises(InvalidArgument, match="needs 2 or more that it can use, but there are 1"):
        encoder.fit(np.zeros((1, 10, 12, 1), np.uint8), ["a"])


def test_pixels_are_the_pixels(clothes: tuple[Pixels, list[str]]) -> None:
    vectors = fitted("pixels", clothes).encode(clothes[0])
    np.testing.assert_allclose(vectors, clothes[0].reshape(-1, 120) / 255, atol=1e-7)


def test_pca_is_that_of_scikit_learn(clothes: tuple[Pixels, list[str]]) -> None:
    from sklearn.decomposition import PCA

    rows = clothes[0].reshape(-1, 120) / 255
    reference = PCA(5, svd_solver="full").fit(rows)
    encoder = fitted("pca", clothes, dim=5)
    ours, theirs = encoder.encode(clothes[0]), reference.transform(rows)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=2e-4)  # the signs are free
    kept = encoder.facts()["variance_kept"]
    assert kept == pytest.approx(reference.explained_variance_ratio_.sum(), abs=1e-5)


def test_pca_of_few_images_of_many_pixels_is_exact_too() -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    preprocess = Preprocess((50, 60), color="grey")
    images = rng.integers(0, 256, (40, 60, 50, 1), np.uint8)
    rows = images.reshape(40, -1) / 255
    reference = PCA(39, svd_solver="full").fit(rows)
    encoder = make_encoder("pca", dim=39, preprocess=preprocess)
    ours = encoder.fit(images, None).encode(images)  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.abs(ours), np.abs(reference.transform(rows)), atol=1e-4)
    # Of 40 there are 20 twice: beyond 19 axes nothing varies, and there are 39 at right angles.
    twins = np.concatenate([images[:20], images[:20]])
    axes = encoder.fit(twins, None).components  # type: ignore[attr-defined]
    np.testing.assert_allclose(axes.T @ axes, np.eye(39), atol=1e-5)
    assert encoder.facts()["variance_kept"] == pytest.approx(1)


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("exact_up_to", [0, 2048])
def test_pca_by_fraction_takes_no_more_than_it_needs(
    clothes: tuple[Pixels, list[str]],
    fraction: float,
    exact_up_to: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sklearn.decomposition import PCA

    monkeypatch.setattr("vecsearch.encoders.pca.EXACT_UP_TO", exact_up_to)
    monkeypatch.setattr("vecsearch.encoders.pca.DEFAULT_DIM", 4)
    ratios = PCA(svd_solver="full").fit(clothes[0].reshape(-1, 120) / 255).explained_variance_ratio_
    needed = int(np.searchsorted(np.cumsum(ratios), fraction)) + 1
    encoder = fitted("pca", clothes, dim=fraction)
    assert abs(encoder.dim - needed) <= (1 if exact_up_to == 0 else 0)  # projections are random
    assert encoder.facts()["variance_kept"] == pytest.approx(
        np.cumsum(ratios)[needed - 1], abs=2e-3
    )


def test_pca_has_a_default_that_always_fits() -> None:
    rng = np.random.default_rng(0)
    for count, dim in ((3, 2), (500, 64)):
        images = rng.integers(0, 256, (count, 10, 12, 1), np.uint8)
        assert make_encoder("pca", preprocess=GREY).fit(images).dim == dim  # type: ignore[attr-defined]


def test_how_an_encoder_looks_is_told_by_its_preprocess() -> None:
    with pytest.raises(InvalidArgument, match="The size goes into preprocess=Preprocess"):
        make_encoder("pca", size=(32, 32))


@pytest.mark.parametrize("dim", [0, -1, 1.5, float("nan")])
def test_pca_dim_that_cannot_be(dim: float) -> None:
    with pytest.raises(InvalidArgument, match="a count from 1, or a fraction"):
        make_encoder("pca", dim=dim)


def test_pca_dim_that_is_too_large(clothes: tuple[Pixels, list[str]]) -> None:
    with pytest.raises(
        InvalidArgument, match=r"at most 120 axes in 286 images of 120 numbers each .*: 121 are"
    ):
        fitted("pca", clothes, dim=121)


def test_more_images_than_memory_are_sampled(
    clothes: tuple[Pixels, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.encoders.affine.FIT_BYTES", 4 * 120 * 50)
    monkeypatch.setattr("vecsearch.encoders.affine.ENCODE_BYTES", 4 * 120 * 7)
    encoder = fitted("pca", clothes, dim=3)
    assert encoder.facts()["fitted_on"] == 50
    assert encoder.fingerprint == fitted("pca", clothes, dim=3).fingerprint
    assert encoder.encode(clothes[0]).shape == (286, 3)


def test_lda_decides_as_that_of_scikit_learn(clothes: tuple[Pixels, list[str]]) -> None:
    """With more images than pixels the two are the same method, but for a little shrinkage."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    few = Preprocess((4, 2), color="grey")
    pixels = clothes[0].reshape(-1, 2, 5, 4, 3, 1).mean(axis=(2, 4)).astype(np.uint8)
    labels = np.array(clothes[1])
    lda = make_encoder("lda", preprocess=few)
    assert is_trainable(lda)
    vectors = lda.fit(pixels, labels.tolist()).encode(pixels)
    classes = np.unique(labels)
    means = np.stack([vectors[labels == name].mean(axis=0) for name in classes])
    ours = classes[((vectors[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)]
    theirs = LinearDiscriminantAnalysis(priors=np.full(10, 0.1))
    theirs.fit(pixels.reshape(-1, 8) / 255, labels)
    assert (ours == theirs.predict(pixels.reshape(-1, 8) / 255)).mean() > 0.9


def test_lda_evens_out_the_scatter_within_classes(clothes: tuple[Pixels, list[str]]) -> None:
    vectors, labels = fitted("lda", clothes).encode(clothes[0]), np.array(clothes[1])
    assert vectors.shape[1] == 9
    within = np.concatenate(
        [vectors[labels == name] - vectors[labels == name].mean(axis=0) for name in set(labels)]
    )
    covariance = within.T @ within / len(within)
    off_diagonal = covariance - np.diag(covariance.diagonal())
    assert np.abs(off_diagonal).max() < 0.15 * covariance.diagonal().mean()


def test_lda_of_classes_without_any_scatter() -> None:
    images = np.repeat(np.array([10, 200], np.uint8), 3)[:, None, None, None]
    lda = make_encoder("lda", preprocess=Preprocess((1, 1), color="grey"))
    assert is_trainable(lda)
    vectors = lda.fit(images, ["a"] * 3 + ["b"] * 3).encode(images)
    assert np.isfinite(vectors).all()
    assert abs(vectors[0, 0] - vectors[5, 0]) > 1000 * abs(vectors[0, 0] - vectors[2, 0])


def test_lda_separates_more_pixels_than_images() -> None:
    rng = np.random.default_rng(0)
    wide = Preprocess((60, 50))  # 9,000 numbers, 48 images
    pattern = rng.integers(0, 60, (3, 50, 60, 3))
    images = (rng.integers(0, 195, (48, 50, 60, 3)) + pattern[np.arange(48) % 3]).astype(np.uint8)
    labels = [str(number % 3) for number in range(48)]
    lda = make_encoder("lda", preprocess=wide)
    assert is_trainable(lda)
    lda.fit(images[:36], labels[:36])
    assert lda.facts() == {"classes": 3, "fitted_on": 36, "principal_axes": 33}
    train, test = lda.encode(images[:36]), lda.encode(images[36:])
    means = np.stack([train[np.arange(36) % 3 == name].mean(axis=0) for name in range(3)])
    found = ((test[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(found, np.arange(36, 48) % 3)


def test_lda_leaves_unlabelled_images_out(clothes: tuple[Pixels, list[str]]) -> None:
    pixels, labels = clothes
    holes = [None if row % 2 else label for row, label in enumerate(labels)]
    some: Any = make_encoder("lda", preprocess=GREY)
    half: Any = make_encoder("lda", preprocess=GREY)
    some.fit(pixels, holes)
    half.fit(pixels[::2], labels[::2])
    assert some.fingerprint == half.fingerprint


def test_lda_needs_classes(clothes: tuple[Pixels, list[str]]) -> None:
    lda: Any = make_encoder("lda", preprocess=GREY)
    with pytest.raises(InvalidArgument, match="learns from labels, one for each image: put"):
        lda.fit(clothes[0], None)
    with pytest.raises(InvalidArgument, match="here are 286 images in 1"):
        lda.fit(clothes[0], ["one"] * 286)
    with pytest.raises(InvalidArgument, match="here are 3 images in 3"):
        lda.fit(clothes[0][:3], ["a", "b", "c"])
    with pytest.raises(InvalidArgument, match="which is 9 for these 10 classes: 10 are too many"):
        fitted("lda", clothes, dim=10)
    for dim in (0, 1.5):
        with pytest.raises(InvalidArgument, match="a count from 1"):
            make_encoder("lda", dim=dim)


def test_lda_with_one_image_in_most_classes(clothes: tuple[Pixels, list[str]]) -> None:
    labels = [str(row) for row in range(11)] + ["0"]
    lda: Any = make_encoder("lda", preprocess=GREY)
    assert lda.fit(clothes[0][:12], labels).dim == 10
    assert np.isfinite(lda.encode(clothes[0])).all()


def test_names() -> None:
    known = (
        "chain, concat, efficientnet-lite0, efficientnet-lite0-int8, lda, onnx, openclip, pca, "
        "pixels, siamese, timm, torchvision"
    )
    assert {entry.name for entry in encoder_entries()} == set(known.split(", "))
    with pytest.raises(InvalidArgument, match=rf"Did you mean 'pca'\? There are: {known}"):
        encoder_class("pcaa")
    with pytest.raises(InvalidArgument, match="'pixels' takes no dim; it takes: size, fit, color"):
        make_encoder("pixels", dim=3)
    assert make_encoder("pixels", seed=3, dim=None).name == "pixels"


PLUGIN = """
import numpy as np
from vecsearch.encoders.pixels import PixelEncoder
class Bright(PixelEncoder):
    name = "bright"
"""


def plugin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, entry: str, code: str
) -> None:
    """Lay an installed package out by hand."""
    module = entry.split("= ")[1].split(":")[0]
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[vecsearch.encoders]\n{entry}\n")
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()


def test_an_encoder_from_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, monkeypatch, "shiny", "bright = shiny_plugin:Bright", PLUGIN)
    encoder = make_encoder("bright", preprocess=GREY)
    encoder.save(tmp_path / "saved")
    assert open_encoder(tmp_path / "saved").fingerprint == encoder.fingerprint
    with pytest.raises(InvalidArgument, match="holds the encoder 'bright', not 'pixels'"):
        load_encoder("pixels", tmp_path / "saved")


def test_plugins_that_are_broken_break_only_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needy, wrong, thief = tmp_path / "needy", tmp_path / "wrong", tmp_path / "thief"
    for folder in (needy, wrong, thief):
        folder.mkdir()
    plugin(needy, monkeypatch, "needy", "needy = needy_plugin:E", "import not_installed_anywhere")
    plugin(wrong, monkeypatch, "wrong", "wrong = wrong_plugin:E", "1 / 0")
    plugin(thief, monkeypatch, "thief", "pca = thief_plugin:E", "")
    with pytest.raises(MissingPackage, match="pip install not_installed_anywhere"):
        make_encoder("needy")
    with pytest.raises(VecsearchError, match="'wrong' of wrong cannot be imported: ZeroDivision"):
        make_encoder("wrong")
    with pytest.raises(InvalidArgument, match="'pca' is declared by thief and vecsearch"):
        make_encoder("pca")
    assert make_encoder("lda").name == "lda"
    status = {(entry["name"], entry["package"]): entry["status"] for entry in describe_encoders()}
    assert status["lda", "vecsearch"] == "ok"
    assert str(status["needy", "needy"]).startswith(
        "The encoder 'needy' of needy needs the package"
    )


def test_weights_of_another_shape_are_refused(
    clothes: tuple[Pixels, list[str]], tmp_path: Path
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    fitted("pca", clothes, dim=2).save(small)
    other: Any = make_encoder("pca", preprocess=Preprocess((5, 24), color="rgb"))
    other.fit(clothes[0][:285].reshape(-1, 24, 5, 3), None).save(large)
    (small / "weights.safetensors").write_bytes((large / "weights.safetensors").read_bytes())
    with pytest.raises(DamagedCollection, match="does not fit its settings"):
        load_encoder("pca", small)


def test_affine_encoders_say_what_they_multiply_by(clothes: tuple[Pixels, list[str]]) -> None:
    encoder = fitted("pca", clothes, dim=2)
    assert isinstance(encoder, AffineEncoder)
    expected = (clothes[0].reshape(-1, 120) / 255 - encoder.mean) @ encoder.components
    np.testing.assert_allclose(encoder.encode(clothes[0]), expected, atol=1e-5)


def test_an_encoder_that_fails_on_a_query_is_named() -> None:
    class Failing:
        name, dim, preprocess = "failing", 2, Preprocess((4, 4))

        def encode(self, pixels: np.ndarray) -> np.ndarray:
            raise RuntimeError("no GPU left")

    with pytest.raises(VecsearchError, match=r"The encoder 'failing' failed: .*no GPU left"):
        encode_images([PHOTOS / "stray.png"], Failing())  # type: ignore[arg-type]
