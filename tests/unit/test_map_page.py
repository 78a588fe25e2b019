"""The page of a map: what is in it, that it needs nothing else, and its thumbnails."""

import base64
import hashlib
import io
import json
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS, PROJECT
from PIL import Image

from vecsearch import Collection, InvalidArgument, Preprocess, plot, project_vectors, write_map
from vecsearch.images import to_pixels
from vecsearch.projection.atlas import PIXELS, make_atlas, side_for
from vecsearch.projection.page import STEPS, quantised
from vecsearch.projection.palette import OKABE_ITO

EVIL = "</script><script>alert(1)</script><!-- & é \u2028 {{ 7 * 7 }}"


class Page(HTMLParser):
    """What a browser finds in a page: its tags, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[dict[str, str | None], str]] = []
        self._open: dict[str, str | None] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = dict(attrs) if tag in ("script", "style") else None
        if self._open is not None:
            self.inside.append((self._open, ""))

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            attributes, text = self.inside.pop()
            self.inside.append((attributes, text + data))

    def text_of(self, name: str) -> str:
        """The text of the script of that id."""
        (found,) = [text for attributes, text in self.inside if attributes.get("id") == name]
        return found

    @property
    def data(self) -> Any:
        """What the page's script works with."""
        return json.loads(self.text_of("data"))


def opened(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def numbers(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text, validate=True), kind)


@pytest.fixture(scope="module")
def page(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Three classes with names of every sort, a picture that is gone and one that is none."""
    folder = tmp_path_factory.mktemp("map")
    for name, called in (("bag", "<img src=x onerror=alert(1)>"), ("coat", "coat"), ("shirt", "é")):
        (folder / "images" / called).mkdir(parents=True)
        for path in sorted((sample / "train" / name).iterdir())[:20]:
            shutil.copy(path, folder / "images" / called)
    clothes = Collection.build(
        folder / "images", folder / "index", dim=4, size=(28, 28), color="grey"
    )
    coats = sorted((folder / "images" / "coat").iterdir())
    coats[0].unlink()
    coats[1].write_bytes(b"no picture")
    drawn = plot(clothes, folder / "map.html", "lda", style="hexbin")
    assert (drawn.pictures, len(drawn.skipped), len(drawn.projection)) == (58, 2, 60)
    assert {one.path.name for one in drawn.skipped} == {coats[0].name, coats[1].name}
    assert drawn.bytes == (folder / "map.html").stat().st_size
    found = opened(folder / "map.html")
    found.projection, found.images = drawn.projection, folder / "images"  # type: ignore[attr-defined]
    return found


def test_what_it_is_made_of_is_installed() -> None:
    """Files that are no Python are in the package only if pyproject.toml names them."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["vecsearch"]
    root = PROJECT / "vecsearch"
    named = {path for pattern in patterns for path in root.glob(pattern)}
    others = {
        path
        for path in root.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
    }
    assert {path.name for path in others - named} == set()


def test_it_needs_nothing_but_itself(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img")
        for name in ("src", "href", "srcset", "action", "style"):
            assert name not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    scripts = "".join(text for attributes, text in page.inside if "id" not in attributes)
    for word in ("http:", "https:", "fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval("):
        assert word not in scripts


def test_only_its_own_script_and_style_may_run(page: Page) -> None:
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    style, *scripts = page.inside
    (script,) = [text for attributes, text in scripts if not attributes]
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style[1], script)
    ]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; "
        f"script-src 'sha256-{hashes[1]}'"
    )


def test_points_classes_and_colours(page: Page) -> None:
    data, projection = page.data, page.projection  # type: ignore[attr-defined]
    assert data["ids"] == projection.ids
    assert data["names"] == ["<img src=x onerror=alert(1)>", "coat", "é"]
    assert data["colours"] == list(OKABE_ITO[:3])
    assert data["style"] == "hexbin"
    codes = numbers(data["codes"], "<i4")
    assert [data["names"][code] for code in codes] == projection.labels
    steps = numbers(data["points"], "<u2").reshape(-1, 2)
    low, span = projection.points.min(axis=0), np.ptp(projection.points, axis=0).max()
    back = low + steps / STEPS * span
    assert np.abs(back - projection.points).max() <= span / STEPS / 2 * 1.01
    assert steps.max() == STEPS
    centres = np.array(data["centres"]) * span + low
    for code in range(3):
        mean = projection.points[codes == code].mean(axis=0)
        np.testing.assert_allclose(centres[code], mean, atol=1e-4 * span)


def test_each_item_has_its_own_picture(page: Page) -> None:
    data = page.data
    tiles, side, across = numbers(data["tiles"], "<i4"), data["side"], data["across"]
    assert (side, across) == (32, 64)
    head, content = page.text_of("sheet-0").split(",")
    with Image.open(io.BytesIO(base64.b64decode(content, validate=True))) as image:
        assert head == f"data:image/{str(image.format).lower()};base64"
        sheet = np.asarray(image.convert("RGB")).astype(int)
    # Grey stays grey, but for the rounding of WebP's colours.
    assert np.abs(sheet - sheet[:, :, :1]).max() <= 3
    gone = 0
    folder = page.images  # type: ignore[attr-defined]
    for name, tile in zip(data["ids"], tiles.tolist(), strict=True):
        if tile < 0:
            gone += 1
            continue
        row, column = divmod(tile, across)
        shown = sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]
        own = to_pixels(folder / name, Preprocess((side, side), "pad")).astype(int)
        assert np.abs(shown - own).mean() < 8
    assert gone == 2


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(4, 3))
    ids = [EVIL, "back\\slash", "bytes \udcff", "]]>"]
    found = project_vectors(vectors, [EVIL, "b", None, "b"], ids)
    write_map(found, tmp_path / "map.html", title=EVIL)
    page = opened(tmp_path / "map.html")
    assert page.data["ids"] == ids
    assert page.data["names"] == sorted([EVIL, "b"])
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert "alert(1)" not in "".join(text for attrs, text in page.inside if "id" not in attrs)


def test_numbers_are_a_scale(tmp_path: Path) -> None:
    goods = Collection.from_vectors(
        np.eye(4), labels=["a", "a", "b", "b"], path=tmp_path / "goods",
        metadata=[{"price": 10}, {"price": 20.5}, {}, {"price": 31}],
    )  # fmt: skip
    drawn = plot(goods, tmp_path / "map.html", color_by="price")
    assert drawn.pictures == 0
    data = opened(drawn.out).data
    assert numbers(data["shades"], "u1").tolist() == [1, 128, 0, 255]
    assert data["range"] == ["10", "31"]
    assert data["values"] == [10, 20.5, None, 31]
    assert data["labels"] == ["a", "a", "b", "b"]
    assert data["names"] == ["a", "b"]
    assert data["tiles"] is None
    same = Collection.from_vectors(np.eye(2), metadata=[{"n": 1}, {"n": 1}], path=tmp_path / "same")
    shades = opened(plot(same, tmp_path / "map.html", color_by="n").out).data["shades"]
    assert numbers(shades, "u1").tolist() == [128, 128]


def test_thumbnails_are_as_large_as_there_is_room_for() -> None:
    assert [side_for(count) for count in (1, 4096, 5000, 60_000, 250_000, 300_000)] == [
        128, 128, 96, 32, 16, None,
    ]  # fmt: skip
    for count in (4096, 10_000, 60_000, 250_000):
        assert count * (side_for(count) or 0) ** 2 <= PIXELS
    assert side_for(100, largest=28) == 32
    assert side_for(60_000, largest=500) == 32


def test_an_atlas_of_many_sheets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vecsearch.projection.atlas.SHEET", 64)  # four tiles of 32
    rng = np.random.default_rng(0)
    paths: list[Path | None] = []
    for number in range(9):
        colour = rng.integers(0, 256, 3, np.uint8)
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.broadcast_to(colour, (20, 40, 3)).copy()).save(paths[-1])  # type: ignore[arg-type]
    seen: list[tuple[str, int, int]] = []
    found = make_atlas([*paths, None, paths[3]], 32, 1, lambda *told: seen.append(told))
    np.testing.assert_array_equal(found.tiles, [0, 1, 2, 3, 4, 5, 6, 7, 8, -1, 3])
    assert (found.across, len(found.sheets)) == (2, 3)
    assert seen[-1] == ("thumbnails", 9, 9)
    sheets = [Image.open(io.BytesIO(sheet)).convert("RGB") for sheet in found.sheets]
    assert [sheet.size for sheet in sheets] == [(64, 64), (64, 64), (64, 32)]
    for number, path in enumerate(paths):
        sheet, inside = divmod(number, 4)
        row, column = divmod(inside, 2)
        shown = np.asarray(sheets[sheet])[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
        own = np.asarray(Image.open(path))[0, 0].astype(int)  # type: ignore[arg-type]
        assert np.abs(shown[12:20, 4:28].reshape(-1, 3).mean(axis=0) - own).max() < 12
        assert shown[1:5, 4:28].mean() > 230  # whole, on white


def test_thumbnails_none_and_others(tmp_path: Path) -> None:
    photos = Collection.build(PHOTOS, tmp_path / "index", size=(8, 8), dim=3)
    page = plot(photos, tmp_path / "map.html", thumbnails=None)
    assert (page.pictures, opened(page.out).data["tiles"]) == (0, None)
    assert "pictures" not in [attributes.get("id") for _, attributes in opened(page.out).tags]
    page = plot(photos, tmp_path / "map.html", thumbnails=48)
    assert (page.pictures, opened(page.out).data["side"]) == (len(photos), 48)
    with pytest.raises(InvalidArgument, match=r"16, 32, 48 … 256 pixels wide, not 0"):
        plot(photos, tmp_path / "map.html", thumbnails=0)


def test_points_that_are_all_the_same(tmp_path: Path) -> None:
    found = project_vectors(np.ones((3, 2)))
    steps, extent, _ = quantised(found)
    assert steps.tolist() == [[0, 0]] * 3
    assert min(extent) > 0
    assert write_map(found, tmp_path / "map.html").pictures == 0


def test_the_same_map_is_the_same_page(small: Path, tmp_path: Path) -> None:
    clothes = Collection.build(small / "train", tmp_path / "index", dim=4)
    pages = [plot(clothes, tmp_path / f"{name}.html", title="x").out.read_bytes() for name in "ab"]
    assert pages[0] == pages[1]
