"""The pictures of the web page that README shows, taken in headless Chromium.

    python benchmarks/page_pictures.py [CLOTHING10] [--out docs/pictures]

CLOTHING10 is a folder with photos of clothes in train/ and test/, by class. A collection is made of
train, a photo of test is dropped on the page, and page.png and page-phone.png are written, as small
as a palette makes them.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from chromium import Browser, find_chromium
from PIL import Image

VECSEARCH = str(Path(sys.executable).with_name("vecsearch"))
DESK, PHONE = (1200, 780), (390, 780)
# How wide the pictures are, so that each stays below 150 kB.
WIDE = {DESK: 880, PHONE: 390}
COLOURS = 144
ENCODER = "chain:efficientnet-lite0+lda"
# The photo that is dropped: which of which class.
CLASS, NUMBER = "hat", 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    parser.add_argument("clothing", type=Path, nargs="?", default=data / "clothing10")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    arguments = parser.parse_args()
    if find_chromium() is None:
        sys.exit("There is no Chromium here (apt-get install chromium).")
    photo = sorted((arguments.clothing / "test" / CLASS).iterdir())[NUMBER]
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "clothes"
        make = ["build", arguments.clothing / "train", "-o", index, "--encoder", ENCODER]
        command = [VECSEARCH, *map(str, make), "--metric", "cosine", "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with serving(index, Path(scratch) / "said") as address:
            take(f"{address}/c/clothes", photo, DESK, False, arguments.out / "page.png")
            take(f"{address}/c/clothes", photo, PHONE, True, arguments.out / "page-phone.png")


@contextlib.contextmanager
def serving(index: Path, said: Path) -> Iterator[str]:
    """The address of a server over a collection."""
    with said.open("w") as file:
        command = [VECSEARCH, "serve", str(index), "--port", "0"]
        process = subprocess.Popen(command, stderr=file)
    try:
        while (found := re.search(r"http://[^/\s]+", said.read_text())) is None:
            if process.poll() is not None:
                sys.exit(said.read_text())
            time.sleep(0.1)
        yield found.group()
    finally:
        process.terminate()
        process.wait()


def take(address: str, photo: Path, size: tuple[int, int], dark: bool, out: Path) -> None:
    """Drop a photo on the page and save what is to be seen."""
    width, height = size
    with Browser(width, height) as browser:
        browser.resize(width, height, 2, mobile=size == PHONE)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.ask("Emulation.setEmulatedMedia", features=[scheme])
        browser.ask("Page.navigate", url=address)
        wait(browser, "document.querySelectorAll('#grid li').length > 9")
        field = browser.ask("Runtime.evaluate", expression="document.getElementById('file')")
        browser.ask(
            "DOM.setFileInputFiles", files=[str(photo)], objectId=field["result"]["objectId"]
        )
        wait(browser, "document.querySelector('.verdict .label') !== null")
        wait(browser, "document.querySelector('#grid img').naturalWidth > 0")
        wait(
            browser,
            "[...document.querySelectorAll('#grid img')].slice(0, 12).every(i => i.complete)",
        )
        assert not browser.errors, browser.errors
        browser.screenshot(out)
    picture = Image.open(out).convert("RGB")
    wide = WIDE[size]
    picture = picture.resize((wide, round(wide * height / width)), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def wait(browser: Browser, condition: str) -> None:
    """Until something holds of the page."""
    for _ in range(600):
        if browser.run(condition):
            return
        time.sleep(0.1)
    raise AssertionError(f"never came: {condition}")


if __name__ == "__main__":
    main()
