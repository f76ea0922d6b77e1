"""The page in a real Chromium, against a controller and switches as an operator runs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.fabric.failures.bed import SWITCHES, FabricBed
from tests.ui.reporter import REPORTER, Reporter

pytestmark = pytest.mark.root
SECONDS = 60.0
REPORTS = 32767
"""The UDP port of the bed's collector."""
WATCHED = 4
WATCH = {
    "kind": "TelemetryWatch",
    "tenant": "acme",
    "name": "queues",
    "spec": {"switches": ["leaf1"], "ports": [WATCHED]},
}
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egpj.exe"
"""What somebody could write where anything may be written."""


def network(name: str, number: int, *ports: tuple[str, int], **more: Any) -> dict[str, Any]:
    """A network at some ports of switches."""
    attachments = [{"switch": switch, "port": port} for switch, port in ports]
    spec = {"subnets": [f"10.0.{number}.0/24"], "gateways": [f"10.0.{number}.1"], "attachments": attachments}
    return {"kind": "Network", "tenant": "acme", "name": name, "spec": spec, **more}


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabricBed]:
    """Two leaves, a spine and a controller with some intents."""
    if os.geteuid() != 0:
        pytest.skip("interfaces need root")
    reports = {"listen": f"127.0.0.1:{REPORTS}", "sources": [REPORTER]}
    # Link probes go each second: there are some between any two samples.
    telemetry = {"portInterval": 2.0, "reports": reports}
    with FabricBed(tmp_path_factory.mktemp("ui"), telemetry=telemetry) as bed:
        clients = network("clients", 1, ("leaf1", 1), ("leaf2", 1), annotations={"note": HOSTILE})
        clients["spec"]["attachments"][0] |= {"mac": "02:00:00:00:00:01", "addresses": ["10.0.1.10"]}
        bed.apply(clients, network("servers", 2, ("leaf1", 2), ("leaf2", 77)))
        yield bed


@pytest.fixture(scope="package")
def reporter(bed: FabricBed) -> Iterator[Reporter]:
    """Sends what leaf1 would report of the queue at its port 4."""
    bed.apply(WATCH)
    addresses = {device: bed.address(name) for name, device in SWITCHES.items()}
    reporter = Reporter(REPORTS, WATCHED, addresses)
    yield reporter
    reporter.close()


@pytest.fixture(scope="package")
def browser(bed: FabricBed) -> Iterator[Browser]:
    """Chromium without a window. It ends before the bed, which needs an event loop of its own."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        # Root has no sandbox, and all that is shown here is ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, bed: FabricBed) -> Iterator[BrowserContext]:
    """A browser that knows nothing yet; `goto("/ui/…")` is of the bed's controller."""
    context = browser.new_context(base_url=bed.url, viewport={"width": 1200, "height": 800})
    context.set_default_timeout(SECONDS * 1000)
    yield context
    context.close()


@pytest.fixture
def stranger(context: BrowserContext) -> Iterator[Page]:
    """A tab; a test fails if a script of the page does, or its policy forbids something."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
    page.on(
        "console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None
    )
    yield page
    assert faults == []


@pytest.fixture
def page(stranger: Page, bed: FabricBed) -> Page:
    """A tab of an operator who has signed in."""
    sign_in(stranger, bed.token)
    return stranger


def sign_in(page: Page, token: str) -> None:
    """Open the page and show a token."""
    page.goto("/ui/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()


def go(page: Page, place: str) -> None:
    """Open a view by its address."""
    page.goto(f"/ui/#/{place}")
    address = page.evaluate("location.hash")
    expect(page.locator("main")).to_have_attribute("data-place", address)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
