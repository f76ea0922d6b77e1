"""Who may see the page: tokens that are entered, kept by the tab and nowhere else."""

from __future__ import annotations

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from tests.fabric.failures.bed import FabricBed
from tests.ui.conftest import SECONDS, sign_in

WRONG = "wrong-" * 8


def test_a_wrong_token_is_refused_in_words(stranger: Page) -> None:
    stranger.goto("/ui")
    field = stranger.get_by_label("Token")
    expect(field).to_be_focused()
    for text, said in (
        ("", "Enter a token."),
        ("two words of it", "no spaces"),
        (WRONG, "does not know this"),
    ):
        field.fill(text)
        field.press("Enter")
        expect(stranger.get_by_role("alert")).to_contain_text(said)
        expect(field).to_be_focused()
    expect(stranger.get_by_role("navigation")).to_have_count(0)


def test_a_token_opens_the_page_and_stays_in_the_tab(
    stranger: Page, context: BrowserContext, bed: FabricBed
) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    sign_in(stranger, bed.token)
    stranger.reload()
    expect(stranger.get_by_role("navigation", name="Views")).to_be_visible()
    assert context.cookies() == []
    assert stranger.evaluate("localStorage.length") == 0
    assert stranger.evaluate("Object.values({...sessionStorage})") == [bed.token]
    assert not [url for url in asked if bed.token in url or not url.startswith(bed.url)]
    # Another tab of the same browser has to show one itself.
    other = context.new_page()
    other.goto("/ui/")
    expect(other.get_by_label("Token")).to_be_visible()


def test_signing_out_forgets_the_token_and_all_that_was_shown(page: Page) -> None:
    expect(page.get_by_role("heading", name="Map of the fabric")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_focused()
    expect(page.get_by_role("navigation")).to_have_count(0)
    assert page.evaluate("sessionStorage.length") == 0
    assert "leaf1" not in page.locator("body").inner_text()


def test_a_token_that_is_revoked_ends_the_session_at_once(stranger: Page, bed: FabricBed) -> None:
    with httpx.Client(
        base_url=bed.url, timeout=SECONDS, headers={"Authorization": f"Bearer {bed.token}"}
    ) as http:
        made = http.post("/api/v1/tokens", json={"name": "guest", "role": "reader"}).json()
        sign_in(stranger, made["token"])
        expect(stranger.get_by_text("guest (reader)")).to_be_visible()
        # The stream of the map is open; it ends, and coming back is refused.
        expect(stranger.get_by_role("row", name="leaf1:11")).to_be_visible()
        assert http.delete("/api/v1/tokens/guest").status_code == 204
    expect(stranger.get_by_label("Token")).to_be_visible()
    assert stranger.evaluate("sessionStorage.length") == 0


def test_a_tenant_sees_its_own_views_only(stranger: Page, bed: FabricBed) -> None:
    with httpx.Client(
        base_url=bed.url, timeout=SECONDS, headers={"Authorization": f"Bearer {bed.token}"}
    ) as http:
        wanted = {"name": "globex-page", "role": "tenant", "tenant": "globex"}
        made = http.post("/api/v1/tokens", json=wanted).json()
    sign_in(stranger, made["token"])
    expect(stranger.get_by_role("heading", name="Intents")).to_be_visible()
    expect(stranger.get_by_role("link", name="Map")).to_have_count(0)
    expect(stranger.get_by_text("There are no intents yet")).to_be_visible()
