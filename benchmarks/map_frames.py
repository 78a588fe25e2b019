"""How many frames a second a map of 60,000 pictures has, driven in headless Chromium.

    python benchmarks/map_frames.py FOLDER|PAGE.html [--screenshots FOLDER]

FOLDER holds labelled images, as benchmarks/fashion_mnist.py export writes them; their map by LDA
is made first. The page is then moved and zoomed by mouse events for some seconds, and frames are
counted as the page paints them. On the way it is seen that the mouse finds a picture, that a click
filters, and that no request leaves the page. Without Chromium it says so, and that is all.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chromium import Browser, find_chromium

SIZE = (1200, 800)
SECONDS = 5.0
# A mouse that tells where it is 125 times a second.
EVENT_SECONDS = 0.008
WANTED = 30
# Where, in the window, an item lies that is among those farthest to the right.
OUTER = (
    "(() => { const p = X.indexOf(Math.max(...X.slice(0, 500))), box = canvas."
    "getBoundingClientRect(), at = place(X[p], Y[p], 1); return [box.left + at[0], "
    "box.top + at[1]]; })()"
)
VECSEARCH = str(Path(sys.executable).with_name("vecsearch"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--screenshots", type=Path)
    arguments = parser.parse_args()
    if find_chromium() is None:
        print("Not measured: there is no Chromium here (apt-get install chromium).")
        return
    if arguments.source.suffix == ".html":
        drive(arguments.source, arguments.screenshots)
        return
    with tempfile.TemporaryDirectory() as scratch:
        index, page = Path(scratch) / "index", Path(scratch) / "map.html"
        shape = ["--encoder", "pca", "--dim", "32", "--size", "28x28", "--color", "grey"]
        for command in (
            ["build", arguments.source, "-o", index, *shape, "--quiet"],
            ["plot", index, "-o", page, "--method", "lda"],
        ):
            subprocess.run([VECSEARCH, *map(str, command)], check=True)
        drive(page, arguments.screenshots)


def drive(page: Path, screenshots: Path | None) -> None:
    if screenshots is not None:
        screenshots.mkdir(parents=True, exist_ok=True)

    def shoot(name: str) -> None:
        if screenshots is not None:
            browser.screenshot(screenshots / f"{name}.png")

    print(f"page: {page.stat().st_size / 1e6:.1f} MB")
    with Browser(*SIZE) as browser:
        started = time.monotonic()
        browser.open(page)
        wait(browser, "canvas.dataset.frames > 0")
        print(f"first frame after {time.monotonic() - started:.1f} s")
        items = browser.run("count")
        print(f"items: {items:,}")
        shoot("all")
        for style in ("scatter", "density", "hexbin"):
            choose(browser, style)
            measure(browser, f"panning, {style}", pan(browser))
            measure(browser, f"zooming, {style}", wheel(browser))
            browser.run("fit()")
            if style != "scatter":
                shoot(style)
        choose(browser, "scatter")
        check_hover_and_filter(browser, shoot)
        check_search(browser, shoot)
        zoom_in(browser)
        shoot("near")
        browser.run("fit()")
        browser.resize(390, 844, 3, mobile=True)
        check_touch(browser)
        shoot("phone")
        outside = [url for url in browser.requests if not url.startswith(("file:", "data:"))]
        assert not outside, outside
        assert len([url for url in browser.requests if url.startswith("file:")]) == 1
        assert not browser.errors, browser.errors
        print("no request left the page, and nothing went wrong")


def choose(browser: Browser, style: str) -> None:
    browser.run(
        f"byId('style').value = '{style}'; byId('style').dispatchEvent(new Event('change'))"
    )


def measure(browser: Browser, name: str, act: Callable[[int], None]) -> None:
    """Act again and again; how often the page painted meanwhile, and how long a frame took."""
    act(0)
    before, began, took = int(browser.run("frames")), time.monotonic(), []
    step = 0
    while time.monotonic() - began < SECONDS:
        act(step)
        time.sleep(EVENT_SECONDS)
        step += 1
        if step % 20 == 0:
            took.append(float(browser.run("canvas.dataset.milliseconds")))
    spent, painted = time.monotonic() - began, int(browser.run("frames")) - before
    rate = painted / spent
    verdict = "" if rate >= WANTED else f", below {WANTED}"
    print(f"{name}: {rate:.1f} frames a second{verdict}; {statistics.median(took):.1f} ms a frame")
    browser.mouse("mouseReleased", 450, 400, button="left", clickCount=1)
    still = -1
    while still != (still := browser.run("frames")):
        time.sleep(0.4)


def pan(browser: Browser) -> Callable[[int], None]:
    def act(step: int) -> None:
        x, y = 450 + 6 * (step % 40 - 20), 400 + 4 * (step % 26 - 13)
        if step == 0:
            browser.mouse("mousePressed", x, y, button="left", clickCount=1)
        browser.hurl("mouseMoved", x, y, button="left", buttons=1)

    return act


def wheel(browser: Browser) -> Callable[[int], None]:
    def act(step: int) -> None:
        turn = -40 if step % 60 < 30 else 40
        browser.hurl("mouseWheel", 450, 400, deltaX=0, deltaY=turn)

    return act


def check_hover_and_filter(browser: Browser, shoot: Callable[[str], None]) -> None:
    """The mouse over an item shows it; a click shows its class alone, and another takes it back."""
    x, y = browser.run(OUTER)
    browser.mouse("mouseMoved", x, y)
    wait(browser, "!byId('card').hidden")
    shown = browser.run("byId('name').textContent")
    near = browser.run("data.ids[order[hovered]]")
    members = browser.run("counts[codes[hovered]]")
    assert shown == near, (shown, near)
    if browser.run("!!tiles"):
        # The picture is drawn once its sheet is decoded: it is more than one colour then.
        wait(browser, "new Set(new Uint32Array(byId('picture').getContext('2d')."
                      "getImageData(0, 0, 144, 144).data.buffer)).size > 3")  # fmt: skip
    shoot("hover")
    total = browser.run("count")
    browser.click(x, y)
    pressed = "document.querySelectorAll('#legend [aria-pressed=true]').length"
    assert browser.run(pressed) == 1
    left = browser.run("mask.reduce((sum, one) => sum + one, 0)")
    assert left == members
    assert browser.run("byId('status').textContent").startswith(f"{left:,} of {total:,}")
    shoot("filter")
    browser.click(x, y)
    assert browser.run(pressed) == 0
    assert browser.run("mask.reduce((sum, one) => sum + one, 0)") == total
    browser.mouse("mouseMoved", 5, 5)
    print(f"hover shows {shown!r}; a click leaves {left:,} of {total:,}, another all")


def check_touch(browser: Browser) -> None:
    """A finger's first touch shows an item, its second its class alone, its third all again."""
    browser.ask("Emulation.setTouchEmulationEnabled", enabled=True)
    time.sleep(0.5)
    browser.run("hover(-1)")
    x, y = browser.run(OUTER)
    for shown in ("0", "1", "0"):
        for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
            browser.ask("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        wait(browser, f"!byId('card').hidden && chosen.size === {shown}")


def check_search(browser: Browser, shoot: Callable[[str], None]) -> None:
    sought = browser.run("data.names.length ? data.names[0] : data.ids[0]")
    browser.run("byId('search').focus()")
    browser.ask("Input.insertText", text=sought)
    assert browser.run("found !== null && mask.some(Boolean)")
    shoot("search")
    browser.run("byId('search').value = ''; search('')")


def zoom_in(browser: Browser) -> None:
    """Until pictures stand in place of points."""
    x, y = browser.run(
        "(() => { const box = canvas.getBoundingClientRect(), p = codes.indexOf(0), "
        "at = place(X[p], Y[p], 1); return [box.left + at[0], box.top + at[1]]; })()"
    )
    for _ in range(200):
        browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-120)
        if browser.run("collect(true, 0)") < 60:
            break
    browser.run("new Promise(done => setTimeout(done, 1500))")


def wait(browser: Browser, condition: str) -> None:
    for _ in range(200):
        if browser.run(condition):
            return
        time.sleep(0.05)
    raise AssertionError(f"never came: {condition}")


if __name__ == "__main__":
    main()
