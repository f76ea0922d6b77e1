"""What a message takes from the stock for a session, to be given back if the message is refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused
from p4fabric.controller.n4.pfcp.rules import Pdi
from p4fabric.controller.n4.pfcp.values import FTeid, FTeidChoice, UeIpAddress
from p4fabric.controller.n4.sessions.limits import Limits
from p4fabric.controller.n4.sessions.reading import name_of
from p4fabric.controller.n4.sessions.resources import NotAvailable, Resources
from p4fabric.controller.n4.sessions.values import Session

__all__ = ["Choices", "Stock"]


@dataclass(frozen=True, slots=True)
class Stock:
    """Things of the common stock."""

    f_teids: tuple[FTeid, ...] = ()
    ue_addresses: tuple[UeIpAddress, ...] = ()

    def without(self, f_teids: Collection[FTeid], ue_addresses: Collection[UeIpAddress]) -> Stock:
        """The rest of it."""
        if not (f_teids or ue_addresses):
            return self
        ues = {(one.ipv4, one.prefix) for one in ue_addresses}
        return Stock(
            tuple(one for one in self.f_teids if one not in f_teids),
            tuple(one for one in self.ue_addresses if (one.ipv4, one.prefix) not in ues),
        )

    def give_back(self, resources: Resources) -> None:
        """Give all of it back."""
        for f_teid in self.f_teids:
            resources.release_f_teid(f_teid)
        for address in self.ue_addresses:
            resources.release_ue_address(address)


class Choices:
    """What a session has of the stock, while a message is carried out."""

    def __init__(self, resources: Resources, limits: Limits, session: Session, is_restored: bool) -> None:
        """Begin with what it had before."""
        self._resources, self._limits, self._is_restored = resources, limits, is_restored
        self.by_id, self.ues = dict(session.choices), dict(session.chosen_ues)
        self.claimed = set(session.claimed)
        self._new_f_teids: list[FTeid] = []
        self._new_ues: list[UeIpAddress] = []

    @property
    def taken(self) -> Stock:
        """What the message has taken."""
        return Stock(tuple(self._new_f_teids), tuple(self._new_ues))

    def f_teid(self, pdi: Pdi, rule: FailedRule) -> FTeid | None:
        """The tunnel end of a PDR: chosen, or claimed for it.

        Raises:
            MessageRefused: it cannot be had.
        """
        asked = pdi.f_teid
        if asked is None or asked in self.claimed:
            return asked if isinstance(asked, FTeid) else None
        name = name_of(pdi.network_instance)
        try:
            if isinstance(asked, FTeid):
                self._resources.claim_f_teid(asked, name, pdi.source_interface)
                found = asked
            elif asked.choose_id is not None and asked.choose_id in self.by_id:
                return self.by_id[asked.choose_id]
            else:
                found = self._resources.choose_f_teid(
                    name, pdi.source_interface, ipv4=asked.ipv4, ipv6=asked.ipv6
                )
        except NotAvailable as error:
            cause = Cause.SESSION_RESTORATION_FAILURE if self._is_restored else error.cause
            raise MessageRefused(cause, str(error), offending_ie=IeType.F_TEID, failed_rule=rule) from error
        self._new_f_teids.append(found)
        self.claimed.add(found)
        if isinstance(asked, FTeidChoice) and asked.choose_id is not None:
            self.by_id[asked.choose_id] = found
        return found

    def ue_addresses(self, pdi: Pdi, rule: FailedRule) -> tuple[UeIpAddress, ...]:
        """The UE addresses of a PDR, with those that it asked to be chosen.

        Raises:
            MessageRefused: they cannot be had, or there are none or too many.
        """
        if len(pdi.ue_ip_addresses) > self._limits.ue_addresses:
            raise MessageRefused(
                Cause.NO_RESOURCES_AVAILABLE,
                f"{len(pdi.ue_ip_addresses)} of {self._limits.ue_addresses} that a PDR may have",
                offending_ie=IeType.UE_IP_ADDRESS,
                failed_rule=rule,
            )
        return tuple(
            self._ue_address(one, name_of(pdi.network_instance), rule) for one in pdi.ue_ip_addresses
        )

    def _ue_address(self, asked: UeIpAddress, name: str, rule: FailedRule) -> UeIpAddress:
        has_ipv6 = asked.ipv6 is not None or asked.choose_ipv6
        if not (has_ipv6 or asked.ipv4 is not None or asked.choose_ipv4):
            raise MessageRefused(
                Cause.MANDATORY_IE_INCORRECT,
                "gives no address and asks for none",
                offending_ie=IeType.UE_IP_ADDRESS,
                failed_rule=rule,
            )
        if asked.choose_ipv4:
            chosen = self._chosen_ue(name, None, rule)
            asked = replace(asked, ipv4=chosen.ipv4, choose_ipv4=False)
        if asked.choose_ipv6:
            chosen = self._chosen_ue(name, asked.ipv6_length, rule)
            asked = replace(asked, ipv6=chosen.ipv6, choose_ipv6=False)
        return asked

    def _chosen_ue(self, name: str, length: int | None, rule: FailedRule) -> UeIpAddress:
        """The UE's address, or its prefix of a length; of each data network it has one."""
        key = (name, 4 if length is None else 6)
        found = self.ues.get(key)
        if found is not None and length is not None and found.ipv6_length != length:
            raise MessageRefused(
                Cause.RULE_CREATION_MODIFICATION_FAILURE,
                f"the UE has {found.prefix} already, which is no /{length}",
                offending_ie=IeType.UE_IP_ADDRESS,
                failed_rule=rule,
            )
        if found is None:
            try:
                if length is None:
                    found = self._resources.choose_ue_address(name)
                else:
                    found = self._resources.choose_ue_prefix(name, length)
            except NotAvailable as error:
                raise MessageRefused(
                    error.cause, str(error), offending_ie=IeType.UE_IP_ADDRESS, failed_rule=rule
                ) from error
            self._new_ues.append(found)
            self.ues[key] = found
        return found
