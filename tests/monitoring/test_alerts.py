"""Alert rules and who is told of them: each rule fires when it should, and not before."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as families

from tests.monitoring.dashboards import ALERTS, DEPLOY, metrics_in
from tests.unit.northbound.every_metric import every_metric

CASES = Path(__file__).with_name("alerts.yml")
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def run(*words: str, cwd: Path | None = None) -> None:
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    run("promtool", "test", "rules", str(CASES))
    # And each has been seen both ways.
    asked = [ask for test in yaml.safe_load(CASES.read_text())["tests"] for ask in test["alert_rule_test"]]
    fired = {ask["alertname"] for ask in asked if ask.get("exp_alerts")}
    silent = {ask["alertname"] for ask in asked if not ask.get("exp_alerts")}
    assert fired == silent == {rule["alert"] for rule in rules()}


@needs_promtool
def test_prometheus_accepts_the_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(DEPLOY / "prometheus" / name, tmp_path)
    (tmp_path / "p4fabric.token").write_text("secret")
    run("promtool", "check", "config", "--lint-fatal", "prometheus.yml", cwd=tmp_path)


@pytest.mark.skipif(shutil.which("amtool") is None, reason="no amtool (Debian: prometheus-alertmanager)")
@pytest.mark.parametrize(
    ("severity", "receiver"), [("warning", "operators"), ("critical", "on-call")], ids=lambda value: value
)
def test_alertmanager_accepts_its_configuration_and_tells(severity: str, receiver: str) -> None:
    file = str(DEPLOY / "prometheus/alertmanager.yml")
    run("amtool", "check-config", file)
    run("amtool", "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}",
        f"severity={severity}", "alertname=SwitchDown")  # fmt: skip


def test_alerts_that_silence_others_are_there() -> None:
    names = {rule["alert"] for rule in rules()}
    document = yaml.safe_load((DEPLOY / "prometheus/alertmanager.yml").read_text())
    used = {
        name
        for inhibition in document["inhibit_rules"]
        for matcher in (*inhibition["source_matchers"], *inhibition["target_matchers"])
        for name in matcher.split('"')[1].split("|")
    }
    assert used and used <= names


async def test_alerts_are_about_metrics_that_there_are() -> None:
    known = {sample.name for family in families(await every_metric()) for sample in family.samples} | {"up"}
    for rule in rules():
        assert metrics_in(rule["expr"]).keys() <= known, rule["alert"]
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("critical", "warning")
