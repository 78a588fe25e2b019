"""The web page in a real browser, against the server as a user starts it."""

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browsing import PHONE, Visitor, chromium
from conftest import PHOTOS
from page_server import EVIL, EVIL_FILES, TOKEN, make_collections, make_pictures, serving
from playwright.sync_api import Browser, Page, Route, expect

VIEWS = ("", "/map", "/clusters", "/duplicates", "/report")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pictures(browser: Browser, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    make_pictures(sample, folder)
    return folder


@pytest.fixture(scope="module")
def address(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("served")
    make_collections(pictures, root)
    with serving(root) as found:
        yield found


@pytest.fixture
def visitor(address: str, browser: Browser) -> Iterator[Visitor]:
    """Whatever a test does, nothing leaves the host, and nothing goes wrong unseen."""
    found = Visitor(browser, address, f"/?token={TOKEN}")
    yield found
    found.leave()
    outside = [url for url in found.requests if not url.startswith((address, "blob:", "data:"))]
    assert found.requests
    assert outside == []
    assert found.errors == []


@pytest.fixture
def queried(pictures: Path) -> Callable[[str], Path]:
    """A picture of a class that is not in the collection."""
    return lambda label: min((pictures / "asked" / label).iterdir())


def wait_for(page: Page, held: list[Route]) -> None:
    """Until the page has asked for what is held back."""
    for _ in range(400):
        if held:
            return
        page.wait_for_timeout(50)
    raise AssertionError("The page never asked for it.")


def shown(page: Page) -> list[str]:
    """The ids of the items in the grid."""
    found: list[str] = page.locator("#grid > li").evaluate_all(
        "all => all.map(one => one.dataset.id)"
    )
    return found


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#file", path)
    expect(page.locator("#panel .verdict .label")).to_be_visible()


def settle(page: Page) -> None:
    """Wait until the page shows what its address says."""
    if page.locator("#content").count():
        expect(page.locator("#content")).to_have_attribute("aria-busy", "false")


def test_upload_votes_back_and_a_shared_address(
    visitor: Visitor, queried: Callable[[str], Path]
) -> None:
    page = visitor.window("/c/shop")
    expect(page.locator("#count")).to_have_text("121 items")
    upload(page, queried("sneaker"))
    expect(page.locator("#panel .verdict .label")).to_have_text("sneaker")
    expect(page.locator("#panel .sure")).to_contain_text("% sure")
    nearest = shown(page)
    assert [name.split("/")[0] for name in nearest[:10]] == ["sneaker"] * 10
    distances = page.locator("#grid .distance").all_inner_texts()
    assert distances == sorted(distances, key=lambda text: float(text.split()[-1]))
    asked = page.url

    # Less like the nearest, more like the first trouser: the grid follows.
    first = page.locator("#grid > li").first
    first.hover()
    first.locator(".unlike").click()
    expect(page.locator("#panel .unlike li")).to_have_count(1)
    expect(page.locator(f'#grid > li[data-id="{nearest[0]}"]')).to_have_count(0)
    trouser = page.locator('#grid > li[data-id^="trouser"]').first
    liked = trouser.get_attribute("data-id")
    trouser.hover()
    trouser.locator(".like").click()
    expect(page.locator("#panel .like li")).to_have_count(2)
    expect(page.locator(f'#grid > li[data-id="{liked}"]')).to_have_count(0)
    settle(page)
    voted = shown(page)
    assert "trouser" in {name.split("/")[0] for name in voted[:10]}

    # Who is sent the address sees the same.
    other = visitor.window(page.url.removeprefix(visitor.base))
    expect(other.locator("#grid > li").first).to_be_visible()
    settle(other)
    assert shown(other)[:60] == voted[:60]
    expect(other.locator("#panel canvas")).to_have_count(1)
    other.goto("about:blank")
    other.goto(asked)
    expect(other.locator("#panel .verdict .label")).to_have_text("sneaker")
    settle(other)
    assert shown(other)[:60] == nearest[:60]

    page.go_back()
    page.go_back()
    expect(page.locator("#panel .verdict .label")).to_have_text("sneaker")
    assert page.url == asked
    assert shown(page)[:60] == nearest[:60]
    page.go_back()
    expect(page.locator("#panel .invitation")).to_be_visible()
    expect(page.locator("#grid > li")).to_have_count(60)


def test_a_click_searches_and_scrolling_brings_all(visitor: Visitor) -> None:
    page = visitor.window("/c/shop")
    page.locator("#grid a").nth(2).click()
    expect(page.locator("#panel .known .label")).to_have_text("bag")
    expect(page.locator("#panel dl")).to_contain_text("price")
    for _ in range(4):
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(150)
    expect(page.locator("#grid > li")).to_have_count(120)
    expect(page.locator("#count")).to_have_text("120 items")
    assert len(set(shown(page))) == 120


PUT = """([body, kind, property]) => {
    const transfer = new DataTransfer();
    const parts = [new Uint8Array(body)], options = { type: "image/png" };
    transfer.items.add(new File(parts, `${kind}ed.png`, options));
    const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
    document.body.dispatchEvent(
        new Kind(kind, { [property]: transfer, bubbles: true, cancelable: true }));
}"""


def test_pasted_and_dropped(visitor: Visitor, queried: Callable[[str], Path]) -> None:
    page = visitor.window("/c/shop")
    body = list(queried("trouser").read_bytes())
    for kind, property_ in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.evaluate(PUT, [body, kind, property_])
        expect(page.locator("#panel .name")).to_have_text(f"{kind}ed.png")
        expect(page.locator("#panel .verdict .label")).to_have_text("trouser")


@pytest.mark.parametrize("late", ["**/api/v1/collections", "**/search.js"])
def test_a_picture_is_taken_before_the_page_is_complete(
    visitor: Visitor, queried: Callable[[str], Path], late: str
) -> None:
    page = visitor.window()
    held: list[Route] = []
    page.route(late, lambda route: held.append(route))  # noqa: PLW0108 - Playwright looks into it
    page.goto(f"{visitor.base}/c/shop")
    wait_for(page, held)
    page.evaluate(PUT, [list(queried("trouser").read_bytes()), "paste", "clipboardData"])
    page.wait_for_timeout(1000)
    for route in held:
        route.continue_()
    expect(page.locator("#panel .name")).to_have_text("pasteed.png")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#panel .name")).to_have_text("pasteed.png")


def test_filters_metric_and_diversity_are_in_the_address(visitor: Visitor) -> None:
    page = visitor.window("/c/shop")
    page.get_by_role("button", name="trouser").click()
    expect(page.locator("#count")).to_have_text("40 items")
    page.fill("#condition", "price<90")
    page.press("#condition", "Enter")
    expect(page.locator("#count")).to_have_text("9 items")
    assert "where=label%3D%3Dtrouser&where=price%3C90" in page.url
    assert [name.split("/")[0] for name in shown(page)] == ["trouser"] * 9
    page.locator("#grid a").first.click()
    expect(page.locator("#grid > li")).to_have_count(8)
    page.get_by_role("button", name="Without price<90").click()
    expect(page.locator("#grid > li")).to_have_count(39)
    plain = shown(page)
    euclidean = page.locator("#grid .distance").first.inner_text()
    page.select_option("#metric", "cosine")
    expect(page.locator("#grid .distance").first).not_to_have_text(euclidean)
    page.locator("#diversity").fill("0.8")
    page.wait_for_url("**diversity=0.8**")
    settle(page)
    assert shown(page) != plain
    assert sorted(shown(page)) == sorted(plain)
    page.fill("#condition", "nonsense")
    page.press("#condition", "Enter")
    expect(page.locator("#problem")).to_contain_text("'nonsense' is no condition")
    page.go_back()
    expect(page.locator("#grid > li")).to_have_count(39)
    expect(page.locator("#problem")).to_be_hidden()
    visitor.forgive()


def test_a_stranger(visitor: Visitor) -> None:
    page = visitor.window("/c/shop")
    page.set_input_files("#file", PHOTOS / "dog" / "cmyk.jpg")
    expect(page.locator("#panel .stranger")).to_have_text("A stranger")
    expect(page.locator("#panel .verdict")).to_contain_text("Nothing here is near enough")


def test_what_is_no_picture_is_told_in_a_sentence(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.window()
    held: list[Route] = []
    page.route("**/items?*", lambda route: held.append(route))  # noqa: PLW0108 - as above
    page.goto(f"{visitor.base}/c/shop")
    wait_for(page, held)
    (tmp_path / "song.jpg").write_bytes(b"<html>no picture</html>")
    page.set_input_files("#file", tmp_path / "song.jpg")
    expect(page.locator("#problem")).to_be_visible()
    for route in held:  # items that come later do not take it away
        route.continue_()
    expect(page.locator("#count")).to_have_text("121 items")
    expect(page.locator("#problem")).to_have_text(
        "The picture cannot be read: a web page, not an image."
    )
    expect(page.locator("#grid > li")).to_have_count(60)
    visitor.forgive()


def test_the_map_leads_to_items(visitor: Visitor) -> None:
    page = visitor.window("/c/shop/map")
    canvas = page.locator("#map canvas")
    expect(canvas).to_have_attribute("data-frames", re.compile(r"\d+"))
    # The middle of a legend's class is where its points are: look for one by moving the mouse.
    box = canvas.bounding_box()
    assert box is not None
    card = page.locator("#map .card")
    for step in range(400):
        x, y = (
            box["x"] + box["width"] * (0.3 + 0.02 * (step % 20)),
            box["y"] + 20 + 24 * (step // 20),
        )
        page.mouse.move(x, y)
        if card.is_visible():
            break
    name = card.locator(".name").inner_text()
    page.mouse.click(x, y)
    page.wait_for_url(f"**?like={quote(name, safe='')}")
    expect(page.locator("#panel .name")).to_have_text(name)
    page.go_back()
    expect(canvas).to_be_visible()
    page.get_by_role("button", name="bag").click()
    expect(page.get_by_role("button", name="bag")).to_have_attribute("aria-pressed", "true")
    canvas.focus()
    for key in ("+", "+", "ArrowLeft", "0"):
        page.keyboard.press(key)


def test_clusters_duplicates_and_the_report(visitor: Visitor) -> None:
    page = visitor.window("/c/shop/clusters")
    expect(page.locator("#clusters .groups > li")).to_have_count(3)
    page.fill("#k", "5")
    page.press("#k", "Enter")
    expect(page.locator("#clusters .groups > li")).to_have_count(5)
    page.get_by_role("link", name="See all").first.click()
    expect(page.locator("#clusters .grid > li").first).to_be_visible()
    page.get_by_role("link", name="Duplicates").click()
    expect(page.locator("#duplicates .groups > li").first).to_contain_text("again.png")
    page.get_by_role("link", name="Report").click()
    report = page.frame_locator("#report iframe")
    expect(report.locator("h1")).to_be_visible()


def test_more_clusters_than_items_are_told_of(visitor: Visitor) -> None:
    page = visitor.window("/c/shop/clusters?k=150")
    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("#clusters")).not_to_contain_text("Grouping the items")
    expect(page.locator("#k")).to_be_visible()
    visitor.forgive()


def test_an_upload_takes_nobody_back(visitor: Visitor, queried: Callable[[str], Path]) -> None:
    page = visitor.window("/c/shop")
    expect(page.locator("#grid > li")).to_have_count(60)
    held: list[Route] = []
    page.route("**/query?k=60", lambda route: held.append(route))  # noqa: PLW0108 - as above
    page.set_input_files("#file", queried("trouser"))
    wait_for(page, held)
    page.get_by_role("link", name="Duplicates").click()
    expect(page.locator("#duplicates .groups > li").first).to_be_visible()
    with page.expect_response("**/query?k=60"):
        held[0].continue_()
    page.wait_for_timeout(300)
    assert page.url.endswith("/duplicates")


def test_what_has_changed_meanwhile_is_asked_for_anew(visitor: Visitor) -> None:
    page = visitor.window("/c/shop")
    expect(page.locator("#grid > li")).to_have_count(60)
    page.locator("#grid a").first.click()
    page.wait_for_url("**?like=*")
    for way, asked in ((page.go_back, 0), (lambda: page.locator("#anew").click(), 1)):
        before = len([one for one in visitor.requests if "/items?" in one])
        way()
        expect(page.locator("#panel .invitation")).to_be_visible()
        expect(page.locator("#grid > li")).to_have_count(60)
        after = len([one for one in visitor.requests if "/items?" in one])
        assert after - before == asked
        page.locator("#grid a").first.click()
        page.wait_for_url("**?like=*")


def test_keys_alone(visitor: Visitor, queried: Callable[[str], Path]) -> None:
    page = visitor.window("/c/shop")
    expect(page.locator("#grid > li")).to_have_count(60)
    page.keyboard.press("/")
    expect(page.locator("#choose")).to_be_focused()
    page.keyboard.press("f")
    expect(page.locator("#condition")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#grid a").first.focus()
    across = page.locator("#grid").evaluate(
        "grid => getComputedStyle(grid).gridTemplateColumns.split(' ').length"
    )
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#grid a").nth(1 + across)).to_be_focused()
    asked = shown(page)[1 + across]
    page.keyboard.press("Enter")
    expect(page.locator("#panel .name")).to_have_text(asked)
    expect(page.locator("#grid a").first).to_be_focused()
    first, second = shown(page)[:2]
    page.keyboard.press("l")
    expect(page.locator("#panel .like li")).to_have_count(2)
    assert f"like={quote(first, safe='')}" in page.url
    expect(page.locator("#grid a").first).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#panel .unlike li")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#panel .invitation")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("#map canvas")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    assert second


def test_the_focus_stays_where_it_was(visitor: Visitor, queried: Callable[[str], Path]) -> None:
    page = visitor.window("/c/shop")
    chip = page.get_by_role("button", name="trouser", exact=True)
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("40 items")
    expect(chip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("121 items")
    upload(page, queried("bag"))
    before = page.evaluate("history.length")
    page.locator("#diversity").focus()
    for step in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**diversity=0.{step}**")
        expect(page.locator("#diversity")).to_be_focused()
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    expect(page.locator("#diversity")).to_have_value("0")

    # The link for who uses keys leads to the items, and leaves the search as it is.
    asked = page.url
    page.locator("a.skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    expect(page.locator("#panel .verdict .label")).to_be_visible()
    assert page.url == asked


def test_a_large_window_is_filled(visitor: Visitor) -> None:
    """The end of the first 60 is in sight before they come."""
    page = visitor.window(viewport={"width": 2560, "height": 1400})
    slowly(page, "**/items?*")
    page.goto(f"{visitor.base}/c/shop")
    expect(page.locator("#grid > li")).to_have_count(120)


def slowly(page: Page, pattern: str) -> None:
    """Answers that take a moment."""

    def later(route: Route) -> None:
        page.wait_for_timeout(300)
        route.continue_()

    page.route(pattern, later)


def test_a_page_that_does_not_come_takes_none_away(visitor: Visitor) -> None:
    page = visitor.window("/c/shop")
    expect(page.locator("#grid > li")).to_have_count(60)
    page.route("**/items?*", lambda route: route.abort())
    page.mouse.wheel(0, 100_000)
    expect(page.locator("#problem")).to_be_visible()
    assert len(shown(page)) == 60
    page.unroute("**/items?*")
    page.mouse.wheel(0, -100_000)
    page.wait_for_timeout(300)
    page.mouse.wheel(0, 100_000)
    expect(page.locator("#grid > li")).to_have_count(120)
    expect(page.locator("#problem")).to_be_hidden()
    visitor.leave()
    visitor.errors.clear()


def test_a_search_that_is_given_up_leaves_nothing_dimmed(visitor: Visitor) -> None:
    page = visitor.window("/c/shop")
    expect(page.locator("#grid > li")).to_have_count(60)
    page.route("**/query*", lambda _: None)
    page.locator("#grid a").first.click()
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "true")
    page.go_back()
    expect(page.locator("#panel .invitation")).to_be_visible()
    expect(page.locator("#grid")).not_to_have_attribute("aria-busy", "true")
    visitor.leave()
    visitor.errors.clear()


def test_the_map_is_the_one_that_was_asked_for_last(visitor: Visitor) -> None:
    page = visitor.window("/c/shop/map")
    expect(page.locator("#map canvas")).to_be_visible()
    held: list[Route] = []
    page.route("**/map?method=tsne", lambda route: held.append(route))  # noqa: PLW0108 - as above
    page.get_by_label("How it is drawn").select_option("tsne")
    wait_for(page, held)
    page.get_by_label("How it is drawn").select_option("lda")
    expect(page.locator("#map canvas")).to_be_visible()
    with page.expect_response("**/map?method=tsne"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.get_by_label("How it is drawn")).to_have_value("lda")


def test_who_has_no_token_is_asked_for_it(visitor: Visitor) -> None:
    page = visitor.window("/c/shop?like=bag%2Fagain.png")
    page.context.clear_cookies()
    page.reload()
    expect(page.locator("h1")).to_have_text("Who is there?")
    page.fill("#token", "guessed")
    page.press("#token", "Enter")
    expect(page.locator("h1")).to_have_text("Who is there?")
    page.fill("#token", TOKEN)
    page.press("#token", "Enter")
    expect(page.locator("#panel .name")).to_have_text("bag/again.png")
    assert page.url == f"{visitor.base}/c/shop?like=bag%2Fagain.png"
    visitor.forgive()


def test_dark_and_light(visitor: Visitor) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    page = visitor.window("/c/shop", color_scheme="dark")
    assert page.evaluate(paper) == "rgb(19, 20, 22)"
    page.click("#theme")
    assert page.evaluate(paper) == "rgb(251, 251, 250)"
    page.reload()
    assert page.evaluate(paper) == "rgb(251, 251, 250)"


def test_names_labels_and_metadata_never_run(visitor: Visitor) -> None:
    """Promise 16: whatever they are called, no script is run, and none is even tried."""
    page = visitor.window("/c/evil")
    expect(page.locator("#grid > li")).to_have_count(8)
    for view in VIEWS[:4]:
        page.goto(f"{visitor.base}/c/evil{view}")
        settle(page)
    expect(page.locator("#duplicates .tools")).to_be_visible()
    page.goto(f"{visitor.base}/c/evil")
    names = shown(page) or (page.wait_for_selector("#grid > li") and shown(page))
    assert {name.split("/", 1)[1] for name in names} == set(EVIL_FILES)
    for name in names:
        page.goto(f"{visitor.base}/c/evil?like={quote(name, safe='')}")
        expect(page.locator("#panel .name")).to_have_text(name)
        expect(page.locator("#panel .known .label")).to_have_text(name.split("/")[0])
        expect(page.locator("#grid img").first).to_be_visible()
    page.goto(f"{visitor.base}/c/evil?like={quote(f'{EVIL}/{EVIL_FILES[0]}', safe='')}")
    expect(page.locator("#panel dt")).to_have_text([EVIL, "price"])
    page.get_by_role("button", name=EVIL, exact=True).click()
    expect(page.locator("#grid > li")).to_have_count(3)
    page.goto(f"{visitor.base}/c/evil?where={quote(f'{EVIL}={EVIL}')}&q={quote(EVIL)}")
    expect(page.locator("#problem")).to_be_visible()
    page.goto(f"{visitor.base}/c/{quote(EVIL)}")
    expect(page.locator("p").first).to_contain_text(EVIL)
    page.goto(f"{visitor.base}/c/evil#v=AAAA&p={quote(EVIL)}&n={quote(EVIL)}")
    settle(page)
    made = page.locator("[onerror], [onload], script:not([src])")
    expect(made).to_have_count(0)
    visitor.forgive()


def test_add_label_and_remove(visitor: Visitor, queried: Callable[[str], Path]) -> None:
    page = visitor.window("/c/shop")
    upload(page, queried("bag"))
    page.get_by_text("Add it to the collection").click()
    page.fill("#new-id", "new/one & only.png")
    page.fill("#new-label", "bag")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#said")).to_contain_text("new/one & only.png")
    expect(page.locator("#panel .name")).to_have_text("new/one & only.png")
    expect(page.locator("#panel .known .label")).to_have_text("bag")
    page.get_by_text("Change", exact=True).click()
    page.fill("#its-label", "purse")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#panel .known .label")).to_have_text("purse")
    expect(page.get_by_role("button", name="purse")).to_be_visible()
    page.get_by_text("Change", exact=True).click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#panel .name")).to_have_text("new/one & only.png")
    page.get_by_role("button", name="Remove it").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Removed")
    expect(page.locator("#count")).to_have_text("121 items")


def test_a_phone_scrolls_one_way_only(visitor: Visitor) -> None:
    page = visitor.window("/c/shop", **PHONE)
    expect(page.locator("#photograph")).to_be_visible()
    for path in (
        "/",
        *(f"/c/shop{view}" for view in VIEWS),
        f"/c/evil?like={quote(EVIL + '/' + EVIL_FILES[0], safe='')}",
    ):
        page.goto(visitor.base + path)
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        small = page.locator("button:visible, a.button:visible").evaluate_all(
            "all => all.filter(one => { const box = one.getBoundingClientRect();"
            " return box.height < 24 || box.width < 24; }).map(one => one.outerHTML)"
        )
        assert small == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(visitor: Visitor, pictures: Path, scheme: str) -> None:
    """axe-core finds nothing serious in any view."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page = visitor.window("/", color_scheme=scheme)
    like = "/c/shop?like=bag%2Fagain.png"
    other = min((pictures / "shop" / "sneaker").iterdir()).name
    options: dict[str, Any] = {"resultTypes": ["violations"], "iframes": False}
    if scheme == "dark":  # which changes nothing but colours
        options["runOnly"] = ["color-contrast"]
    for path in (
        "/",
        *(f"/c/shop{view}" for view in VIEWS),
        like,
        f"{like}&unlike=sneaker%2F{other}",
        "/c/none",
    ):
        page.goto(visitor.base + path)
        settle(page)
        page.evaluate(f"() => {{ {axe} }}")
        found = page.evaluate("options => axe.run(options)", options)
        serious = [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], path
    visitor.forgive()
