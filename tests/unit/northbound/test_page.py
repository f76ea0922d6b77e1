"""The files of the page at `/ui`: how they are served."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from p4fabric.controller.api.page import Page, to_page

UI = Path(__file__).parents[3] / "controller/ui"


@pytest.fixture
def http() -> httpx.AsyncClient:
    app = FastAPI()
    app.add_api_route("/ui", to_page)
    app.mount("/ui", Page())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://controller")


async def test_the_page_lets_nothing_else_in(http: httpx.AsyncClient) -> None:
    answer = await http.get("/ui/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    # Inline scripts and styles would need the policy to let them in.
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?:", answer.text)


async def test_a_file_is_sent_again_only_if_it_is_another(http: httpx.AsyncClient) -> None:
    first = await http.get("/ui/js/main.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    again = await http.get("/ui/js/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await http.get("/ui/js/main.js", headers={"If-None-Match": '"other"'})
    assert other.content == (UI / "js/main.js").read_bytes()


async def test_there_is_nothing_but_the_page(http: httpx.AsyncClient) -> None:
    assert (await http.get("/ui")).headers["location"] == "ui/"
    for path in ("../api/page.py", "%2e%2e/api/page.py", "js", "js/", "jsconfig.json", "js//main.js"):
        assert (await http.get(f"/ui/{path}")).status_code == 404, path
    answer = await http.post("/ui/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
