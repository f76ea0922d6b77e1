"""How a network speaks to its switches: as a client that is primary only while it writes.

Afterwards nobody is the switch's primary, so that a controller can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from finsy.proto import p4r

from p4fabric.net.errors import NetworkFailed
from p4fabric.net.programs import Prepared
from p4fabric.softswitch.client.errors import BadInput, NoProgram, Refused, SwitchFailed
from p4fabric.softswitch.client.session import Switch
from p4fabric.softswitch.client.target import Target

TIMEOUT = 60.0
"""Seconds for a call, on a busy machine."""
_COMMIT = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT


@contextmanager
def switch_at(name: str, address: str, device_id: int) -> Iterator[Switch]:
    """A switch by its P4Runtime address, HOST:PORT or unix:PATH; `name` is what errors call it.

    Raises:
        NetworkFailed: it cannot be reached, or refuses what is asked of it.
    """
    try:
        with Switch(Target(address, device_id, timeout=TIMEOUT, name=name)) as switch:
            yield switch
    except NoProgram as error:
        raise NetworkFailed(f"{error}; whoever controls it pushes one") from None
    except (Refused, BadInput) as error:
        raise NetworkFailed(f"{name}: {error}") from None
    except SwitchFailed as error:
        raise NetworkFailed(str(error)) from None


def give(switch: Switch, prepared: Prepared) -> None:
    """Push a program and write entries. Nobody is primary afterwards."""
    with switch.primary() as stream:
        stream.push(prepared.config, _COMMIT)
        updates = [(one.update.type, one.update.entity) for one in prepared.updates]
        stream.write(updates, [one.place for one in prepared.updates])
