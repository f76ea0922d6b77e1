"""The page for everybody: keyboard only, in the dark, on a phone, with names for what is not text."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fabric.failures.bed import FabricBed
from tests.ui.conftest import SECONDS, go, network, sign_in
from tests.ui.reporter import Reporter

VIEWS = ("map", "intents", "intents/Network/acme/clients", "hosts", "switches", "switches/leaf1", "events")
CONGESTION = ("incidents", "queues", "queues/leaf1/4/0", "balance", "top", "telemetry", "remedies")


def test_everything_can_be_reached_by_keyboard(page: Page) -> None:
    go(page, "map")
    expect(page.get_by_role("region", name="Links").get_by_role("row").nth(1)).to_be_visible()
    skip, views = page.get_by_role("link", name="Skip to the content"), set[str]()
    # A view begins at its heading; what is before it is reached backwards.
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        views.add(page.evaluate("document.activeElement.textContent"))
        if skip.evaluate("(skip) => skip === document.activeElement"):
            break
    assert {"Sign out", "Telemetry", "Map", "p4fabric", "Skip to the content"} <= views
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    # From there on: the figure, the nodes of the map, then the table.
    seen = []
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert seen[0] == "Map of the fabric" and "Links" in seen
    assert {"leaf1: in sync", "leaf2: in sync", "spine1: in sync"} <= set(seen)
    # The skip link was no place to go to.
    expect(page.get_by_role("heading", name="Map of the fabric")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for view in ("map", "switches/leaf1", "telemetry"):
        go(page, view)
        expect(page.locator("main .badge, main .node").first).to_be_visible()
        page.evaluate(EVERY_KEY)
        assert page.evaluate(CONTRASTS) == []
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(16, 21, 28)" if scheme == "dark" else "rgb(255, 255, 255)")


EVERY_KEY = """() => {
  const legend = document.querySelector("main").appendChild(document.createElement("p"));
  legend.className = "legend";
  for (const name of ["cool", "warm", "hot", "burning", "plain", "gone", "half"]) {
    const key = legend.appendChild(document.createElement("span"));
    key.className = `key ${name}`;
    key.textContent = name;
  }
}"""
"""A map's legend has these by what is known of links just then."""

CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([red, green, blue]) => [red, green, blue].map((value) => value / 255)
    .map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const found = channels(getComputedStyle(element).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
  };
  const bad = [];
  for (const element of document.querySelectorAll("h1, h2, p, th, td, a, button, .badge, dt, dd, .key")) {
    if (!element.textContent || element.closest("svg") || element.offsetParent === null) continue;
    const both = [channels(getComputedStyle(element).color), ground(element)].map(light);
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    if (ratio < 4.5) bad.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


def test_a_phone_shows_every_view_without_scrolling_sideways(
    browser: Browser, bed: FabricBed, reporter: Reporter
) -> None:
    reporter.burst([10, 64, 10])
    context = browser.new_context(base_url=bed.url, viewport={"width": 360, "height": 740}, has_touch=True)
    context.set_default_timeout(SECONDS * 1000)
    phone = context.new_page()
    sign_in(phone, bed.token)
    for view in (*VIEWS, *CONGESTION):
        go(phone, view)
        expect(phone.locator("main h2, main table, main p, main canvas").first).to_be_attached()
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    go(phone, "switches")
    # A table becomes cards, each value with its name.
    cell = phone.get_by_role("region", name="Switches").locator("td[data-label=Role]").first
    expect(cell).to_be_visible()
    assert "Role" in phone.evaluate(
        "(cell) => getComputedStyle(cell, '::before').content", cell.element_handle()
    )
    context.close()


def test_controls_have_names_and_views_one_heading(page: Page, reporter: Reporter) -> None:
    reporter.burst([10, 64, 10])
    for view in (*VIEWS, *CONGESTION):
        go(page, view)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert page.title().endswith("– p4fabric"), view
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("a, button, input, select, [tabindex='0'], nav, section")]
              .filter((one) => one.checkVisibility() && !(one.ariaLabel || one.getAttribute("aria-labelledby")
                || one.textContent.trim() || one.labels?.length)).map((one) => one.outerHTML)"""
        )
        assert nameless == [], view


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_tab_follows_nothing_and_catches_up(page: Page, bed: FabricBed) -> None:
    go(page, "events")
    expect(page.get_by_role("row", name="SwitchConnected").first).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        page.evaluate(HIDE, True)
    bed.apply(network("unseen", 6, ("leaf2", 4)))
    bed.until(bed.in_sync, "it is there")
    bed.delete("Network", "acme", "unseen")
    assert page.get_by_text("Network/acme/unseen").count() == 0
    page.evaluate(HIDE, False)
    # Once: it goes on after the last event that it had seen.
    gone = page.get_by_role("row", name="IntentDeleted").filter(has_text="Network/acme/unseen")
    expect(gone).to_have_count(1)
    expect(page.get_by_role("row", name="SwitchConnected")).to_have_count(3)
