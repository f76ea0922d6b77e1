"""Where a client finds its controller, and what it shows whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p4fabric.client import BadSettings, Context, Contexts, Settings


def written(folder: Path, text: str) -> dict[str, str]:
    """An environment with a configuration file."""
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return {"P4FABRIC_CONFIG": str(path)}


TWO = """
current: lab
contexts:
  lab: {url: "http://127.0.0.1:8081", tokenFile: lab.token}
  prod: {url: "https://fabric.example", token: prod-token, caFile: ca.pem}
"""


def test_what_is_said_closer_to_the_caller_wins(tmp_path: Path) -> None:
    (tmp_path / "lab.token").write_text("lab-token\n")
    env = written(tmp_path, TWO)
    assert Settings.find(environment=env) == Settings(
        "http://127.0.0.1:8081", "lab-token", token_from=str(tmp_path / "lab.token")
    )
    prod = Settings.find(environment={**env, "P4FABRIC_CONTEXT": "prod"})
    assert (prod.url, prod.token, prod.ca_file) == (
        "https://fabric.example", "prod-token", tmp_path / "ca.pem",
    )  # fmt: skip
    assert Settings.find(context="lab", environment={**env, "P4FABRIC_CONTEXT": "prod"}).token == "lab-token"
    other = Settings.find(environment={**env, "P4FABRIC_TOKEN": "mine"})
    assert (other.url, other.token) == ("http://127.0.0.1:8081", "mine")
    said = {"P4FABRIC_API": "http://127.0.0.1:9999", "P4FABRIC_TOKEN": "mine"}
    assert Settings.find(context="prod", environment={**env, **said}) == prod  # nothing of another's


def test_a_token_of_a_context_is_shown_to_its_controller_only(tmp_path: Path) -> None:
    env = written(tmp_path, TWO.replace("current: lab", "current: prod"))
    with pytest.raises(BadSettings, match=r"token file p4fabric\.token: No such file"):
        Settings.find("https://elsewhere.example", environment=env)
    with pytest.raises(BadSettings, match="sent unprotected; use https"):
        Settings.find("http://fabric.example", token="x", environment={})
    assert "prod-token" not in repr(Settings.find(environment=env))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("contexts: {lab: {urls: x}}", "contexts.lab: urls is not a known key; known here: url, token"),
        ("contexts: {lab: {url: 1}}", "all values must be texts"),
        ("current: prod", "there is no context 'prod'; there are none"),
        ("[", "config.yaml: "),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        Settings.find(environment=written(tmp_path, text))


def test_a_token_that_others_can_read_is_refused_and_what_is_saved_is_not_readable(tmp_path: Path) -> None:
    env = written(tmp_path, TWO)
    path = Path(env["P4FABRIC_CONFIG"])
    path.chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 600"):
        Settings.find(environment=env)
    path.unlink()
    Contexts(path, "a", {"a": Context("http://127.0.0.1:1", "secret")}).save()
    assert path.stat().st_mode & 0o777 == 0o600
    assert Settings.find(environment=env).token == "secret"


def test_who_shows_a_certificate_needs_no_token(tmp_path: Path) -> None:
    certificate, key = tmp_path / "ci.pem", tmp_path / "ci.key"
    found = Settings.find("https://fabric.example", environment={}, cert_file=certificate, key_file=key)
    assert found.token is None and found.cert_file == certificate
    assert found.shown == f"certificate {tmp_path / 'ci.pem'}"
    env = {"P4FABRIC_API": "https://fabric.example", "P4FABRIC_CERT_FILE": "/ci.pem"}
    assert Settings.find(environment=env).cert_file == Path("/ci.pem")
    both = Settings.find(environment={**env, "P4FABRIC_TOKEN": "mine"})
    assert (both.token, both.cert_file) == ("mine", Path("/ci.pem"))
    text = "contexts: {ci: {url: 'https://fabric.example', certFile: ci.pem, keyFile: ci.key}}"
    context = Settings.find(context="ci", environment=written(tmp_path, text))
    assert (context.token, context.cert_file, context.key_file) == (None, certificate, key)
    # What is said of one controller is shown to no other one.
    with pytest.raises(BadSettings, match=r"token file p4fabric\.token: No such file"):
        Settings.find("https://elsewhere.example", environment=written(tmp_path, "current: ci\n" + text))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"url": "http://127.0.0.1:1", "cert_file": Path("ci.pem")}, "a client certificate is for https"),
        (
            {"url": "https://a", "key_file": Path("ci.key"), "token": "x"},
            "ci.key is a key without a certificate",
        ),
        ({"url": "https://a"}, "a token or a client certificate is needed"),
    ],
)
def test_a_certificate_that_cannot_be_shown_is_refused(said: Any, why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        Settings(**said)
