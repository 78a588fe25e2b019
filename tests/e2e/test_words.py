"""Words as a query, on the page and by the client, with an encoder that knows some."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Visitor, chromium
from PIL import Image
from playwright.sync_api import expect
from serving import Server, serving

from vecsearch import Client, Collection

ENCODER = '''
from vecsearch.encoders.pixels import PixelEncoder
import numpy as np

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class Named(PixelEncoder):
    """One pixel, whose colours have names."""

    name = "named-colours"

    def encode_text(self, texts):
        known = [[COLOURS[word] for word in text.split() if word in COLOURS] for text in texts]
        return np.array([np.sum(one or [(0, 0, 0)], axis=0) for one in known], np.float32)
'''
COLOURS = {"red": (230, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 240)}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    package = tmp_path / "package"
    info = package / "named_colours-1.dist-info"
    info.mkdir(parents=True)
    (package / "named_colours.py").write_text(ENCODER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: named-colours\nVersion: 1\n")
    entry = "[vecsearch.encoders]\nnamed-colours = named_colours:Named\n"
    (info / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(package)
    monkeypatch.setenv("PYTHONPATH", str(package), prepend=":")
    for name, colour in COLOURS.items():
        (tmp_path / "paints" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(tmp_path / "paints" / name / "1.png")
    Collection.build(
        tmp_path / "paints",
        tmp_path / "colours",
        encoder="named-colours",
        metric="cosine",
        size=(1, 1),
        jobs=1,
    )
    with serving(tmp_path / "colours") as found:
        yield found


def test_words_find_pictures(server: Server) -> None:
    with chromium() as browser:
        visitor = Visitor(browser, server.url.rstrip("/"), "/")
        page = visitor.window("/c/colours")
        page.fill("#words", "blue")
        page.press("#words", "Enter")
        first = page.locator("#grid > li").first
        expect(first).to_have_attribute("data-id", "blue/1.png")
        assert "q=blue" in page.url
        page.fill("#words", "red")
        page.press("#words", "Enter")
        expect(first).to_have_attribute("data-id", "red/1.png")
        page.go_back()
        expect(first).to_have_attribute("data-id", "blue/1.png")
        expect(page.locator("#words")).to_have_value("blue")
        visitor.leave()
        assert visitor.errors == []
    client = Client(server.url)
    assert client.query_text(["green"], k=1)[0][0].item.id == "green/1.png"
