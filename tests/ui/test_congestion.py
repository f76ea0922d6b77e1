"""Incidents, films and queues, from reports that a collector takes; and why there is nothing to see."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.fabric.failures.bed import FabricBed
from tests.ui.conftest import SECONDS, WATCH, WATCHED, go, sign_in
from tests.ui.reporter import Reporter, limit

BURST = [*range(0, 64, 2), *range(64, 0, -2)]


def test_nothing_to_see_says_why(page: Page, bed: FabricBed) -> None:
    """Comes first, before there is a watch and a report."""
    for view in ("incidents", "queues", "top"):
        go(page, view)
        expect(page.get_by_text("No queue is watched: there is no TelemetryWatch.").first).to_be_visible()
    bed.apply(WATCH)
    go(page, "incidents")
    for reason in (
        "No watched queue was congested.",
        "No report has come from leaf1, leaf2, spine1.",
        "No port has a rate",
    ):
        expect(page.get_by_text(reason)).to_be_visible()
    go(page, "queues/leaf1/4/0")
    expect(page.get_by_text("leaf1 has sent no reports yet")).to_be_visible()
    expect(page.get_by_text("This queue had no incident meanwhile.")).to_be_visible()
    go(page, "telemetry")
    expect(page.get_by_text("127.0.0.1:32767")).to_be_visible()
    expect(page.get_by_role("row", name="leaf1")).to_contain_text("±")


def test_an_incident_is_told_at_once_with_film_culprits_and_victims(page: Page, reporter: Reporter) -> None:
    go(page, "incidents")
    expect(page.get_by_text("No watched queue was congested.")).to_be_visible()
    reporter.burst(BURST)
    row = page.get_by_role("row").filter(has_text=f"leaf1:{WATCHED} queue 0")
    expect(row).to_contain_text("held 70%")
    expect(row.get_by_text("over")).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_text("not compared")).to_have_count(0)
    culprits = page.get_by_role("region", name="Culprits: who filled the queue")
    expect(culprits.get_by_role("listitem")).to_have_count(1)
    expect(culprits).to_contain_text("udp 10.0.1.11:40000 → 10.0.1.9:5001")
    expect(culprits).to_contain_text("70 %")
    victims = page.get_by_role("region", name="Victims: who waited or was dropped")
    expect(victims).to_contain_text("waited 64.0 ms")
    film = page.get_by_role("group", name=f"Film of leaf1:{WATCHED} queue 0")
    expect(film.locator("canvas")).to_have_count(3)


def test_a_film_is_read_with_the_keyboard(page: Page, reporter: Reporter) -> None:
    reporter.burst(BURST)
    go(page, "incidents")
    page.get_by_role("row").filter(has_text="held").get_by_role("link").first.click()
    film = page.get_by_role("group", name="Film of")
    expect(film.locator("canvas").first).to_be_visible()
    film.focus()
    # The 33rd millisecond is the deepest.
    film.press("Home")
    for _ in range(32):
        film.press("ArrowRight")
    expect(page.get_by_text("wait 64.0 ms, depth 64, 3 dropped")).to_be_visible()
    film.press("End")
    expect(page.get_by_text("wait 2.00 ms, depth 2, 0 dropped")).to_be_visible()
    assert page.locator(".u-cursor-x").count() == 3


def test_a_queue_is_filmed_live_and_says_what_is_lost(page: Page, reporter: Reporter) -> None:
    go(page, "queues")
    reporter.burst(BURST, lose=3)
    row = page.get_by_role("region", name="The last minute").get_by_role(
        "row", name=f"leaf1:{WATCHED} queue 0"
    )
    expect(row).to_contain_text("64.0 ms")
    expect(row).to_contain_text("datagrams of leaf1 were lost")
    expect(page.locator("canvas.wall")).to_be_visible()
    page.get_by_role("list").get_by_role("link", name=f"leaf1:{WATCHED} queue 0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"leaf1:{WATCHED} queue 0")
    expect(page.get_by_role("group", name="Film of").locator("canvas")).to_have_count(3)
    expect(
        page.get_by_text("incidents meanwhile").or_(page.get_by_text("incident meanwhile"))
    ).to_be_visible()
    expect(page.get_by_role("region", name="Culprits").first).to_contain_text("10.0.1.11")
    # What is selected is seen closer, by the millisecond.
    box = page.locator(".u-over").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 30, steps=4)
    page.mouse.up()
    expect(page.get_by_role("navigation", name="Span")).to_contain_text("–")
    assert "from=" in page.url and "to=" in page.url


def test_a_film_runs_stands_and_goes_back_to_the_present(page: Page, reporter: Reporter) -> None:
    reporter.burst(BURST)
    go(page, "queues")
    live = page.get_by_role("button", name="Live")
    expect(live).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("region", name="The last minute")).to_contain_text("64.0 ms")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(live).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Pause").click()
    position = page.get_by_label("Position in the last minute")
    position.focus()
    before = page.locator("output.when").inner_text()
    position.press("Home")
    expect(page.locator("output.when")).not_to_have_text(before)
    live.click()
    expect(live).to_have_attribute("aria-pressed", "true")


def test_links_are_coloured_by_waits_else_by_utilisation(
    page: Page, bed: FabricBed, reporter: Reporter
) -> None:
    limit(bed.address("leaf1"), "l1u1", 10_000)
    try:
        go(page, "map")
        row = page.get_by_role("region", name="Links").get_by_role("row", name="leaf1:11 – spine1:1")
        expect(page.get_by_text("Links by utilisation of the busier direction")).to_be_visible()
        expect(row.get_by_role("cell").nth(3)).to_contain_text("%")
        waits = page.get_by_text("Links by 99th percentile of the wait in the last second")
        for _ in range(100):
            reporter.burst(BURST, egress=11)
            page.wait_for_timeout(100)
            if waits.count():
                break
        expect(waits).to_be_visible()
        assert "ms" in row.get_by_role("cell").nth(4).inner_text()
        assert page.locator("[data-link='leaf1:11 – spine1:1'].burning").count() == 1
    finally:
        limit(bed.address("leaf1"), "l1u1", 0)


def test_what_mattered_most_is_listed(page: Page, reporter: Reporter) -> None:
    reporter.burst(BURST)
    go(page, "top")
    queues = page.get_by_role("region", name="Queues: congested longest")
    expect(queues.get_by_role("row", name=f"leaf1:{WATCHED} queue 0")).to_contain_text("64.0 ms")
    expect(page.get_by_role("region", name="Culprits")).to_contain_text("10.0.1.11")
    expect(page.get_by_role("region", name="Victims")).to_contain_text("10.0.1.12")


def test_a_tenant_sees_incidents_without_learning_why_there_are_none(stranger: Page, bed: FabricBed) -> None:
    with httpx.Client(
        base_url=bed.url, timeout=SECONDS, headers={"Authorization": f"Bearer {bed.token}"}
    ) as http:
        wanted = {"name": "initech-page", "role": "tenant", "tenant": "initech"}
        made = http.post("/api/v1/tokens", json=wanted).json()
    sign_in(stranger, made["token"])
    go(stranger, "incidents")
    expect(stranger.get_by_text("No watched queue was congested.")).to_be_visible()
    assert "TelemetryWatch" not in stranger.locator("main").inner_text()


_BROKEN = """() => {
  const broken = [];
  for (const cell of document.querySelectorAll("main th, main td")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      for (const word of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map((one) => Math.round(one.top)));
        if (lines.size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""


def test_no_word_of_a_table_is_broken_on_a_small_screen(page: Page, reporter: Reporter) -> None:
    reporter.burst(BURST)
    for width in (1100, 800):
        page.set_viewport_size({"width": width, "height": 800})
        for view in ("incidents", "telemetry"):
            go(page, view)
            expect(page.get_by_role("row").nth(1)).to_be_visible()
            assert page.evaluate(_BROKEN) == [], (width, view)


def test_a_followed_flow_is_shown_switch_by_switch_and_as_it_changes(page: Page, reporter: Reporter) -> None:
    go(page, "paths")
    expect(page.get_by_text("No packet of a followed flow was seen.")).to_be_visible()
    way = [(1, 1, 11), (101, 1, 2), (2, 11, 1)]
    reporter.path(*way)
    row = page.get_by_role("row").filter(has_text="10.0.1.10:40000")
    expect(row).to_contain_text("leaf1 → spine1 → leaf2")
    expect(row).to_contain_text("host 02:00:00:00:00:01 at leaf1:1")
    row.get_by_role("link").first.click()
    hops = page.get_by_role("region", name="Switches, in the order in which packets pass")
    expect(hops.get_by_role("row").nth(2)).to_contain_text("spine1")
    expect(hops.get_by_role("row").nth(2)).to_contain_text("100 µs")
    page.wait_for_timeout(600)
    reporter.path(*way, us=5000)
    expect(hops.get_by_role("row").nth(2)).to_contain_text("5.00 ms")
    expect(page.get_by_role("region", name="What has changed")).to_contain_text("longer or shorter there")
    expect(page.get_by_text("silent", exact=True).first).to_be_visible()


RESPONSE = {
    "kind": "CongestionResponse",
    "name": "queues",
    "tenant": "operations",
    "spec": {"allTenants": True, "reroute": {}},
}


def test_what_a_response_makes_of_congestion_is_said(page: Page, bed: FabricBed, reporter: Reporter) -> None:
    go(page, "remedies")
    expect(
        page.get_by_text("Nothing is done about congestion: there is no CongestionResponse.")
    ).to_be_visible()
    bed.apply(RESPONSE)
    expect(page.get_by_text("No queue is congested that a response may do something about.")).to_be_visible()
    row = page.get_by_role("region", name="Congested now").get_by_role("row", name=f"leaf1:{WATCHED} queue 0")
    # What is over within a second may be gone when the page looks.
    for _ in range(60):
        reporter.burst(BURST)
        page.wait_for_timeout(300)
        if row.count():
            break
    text = row.first.text_content(timeout=1000) or ""
    assert "refrains" in text and "operations/queues" in text
    expect(page.get_by_text("Nothing is done now.")).to_be_visible()
