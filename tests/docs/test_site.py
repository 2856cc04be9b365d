from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.docs.page_links import PageLinks
from tests.services.browser import chromium

needs_a_browser = pytest.mark.skipif(chromium.PROGRAM is None, reason="no Chromium; make browser")
WIDTHS, HEIGHT = (400, 900, 1400), 900


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, PageLinks]:
    return {path: PageLinks(path) for path in sorted(site.rglob("*.html"))}


def test_every_internal_link_leads_to_a_page_and_a_place_in_it(site: Path, pages: dict[Path, PageLinks]) -> None:
    broken = []
    for page in (page for page in pages.values() if page.path.name != "404.html"):
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append(f"{page.path.relative_to(site)}: {link}")
    assert broken == []


def test_no_page_loads_anything_from_another_host(site: Path, pages: dict[Path, PageLinks]) -> None:
    loaded = {(page.path.name, each) for page in pages.values() for each in page.loaded}
    assert {(name, each) for name, each in loaded if urlsplit(each).netloc} == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert "url(http" not in styles
    assert "@import" not in styles


@needs_a_browser
def test_pages_opened_from_a_disk_ask_no_other_host_and_fit_into_any_window(pages: dict[Path, PageLinks]) -> None:
    wide = []
    with chromium.launched() as browser:
        page = chromium.new_page(browser)
        requests, errors = _watch(page)
        for path in pages:
            page.goto(path.as_uri())
            expect(page.locator("article h1").first).to_be_visible()
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": HEIGHT})
                if not _fits(page):
                    wide.append((path.name, width))
    assert {url for url in requests if not url.startswith(("file:", "data:", "blob:", "about:"))} == set()
    assert errors == []
    assert wide == []


@needs_a_browser
def test_a_page_that_was_opened_from_a_disk_can_be_searched(site: Path) -> None:
    with chromium.launched() as browser:
        page = chromium.new_page(browser)
        _, errors = _watch(page)
        page.goto((site / "index.html").as_uri())
        page.get_by_role("textbox", name="Search").first.press_sequentially("exemplar")
        expect(page.locator(".md-search-result__item a").first).to_be_visible()
        page.locator(".md-search-result__item a").first.click()
        expect(page.locator("mark[data-md-highlight]").first).to_be_visible()
    assert errors == []


def _fits(page: Page) -> bool:
    """Return whether a page is not wider than the window, once its menu has moved to its place."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    except TimeoutError:
        return False
    return True


def _watch(page: Page) -> tuple[list[str], list[str]]:
    """Keep the addresses that a page asks for, and what goes wrong in it."""
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return requests, errors
