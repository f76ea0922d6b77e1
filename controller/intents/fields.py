"""The fields that intent documents are made of: how each is written, read, and shown in JSON Schema.

Every field becomes a domain value (`p4fabric.pipelines.values`, `ipaddress`) the moment it is read. This
module knows notations; it does not know which intent uses them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from p4fabric.controller.intents.addresses import not_a_host, not_a_route, not_a_rule, not_a_subnet
from p4fabric.pipelines.values import L4Port, MacAddress, Port, Qfi, Teid, VlanId

__all__ = [
    "LABEL_NOTATION",
    "Address",
    "AtMost",
    "Count",
    "IpAddress",
    "IpPrefix",
    "Ipv4",
    "Label",
    "Mac",
    "PortNumber",
    "PortRange",
    "QfiNumber",
    "RoutedPrefix",
    "RulePrefix",
    "Subnet",
    "SwitchLabel",
    "TeidNumber",
    "TransportPort",
    "VlanTag",
]

IpAddress = IPv4Address | IPv6Address
IpPrefix = IPv4Network | IPv6Network

LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
SWITCH_LABEL = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,62})")


@dataclass(frozen=True)
class Number:
    """A whole number in a range, read as `make(number)`; text, floats and booleans are refused."""

    make: Callable[[int], Any]
    minimum: int
    maximum: int
    description: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check type and range before the value is made."""
        return core_schema.no_info_after_validator_function(
            self.make,
            core_schema.int_schema(strict=True, ge=self.minimum, le=self.maximum),
            serialization=core_schema.plain_serializer_function_ser_schema(
                int, return_schema=core_schema.int_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """An integer with its bounds."""
        shown: JsonSchemaValue = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return {**shown, "description": self.description} if self.description else shown


@dataclass(frozen=True)
class Text:
    """A value written as a string, read by `parse`, which raises ValueError saying what is expected."""

    parse: Callable[[str], Any]
    expected: str
    schema: dict[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take strings only, so that no number passes for an address."""

        def read(value: object) -> Any:
            if not isinstance(value, str):
                raise ValueError(f"must be {self.expected}, written as a string")
            return self.parse(value)

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A string, with the notation's format or pattern."""
        return {"type": "string", **self.schema}


@dataclass(frozen=True)
class AtMost:
    """A list's largest number of items, checked before any of them is looked at."""

    items: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse a longer list."""
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The list, with `maxItems`."""
        return {**handler(schema), "maxItems": self.items}

    def _check(self, value: object) -> object:
        if isinstance(value, list | tuple) and len(value) > self.items:
            raise ValueError(f"has {len(value)} items; at most {self.items} are allowed")
        return value


def _label(text: str) -> str:
    if not LABEL.fullmatch(text):
        raise ValueError(
            "must be an RFC 1123 label: 1 to 63 lower-case letters, digits and hyphens, "
            "beginning and ending with a letter or digit"
        )
    return text


def _switch_label(text: str) -> str:
    if not SWITCH_LABEL.fullmatch(text):
        raise ValueError("must be a switch's name: 1 to 63 letters, digits, '-', '_' and '.'")
    return text


# Thousands of documents name the same N3 address, gNB or virtual IP.
@lru_cache(maxsize=4096)
def _ipv4(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise ValueError("must be an IPv4 address such as 10.0.1.1") from None
    _refuse(not_a_host(address), "the address of one host, such as 10.0.1.1")
    return address


def _address(text: str) -> IpAddress:
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or (isinstance(address, IPv6Address) and address.scope_id is not None):
        raise ValueError("must be an IPv4 or IPv6 address such as 10.0.1.1 or 2001:db8::1")
    _refuse(not_a_host(address), "the address of one host, such as 10.0.1.1 or 2001:db8::1")
    return address


def _refuse(why: str | None, right: str) -> None:
    if why is not None:
        raise ValueError(f"must be {right}; {why}")


def _prefix(text: str) -> IpPrefix:
    if "/" not in text:
        raise ValueError("must be a prefix such as 10.0.1.0/24 or 2001:db8::/64, with its length")
    try:
        prefix = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a prefix such as 10.0.1.0/24 or 2001:db8::/64") from None
    if ip_address(text.partition("/")[0]) != prefix.network_address:
        raise ValueError(f"has bits set after its length; did you mean {prefix}?")
    return prefix


def _subnet(text: str) -> IpPrefix:
    prefix = _prefix(text)
    _refuse(not_a_subnet(prefix), "a range of addresses that hosts can have, such as 10.0.1.0/24")
    return prefix


def _routed_prefix(text: str) -> IpPrefix:
    prefix = _prefix(text)
    _refuse(not_a_route(prefix), "a range of addresses that hosts can have, such as 10.9.0.0/16")
    return prefix


def _rule_prefix(text: str) -> IpPrefix:
    prefix = _prefix(text)
    _refuse(not_a_rule(prefix), "a prefix that packets can have, such as 10.0.1.0/24")
    return prefix


def _mac(text: str) -> MacAddress:
    try:
        mac = MacAddress.parse(text)
    except ValueError:
        raise ValueError("must be a MAC address such as 02:00:00:00:00:01") from None
    if mac.is_multicast or mac == 0:
        raise ValueError("must be the MAC address of one host, not zero, multicast or broadcast")
    return mac


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """TCP or UDP ports, both ends included; written `80` or `8000-8099`."""

    first: L4Port
    last: L4Port

    @classmethod
    def parse(cls, value: object) -> PortRange:
        """Read a number or `first-last`.

        Raises:
            ValueError: another notation, a port above 65535, or a range that runs backwards.
        """
        if isinstance(value, PortRange):
            return value
        if type(value) is int:
            first = last = value
        elif isinstance(value, str) and (match := re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", value)):
            first = int(match[1])
            last = int(match[2] or match[1])
        else:
            raise ValueError('must be a port such as 80 or a range such as "8000-8099"')
        if not 0 <= first <= 0xFFFF or last > 0xFFFF:
            raise ValueError("must lie within 0 to 65535")
        if first > last:
            raise ValueError(f'runs backwards; did you mean "{last}-{first}"?')
        return cls(L4Port(first), L4Port(last))

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read by `parse`, written as a number where it is one port."""
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda ports: int(ports.first) if ports.first == ports.last else str(ports)
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A number, or two with a hyphen."""
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 0xFFFF},
                {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$", "examples": ["8000-8099"]},
            ]
        }


LABEL_NOTATION = Text(_label, "a name", {"pattern": f"^{LABEL.pattern}$", "minLength": 1, "maxLength": 63})
Label = Annotated[str, LABEL_NOTATION]
SwitchLabel = Annotated[
    str, Text(_switch_label, "a switch's name", {"pattern": f"^{SWITCH_LABEL.pattern}$", "maxLength": 63})
]
Ipv4 = Annotated[IPv4Address, Text(_ipv4, "an IPv4 address", {"format": "ipv4"})]
Address = Annotated[
    IpAddress,
    Text(_address, "an IP address", {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
_PREFIX_SCHEMA = {"examples": ["10.0.1.0/24", "2001:db8:1::/64"], "pattern": "/"}
Subnet = Annotated[IpPrefix, Text(_subnet, "a prefix", _PREFIX_SCHEMA)]
RoutedPrefix = Annotated[IpPrefix, Text(_routed_prefix, "a prefix", _PREFIX_SCHEMA)]
RulePrefix = Annotated[IpPrefix, Text(_rule_prefix, "a prefix", _PREFIX_SCHEMA)]
Mac = Annotated[MacAddress, Text(_mac, "a MAC address", {"pattern": "^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$"})]
# Port 0 is no port of a switch here, 510 is the controller's and 511 is bmv2's drop port.
PortNumber = Annotated[Port, Number(Port, 1, 509, "a data-plane port of a switch")]
VlanTag = Annotated[VlanId, Number(VlanId, 1, 4094, "an IEEE 802.1Q VLAN id")]
TransportPort = Annotated[L4Port, Number(L4Port, 1, 0xFFFF, "a TCP or UDP port")]
TeidNumber = Annotated[Teid, Number(Teid, 1, 0xFFFFFFFF, "a GTP-U tunnel endpoint identifier")]
QfiNumber = Annotated[Qfi, Number(Qfi, 0, 63, "a QoS flow identifier")]


def Count(minimum: int, maximum: int) -> Number:
    """A plain whole number within bounds."""
    return Number(int, minimum, maximum)
