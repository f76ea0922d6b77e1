"""Who reaches whom, and who does not: networks, firewall, virtual IP, UEs.

This module knows what the example intents promise. It does not know how the fabric keeps it.
"""

from __future__ import annotations

import contextlib
from typing import Any

from processes import output_of
from report import Check
from scene import Scene

__all__ = ["firewall", "isolation", "reachability", "service", "ue_sessions", "ue_to_service"]

TENANT = "acme"
CLIENTS = ("h1", "h2", "h3", "h4")
POOL = {"web1": 1, "web2": 1, "web3": 2}
"""Servers and the weights that the Service gives them."""
POOL_PORT = 8080
VIRTUAL_IP = "10.0.100.80"
CONNECTIONS_PER_CLIENT = 60
CHI_SQUARE_LIMIT = 13.8
"""For three servers (two degrees of freedom), passed by chance once in 1,000 times."""
TELNET = 23
DENIED_CLIENT, EXEMPTED_CLIENT = "h1", "h2"
POLICY, DENYING_RULE = "telnet", "no-telnet"
SYNS = 20
PINGS = 50


def isolated(one: str, other: str) -> bool:
    """Whether a firewall policy keeps two hosts apart: the access network is for tunnels only."""
    return "gnb" in (one, other)


def _ping_pairs(scene: Scene, *, apart: bool, version: int, seconds: float) -> dict[tuple[str, str], Any]:
    targets: dict[str, dict[str, str]] = {}
    for one in scene.plan:
        for other in scene.plan:
            if one is not other and isolated(one.name, other.name) == apart:
                address = other.ipv4.ip if version == 4 else other.ipv6.ip
                targets.setdefault(one.name, {})[str(address)] = other.name
    commands = {host: ("ping", *addresses, "--seconds", seconds) for host, addresses in targets.items()}
    answers = scene.ask_all(commands)
    return {
        (host, name): answers[host][address]
        for host, addresses in targets.items()
        for address, name in addresses.items()
    }


def reachability(scene: Scene, version: int) -> Check:
    """All pairs that should reach each other do, from the first packet that hosts ever send."""
    pairs = _ping_pairs(scene, apart=False, version=version, seconds=8)
    missing = [f"{one} > {other}" for (one, other), answer in pairs.items() if answer is None]
    times = sorted(answer for answer in pairs.values() if answer is not None)
    median = times[len(times) // 2] if times else None
    return Check(
        f"reachability_ipv{version}",
        f"IPv{version}: all pairs that should, reach each other",
        passed=not missing and bool(pairs),
        shown=f"{len(times)} of {len(pairs)} pairs, median round trip {median} ms",
        figures={"pairs": len(pairs), "reached": len(times), "median_ms": median},
        expected="an answer to ping within 8 s for every pair",
        seen=f"no answer: {', '.join(missing)}",
    )


def isolation(scene: Scene) -> Check:
    """Pairs that should not reach each other do not, although the fabric knows both ends."""
    pairs = {
        (one, other, version): answer
        for version in (4, 6)
        for (one, other), answer in _ping_pairs(scene, apart=True, version=version, seconds=1.2).items()
    }
    wrong = [f"{one} > {other} by IPv{v}" for (one, other, v), answer in pairs.items() if answer is not None]
    return Check(
        "isolation",
        "Pairs that should not, do not",
        passed=not wrong and bool(pairs),
        shown=f"{len(pairs) - len(wrong)} of {len(pairs)} pairs silent (the gNB and others, IPv4 and IPv6)",
        figures={"pairs": len(pairs), "silent": len(pairs) - len(wrong)},
        expected="no answer to three pings for any pair with the gNB",
        seen=f"answers: {', '.join(wrong)}",
    )


def firewall(scene: Scene) -> Check:
    """A denied flow does not pass, is counted to the packet, and an exempted client does pass."""
    server = scene.plan["web1"]
    with contextlib.ExitStack() as stack:
        scene.serve(stack, server.name, TELNET)
        before = scene.controller.counters("FirewallPolicy", TENANT, POLICY)
        words = ("connect", server.ipv4.ip, TELNET, "-n", SYNS)
        denied = scene.ask(DENIED_CLIENT, *words)
        after = scene.controller.counters("FirewallPolicy", TENANT, POLICY)
        exempted = scene.ask(EXEMPTED_CLIENT, *words)
    counted = after.get(DENYING_RULE, 0) - before.get(DENYING_RULE, 0)
    stopped, passed_by = denied.get("silent", 0), exempted.get("connected", 0)
    return Check(
        "firewall",
        "A denied flow does not pass, and is counted",
        passed=stopped == SYNS and counted == denied["syns"] and passed_by == SYNS and DENYING_RULE in after,
        shown=f"{DENIED_CLIENT}: {denied['syns']} SYNs to port {TELNET}, {SYNS - stopped} answered, counter "
        f"+{counted}; exempted {EXEMPTED_CLIENT}: {passed_by} of {SYNS} connected",
        figures={"syns": denied["syns"], "silent": stopped, "counted": counted, "exempted": passed_by},
        expected=f"{SYNS} SYNs of {DENIED_CLIENT} unanswered, counter {DENYING_RULE!r} of {POLICY} up by as "
        f"many, {SYNS} connections of {EXEMPTED_CLIENT}",
        seen=f"{DENIED_CLIENT} {denied}, {EXEMPTED_CLIENT} {exempted}, counters {before}, then {after}",
    )


def chi_square(answers: dict[str, int]) -> float:
    """How far the pool's shares are from its weights."""
    total, weights = sum(answers.values()), sum(POOL.values())
    expected = {name: total * weight / weights for name, weight in POOL.items()}
    return sum((answers.get(name, 0) - count) ** 2 / max(count, 1e-9) for name, count in expected.items())


def service(scene: Scene) -> Check:
    """HTTP through the virtual IP reaches every server, as often as its weight says."""
    url = f"http://{VIRTUAL_IP}/"
    words = ("get", url, "-n", CONNECTIONS_PER_CLIENT, "--from-port", 20000, "--at-once", 4)
    found = scene.ask_all(dict.fromkeys(CLIENTS, words), seconds=30)
    answers: dict[str, int] = {}
    for result in found.values():
        for name, count in result["answers"].items():
            answers[name] = answers.get(name, 0) + count
    wanted, total = CONNECTIONS_PER_CLIENT * len(CLIENTS), sum(answers.values())
    distance = chi_square(answers)
    errors = {host: result["errors"] for host, result in found.items() if result["errors"]}
    shares = ", ".join(f"{name} {answers.get(name, 0)}" for name in POOL)
    return Check(
        "service",
        "The virtual IP spreads HTTP over its pool",
        passed=total == wanted and set(answers) == set(POOL) and distance < CHI_SQUARE_LIMIT,
        shown=f"{total} of {wanted} connections from {len(CLIENTS)} clients: {shares} (weights "
        f"{':'.join(map(str, POOL.values()))}, chi-square {distance:.1f} < {CHI_SQUARE_LIMIT})",
        figures={"connections": wanted, "answers": answers, "chi_square": round(distance, 2)},
        expected=f"{wanted} answers, from each of {', '.join(POOL)}, chi-square below {CHI_SQUARE_LIMIT}",
        seen=f"answers {answers}, chi-square {distance:.1f}, errors {errors}",
    )


def ue_sessions(scene: Scene) -> Check:
    """UEs reach the data network through the UPF and are reached from there; sessions count each packet."""
    ues = scene.plan.gnb.ues if scene.plan.gnb is not None else ()
    network = scene.plan["dn"]
    before = {ue.name: scene.controller.counters("UpfSession", TENANT, ue.name) for ue in ues}
    words = ("ping", "-q", "-c", str(PINGS), "-i", "0.01", "-W", "2")
    pings = {ue.name: scene.popen(ue.name, *words, str(network.ipv4.ip)) for ue in ues}
    answered = {name: _answered(output_of(process, 20)) for name, process in pings.items()}
    back = {ue.name: scene.popen(network.name, *words, str(ue.address)) for ue in ues}
    answered_back = {name: _answered(output_of(process, 20)) for name, process in back.items()}
    counted: dict[str, dict[str, int]] = {}
    for ue in ues:
        after = scene.controller.counters("UpfSession", TENANT, ue.name)
        counted[ue.name] = {name: after[name] - before[ue.name].get(name, 0) for name in after}
    rate = _throughput(scene, ues[0].name, str(network.ipv4.ip))
    exact = all(list(counts.values()) == [2 * PINGS] * 2 for counts in counted.values())
    complete = all(n == PINGS for n in (*answered.values(), *answered_back.values()))
    total = sum(answered.values()) + sum(answered_back.values())
    return Check(
        "ue_sessions",
        "UEs and the data network, through the UPF",
        passed=complete and exact and len(counted) == 2 and rate > 1,
        shown=f"{total} of {4 * PINGS} pings, both ways; session counters "
        f"{'; '.join(f'{ue} {_counts(counts)}' for ue, counts in counted.items())}; "
        f"TCP {rate:.1f} Mbit/s through GTP-U",
        figures={"answered": answered, "answered_back": answered_back, "counted": counted, "mbit_s": rate},
        expected=f"{PINGS} answers each way, 'uplink' and 'downlink' of both sessions up by {2 * PINGS}, "
        "and a TCP transfer of more than 1 Mbit/s",
        seen=f"answers {answered}, from the data network {answered_back}, counted {counted}, {rate} Mbit/s",
    )


def _answered(output: str) -> int:
    """From ping's summary: `50 packets transmitted, 50 received, ...`."""
    return next(
        int(part.split()[0])
        for line in output.splitlines()
        if "packets transmitted" in line
        for part in line.split(", ")
        if "received" in part
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} +{count}" for name, count in counts.items())


def _throughput(scene: Scene, client: str, address: str) -> float:
    """Mbit/s of a short download from the data network."""
    size = 2_000_000
    with contextlib.ExitStack() as stack:
        scene.serve(stack, "dn", POOL_PORT)
        result = scene.ask(client, "get", f"http://{address}:{POOL_PORT}/bytes/{size}", "--seconds", 10)
    complete = result["answers"].get(f"{size} bytes", 0) == 1
    return round(size * 8 / 1e6 / result["seconds"], 1) if complete else 0.0


def ue_to_service(scene: Scene) -> Check:
    """A UE uses the service as any client does."""
    count = 40
    words = ("get", f"http://{VIRTUAL_IP}/", "-n", count, "--at-once", 4, "--from-port", 20000)
    result = scene.ask("ue1", *words, seconds=30)
    answers = result["answers"]
    return Check(
        "ue_to_service",
        "A UE uses the virtual IP",
        passed=sum(answers.values()) == count and set(answers) == set(POOL),
        shown=f"{sum(answers.values())} of {count} connections: "
        + ", ".join(f"{name} {answers.get(name, 0)}" for name in POOL),
        figures={"answers": answers},
        expected=f"{count} answers, from each of {', '.join(POOL)}",
        seen=f"answers {answers}, errors {result['errors']}",
    )
