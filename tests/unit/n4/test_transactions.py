"""What is sent again until it is answered, and what is answered again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p4fabric.controller.n4.pfcp import MessageType
from p4fabric.controller.n4.transactions import Answers, Full, Overdue, Peer, Received, Requests, Verdict

SMF, OTHER = Peer("10.0.0.4", 8805), Peer("10.0.0.4", 9000)
HEARTBEAT, ITS_ANSWER = MessageType.HEARTBEAT_REQUEST, MessageType.HEARTBEAT_RESPONSE
NEW, AGAIN = Received(Verdict.NEW), Received(Verdict.IN_PROGRESS)


def asked(requests: Requests[str], what: str = "report", now: float = 0.0, peer: Peer = SMF) -> int:
    sequence = requests.number(peer)
    requests.sent(peer, sequence, HEARTBEAT, what.encode(), what, now)
    return sequence


def test_a_request_is_sent_again_three_times_and_has_then_failed() -> None:
    requests: Requests[str] = Requests(t1=2.5, n1=3)
    asked(requests)

    said = [(time, one) for time in (2.4, 2.5, 5.0, 7.5, 10.0, 12.5) for one in requests.overdue(time)]

    again = Overdue(SMF, "report", b"report")
    assert said == [(2.5, again), (5.0, again), (7.5, again), (10.0, Overdue(SMF, "report", None))]
    assert len(requests) == 0


def test_a_request_that_is_answered_is_not_sent_again() -> None:
    requests: Requests[str] = Requests()
    sequence = asked(requests)

    assert requests.answered(SMF, sequence, ITS_ANSWER) == "report"
    assert list(requests.overdue(100)) == []
    assert requests.due is None


def test_an_answer_counts_once_and_only_for_its_request() -> None:
    requests: Requests[str] = Requests()
    sequence = asked(requests)

    assert requests.answered(OTHER, sequence, ITS_ANSWER) is None
    assert requests.answered(SMF, sequence + 1, ITS_ANSWER) is None
    assert requests.answered(SMF, sequence, MessageType.SESSION_REPORT_RESPONSE) is None
    assert requests.answered(SMF, sequence, ITS_ANSWER) == "report"
    assert requests.answered(SMF, sequence, ITS_ANSWER) is None


def test_a_peer_of_another_version_answers_too() -> None:
    requests: Requests[str] = Requests()

    assert requests.answered(SMF, asked(requests), MessageType.VERSION_NOT_SUPPORTED_RESPONSE) == "report"


def test_numbers_of_each_peer_go_up_and_begin_again_after_the_last() -> None:
    requests: Requests[str] = Requests(first=0xFFFFFE)

    assert [asked(requests) for _ in range(4)] == [0xFFFFFE, 0xFFFFFF, 1, 2]
    assert asked(requests, peer=OTHER) == 0xFFFFFE


def test_a_number_that_waits_is_not_used_again() -> None:
    requests: Requests[str] = Requests(first=0xFFFFFF)
    requests.sent(SMF, 1, HEARTBEAT, b"", "earlier", 0)

    assert [asked(requests), asked(requests)] == [0xFFFFFF, 2]


def test_no_more_requests_wait_for_a_peer_than_may() -> None:
    requests: Requests[str] = Requests(most_of_a_peer=2)
    asked(requests)
    asked(requests)

    with pytest.raises(Full, match="2 requests wait for"):
        requests.number(SMF)
    assert asked(requests, peer=OTHER) == 1


def test_a_request_that_was_sent_again_does_not_hold_up_later_ones() -> None:
    requests: Requests[str] = Requests(t1=2.5)
    asked(requests, "first", now=0)
    asked(requests, "second", now=1)

    assert [[one.what for one in requests.overdue(now)] for now in (2.5, 3.5, 5.0)] == [
        ["first"],
        ["second"],
        ["first"],
    ]


def test_the_next_time_is_the_earliest_of_all() -> None:
    requests: Requests[str] = Requests(t1=2.0)
    asked(requests, now=1.0)
    asked(requests, now=0.5, peer=OTHER)

    assert requests.due == 2.5
    assert [one.peer for one in requests.overdue(2.5)] == [OTHER]
    assert requests.due == 3.0


def test_requests_to_a_peer_that_is_gone_are_given_back() -> None:
    requests: Requests[str] = Requests()
    asked(requests, "first")
    asked(requests, "second")

    assert requests.forget(SMF) == ["first", "second"]
    assert requests.forget(SMF) == []
    assert asked(requests) == 3


def test_a_request_that_comes_again_is_carried_out_once_and_answered_twice() -> None:
    answers = Answers(keep=10)

    assert answers.received(SMF, 7, b"request", 0) == NEW
    assert answers.received(SMF, 7, b"request", 2.5) == AGAIN
    assert answers.answered(SMF, 7, b"request", b"answer", 3)
    assert answers.received(SMF, 7, b"request", 5) == Received(Verdict.ANSWERED, b"answer")
    assert answers.received(SMF, 7, b"request", 12.9) == Received(Verdict.ANSWERED, b"answer")
    assert answers.received(SMF, 7, b"request", 13) == NEW


def test_another_peers_request_with_the_same_number_is_another() -> None:
    answers = Answers()
    answers.received(SMF, 7, b"request", 0)

    assert answers.received(OTHER, 7, b"request", 0) == NEW


def test_another_request_with_a_number_that_was_used_is_carried_out() -> None:
    answers = Answers()
    answers.received(SMF, 1, b"association of the first life", 0)
    answers.answered(SMF, 1, b"association of the first life", b"accepted", 0)

    assert answers.received(SMF, 1, b"association of the second life", 1) == NEW
    assert answers.answered(SMF, 1, b"association of the second life", b"accepted again", 1)
    assert answers.received(SMF, 1, b"association of the second life", 2) == Received(
        Verdict.ANSWERED, b"accepted again"
    )


def test_a_late_answer_to_a_request_whose_number_was_taken_is_not_sent() -> None:
    answers = Answers()
    answers.received(SMF, 1, b"first life", 0)
    answers.received(SMF, 1, b"second life", 1)

    assert not answers.answered(SMF, 1, b"first life", b"late", 2)
    assert answers.in_progress == 1
    assert answers.answered(SMF, 1, b"second life", b"in time", 2)


def test_a_request_without_an_answer_is_new_when_it_comes_again() -> None:
    answers = Answers()
    answers.received(SMF, 1, b"request", 0)

    assert not answers.answered(SMF, 1, b"request", None, 1)
    assert answers.received(SMF, 1, b"request", 2) == NEW


def test_no_more_requests_are_carried_out_than_may() -> None:
    answers = Answers(most_in_progress=2)
    assert [answers.received(SMF, number, b"", 0).verdict for number in (1, 2, 3)] == [
        Verdict.NEW,
        Verdict.NEW,
        Verdict.TOO_MANY,
    ]
    answers.answered(SMF, 1, b"", b"answer", 0)

    assert answers.received(SMF, 3, b"", 2.5) == NEW


def test_of_too_many_answers_the_oldest_go() -> None:
    answers = Answers(most_answers=2)
    for number in (1, 2, 3):
        answers.received(SMF, number, b"", 0)
        answers.answered(SMF, number, b"", b"answer", 0)

    assert len(answers) == 2
    assert answers.received(SMF, 3, b"", 1).verdict is Verdict.ANSWERED
    assert answers.received(SMF, 1, b"", 1).verdict is Verdict.NEW


class AnyOrder(RuleBasedStateMachine):
    """Requests and answers in any order: no request is carried out again while its answer is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = Answers(keep=10, most_in_progress=3, most_answers=100)
        self.now = 0.0
        self.running: dict[int, bytes] = {}
        self.done: dict[int, tuple[bytes, float]] = {}

    @rule(sequence=st.integers(1, 5), request=st.sampled_from((b"a", b"b")))
    def comes(self, sequence: int, request: bytes) -> None:
        said = self.answers.received(SMF, sequence, request, self.now)
        if self.running.get(sequence) == request:
            assert said == AGAIN
        elif sequence not in self.running and self._kept(sequence) == request:
            assert said == Received(Verdict.ANSWERED, request * 2)
        elif said.verdict is Verdict.NEW:
            self.running[sequence] = request
        else:
            assert said.verdict is Verdict.TOO_MANY
            assert len(self.running) == 3

    def _kept(self, sequence: int) -> bytes | None:
        request, until = self.done.get(sequence, (None, 0.0))
        return request if until > self.now else None

    @rule(sequence=st.integers(1, 5))
    def is_done(self, sequence: int) -> None:
        request = self.running.pop(sequence, None)
        if request is None:
            assert not self.answers.answered(SMF, sequence, b"c", b"", self.now)
            return
        assert self.answers.answered(SMF, sequence, request, request * 2, self.now)
        self.done[sequence] = (request, self.now + 10)

    @rule(seconds=st.floats(0, 6))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def requests_in_progress_are_counted(self) -> None:
        assert self.answers.in_progress == len(self.running)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@given(st.lists(st.sampled_from("sat"), max_size=60))
def test_every_request_is_answered_or_fails_in_the_end(steps: list[str]) -> None:
    requests: Requests[int] = Requests(t1=1, n1=2)
    now, ended, sent = 0.0, 0, 0
    waiting: list[int] = []
    for step in steps:
        if step == "s":
            sequence = requests.number(SMF)
            requests.sent(SMF, sequence, HEARTBEAT, b"", sequence, now)
            waiting.append(sequence)
            sent += 1
        elif step == "a" and waiting:
            ended += requests.answered(SMF, waiting.pop(), ITS_ANSWER) is not None
        else:
            now += 0.7
            ended += sum(one.datagram is None for one in requests.overdue(now))
    for _ in range(6):
        now += 1
        ended += sum(one.datagram is None for one in requests.overdue(now))
    assert (ended, len(requests)) == (sent, 0)
