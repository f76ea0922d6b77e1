"""Pictures of the page for the documentation, from the labs of congestion and of the closed loop as they run.

sudo .venv/bin/python -m benchmarks.screenshots [--folder docs/images]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

LABS = ("congestion", "closed-loop")
SECONDS = 180.0
"""Until a lab has had its acts, on a machine that has other things to do."""
MOST_BYTES = 150_000
SIZE: ViewportSize = {"width": 1280, "height": 760}
TALL: ViewportSize = {"width": 1060, "height": 1300}
SCALE = 0.75
"""As wide as the documentation shows them, more or less."""


@contextmanager
def kept(folder: Path) -> Iterator[tuple[dict[str, Any], IO[str]]]:
    """The lab at its prompt; gives its report, and where to type.

    Raises:
        RuntimeError: it did not get there.
    """
    report, said = folder / "report.json", folder / "said"
    command = Path(sys.executable).with_name("p4fabric")
    words = [command, "lab", "congestion", "--keep", "--run", folder / "run", "--report", report]
    with said.open("w") as output:
        lab = subprocess.Popen(
            list(map(str, words)), stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, text=True
        )
        try:
            deadline = time.monotonic() + SECONDS
            while "The lab runs on" not in said.read_text():
                if lab.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the lab does not run: {said.read_text()}")
                time.sleep(0.2)
            assert lab.stdin is not None
            yield json.loads(report.read_text()), lab.stdin
        finally:
            lab.communicate("exit\n", timeout=60)


@contextmanager
def looping(folder: Path) -> Iterator[str]:
    """The lab of the closed loop while it runs a pair, in which the response acts first; gives its API.

    Raises:
        RuntimeError: it does not start.
    """
    run, said = folder / "loop", folder / "loop.said"
    command = Path(sys.executable).with_name("p4fabric")
    with said.open("w") as output:
        words = [str(command), "lab", "closed-loop", "--pairs", "1", "--run", str(run)]
        lab = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + SECONDS
            while not (run / "token").exists() or "intents, hosts and reports" not in said.read_text():
                if lab.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the lab does not run: {said.read_text()}")
                time.sleep(0.2)
            yield "http://" + json.loads((run / "controller.yaml").read_text())["api"]["listen"]
        finally:
            lab.terminate()
            lab.wait(60)


def sign_in(page: Page, token: Path) -> None:
    """Open the page as the operator."""
    page.goto("/ui/")
    page.get_by_label("Token").fill(token.read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()


def take_responses(page: Page, folder: Path, token: Path) -> None:
    """Wait until the loop has done something that helps."""
    sign_in(page, token)
    go(page, "remedies")
    expect(page.get_by_role("row").filter(has_text="helps")).not_to_have_count(0)
    shot(page, folder / "responses.png")


def take(page: Page, folder: Path, report: dict[str, Any], prompt: IO[str]) -> None:
    """Sign in, and go to each of the views."""
    sign_in(page, Path(report["tokenFile"]))

    # The longest, where the machine made several of one.
    incast, elephant = (
        max(check["figures"]["incidents"], key=lambda incident: incident["durationSeconds"])
        for check in report["checks"]
        if check["name"] in ("incast", "elephant")
    )
    go(page, "incidents")
    expect(page.get_by_role("row").filter(has_text="held")).not_to_have_count(0)
    shot(page, folder / "incidents.png")

    go(page, f"incidents/{elephant['number']}")
    drawn(page.get_by_role("group", name="Film of"))
    expect(page.get_by_role("region", name="Victims").get_by_role("listitem")).to_have_count(3)
    page.set_viewport_size(TALL)
    shot(page, folder / "incident.png")
    page.set_viewport_size(SIZE)

    # A little before the first packet and behind the last one.
    (queue, *_) = incast["queues"]
    span = f"from={moment(queue['beganAt'], -0.03)}&to={moment(queue['endedAt'], 0.03)}"
    go(page, f"queues/{queue['switch']}/{queue['port']}/{queue['priority']}?{span}")
    drawn(page.get_by_role("group", name="Film of"))
    shot(page, folder / "queue.png")

    go(page, "paths?from=h1&to=store")
    expect(page.get_by_role("row").filter(has_text="spine")).not_to_have_count(0)
    shot(page, folder / "paths.png")
    way = page.get_by_role("row").filter(has_text="spine").first
    go(page, f"paths/{way.get_by_role('link').first.inner_text()}")
    expect(page.get_by_role("row").filter(has_text="leaf")).not_to_have_count(0)
    shot(page, folder / "path.png")

    go(page, "map")
    # In one line: a program at Mininet's prompt would read the next one.
    client = "until iperf3 -u -b 15M -t 30 -c 10.0.2.10; do sleep 0.2; done"
    prompt.write(f"py store.cmd('iperf3 -s -D'), h1.cmd('{client}')\n")
    prompt.flush()
    # Where it enters and where it leaves the spine; with what frames add, it is a little more.
    expect(page.locator("td", has_text=re.compile(r"1[56](\.\d)? Mbit/s"))).to_have_count(2, timeout=30_000)
    shot(page, folder / "map.png")


def moment(text: str, seconds: float) -> str:
    """A time of the API, so much later."""
    return (datetime.fromisoformat(text) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def go(page: Page, place: str) -> None:
    """Open a view by its address."""
    page.goto(f"/ui/#/{place}")
    expect(page.locator("main")).to_have_attribute("data-place", page.evaluate("location.hash"))


def drawn(film: Locator) -> None:
    """Wait until a film is there."""
    expect(film.first.locator("canvas").first).to_be_visible()


def shot(page: Page, path: Path) -> None:
    """Write what is seen.

    Raises:
        RuntimeError: it is too large for the repository.
    """
    page.evaluate("document.activeElement?.blur()")
    page.mouse.move(0, 0)
    page.screenshot(path=path)
    if path.stat().st_size > MOST_BYTES:
        raise RuntimeError(f"{path} has {path.stat().st_size} bytes, more than {MOST_BYTES}")
    print(path, path.stat().st_size)


def main() -> None:
    """Run the lab and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument(
        "--labs", nargs="+", choices=LABS, default=LABS, help="from which to take pictures; both if not given"
    )
    options = parser.parse_args()
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        # Root has no sandbox, and all that is shown here is ours.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])

        def page_of(api: str) -> Page:
            context = browser.new_context(base_url=api, viewport=SIZE, device_scale_factor=SCALE)
            return context.new_page()

        if "congestion" in options.labs:
            with kept(Path(made)) as (report, prompt):
                take(page_of(report["api"]), options.folder, report, prompt)
        if "closed-loop" in options.labs:
            with looping(Path(made)) as api:
                take_responses(page_of(api), options.folder, Path(made) / "loop" / "token")
        browser.close()


if __name__ == "__main__":
    main()
