"""How soon the page is there, and how smoothly it draws a minute of 64 queues, in Chromium without a window.

    .venv/bin/python -m benchmarks.page [--samples 5] [--seconds 5]

Each sample is a browser that knows nothing yet. The controller is real; what queues did is made up and put
between it and the page, so that a film is there at once. It is drawn at its full width of a minute while it
plays at four times its speed, so each frame is another picture.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

from benchmarks.controllers import running_controller
from benchmarks.figures import Figure, add_option, print_table, save

QUEUES, STEP = 64, 0.05
LEAST_FRAMES, LONGEST_PAINT = 30.0, 1.0
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"
_FRAMES = """(seconds) => new Promise((done) => {
  const shown = new Set();
  let begun = 0;
  const count = (now) => {
    begun ||= now;
    shown.add(document.querySelector("output.when").textContent);
    if (now - begun < seconds * 1000) requestAnimationFrame(count);
    else done((shown.size * 1000) / (now - begun));
  };
  requestAnimationFrame(count);
})"""


NOBODY = "127.0.0.1:1"
"""Where no switch is."""


def series(switch: str, port: int, since: float) -> dict[str, Any]:
    """What a queue did with bursts, from a moment (seconds since 1970) until now."""
    chance = random.Random(f"{switch} {port}")
    first, end = math.floor(since / STEP), math.ceil(time.time() / STEP)
    steps = end - first
    waits = [
        max(0.0, 40_000 * math.sin(step / (20 + port)) ** 9) + chance.random() * 200
        for step in range(first, end)
    ]
    return {
        "switch": switch,
        "port": port,
        "priority": 0,
        "beginsAt": datetime.fromtimestamp(first * STEP, UTC).isoformat(),
        "endsAt": datetime.fromtimestamp(end * STEP, UTC).isoformat(),
        "stepSeconds": STEP,
        "known": ["bins"] * steps,
        "minDepth": [0] * steps,
        "maxDepth": [int(wait / 1000) for wait in waits],
        "maxWaitUs": waits,
        "packets": [10] * steps,
        "bytes": [9000] * steps,
        "drops": [0] * steps,
        "late": [False] * steps,
        "clockErrorSeconds": 0.0001,
        "reportsLost": 0,
        "notes": [],
    }


def answer(route: Route) -> None:
    """Answer for the collector."""
    asked = urlsplit(route.request.url)
    words = asked.path.split("/")
    if words[-1] == "series":
        since = datetime.fromisoformat(parse_qs(asked.query)["from"][0]).timestamp()
        document = series(words[-4], int(words[-3]), since)
        route.fulfill(body=json.dumps(document), content_type="application/json")
        return
    queues = [
        {"switch": f"leaf{1 + n // 8}", "port": 1 + n % 8, "priority": 0, "lastSecond": None}
        for n in range(QUEUES)
    ]
    route.fulfill(json={"items": queues, "resourceVersion": "1", "continue": None})


def opened(browser: Browser, url: str) -> Page:
    """A tab of a browser that has cached nothing."""
    page = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}).new_page()
    page.route(re.compile(r"/api/v1/queues"), answer)
    return page


def measure(browser: Browser, url: str, token: str, seconds: float) -> tuple[float, float, float]:
    """Seconds to the first paint, seconds from the token to the map, frames a second of the film."""
    page = opened(browser, url)
    page.goto("/ui/")
    page.get_by_label("Token").fill(token)
    painted = float(page.evaluate(_FIRST_PAINT))
    begun = time.monotonic()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=re.compile("^leaf1: ")).wait_for()
    mapped = time.monotonic() - begun
    page.goto("/ui/#/queues")
    # All of it is there. While frames are counted, the page goes on asking for what is new, as always.
    page.locator("tbody tr").nth(QUEUES - 1).wait_for()
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play").click()
    frames = float(page.evaluate(_FRAMES, seconds))
    page.context.close()
    return painted, mapped, frames


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="for which frames are counted")
    add_option(parser)
    options = parser.parse_args()
    path = shutil.which("chromium")
    if path is None:
        parser.error("chromium is not on PATH")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_controller(Path(folder), NOBODY) as (url, token),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        found = [measure(browser, url, token, options.seconds) for _ in range(options.samples)]
        browser.close()
    painted, mapped, frames = zip(*found, strict=True)
    figures = [
        Figure(
            "page.first_paint", "From the address to the first paint", "s", painted, True, 0.5, LONGEST_PAINT
        ),
        Figure("page.map", "From the token to the map", "s", mapped, True),
        Figure(
            "page.film", f"A minute of film of {QUEUES} queues", "frames/s", frames, False, 0.3, LEAST_FRAMES
        ),
    ]
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()
