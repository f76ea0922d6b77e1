from __future__ import annotations

import pytest
from finsy.proto import U128, p4r, rpc_code

from p4fabric.controller.p4runtime.arbitration import Arbitration, Standing


def told(code: int, election_id: int) -> p4r.MasterArbitrationUpdate:
    update = p4r.MasterArbitrationUpdate(election_id=U128.encode(election_id))
    update.status.code = code
    return update


def test_a_backup_bids_one_more_once_there_is_no_primary() -> None:
    arbitration = Arbitration(1, 5)
    assert not arbitration.update(told(rpc_code.ALREADY_EXISTS, 9))
    assert (arbitration.standing, arbitration.election_id) == (Standing.BACKUP, 5)
    assert arbitration.update(told(rpc_code.NOT_FOUND, 9))
    assert U128.decode(arbitration.request().arbitration.election_id) == 10
    assert not arbitration.update(told(rpc_code.OK, 10))
    assert (arbitration.standing, arbitration.election_id) == (Standing.PRIMARY, 10)


def test_two_backups_that_bid_the_same_do_not_bid_for_ever() -> None:
    arbitration = Arbitration(1, (1 << 128) - 1)
    assert not arbitration.update(told(rpc_code.NOT_FOUND, (1 << 128) - 1))


def test_a_new_stream_starts_with_the_first_bid() -> None:
    arbitration = Arbitration(1, 1 << 100)
    arbitration.update(told(rpc_code.NOT_FOUND, 1 << 101))
    arbitration.restart()
    assert arbitration.election_id == 1 << 100 and arbitration.standing is Standing.UNKNOWN


@pytest.mark.parametrize("election_id", [0, -1, 1 << 128])
def test_an_election_id_out_of_range_is_refused(election_id: int) -> None:
    with pytest.raises(ValueError, match="an election id is 1 to 2\\^128 - 1"):
        Arbitration(1, election_id)
