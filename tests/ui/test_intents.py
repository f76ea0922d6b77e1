"""Intents and how far they are, live."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.fabric.failures.bed import FabricBed
from tests.ui.conftest import go, network


def test_intents_are_listed_with_state_and_reason(page: Page) -> None:
    go(page, "intents")
    degraded = page.get_by_role("row", name="Network/acme/servers")
    expect(degraded.get_by_text("degraded")).to_be_visible()
    expect(degraded).to_contain_text("leaf2 has no port 77; it has 1-4, 11")
    expect(page.get_by_role("row", name="Network/acme/clients").get_by_text("active")).to_be_visible()
    page.get_by_label("State").focus()
    page.get_by_label("State").select_option("degraded")
    expect(page.get_by_role("row", name="Network/acme/clients")).to_have_count(0)
    expect(degraded).to_be_visible()
    # The filter is in the address, and keeps the focus of who sets it.
    assert "state=degraded" in page.url
    expect(page.get_by_label("State")).to_be_focused()
    page.get_by_label("Name").fill("nothing")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("No intent passes the filters.")).to_be_visible()


def test_what_becomes_of_intents_is_seen_without_asking_again(page: Page, bed: FabricBed) -> None:
    go(page, "intents")
    expect(page.get_by_role("row", name="Network/acme/clients")).to_be_visible()
    bed.apply(network("late", 9, ("leaf1", 3)))
    row = page.get_by_role("row", name="Network/acme/late")
    expect(row.get_by_text("active")).to_be_visible()
    row.get_by_role("link").focus()
    bed.apply(network("late", 9, ("leaf1", 99)))
    expect(row).to_contain_text("leaf1 has no port 99")
    # Its row changed, and is still the one that had the focus.
    expect(row.get_by_role("link")).to_be_focused()
    bed.delete("Network", "acme", "late")
    expect(row).to_have_count(0)


def test_one_intent_is_shown_with_spec_reasons_and_counters(page: Page, bed: FabricBed) -> None:
    go(page, "intents/Network/acme/servers")
    expect(page.get_by_text("no port 77").first).to_be_visible()
    expect(page.get_by_label("Spec", exact=True)).to_contain_text('"port": 77')
    expect(page.get_by_text("Nothing is counted for this intent.")).to_be_visible()
    go(page, "intents/Network/acme/nothing")
    expect(page.get_by_role("status")).to_contain_text("does not exist")


def test_what_somebody_wrote_is_shown_as_text(page: Page, bed: FabricBed) -> None:
    """The fixture fails if a script ran or the page's policy had to stop one."""
    go(page, "intents/Network/acme/clients")
    note = page.get_by_text("note: <img src=x onerror=alert(1)><script>alert(2)</script>")
    expect(note).to_be_visible()
    # A character that turns the direction of text around is shown as what it is.
    expect(note).to_contain_text("\\u202egpj.exe")
    assert page.locator("main img, main script").count() == 0
    go(page, "intents/Network/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/x")
    expect(page.get_by_role("heading", level=1)).to_have_text("Network/<img src=x onerror=alert(1)>/x")
    go(page, "<svg onload=alert(1)>")
    expect(page.get_by_text("There is no view called")).to_be_visible()
