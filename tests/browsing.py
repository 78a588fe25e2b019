"""A headless Chromium that tests drive, and which of its requests left the machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conftest import lacking
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# As root, without a graphics card, and quiet: a browser of its own accord asks its makers a lot.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# A machine that does something else as well may take long.
SECONDS = 20
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none, but not in CI."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        lacking("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        expect.set_options(timeout=SECONDS * 1000)
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


class Visitor:
    """Windows of one browser on one server, and what went wrong in them.

    Args:
        browser: The browser.
        base: The address of the server.
        entrance: Where to go first, for a cookie.
    """

    def __init__(self, browser: Browser, base: str, entrance: str) -> None:
        self.base = base
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._browser, self._entrance = browser, entrance
        self._contexts: list[BrowserContext] = []

    def window(self, path: str = "/", **options: Any) -> Page:
        """A window of a visitor who was never here, at some page."""
        context = self._browser.new_context(**options)
        context.set_default_timeout(SECONDS * 1000)
        self._contexts.append(context)
        # Whatever the content policy has to stop should never have been tried.
        context.add_init_script(
            "addEventListener('securitypolicyviolation', event => "
            "console.error('refused by the policy: ' + event.violatedDirective + ' ' + "
            "event.blockedURI + ' ' + event.sample));"
        )
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", lambda said: self._listen(said.type, said.text))
        context.on("dialog", self._alarm)
        page = context.new_page()
        page.goto(self.base + self._entrance)
        page.goto(self.base + path)
        return page

    def leave(self) -> None:
        """Close all windows."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def forgive(self) -> None:
        """Forget that answers were errors, of which the browser itself tells its console."""
        self.errors[:] = [one for one in self.errors if "the server responded with" not in one]

    def _listen(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def _alarm(self, dialog: Any) -> None:
        self.errors.append(f"a script has run: {dialog.message}")
        dialog.dismiss()
