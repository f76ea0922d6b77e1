"""What messages make of a session: all that they ask for, or nothing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeVar

import pytest

from p4fabric.controller.n4.flows import parse_flow
from p4fabric.controller.n4.pfcp import (
    Cause,
    FailedRule,
    IeType,
    Message,
    MessageRefused,
    RuleKind,
    decode_body,
    decode_header,
)
from p4fabric.controller.n4.pfcp import flags as f
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp import rules as r
from p4fabric.controller.n4.pfcp import values as v
from p4fabric.controller.n4.pfcp.reports import CreatedPdr
from p4fabric.controller.n4.pfcp.schema import RawIe
from p4fabric.controller.n4.sessions import Changed, EndMarker, Limits, Session, ended, establish, modify
from p4fabric.controller.n4.sessions.choices import Stock as Taken
from tests.unit.n4.stock import N3, Stock
from tests.unit.n4.vectors import octets

M = TypeVar("M", bound=Message)
UE = v.UeIpAddress(IPv4Address("10.45.0.2"), is_destination=True)
GNB = v.OuterHeaderCreation(0x201, IPv4Address("10.0.3.10"))
OTHER_GNB = v.OuterHeaderCreation(0x301, IPv4Address("10.0.3.11"))
CHOSEN = v.FTeidChoice(True, False)
FIRST = v.FTeid(0x1000, N3)
BUFFERS = f.ApplyAction.BUFF | f.ApplyAction.NOCP


def read(name: str, kind: type[M]) -> M:
    datagram = octets(name)
    message = decode_body(decode_header(datagram), datagram)
    assert isinstance(message, kind)
    return message


def pdr(number: int = 1, *, pdi: r.Pdi | None = None, far: int | None = 1, **more: object) -> r.CreatePdr:
    default = r.Pdi(source_interface=f.SourceInterface.ACCESS, f_teid=CHOSEN)
    told: dict[str, object] = {"pdr_id": number, "precedence": 100, "pdi": pdi or default, "far_id": far}
    return r.CreatePdr(**told | more)  # type: ignore[arg-type]


def core(number: int = 2, **more: object) -> r.CreatePdr:
    pdi = r.Pdi(source_interface=f.SourceInterface.CORE, ue_ip_addresses=(UE,))
    return pdr(number, pdi=pdi, **more)  # type: ignore[arg-type]


def far(number: int = 1, action: f.ApplyAction = f.ApplyAction.DROP, **more: object) -> r.CreateFar:
    return r.CreateFar(far_id=number, apply_action=action, **more)  # type: ignore[arg-type]


def asked(*pdrs: r.CreatePdr, fars: tuple[r.CreateFar, ...] = (far(),), **more: object) -> Message:
    told: dict[str, object] = {
        "node_id": "smf",
        "cp_f_seid": v.FSeid(1, IPv4Address("10.0.0.4")),
        "create_pdrs": pdrs or (pdr(), core()),
        "create_fars": fars,
    }
    return m.SessionEstablishmentRequest(**told | more)  # type: ignore[arg-type]


def made(request: Message, stock: Stock | None = None, limits: Limits | None = None) -> Changed:
    assert isinstance(request, m.SessionEstablishmentRequest)
    return establish(request, 77, stock or Stock(), limits or Limits())


def changed(session: Session, stock: Stock | None = None, **asks: object) -> Changed:
    return modify(session, m.SessionModificationRequest(**asks), stock or Stock())  # type: ignore[arg-type]


def test_a_session_of_open5gs_is_established() -> None:
    stock = Stock()
    result = establish(read("open5gs_establishment", m.SessionEstablishmentRequest), 77, stock)
    session = result.session

    assert (session.seid, session.dnn, session.pdn_type) == (77, "internet", f.PdnType.IPV4)
    assert session.pdrs[v.PdrId(1)].network_instance == "internet"
    assert session.pdrs[v.PdrId(1)].ue == (UE,)
    assert session.fars[v.FarId(1)].action == BUFFERS
    assert session.fars[v.FarId(1)].bar_id == 1
    assert session.qers[v.QerId(1)].mbr == v.BitRate(1_000_000, 1_000_000)
    assert session.pdrs[v.PdrId(4)].filters[0].flow == parse_flow(
        "permit out 58 from ff02::2/128 to assigned"
    )
    assert session.claimed == stock.f_teids


def test_what_was_chosen_is_told_for_each_pdr_that_asked_and_for_no_other() -> None:
    result = establish(read("open5gs_establishment", m.SessionEstablishmentRequest), 77, Stock())

    assert result.created_pdrs == (
        CreatedPdr(pdr_id=v.PdrId(2), f_teid=FIRST),
        CreatedPdr(pdr_id=v.PdrId(3), f_teid=v.FTeid(0x1001, N3)),
        CreatedPdr(pdr_id=v.PdrId(4), f_teid=FIRST),
    )
    assert made(asked(core())).created_pdrs == ()


def test_a_choose_id_means_the_same_tunnel_end_in_later_messages() -> None:
    stock = Stock()
    result = establish(read("open5gs_establishment", m.SessionEstablishmentRequest), 77, stock)
    request = read("open5gs_dedicated_flow", m.SessionModificationRequest)

    result = modify(result.session, request, stock)

    assert result.created_pdrs == (CreatedPdr(pdr_id=v.PdrId(6), f_teid=FIRST),)
    assert result.taken == Taken()


def test_pdrs_of_a_dedicated_flow_mean_the_sessions_ue_and_share_the_filter() -> None:
    stock = Stock()
    result = establish(read("open5gs_establishment", m.SessionEstablishmentRequest), 77, stock)
    session = modify(
        result.session, read("open5gs_dedicated_flow", m.SessionModificationRequest), stock
    ).session
    downlink, uplink = session.pdrs[v.PdrId(5)], session.pdrs[v.PdrId(6)]

    assert downlink.ue == ()
    assert session.ue_addresses_of(downlink) == (UE,)
    assert uplink.filters[0].flow is None
    assert session.filters_of(uplink) == session.filters_of(downlink)
    assert session.filters_of(uplink)[0].flow == parse_flow("permit out ip from 10.0.4.10/32 to assigned")


def test_a_session_of_free5gc_has_the_smfs_tunnel_ends_and_two_qers_a_pdr() -> None:
    stock = Stock()
    result = establish(read("free5gc_establishment", m.SessionEstablishmentRequest), 77, stock)

    assert result.created_pdrs == ()
    assert stock.f_teids == {v.FTeid(1, N3)}
    assert result.session.pdrs[v.PdrId(1)].qer_ids == (2, 1)
    assert result.session.qers[v.QerId(2)].mbr is None
    forwarding = result.session.fars[v.FarId(1)].forwarding
    assert forwarding is not None
    assert forwarding.tunnel is None


def test_a_session_of_sd_core_takes_whole_forwarding_parameters_as_an_update() -> None:
    stock = Stock()
    result = establish(read("sdcore_establishment", m.SessionEstablishmentRequest), 77, stock)
    session = modify(result.session, read("sdcore_activate", m.SessionModificationRequest), stock).session

    forwarding = session.fars[v.FarId(2)].forwarding
    assert forwarding is not None
    assert (forwarding.tunnel, forwarding.network_instance) == (GNB, "internet")
    assert session.fars[v.FarId(2)].action == f.ApplyAction.FORW


def test_a_ue_becomes_active_idle_and_is_handed_over() -> None:
    stock = Stock()
    session = establish(read("open5gs_establishment", m.SessionEstablishmentRequest), 77, stock).session
    actions, tunnels, markers = [], [], []
    for name in ("open5gs_activate", "open5gs_idle", "open5gs_activate", "open5gs_handover"):
        result = modify(session, read(name, m.SessionModificationRequest), stock)
        session = result.session
        downlink = session.fars[v.FarId(1)]
        actions.append(downlink.action)
        tunnels.append(downlink.forwarding.tunnel if downlink.forwarding else None)
        markers.append(result.end_markers)

    assert actions == [f.ApplyAction.FORW, BUFFERS, f.ApplyAction.FORW, f.ApplyAction.FORW]
    assert tunnels == [GNB, GNB, GNB, OTHER_GNB]
    assert markers == [(), (), (), (EndMarker(v.FarId(1), GNB),)]


def test_no_end_marker_is_sent_where_the_tunnel_stays() -> None:
    to_gnb = r.ForwardingParameters(
        destination_interface=f.DestinationInterface.ACCESS, outer_header_creation=GNB
    )
    session = made(asked(fars=(far(1, f.ApplyAction.FORW, forwarding=to_gnb),))).session
    same = r.UpdateForwardingParameters(outer_header_creation=GNB, flags=f.ModificationFlags.SNDEM)

    assert changed(session, update_fars=(r.UpdateFar(far_id=v.FarId(1), forwarding=same),)).end_markers == ()


def test_a_downlink_far_may_be_created_without_parameters_and_told_them_later() -> None:
    session = made(asked(fars=(far(1, BUFFERS),))).session
    partly = r.UpdateForwardingParameters(outer_header_creation=GNB)
    whole = replace(partly, destination_interface=f.DestinationInterface.ACCESS)

    assert_refused(
        session,
        Cause.CONDITIONAL_IE_MISSING,
        IeType.DESTINATION_INTERFACE,
        FailedRule(RuleKind.FAR, 1),
        update_fars=(r.UpdateFar(far_id=v.FarId(1), forwarding=partly),),
    )
    after = changed(session, update_fars=(r.UpdateFar(far_id=v.FarId(1), forwarding=whole),)).session
    assert after.fars[v.FarId(1)].forwarding is not None


def test_an_action_of_nothing_drops() -> None:
    session = made(asked(fars=(far(1, f.ApplyAction(0)),))).session

    assert session.fars[v.FarId(1)].action == f.ApplyAction.DROP


def test_an_update_about_filters_leaves_the_rest_of_a_pdr() -> None:
    pdi = r.Pdi(
        source_interface=f.SourceInterface.ACCESS,
        f_teid=CHOSEN,
        network_instance=b"\x08internet",
        qfis=(1,),
        sdf_filters=(v.SdfFilter("permit out ip from 10.0.0.1 to assigned"),),
    )
    session = made(asked(pdr(pdi=pdi))).session
    other = v.SdfFilter("permit out udp from 10.0.0.2 to assigned")
    update = r.UpdatePdr(
        pdr_id=v.PdrId(1), pdi=r.Pdi(source_interface=f.SourceInterface.ACCESS, sdf_filters=(other,))
    )

    before, after = session.pdrs[v.PdrId(1)], changed(session, update_pdrs=(update,)).session.pdrs[v.PdrId(1)]
    assert after == replace(before, filters=after.filters)
    assert [one.flow for one in after.filters] == [parse_flow(other.flow or "")]


def test_updates_tell_what_changes_and_nothing_else() -> None:
    qer = r.CreateQer(
        qer_id=v.QerId(1), gate_status=v.GateStatus(f.Gate.OPEN, f.Gate.OPEN), mbr=v.BitRate(1, 2), qfi=5
    )
    urr = r.CreateUrr(
        urr_id=v.UrrId(1),
        measurement_method=f.MeasurementMethod.VOLUM,
        reporting_triggers=f.ReportingTriggers.VOLTH,
        volume_threshold=v.Volume(total=100),
    )
    rules = {"create_qers": (qer,), "create_urrs": (urr,), "create_bars": (r.CreateBar(bar_id=v.BarId(1)),)}
    session = made(asked(**rules)).session  # type: ignore[arg-type]

    after = changed(
        session,
        update_qers=(r.UpdateQer(qer_id=v.QerId(1), mbr=v.BitRate(3, 4)),),
        update_urrs=(r.UpdateUrr(urr_id=v.UrrId(1), volume_threshold=v.Volume(total=200)),),
        update_bars=(r.UpdateBar(bar_id=v.BarId(1), suggested_packets=9),),
    ).session

    assert after.qers[v.QerId(1)] == replace(qer, mbr=v.BitRate(3, 4))
    assert after.urrs[v.UrrId(1)] == replace(urr, volume_threshold=v.Volume(total=200))
    assert after.bars[v.BarId(1)].suggested_packets == 9


def test_pdrs_let_go_of_urrs_and_qers_that_are_removed_and_their_last_usage_is_told() -> None:
    urr = r.CreateUrr(
        urr_id=v.UrrId(1),
        measurement_method=f.MeasurementMethod.VOLUM,
        reporting_triggers=f.ReportingTriggers.PERIO,
    )
    session = made(asked(pdr(urr_ids=(1,)), create_urrs=(urr,))).session

    result = changed(session, remove_urrs=(r.RemoveUrr(urr_id=v.UrrId(1)),))

    assert result.session.pdrs[v.PdrId(1)].urr_ids == ()
    assert result.removed_urrs == (urr,)


def test_rules_are_removed_before_others_are_created() -> None:
    stock = Stock()
    session = made(asked(), stock).session

    result = changed(session, stock, remove_pdrs=(r.RemovePdr(pdr_id=v.PdrId(1)),), create_pdrs=(pdr(),))

    assert result.session.pdrs[v.PdrId(1)].f_teid == v.FTeid(0x1001, N3)
    assert result.released.f_teids == (FIRST,)
    assert stock.f_teids == {FIRST, v.FTeid(0x1001, N3)}


def test_flags_ask_for_usage_and_for_dropping_what_is_buffered() -> None:
    urr = r.CreateUrr(
        urr_id=v.UrrId(3),
        measurement_method=f.MeasurementMethod.VOLUM,
        reporting_triggers=f.ReportingTriggers.PERIO,
    )
    session = made(asked(create_urrs=(urr, replace(urr, urr_id=v.UrrId(4))))).session

    assert changed(session, flags=f.ModificationFlags.QAURR).queried == (3, 4)
    assert changed(session, query_urrs=(r.QueryUrr(urr_id=v.UrrId(4)),)).queried == (4,)
    assert changed(session, flags=f.ModificationFlags.DROBU).drops_buffered
    assert not changed(session).drops_buffered


def test_ue_addresses_are_chosen_once_a_session() -> None:
    asks = v.UeIpAddress(choose_ipv4=True)
    downlink = r.Pdi(
        source_interface=f.SourceInterface.CORE,
        ue_ip_addresses=(replace(asks, is_destination=True),),
        network_instance=b"internet",
    )
    uplink = r.Pdi(
        source_interface=f.SourceInterface.ACCESS,
        f_teid=CHOSEN,
        ue_ip_addresses=(asks,),
        network_instance=b"\x08internet",
    )
    stock = Stock()
    result = made(asked(pdr(1, pdi=downlink), pdr(2, pdi=uplink)), stock)

    given = IPv4Address("10.45.0.2")
    assert [one.ue_ip_addresses for one in result.created_pdrs] == [
        (v.UeIpAddress(given, is_destination=True),),
        (v.UeIpAddress(given),),
    ]
    assert len(stock.ues) == 1
    ended(result.session).give_back(stock)
    assert (stock.ues, stock.f_teids) == (set(), set())


def test_the_smfs_end_of_a_session_may_move() -> None:
    moved = v.FSeid(9, IPv4Address("10.0.0.9"))

    assert changed(made(asked()).session, cp_f_seid=moved).session.cp == moved


def assert_refused(
    session: Session, cause: Cause, offending: int | None, rule: FailedRule | None, **asks: object
) -> None:
    stock = Stock()
    with pytest.raises(MessageRefused) as problem:
        changed(session, stock, **asks)
    assert (problem.value.cause, problem.value.offending_ie, problem.value.failed_rule) == (
        cause,
        offending,
        rule,
    )
    assert (stock.f_teids, stock.ues) == (set(), set())


@pytest.mark.parametrize(
    ("asks", "rule"),
    [
        ({"remove_pdrs": (r.RemovePdr(pdr_id=v.PdrId(0x63)),)}, FailedRule(RuleKind.PDR, 0x63)),
        ({"remove_fars": (r.RemoveFar(far_id=v.FarId(0x63)),)}, FailedRule(RuleKind.FAR, 0x63)),
        ({"remove_urrs": (r.RemoveUrr(urr_id=v.UrrId(0x63)),)}, FailedRule(RuleKind.URR, 0x63)),
        ({"remove_qers": (r.RemoveQer(qer_id=v.QerId(0x63)),)}, FailedRule(RuleKind.QER, 0x63)),
        ({"remove_bars": (r.RemoveBar(bar_id=v.BarId(0x63)),)}, FailedRule(RuleKind.BAR, 0x63)),
        ({"update_pdrs": (r.UpdatePdr(pdr_id=v.PdrId(0x63)),)}, FailedRule(RuleKind.PDR, 0x63)),
        ({"update_fars": (r.UpdateFar(far_id=v.FarId(0x63)),)}, FailedRule(RuleKind.FAR, 0x63)),
        ({"update_urrs": (r.UpdateUrr(urr_id=v.UrrId(0x63)),)}, FailedRule(RuleKind.URR, 0x63)),
        ({"update_qers": (r.UpdateQer(qer_id=v.QerId(0x63)),)}, FailedRule(RuleKind.QER, 0x63)),
        ({"update_bars": (r.UpdateBar(bar_id=v.BarId(0x63)),)}, FailedRule(RuleKind.BAR, 0x63)),
        ({"query_urrs": (r.QueryUrr(urr_id=v.UrrId(0x63)),)}, FailedRule(RuleKind.URR, 0x63)),
        ({"create_pdrs": (pdr(),)}, FailedRule(RuleKind.PDR, 1)),
        ({"create_fars": (far(),)}, FailedRule(RuleKind.FAR, 1)),
        ({"create_fars": (far(5), far(5))}, FailedRule(RuleKind.FAR, 5)),
    ],
)
def test_a_rule_that_there_is_not_or_is_already_is_named(asks: dict[str, object], rule: FailedRule) -> None:
    session = made(asked()).session

    assert_refused(session, Cause.RULE_CREATION_MODIFICATION_FAILURE, None, rule, **asks)


PDR9, FAR9 = FailedRule(RuleKind.PDR, 9), FailedRule(RuleKind.FAR, 9)
FAILURE, UNSUPPORTED = Cause.RULE_CREATION_MODIFICATION_FAILURE, Cause.SERVICE_NOT_SUPPORTED
ACCESS, CORE = f.SourceInterface.ACCESS, f.SourceInterface.CORE
FORWARDS = r.ForwardingParameters(destination_interface=f.DestinationInterface.CORE)


def with_pdi(**told: object) -> dict[str, object]:
    pdi = r.Pdi(**{"source_interface": ACCESS, "f_teid": CHOSEN} | told)  # type: ignore[arg-type]
    return {"create_pdrs": (pdr(9, pdi=pdi),)}


def with_far(action: f.ApplyAction, **told: object) -> dict[str, object]:
    return {"create_fars": (far(9, action, **told),)}


@pytest.mark.parametrize(
    ("asks", "cause", "offending", "rule"),
    [
        ({"create_pdrs": (pdr(9, far=None),)}, Cause.CONDITIONAL_IE_MISSING, IeType.FAR_ID, PDR9),
        ({"create_pdrs": (pdr(9, far=0x63),)}, FAILURE, IeType.FAR_ID, PDR9),
        ({"create_pdrs": (pdr(9, urr_ids=(0x63,)),)}, FAILURE, IeType.URR_ID, PDR9),
        ({"create_pdrs": (pdr(9, qer_ids=(0x63,)),)}, FAILURE, IeType.QER_ID, PDR9),
        (
            {"create_pdrs": (pdr(9, activated_rules=("gold",)),)},
            Cause.UNKNOWN_PRE_DEFINED_RULE,
            IeType.ACTIVATE_PREDEFINED_RULES,
            PDR9,
        ),
        (with_pdi(sdf_filters=(v.SdfFilter("unknown action"),)), FAILURE, IeType.SDF_FILTER, PDR9),
        (with_pdi(sdf_filters=(v.SdfFilter(filter_id=8),)), FAILURE, IeType.SDF_FILTER, PDR9),
        (with_pdi(application_id="video"), Cause.UNKNOWN_APPLICATION_ID, IeType.APPLICATION_ID, PDR9),
        (with_pdi(framed_routes=("10.0.0.0/8",)), UNSUPPORTED, IeType.FRAMED_ROUTE, PDR9),
        (with_pdi(others=(RawIe(131, b"\1"),)), UNSUPPORTED, IeType.TRAFFIC_ENDPOINT_ID, PDR9),
        (with_pdi(others=(RawIe(132, b""),)), UNSUPPORTED, IeType.ETHERNET_PACKET_FILTER, PDR9),
        (
            with_pdi(ue_ip_addresses=(v.UeIpAddress(),)),
            Cause.MANDATORY_IE_INCORRECT,
            IeType.UE_IP_ADDRESS,
            PDR9,
        ),
        (
            with_pdi(f_teid=v.FTeidChoice(False, True)),
            Cause.INVALID_F_TEID_ALLOCATION_OPTION,
            IeType.F_TEID,
            PDR9,
        ),
        (with_far(f.ApplyAction.FORW), Cause.CONDITIONAL_IE_MISSING, IeType.FORWARDING_PARAMETERS, FAR9),
        (
            with_far(f.ApplyAction.FORW | f.ApplyAction.DROP, forwarding=FORWARDS),
            Cause.MANDATORY_IE_INCORRECT,
            IeType.APPLY_ACTION,
            FAR9,
        ),
        (
            with_far(f.ApplyAction.FORW | f.ApplyAction.DUPL, forwarding=FORWARDS),
            UNSUPPORTED,
            IeType.APPLY_ACTION,
            FAR9,
        ),
        (with_far(BUFFERS, bar_id=0x63), FAILURE, IeType.BAR_ID, FAR9),
        (
            with_far(f.ApplyAction.FORW, forwarding=replace(FORWARDS, forwarding_policy=b"\1x")),
            Cause.INVALID_FORWARDING_POLICY,
            IeType.FORWARDING_POLICY,
            FAR9,
        ),
        (
            with_far(
                f.ApplyAction.FORW,
                forwarding=replace(FORWARDS, redirect=v.RedirectInformation(2, "http://x")),
            ),
            UNSUPPORTED,
            IeType.REDIRECT_INFORMATION,
            FAR9,
        ),
        (
            {"remove_fars": (r.RemoveFar(far_id=v.FarId(1)),)},
            FAILURE,
            IeType.FAR_ID,
            FailedRule(RuleKind.PDR, 1),
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_named_with_its_ie(
    asks: dict[str, object], cause: Cause, offending: int, rule: FailedRule
) -> None:
    assert_refused(made(asked()).session, cause, offending, rule, **asks)


def test_a_pdr_that_could_match_nothing_is_refused() -> None:
    stock = Stock()
    for source, missing in ((ACCESS, IeType.F_TEID), (CORE, IeType.UE_IP_ADDRESS)):
        with pytest.raises(MessageRefused) as problem:
            made(asked(pdr(1, pdi=r.Pdi(source_interface=source))), stock)
        assert problem.value.cause is Cause.CONDITIONAL_IE_MISSING
        assert problem.value.offending_ie == missing


@pytest.mark.parametrize("kind", [f.PdnType.ETHERNET, f.PdnType.NON_IP])
def test_sessions_that_carry_no_ip_are_refused(kind: f.PdnType) -> None:
    with pytest.raises(MessageRefused) as problem:
        made(asked(pdn_type=kind))
    assert (problem.value.cause, problem.value.offending_ie) == (UNSUPPORTED, IeType.PDN_TYPE)


def test_no_session_has_more_rules_than_it_may() -> None:
    session = made(asked(core(1), core(2))).session
    more = m.SessionModificationRequest(create_pdrs=(core(3), core(4), core(5)))
    with pytest.raises(MessageRefused, match="5 PDRs of 4") as problem:
        modify(session, more, Stock(), Limits(pdrs=4))
    assert problem.value.cause is Cause.NO_RESOURCES_AVAILABLE
    with pytest.raises(MessageRefused, match="2 of 1 that a PDR may have"):
        made(
            asked(pdr(pdi=r.Pdi(source_interface=ACCESS, f_teid=CHOSEN, sdf_filters=(v.SdfFilter(),) * 2))),
            limits=Limits(filters=1),
        )


def test_what_is_used_up_is_said_and_what_was_taken_is_given_back() -> None:
    stock = Stock(f_teids=1)
    with pytest.raises(MessageRefused, match="no TEID is left") as problem:
        made(asked(pdr(1), pdr(2)), stock)
    assert (problem.value.cause, problem.value.failed_rule) == (
        Cause.NO_RESOURCES_AVAILABLE,
        FailedRule(RuleKind.PDR, 2),
    )
    assert stock.f_teids == set()


def test_a_tunnel_end_of_another_session_cannot_be_had() -> None:
    stock = Stock()
    request = read("free5gc_establishment", m.SessionEstablishmentRequest)
    establish(request, 77, stock)

    with pytest.raises(MessageRefused, match="another session has it"):
        establish(request, 78, stock)
    assert stock.f_teids == {v.FTeid(1, N3)}


def test_a_session_that_cannot_be_restored_is_told_so() -> None:
    stock = Stock()
    request = read("free5gc_establishment", m.SessionEstablishmentRequest)
    restored = replace(request, flags=f.EstablishmentFlags.RESTI)
    assert establish(restored, 77, stock).session.claimed == {v.FTeid(1, N3)}

    with pytest.raises(MessageRefused) as problem:
        establish(restored, 78, stock)
    assert problem.value.cause is Cause.SESSION_RESTORATION_FAILURE


def test_too_many_rules_in_a_message_are_refused_before_anything_is_taken() -> None:
    stock = Stock(f_teids=10)

    with pytest.raises(MessageRefused, match="65 rules of a kind, of 64") as problem:
        made(asked(*(pdr(number) for number in range(1, 66))), stock)
    assert problem.value.cause is Cause.NO_RESOURCES_AVAILABLE
    assert stock.left == 10


def test_a_pdr_has_few_addresses() -> None:
    stock = Stock(f_teids=10)
    many = tuple(v.UeIpAddress(IPv4Address(0x0A2D0000 + number)) for number in range(17))
    one = pdr(1)
    assert one.pdi is not None
    crowded = replace(one, pdi=replace(one.pdi, ue_ip_addresses=many))
    with pytest.raises(MessageRefused, match="17 of 16 that a PDR may have") as problem:
        made(asked(crowded), stock)
    assert (problem.value.cause, problem.value.offending_ie) == (
        Cause.NO_RESOURCES_AVAILABLE,
        IeType.UE_IP_ADDRESS,
    )
    assert not stock.f_teids


def test_a_change_that_is_not_carried_out_gives_back_what_it_took() -> None:
    stock = Stock()
    session = made(asked(), stock).session
    result = changed(session, stock, create_pdrs=(pdr(9),))

    result.taken.give_back(stock)

    assert stock.f_teids == session.claimed


def test_the_session_before_is_not_touched() -> None:
    stock = Stock()
    session = establish(read("open5gs_establishment", m.SessionEstablishmentRequest), 77, stock).session
    pdrs, fars, choices = dict(session.pdrs), dict(session.fars), dict(session.choices)

    modify(session, read("open5gs_dedicated_flow", m.SessionModificationRequest), stock)

    assert (session.pdrs, session.fars, session.choices) == (pdrs, fars, choices)
