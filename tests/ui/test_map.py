"""The map: links and switches as they are, and as they change."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.fabric.failures.bed import FabricBed
from tests.ui.conftest import go
from tests.veth import set_up


def test_the_map_shows_switches_and_links_with_their_rates(page: Page) -> None:
    go(page, "map")
    figure = page.get_by_role("region", name="Map of the fabric")
    for name in ("leaf1", "leaf2", "spine1"):
        expect(figure.get_by_role("link", name=f"{name}: in sync")).to_be_visible()
    expect(figure.locator("[data-link]")).to_have_count(2)
    row = page.get_by_role("region", name="Links").get_by_role("row", name="leaf1:11 – spine1:1")
    # Link probes are sent all the time.
    expect(row.get_by_role("cell").nth(1)).to_contain_text("bit/s")
    expect(page.get_by_text("No utilisation: the ports have no rate")).to_be_visible()
    figure.get_by_role("link", name="leaf1: in sync").press("Enter")
    expect(page).to_have_url(re.compile("#/switches/leaf1$"))


def test_a_link_that_fails_is_seen_at_once_and_by_who_comes_later(page: Page, bed: FabricBed) -> None:
    go(page, "map")
    row = page.get_by_role("region", name="Links").get_by_role("row", name="leaf2:11 – spine1:2")
    expect(row.get_by_text("up")).to_be_visible()
    set_up("l2u1", False)
    try:
        expect(row.get_by_text("down")).to_be_visible()
        expect(page.locator("[data-link='leaf2:11 – spine1:2'].gone")).to_have_count(1)
        # The link is expected because it was seen: who opens the page now sees that it is missing.
        page.reload()
        expect(row.get_by_text("down")).to_be_visible()
        expect(
            page.locator("header").get_by_text("degraded").or_(page.locator("header").get_by_text("down"))
        ).to_be_visible()
    finally:
        set_up("l2u1", True)
    expect(row.get_by_text("up")).to_be_visible()
    bed.until(bed.is_whole, "the link is back")
