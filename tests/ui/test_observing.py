"""Hosts, switches, events, balance and the health of telemetry."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.fabric.failures.bed import FabricBed
from tests.ui.conftest import go, network


def test_hosts_are_found_by_address(page: Page) -> None:
    go(page, "hosts")
    row = page.get_by_role("row", name="02:00:00:00:00:01")
    expect(row).to_contain_text("10.0.1.10")
    expect(row.get_by_role("link", name="leaf1:1")).to_be_visible()
    expect(row.get_by_role("link", name="Network/acme/clients")).to_be_visible()
    page.get_by_label("IP address").fill("10.0.1.99")
    page.get_by_label("IP address").press("Enter")
    expect(page.get_by_text("No host passes the filters.")).to_be_visible()


def test_a_host_that_is_stated_now_is_seen_now(page: Page, bed: FabricBed) -> None:
    go(page, "hosts")
    expect(page.get_by_role("row", name="02:00:00:00:00:01")).to_be_visible()
    late = network("more", 8, ("leaf2", 3))
    late["spec"]["attachments"][0] |= {"mac": "02:00:00:00:00:77"}
    bed.apply(late)
    expect(page.get_by_role("row", name="02:00:00:00:00:77")).to_be_visible()
    bed.delete("Network", "acme", "more")
    expect(page.get_by_role("row", name="02:00:00:00:00:77")).to_have_count(0)


def test_a_switch_is_shown_with_ports_rates_and_drops(page: Page) -> None:
    go(page, "switches")
    page.get_by_role("row", name="leaf1").get_by_role("link").click()
    expect(page.get_by_role("heading", name="leaf1", level=1)).to_be_focused()
    ports = page.get_by_role("region", name="Ports")
    uplink = ports.get_by_role("row", name=re.compile("^11 l1u1"))
    expect(uplink.get_by_role("link", name="spine1:1")).to_be_visible()
    # Link probes go in and out.
    expect(uplink).to_contain_text(re.compile(r"[1-9][\d.]* k?bit/s.*[1-9][\d.]* k?bit/s"))
    expect(ports.get_by_role("row", name=re.compile("^1 l1p1"))).to_contain_text("acme/clients")
    expect(page.get_by_role("region", name="What it drops")).to_contain_text(
        re.compile("control_frame|Nothing was")
    )
    go(page, "switches/leaf9")
    expect(page.get_by_role("status")).to_contain_text("there is no switch 'leaf9'")


def test_a_switch_that_is_lost_is_told_in_every_view(page: Page, bed: FabricBed) -> None:
    go(page, "events")
    expect(page.get_by_role("row", name="SwitchConnected").first).to_be_visible()
    bed.kill_switch("leaf2")
    try:
        lost = page.get_by_role("row", name="SwitchDisconnected")
        expect(lost).to_contain_text("leaf2")
        go(page, "switches")
        expect(page.get_by_role("row", name="leaf2")).to_contain_text("disconnected")
        go(page, "map")
        figure = page.get_by_role("region", name="Map of the fabric")
        expect(figure.get_by_role("link", name="leaf2: disconnected")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="leaf2").first).to_be_visible()
        go(page, "telemetry")
        row = page.get_by_role("row", name="leaf2")
        expect(row).to_contain_text("not read not connected")
    finally:
        bed.start_switch("leaf2")
        bed.wait_for_switch("leaf2")
    expect(row).not_to_contain_text("not read")
    bed.until(bed.is_whole, "leaf2 is back")


def test_events_are_filtered_and_held(page: Page, bed: FabricBed) -> None:
    go(page, "events")
    expect(page.get_by_role("row", name="LinkUp").first).to_be_visible()
    page.get_by_label("Types").fill("IntentStatusChanged,IntentDeleted")
    page.get_by_label("Types").press("Enter")
    expect(page.get_by_role("row", name="IntentStatusChanged").first).to_be_visible()
    expect(page.get_by_role("row", name="LinkUp")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    bed.apply(network("brief", 7, ("leaf1", 3)))
    bed.until(bed.in_sync, "it is there")
    bed.delete("Network", "acme", "brief")
    page.get_by_role("button", name="Go on").click()
    expect(
        page.get_by_role("row", name="IntentDeleted").filter(has_text="Network/acme/brief")
    ).to_be_visible()
    page.get_by_label("Types").fill("Nonsense")
    page.get_by_label("Types").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Nonsense")


def test_balance_says_why_it_is_not_judged(page: Page) -> None:
    go(page, "balance")
    group = page.get_by_role("region", name="leaf1 to spines")
    expect(group).to_contain_text("There is one link only.")
    expect(group).to_contain_text("11 → spine1:1")
