"""The alarm sequence against a model: who may do what, and that no cause is ever lost."""

from __future__ import annotations

import pytest
from dati import alarm as alarm_module
from dati import events as codes
from dati.alarm import IN_ALARM, IN_PRE_ALARM, IS_ACKNOWLEDGED, QUIET, STATES, AlarmSequence
from dati.events import EventQueue
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

PERIOD_MS = 1 << 30
PRE_ALARM_MS = 15000
AT_ONCE = codes.VOLUNTARY | codes.TEAR_OFF | codes.TECHNICAL
CAUSES = [bit for bit, _ in codes.CAUSES]
INVOLUNTARY = [bit for bit in CAUSES if not bit & AT_ONCE]


def drain(events):
    out = []
    while events.count:
        out.append((events.t_ms(), events.code(), events.argument()))
        events.drop()
    return out


def sequence(pre_alarm_ms=PRE_ALARM_MS, dead_man_pre_alarm_ms=PRE_ALARM_MS):
    events = EventQueue()
    return AlarmSequence(pre_alarm_ms, dead_man_pre_alarm_ms, events), events


class Model(RuleBasedStateMachine):
    """Anything may happen at any time; the model says what must come of it."""

    def __init__(self):
        super().__init__()
        self.state = QUIET
        self.causes = set()
        self.due_ms = 0
        self.told = []  # events that the model expects

    @initialize(
        pre_alarm_ms=st.sampled_from([0, 1, 15000, 45000]),
        dead_man_pre_alarm_ms=st.sampled_from([0, 15000, 30000]),
        start_ms=st.sampled_from([0, PERIOD_MS - 1, PERIOD_MS - 20000]),
    )
    def start(self, pre_alarm_ms, dead_man_pre_alarm_ms, start_ms):
        self.pre_alarm_ms = pre_alarm_ms
        self.dead_man_pre_alarm_ms = dead_man_pre_alarm_ms
        self.start_ms = start_ms
        self.t_ms = 0  # without wrap
        self.alarm, self.events = sequence(pre_alarm_ms, dead_man_pre_alarm_ms)

    @property
    def tick(self):
        return (self.start_ms + self.t_ms) % PERIOD_MS

    def expect(self, code, argument):
        self.told.append((self.tick, code, argument))

    def enter(self, state, code, argument):
        self.state = state
        self.expect(code, argument)
        if state == QUIET:
            self.causes = set()
        self.expect(codes.SIGNAL, state)

    @rule(cause=st.sampled_from(CAUSES))
    def raise_cause(self, cause):
        delay_ms = self.dead_man_pre_alarm_ms if cause == codes.DEAD_MAN else self.pre_alarm_ms
        at_once = bool(cause & AT_ONCE) or delay_ms == 0
        if self.state == QUIET:
            self.causes = {cause}
            if at_once:
                self.enter(IN_ALARM, codes.ALARM, cause)
            else:
                self.due_ms = self.t_ms + delay_ms
                self.enter(IN_PRE_ALARM, codes.PRE_ALARM, cause)
        elif cause not in self.causes:
            self.causes.add(cause)
            self.expect(codes.CAUSE_ADDED, cause)
            if self.state == IS_ACKNOWLEDGED or (self.state == IN_PRE_ALARM and cause & AT_ONCE):
                self.enter(IN_ALARM, codes.ALARM, sum(self.causes))
            elif self.state == IN_PRE_ALARM:
                self.due_ms = min(self.due_ms, self.t_ms + delay_ms)
        self.alarm.raise_cause(cause, self.tick)

    @rule(step_ms=st.one_of(st.integers(1, 50), st.sampled_from([1000, 14999, 15000, 44999, 45000])))
    def let_time_pass(self, step_ms):
        self.t_ms += step_ms
        if self.state == IN_PRE_ALARM and self.t_ms >= self.due_ms:
            self.enter(IN_ALARM, codes.ALARM, sum(self.causes))
        self.alarm.tick(self.tick)

    @precondition(lambda self: self.state == IN_PRE_ALARM)
    @rule(early_ms=st.integers(0, 1))
    def let_time_pass_until_it_is_due(self, early_ms):
        if self.due_ms - early_ms > self.t_ms:
            self.let_time_pass(self.due_ms - early_ms - self.t_ms)

    @rule()
    def worker_cancels(self):
        ended = self.state == IN_PRE_ALARM
        if ended:
            self.expect(codes.CANCELLED, codes.WORKER)
            self.causes = set()
            self.state = QUIET
            self.expect(codes.SIGNAL, QUIET)
        elif self.state != QUIET:
            self.expect(codes.REFUSED, codes.REQUEST_CANCEL)
        assert self.alarm.cancel(self.tick) == ended

    @rule(cause=st.sampled_from(CAUSES))
    def worker_recovers(self, cause):
        ended = self.state == IN_PRE_ALARM and self.causes == {cause}
        if self.state == IN_PRE_ALARM:
            self.causes.discard(cause)
        if ended:
            self.expect(codes.CANCELLED, codes.RECOVERY)
            self.state = QUIET
            self.expect(codes.SIGNAL, QUIET)
        assert self.alarm.recovered(cause, self.tick) == ended

    @rule()
    def acknowledge(self):
        granted = self.state == IN_ALARM
        if granted:
            self.enter(IS_ACKNOWLEDGED, codes.ACKNOWLEDGED, sum(self.causes))
        else:
            self.expect(codes.REFUSED, codes.REQUEST_ACKNOWLEDGE)
        assert self.alarm.acknowledge(self.tick) == granted

    @rule(by=st.sampled_from([codes.WORKER, codes.CENTRE, codes.SUPERVISOR, codes.RECOVERY, -1, 4]))
    def clear(self, by):
        granted = self.state == IS_ACKNOWLEDGED and by in (codes.CENTRE, codes.SUPERVISOR)
        if granted:
            self.enter(QUIET, codes.CLEARED, by)
        else:
            self.expect(codes.REFUSED, codes.REQUEST_CLEAR)
        assert self.alarm.clear(by, self.tick) == granted

    @invariant()
    def state_causes_and_events_are_the_models(self):
        if not hasattr(self, "alarm"):
            return
        assert self.alarm.state == self.state
        assert self.alarm.causes == sum(self.causes)
        assert (self.state == QUIET) == (not self.causes)
        assert drain(self.events) == self.told
        self.told = []
        assert self.alarm.pre_alarm.running == (self.state == IN_PRE_ALARM)
        if self.state != IN_PRE_ALARM:
            assert not self.alarm.shaking(self.tick)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_the_states_have_names():
    assert [state for state, _ in STATES] == [QUIET, IN_PRE_ALARM, IN_ALARM, IS_ACKNOWLEDGED]


@pytest.mark.parametrize("cause", [bit for bit in CAUSES if bit & AT_ONCE])
def test_what_the_worker_meant_and_what_nobody_can_cancel_has_no_pre_alarm(cause):
    alarm, events = sequence()
    alarm.raise_cause(cause, 0)
    assert alarm.state == IN_ALARM
    assert drain(events) == [(0, codes.ALARM, cause), (0, codes.SIGNAL, IN_ALARM)]


@pytest.mark.parametrize("cause", INVOLUNTARY)
@pytest.mark.parametrize("start_ms", [0, PERIOD_MS - 1, PERIOD_MS - PRE_ALARM_MS])
def test_the_pre_alarm_lasts_exactly_its_time_across_the_wrap(cause, start_ms):
    alarm, events = sequence()
    alarm.raise_cause(cause, start_ms)
    alarm.tick((start_ms + PRE_ALARM_MS - 1) % PERIOD_MS)
    assert alarm.state == IN_PRE_ALARM
    drain(events)
    alarm.tick((start_ms + PRE_ALARM_MS) % PERIOD_MS)
    assert alarm.state == IN_ALARM
    assert [event[1:] for event in drain(events)] == [(codes.ALARM, cause), (codes.SIGNAL, IN_ALARM)]


def test_a_second_cause_does_not_prolong_the_pre_alarm():
    alarm, _ = sequence()
    alarm.raise_cause(codes.IMMOBILITY, 0)
    alarm.raise_cause(codes.FALL, PRE_ALARM_MS - 1)
    alarm.tick(PRE_ALARM_MS)
    assert alarm.state == IN_ALARM
    assert alarm.causes == codes.IMMOBILITY | codes.FALL


def test_a_voluntary_alarm_ends_a_pre_alarm_at_once_and_cannot_be_cancelled():
    alarm, _ = sequence()
    alarm.raise_cause(codes.IMMOBILITY, 0)
    alarm.raise_cause(codes.VOLUNTARY, 100)
    assert alarm.state == IN_ALARM
    assert not alarm.cancel(200)
    assert alarm.causes == codes.IMMOBILITY | codes.VOLUNTARY


def test_a_new_cause_after_acknowledgement_is_an_alarm_again_and_the_old_one_is_not():
    alarm, events = sequence()
    alarm.raise_cause(codes.VOLUNTARY, 0)
    alarm.acknowledge(10)
    drain(events)
    alarm.raise_cause(codes.VOLUNTARY, 20)
    assert alarm.state == IS_ACKNOWLEDGED
    assert drain(events) == []
    alarm.raise_cause(codes.IMMOBILITY, 30)  # no second pre-alarm: help is on its way already
    assert alarm.state == IN_ALARM
    assert alarm.causes == codes.VOLUNTARY | codes.IMMOBILITY


def test_recovery_takes_back_only_its_own_cause():
    alarm, _ = sequence()
    alarm.raise_cause(codes.VERTICALITY, 0)
    alarm.raise_cause(codes.FALL, 10)
    assert not alarm.recovered(codes.VERTICALITY, 20)
    assert alarm.state == IN_PRE_ALARM
    assert alarm.causes == codes.FALL


@pytest.mark.parametrize("start_ms", [0, PERIOD_MS - 1, PERIOD_MS - 3000])
def test_the_vibrator_shakes_in_the_pre_alarm_only_and_for_less_than_half_of_it(start_ms):
    alarm, _ = sequence()
    assert not alarm.shaking(start_ms)
    alarm.raise_cause(codes.IMMOBILITY, start_ms)
    shaking = [alarm.shaking((start_ms + ms) % PERIOD_MS) for ms in range(PRE_ALARM_MS)]
    assert alarm_module.VIBRATOR_ON_MS < sum(shaking[:2000]) <= 1000
    for ms in range(0, PRE_ALARM_MS - 2000, 37):
        assert shaking[ms] == shaking[ms + 2000]
        left_ms = alarm.until_shaking_changes_ms((start_ms + ms) % PERIOD_MS)
        assert left_ms > 0
        assert len(set(shaking[ms : ms + left_ms])) == 1
        assert shaking[ms] != shaking[ms + left_ms]
    alarm.tick((start_ms + PRE_ALARM_MS) % PERIOD_MS)
    assert not alarm.shaking((start_ms + PRE_ALARM_MS) % PERIOD_MS)


def test_the_queue_keeps_the_newest_and_counts_what_it_lost():
    events = EventQueue(capacity=4)
    for number in range(11):
        events.put(number, 1, -number)
    assert events.count == 4
    assert events.overflow == 7
    assert drain(events) == [(number, 1, -number) for number in range(7, 11)]
    for turn in range(9):  # round the ring
        events.put(turn, 2, 0)
        assert drain(events) == [(turn, 2, 0)]


def test_codes_and_causes_are_distinct():
    for table in (codes.CAUSES, codes.EVENTS, codes.PARTIES, codes.REQUESTS):
        assert len({row[0] for row in table}) == len({row[1] for row in table}) == len(table)
    assert all(bit & (bit - 1) == 0 for bit in CAUSES)
    assert sorted(CAUSES, reverse=True) == CAUSES  # most urgent first


def test_the_dead_man_check_has_a_pre_alarm_of_its_own_and_a_fall_does_not_wait_for_it():
    alarm, _ = sequence(dead_man_pre_alarm_ms=3 * PRE_ALARM_MS)
    alarm.raise_cause(codes.DEAD_MAN, 0)
    alarm.tick(2 * PRE_ALARM_MS)
    assert alarm.state == IN_PRE_ALARM
    alarm.raise_cause(codes.FALL, PRE_ALARM_MS // 2)
    alarm.tick(PRE_ALARM_MS // 2 + PRE_ALARM_MS - 1)
    assert alarm.state == IN_PRE_ALARM
    alarm.tick(PRE_ALARM_MS // 2 + PRE_ALARM_MS)
    assert alarm.state == IN_ALARM
    assert alarm.causes == codes.FALL | codes.DEAD_MAN


def test_a_cause_that_joins_late_does_not_prolong_the_dead_man_pre_alarm():
    alarm, _ = sequence(dead_man_pre_alarm_ms=3 * PRE_ALARM_MS)
    alarm.raise_cause(codes.DEAD_MAN, 0)
    alarm.raise_cause(codes.FALL, 3 * PRE_ALARM_MS - 1)
    alarm.tick(3 * PRE_ALARM_MS)
    assert alarm.state == IN_ALARM
