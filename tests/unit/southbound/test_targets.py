from __future__ import annotations

from pathlib import Path

import pytest
from finsy.proto import p4i

from p4fabric.controller.p4runtime import Pipeline
from p4fabric.controller.targets import TARGET_NAMES, StratumTofino, TargetError, target_named
from p4fabric.pipelines import fabric
from p4fabric.pipelines.bindings import Bindings
from p4fabric.pipelines.fabric.bindings import BINDINGS, EcmpGroups, VirtualIps


def test_targets_are_found_by_name() -> None:
    assert [target_named(name).name for name in TARGET_NAMES] == ["softswitch", "bmv2", "stratum-tofino"]
    with pytest.raises(ValueError, match="'tofino' is unknown; use one of softswitch, bmv2, stratum-tofino"):
        target_named("tofino")


def test_what_a_target_cannot_tell_of_its_queues_it_says_by_its_name() -> None:
    untold = {name: target_named(name).untold_drops for name in TARGET_NAMES}
    assert untold["softswitch"] is None and untold["bmv2"] == "no tail-drop reports on bmv2"
    limits = {name: target_named(name).queue_limits for name in TARGET_NAMES}
    assert limits == {
        "softswitch": (),
        "bmv2": (
            "no tail-drop reports on bmv2",
            "no bins of queues on bmv2",
            "no priority for reports on bmv2",
        ),
        "stratum-tofino": ("no tail-drop reports on stratum-tofino", "no bins of queues on stratum-tofino"),
    }


def test_software_switches_take_the_artifact_as_it_is_under_one_cookie() -> None:
    pipelines = [
        Pipeline.of(fabric.p4info(), fabric.device_config(), target_named(name), BINDINGS)
        for name in ("softswitch", "bmv2")
    ]
    assert {pipeline.config.p4_device_config for pipeline in pipelines} == {fabric.device_config()}
    assert pipelines[0].cookie == pipelines[1].cookie != 0
    other = Pipeline.of(fabric.p4info(), fabric.device_config() + b" ", target_named("bmv2"), BINDINGS)
    assert other.cookie != pipelines[0].cookie


def test_a_pipeline_says_what_program_and_target_allow() -> None:
    pipeline = Pipeline.of(fabric.p4info(), fabric.device_config(), target_named("softswitch"), BINDINGS)
    assert pipeline.cpu_port == fabric.CPU_PORT and pipeline.cpu_port not in pipeline.front_ports
    assert pipeline.limits.members == {VirtualIps.TABLE_ID: 64, EcmpGroups.TABLE_ID: 64}
    assert pipeline.limits.replicas == 4096


def test_the_bindings_of_another_program_are_refused() -> None:
    target = target_named("softswitch")
    with pytest.raises(ValueError, match="the bindings have tables that the P4Info does not have"):
        Pipeline.of(p4i.P4Info(), b"{}", target, BINDINGS)
    assert Pipeline.of(p4i.P4Info(), b"{}", target, Bindings.of()).source_field is None


def test_stratum_takes_its_own_binary_and_says_where_it_should_be(tmp_path: Path) -> None:
    binary = tmp_path / "fabric.pb.bin"
    target = StratumTofino(binary)
    with pytest.raises(TargetError, match=f"pipelineBinary {binary} cannot be read: No such file"):
        target.device_config(b"json")
    binary.touch()
    with pytest.raises(TargetError, match="is empty"):
        target.device_config(b"json")
    binary.write_bytes(b"tofino")
    assert target.device_config(b"json") == b"tofino"
    with pytest.raises(TargetError, match="pipelineBinary is missing"):
        target_named("stratum-tofino").device_config(b"json")
