"""Whatever happens, every intent's status is what a judge finds who reads the whole history anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.status import IntentState, IntentStatus, SwitchStatusChanged
from p4fabric.pipelines.entities import Entity, EntityKey
from tests.unit.status.fabric import LEAF1, LEAF2, ONE, TWO, Listener, Report, World, entry, refused

INTENTS = (ONE, TWO)
SWITCHES = (LEAF1, LEAF2)
PARTS = ("itself", "host")
VLANS = (1, 2)
NOON_TEXT = "2027-01-15 08:00:00 UTC"

Wishes = dict[tuple[SwitchName, EntityKey], Entity]


@dataclass(frozen=True)
class Moment:
    """What was wanted, and by whom, after a change."""

    wishes: Wishes
    by_intent: dict[IntentKey, frozenset[tuple[SwitchName, EntityKey]]]
    gone_switches: frozenset[SwitchName]


@dataclass
class Judge:
    """Knows all that ever happened, and looks at all of it for each question."""

    log: list[object] = field(default_factory=list)
    """Moments, reports, and names of switches that were declared gone."""
    outputs: dict[Slot, Output] = field(default_factory=dict)
    generations: dict[IntentKey, int] = field(default_factory=dict)
    deleting: set[IntentKey] = field(default_factory=set)
    problems: dict[IntentKey, tuple[str, ...]] = field(default_factory=dict)
    epochs: Counter[SwitchName] = field(default_factory=Counter)
    """How often each was connected."""
    connected: dict[SwitchName, bool] = field(default_factory=dict)
    read_in: dict[SwitchName, int] = field(default_factory=dict)
    """The connection in which each was read last."""
    held: dict[SwitchName, str] = field(default_factory=dict)
    gone: set[SwitchName] = field(default_factory=set)

    def moment(self, wishes: Wishes) -> Moment:
        wanted: dict[IntentKey, set[tuple[SwitchName, EntityKey]]] = {intent: set() for intent in INTENTS}
        for slot, output in self.outputs.items():
            for switch, entities in output.entities.items():
                if slot.owner is not None:
                    wanted[slot.owner] |= {(switch, entity.key) for entity in entities}
        by_intent = {intent: frozenset(keys) for intent, keys in wanted.items()}
        return Moment(wishes, by_intent, frozenset(self.gone))

    def is_installed(self, switch: SwitchName, key: EntityKey) -> bool:
        installed = False
        wish: Entity | None = None
        for happened in self.log:
            if isinstance(happened, Moment):
                now = happened.wishes.get((switch, key))
                installed = installed and now == wish
                wish = now
            elif isinstance(happened, Report) and happened.switch == switch:
                installed = (installed and key not in happened.missing) or key in happened.installed
        return installed

    def failure(self, switch: SwitchName, key: EntityKey) -> str | None:
        failure: str | None = None
        wish: Entity | None = None
        for happened in self.log:
            if isinstance(happened, Moment):
                now = happened.wishes.get((switch, key))
                failure = failure if now == wish else None
                wish = now
            elif happened == switch:
                failure = None
            elif isinstance(happened, Report) and happened.switch == switch:
                if key in {*happened.installed, *happened.gone, *happened.missing, *happened.recovered}:
                    failure = None
                failure = happened.failures.get(key, failure)
        return failure

    def is_leaving(self, intent: IntentKey, switch: SwitchName, key: EntityKey) -> bool:
        """Whether what an intent wanted once under a key, and want no more, may still be there."""
        leaving = False
        before = Moment({}, {each: frozenset() for each in INTENTS}, frozenset())
        at = (switch, key)
        for happened in self.log:
            if isinstance(happened, Moment):
                let_go = at in before.by_intent[intent] and at not in happened.by_intent[intent]
                replaced = before.wishes[at] != happened.wishes.get(at) if let_go else False
                leaving = leaving or (replaced and switch not in happened.gone_switches)
                before = happened
            elif happened == switch:
                leaving = False
            elif isinstance(happened, Report) and happened.switch == switch:
                settled = happened.gone if before.wishes.get(at) is None else happened.installed
                leaving = leaving and key not in settled
        return leaving

    def status(self, intent: IntentKey) -> IntentStatus | None:
        """None: the intent is gone everywhere."""
        now = next(m for m in reversed(self.log) if isinstance(m, Moment))
        notes = {
            note for slot, output in self.outputs.items() if slot.owner == intent for note in output.notes
        }
        refusals: set[str] = set()
        of_switches: list[str] = []
        behind = False
        for switch in SWITCHES:
            keys = [entry(vlan).key for vlan in VLANS]
            wanted = {key for key in keys if (switch, key) in now.by_intent[intent]}
            waiting = {key for key in wanted if not self.is_installed(switch, key)}
            leaving = {key for key in keys if self.is_leaving(intent, switch, key)}
            refusals |= {f for key in wanted | leaving if (f := self.failure(switch, key)) is not None}
            if switch in self.gone or not wanted | leaving:
                behind = behind or bool(leaving)
                continue
            behind = behind or bool(waiting | leaving)
            words = []
            if waiting:
                words.append("1 entry waits" if len(waiting) == 1 else f"{len(waiting)} entries wait")
            if leaving:
                old = "1 old entry" if len(leaving) == 1 else f"{len(leaving)} old entries"
                words.append(f"{old} could not be removed")
            end = "; " + ", ".join(words) if words else ""
            held = f": {self.held[switch]}" if switch in self.held else ""
            if not self.connected[switch]:
                of_switches.append(f"{switch} is not connected since {NOON_TEXT}{held}{end}")
            elif self.read_in.get(switch) != self.epochs[switch]:
                unread = f"{switch} was not read yet since it was connected at {NOON_TEXT}"
                of_switches.append(f"{unread}{held}{end}")
            elif switch in self.held and words:
                of_switches.append(self.held[switch] + end)
        concerned = behind or any(self.is_concerned(now, intent, switch) for switch in SWITCHES)
        if intent in self.deleting and not concerned:
            return None
        problems = sorted(self.problems.get(intent, ()))
        reasons = (*problems, *of_switches, *sorted(notes), *sorted(refusals))
        reasons = reasons if len(reasons) <= 10 else (*reasons[:10], f"and {len(reasons) - 10} more")
        state = IntentState.INSTALLING if behind else IntentState.ACTIVE
        if intent in self.deleting:
            state = IntentState.DELETING
        elif reasons:
            state = IntentState.DEGRADED
        return IntentStatus(state, self.generations[intent], tuple(map(refused, reasons)))

    @staticmethod
    def is_concerned(now: Moment, intent: IntentKey, switch: SwitchName) -> bool:
        return any(name == switch for name, _ in now.by_intent[intent])


class Subscriber(Listener):
    """What somebody believes who only listens; None: it has to ask again."""

    def __init__(self) -> None:
        super().__init__()
        self.believed: dict[IntentKey, IntentStatus | None] = {}

    def status_changed(self, key: IntentKey, status: IntentStatus) -> None:
        self.believed[key] = status

    def intent_deleted(self, key: IntentKey) -> None:
        del self.believed[key]

    def switch_status_changed(self, change: SwitchStatusChanged) -> None:
        self.believed = dict.fromkeys(self.believed)


intents = st.sampled_from(INTENTS)
switches = st.sampled_from(SWITCHES)


@dataclass(frozen=True)
class Part:
    """What a part wants: VLANs by switch; what is under their keys is the same for all parts."""

    vlans: dict[SwitchName, set[int]]
    notes: tuple[str, ...] = ()


vrfs = st.dictionaries(st.sampled_from(VLANS), st.integers(1, 2), max_size=1)
parts = st.builds(
    Part,
    st.dictionaries(switches, st.sets(st.sampled_from(VLANS))),
    st.sampled_from([(), (), ("a note",), ("another note", "a note")]),
)


class History(RuleBasedStateMachine):
    """Users, hosts and switches, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriber = Subscriber()
        self.world = World(listener=self.subscriber)
        self.judge = Judge(connected=dict.fromkeys(SWITCHES, False))
        self.parts: dict[Slot, Part] = {}
        self.vrf = dict.fromkeys(VLANS, 1)
        self.change({})

    def change(self, parts: dict[Slot, Part]) -> None:
        """Parts come to something else."""
        self.parts.update(parts)
        outputs = {slot: self.output(part) for slot, part in self.parts.items()}
        self.judge.outputs = outputs
        self.world.want_all(
            {s: output for s, output in outputs.items() if self.world.outputs.get(s) != output}
        )
        wishes = {
            (switch, key): entity
            for switch, entities in self.world.wanted.entities.items()
            for key, entity in entities.items()
        }
        self.judge.log.append(self.judge.moment(wishes))
        self.forget_deleted()

    def output(self, part: Part) -> Output:
        found = {
            switch: tuple(entry(vlan, self.vrf[vlan]) for vlan in sorted(vlans))
            for switch, vlans in part.vlans.items()
        }
        return Output(found, tuple(map(refused, part.notes)))

    def forget_deleted(self) -> None:
        for intent in list(self.judge.deleting):
            if self.judge.status(intent) is None:
                self.judge.deleting.discard(intent)
                del self.judge.generations[intent]

    def report(self, report: Report) -> None:
        self.judge.log.append(report)
        if report.epoch is not None:
            self.judge.read_in[report.switch] = report.epoch
        self.world.statuses.progress(report)
        self.forget_deleted()

    @rule(intent=intents, part=parts, vrfs=vrfs)
    def apply(self, intent: IntentKey, part: Part, vrfs: dict[int, int]) -> None:
        """A user applies an intent; what is wanted under a key may change by that, for all that want it."""
        self.judge.deleting.discard(intent)
        generation = self.judge.generations.get(intent, 0) + 1
        self.judge.generations[intent] = generation
        self.vrf.update(vrfs)
        self.world.statuses.accept(intent, generation)
        self.change({Slot(intent, "itself", intent): part})

    @rule(found=st.dictionaries(intents, parts), of_the_fabric=st.none() | parts, vrfs=vrfs)
    def hear(self, found: dict[IntentKey, Part], of_the_fabric: Part | None, vrfs: dict[int, int]) -> None:
        """Hosts are heard in several networks, and the fabric itself needs something else."""
        changed = {
            Slot(intent, "host", intent): part
            for intent, part in found.items()
            if intent in self.judge.generations and intent not in self.judge.deleting
        }
        if of_the_fabric is not None:
            changed[Slot(None, "switch", "all")] = of_the_fabric
        self.vrf.update(vrfs)
        self.change(changed)

    @rule(intent=intents)
    def delete(self, intent: IntentKey) -> None:
        if intent in self.judge.generations and intent not in self.judge.deleting:
            self.judge.deleting.add(intent)
            self.judge.problems.pop(intent, None)
            self.world.statuses.remove(intent)
            self.change({Slot(intent, source, intent): Part({}) for source in PARTS})

    @rule(intent=intents, texts=st.sets(st.sampled_from([f"problem {number}" for number in range(12)])))
    def judge_among_others(self, intent: IntentKey, texts: set[str]) -> None:
        if intent in self.judge.generations and intent not in self.judge.deleting:
            self.judge.problems[intent] = tuple(texts)
            self.world.statuses.problems({intent: list(map(refused, texts))})

    @rule(switch=switches, is_read=st.booleans(), data=st.data())
    def say(self, switch: SwitchName, is_read: bool, data: st.DataObject) -> None:
        """A reconciler that knows what is wanted tells news; of this connection or one before."""
        wanted = self.world.wanted.entities.get(switch, {})
        news: dict[str, set[EntityKey]] = {
            "installed": set(),
            "missing": set(),
            "gone": set(),
            "recovered": set(),
        }
        failures: dict[EntityKey, Reason] = {}
        for vlan in VLANS:
            key = entry(vlan).key
            installed = self.judge.is_installed(switch, key)
            choices = (
                ["nothing", "installed", *(["missing"] if installed else [])]
                if key in wanted
                else ["nothing", "gone"]
            )
            choices += [] if installed else ["fails", "fails", "recovered"]
            said = data.draw(st.sampled_from(choices))
            if said == "fails":
                texts = [f"{switch} refused {vlan}", "waits for another"]
                failures[key] = refused(data.draw(st.sampled_from(texts)))
            elif said != "nothing":
                news[said].add(key)
        epoch = self.judge.epochs[switch] if is_read else self.judge.read_in.get(switch)
        self.report(Report(switch, failures=failures, epoch=epoch, **news))

    @rule(switch=switches, connected=st.booleans())
    def flap(self, switch: SwitchName, connected: bool) -> None:
        if connected:
            self.judge.gone.discard(switch)
            self.judge.epochs[switch] += not self.judge.connected[switch]
        self.judge.connected[switch] = connected
        self.world.statuses.connection(switch, self.judge.epochs[switch] if connected else None)

    @rule(switch=switches, reason=st.sampled_from([None, "nothing is written to it"]))
    def hold(self, switch: SwitchName, reason: str | None) -> None:
        self.judge.held.pop(switch, None)
        if reason is not None:
            self.judge.held[switch] = reason
        self.world.statuses.hold(switch, reason)

    @rule(switch=switches)
    def declare_gone(self, switch: SwitchName) -> None:
        self.judge.connected[switch] = False
        if switch not in self.judge.gone:
            self.judge.gone.add(switch)
            self.judge.log.append(switch)
        self.world.statuses.gone(switch)
        self.forget_deleted()

    @invariant()
    def every_status_is_the_judges(self) -> None:
        statuses = self.world.statuses
        assert set(statuses) == set(self.judge.generations)
        for intent in self.judge.generations:
            assert statuses.status_of(intent) == self.judge.status(intent), intent

    @invariant()
    def who_listens_knows_what_is_so(self) -> None:
        statuses = self.world.statuses
        assert set(self.subscriber.believed) == set(statuses)
        for intent, status in self.subscriber.believed.items():
            assert status is None or status == statuses.status_of(intent)

    @invariant()
    def the_census_counts_every_intent(self) -> None:
        statuses = self.world.statuses
        states = Counter((intent.kind, statuses.status_of(intent).state) for intent in statuses)
        assert statuses.by_state() == states

    @invariant()
    def nothing_is_kept_of_what_is_gone(self) -> None:
        counts = self.world.statuses._counts
        wanted = self.world.wanted.entities
        for name, switch in counts.switches.items():
            leaving = {key for key, found in switch.entries.items() if not found.is_wanted}
            assert set(switch.entries) == wanted.get(name, {}).keys() | leaving
            assert all(switch.entries[key].leavers for key in leaving)
        for intent, entries in counts.intents.items():
            assert intent in self.world.statuses or entries.shares or entries.reasons is not None


def test_every_status_is_what_the_whole_history_says() -> None:
    run_state_machine_as_test(
        History, settings=settings(max_examples=60, stateful_step_count=60, deadline=None)
    )
