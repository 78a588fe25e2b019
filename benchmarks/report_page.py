"""The report of an evaluation as a page: how long it takes, how large it is, and how it looks.

    python benchmarks/report_page.py GALLERY QUERIES [--encoder pca] [--screenshots FOLDER]

Both are labelled folders. Prints the seconds of `evaluate` without and with `--report` and the size
of the page, and opens it in headless Chromium, on a desk and on a phone: no request may leave it,
nothing may go wrong, and it may be no wider than the window.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chromium import Browser, find_chromium

VECSEARCH = str(Path(sys.executable).with_name("vecsearch"))
WINDOWS = {"desk": (1200, 900, 1, False), "phone": (390, 844, 3, True)}


def timed(*arguments: object) -> float:
    """Seconds that a command takes."""
    started = time.perf_counter()
    command = [VECSEARCH, *map(str, arguments), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--encoder", default="pca")
    parser.add_argument("--screenshots", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index, report = Path(scratch) / "index", Path(scratch) / "report"
        timed("build", arguments.gallery, "-o", index, "--encoder", arguments.encoder)
        timed("evaluate", index, arguments.queries)  # so that both below find them in memory
        asked = timed("evaluate", index, arguments.queries)
        whole = timed("evaluate", index, arguments.queries, "--report", report)
        page = report / "report.html"
        print(
            f"evaluate {asked:.1f} s, with --report {whole:.1f} s: the page {whole - asked:.1f} s, "
            f"{page.stat().st_size / 1e6:.2f} MB"
        )
        if find_chromium() is None:
            print("Not opened: there is no Chromium here (apt-get install chromium).")
            return
        for name, (width, height, scale, mobile) in WINDOWS.items():
            with Browser(width, height) as browser:
                browser.resize(width, height, scale, mobile=mobile)
                browser.open(page)
                wide = browser.run("document.documentElement.scrollWidth")
                if arguments.screenshots is not None:
                    arguments.screenshots.mkdir(parents=True, exist_ok=True)
                    browser.screenshot(arguments.screenshots / f"{name}.png")
                outside = [
                    one for one in browser.requests if not one.startswith(("file:", "data:"))
                ]
                assert not outside, outside
                assert not browser.errors, browser.errors
                assert wide <= width, f"{wide} pixels are wider than {width}"
                print(f"{name}: no request left the page, and nothing went wrong")


if __name__ == "__main__":
    main()
