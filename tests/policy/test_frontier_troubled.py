"""What attempts show of their host, and what the frontier makes of it."""

from __future__ import annotations

from crawler.policy.frontier import Frontier
from crawler.policy.heard import GivenUp, Heard, HostMemory, Kind, Paused
from crawler.policy.standing import FORGIVEN, REFUSALS, STRIKES
from tests.policy.driving import Item, frontier, ran, started, troubled


def test_retry_after_pauses_the_whole_host_and_no_other() -> None:
    waiting = troubled()
    waiting.add(Item("b:1", 0), now=0)
    first = waiting.take(0.0)
    assert first is not None
    paused = ran(waiting, first, Kind.TURNED_AWAY, 0.0, retry_after=5.0)
    assert paused == Paused("a:1", 5.0, "turned_away")
    assert waiting.take(0.0) == Item("b:1", 0)
    assert waiting.take(4.9) is None
    assert waiting.wakes_at() == 5.0
    assert waiting.take(5.0) == Item("a:1", 1)


def test_what_was_taken_before_a_pause_does_not_begin_in_it() -> None:
    waiting = troubled()
    first, second = waiting.take(0.0), waiting.take(0.0)
    assert first is not None
    assert second is not None
    ran(waiting, first, Kind.TURNED_AWAY, 0.0, retry_after=5.0)
    assert not waiting.begin(second, 1.0)
    waiting.put_back(second)
    assert waiting.take(5.0) == second


def test_after_a_pause_one_goes_first_and_its_success_lets_the_others_follow() -> None:
    waiting = troubled()
    first = waiting.take(0.0)
    assert first is not None
    ran(waiting, first, Kind.TURNED_AWAY, 0.0, retry_after=5.0)
    probe = waiting.take(5.0)
    assert probe is not None
    assert waiting.take(5.0) is None
    ran(waiting, probe, Kind.ANSWERED, 5.0)
    assert [waiting.take(5.0) is not None for _ in range(4)].count(True) >= 2


def test_a_second_task_turned_away_pauses_for_a_minute_and_each_further_one_for_twice_as_long() -> None:
    waiting = troubled(20)
    now, seconds = 0.0, []
    for _ in range(REFUSALS - 1):
        task = waiting.take(now)
        assert task is not None
        event = ran(waiting, task, Kind.TURNED_AWAY, now, own_delay=0.5)
        assert isinstance(event, Paused)
        seconds.append(event.seconds)
        now += event.seconds
    assert seconds == [0.5, 60, 120, 240, 480, 960, 1920]


def test_a_host_that_turns_everybody_away_is_given_up_in_the_end_and_an_answer_brings_it_back() -> None:
    waiting = troubled(20)
    now = 0.0
    for number in range(REFUSALS):
        task = waiting.take(now)
        assert task is not None
        event = ran(waiting, task, Kind.TURNED_AWAY, now, retry_after=5.0)
        assert isinstance(event, GivenUp if number == REFUSALS - 1 else Paused)
        now += 5.0
    assert waiting.take(now) is None
    assert waiting.add(Item("a:1", 99), now=now) is not None
    assert len(list(waiting.drain("a:1"))) == 20 - REFUSALS
    waiting.report(Item("a:1", 0), Heard(Kind.ANSWERED, began=now), now)
    assert waiting.add(Item("a:1", 99), now=now) is None


def test_who_is_taken_out_waits_no_longer_and_the_others_keep_their_places() -> None:
    waiting = frontier()
    for number in range(6):
        waiting.add(Item("a:1" if number % 2 else "b:1", number), now=0, first=number == 4)
    out = waiting.take_out(lambda task: task.number in (1, 4))
    assert sorted(task.number for task in out) == [1, 4]
    assert len(waiting) == 4
    left = []
    while (task := waiting.take(0.0)) is not None:
        left.append(task.number)
        waiting.begin(task, 0.0)
        waiting.release(task, 0.0)
    assert sorted(left) == [0, 2, 3, 5]


def test_one_task_that_is_always_turned_away_waits_only_its_own_delay() -> None:
    waiting = troubled(1)
    for now in (0.0, 1.0, 2.0):
        task = waiting.take(now)
        assert task is not None
        assert ran(waiting, task, Kind.TURNED_AWAY, now, own_delay=0.5) == Paused("a:1", 0.5, "turned_away")
        waiting.add(task, now=now, not_before=now + 0.5)


def test_pauses_start_small_again_after_some_good_answers_in_a_row() -> None:
    waiting = troubled(20)
    now = 0.0
    for kind in [Kind.TURNED_AWAY] * 2 + [Kind.ANSWERED] * FORGIVEN:
        task = waiting.take(now)
        assert task is not None
        ran(waiting, task, kind, now, own_delay=0.5)
        now += 100
    task = waiting.take(now)
    assert task is not None
    assert ran(waiting, task, Kind.TURNED_AWAY, now, own_delay=0.5) == Paused("a:1", 0.5, "turned_away")


def test_good_answers_that_are_not_in_a_row_forgive_nothing() -> None:
    waiting = troubled(20)
    now, told = 0.0, []
    for kind in (
        [Kind.TURNED_AWAY] * 2 + [Kind.ANSWERED] * (FORGIVEN - 1) + [Kind.TURNED_AWAY, Kind.ANSWERED] * 2
    ):
        task = waiting.take(now)
        assert task is not None
        event = ran(waiting, task, kind, now, own_delay=0.5)
        told += [event.seconds] if isinstance(event, Paused) else []
        now += 1000
    assert told == [0.5, 60, 120, 240]


def test_what_was_under_way_together_is_one_sign() -> None:
    waiting = troubled()
    together = [started(waiting, 0.0) for _ in range(4)]
    events = [
        waiting.report(task, Heard(Kind.TURNED_AWAY, began=0.0, own_delay=0.5), 0.1)
        for task in together
        if task
    ]
    assert events == [Paused("a:1", 0.5, "turned_away"), None, None, None]


def test_a_longer_retry_after_of_one_under_way_lengthens_the_pause() -> None:
    waiting = troubled()
    one, two = started(waiting, 0.0), started(waiting, 0.0)
    assert one is not None
    assert two is not None
    waiting.report(one, Heard(Kind.TURNED_AWAY, began=0.0, retry_after=5.0), 1.0)
    event = waiting.report(two, Heard(Kind.TURNED_AWAY, began=0.0, retry_after=50.0), 1.0)
    assert event == Paused("a:1", 50.0, "turned_away")
    assert waiting.take(50.9) is None


def strike_out(waiting: Frontier[Item]) -> GivenUp:
    now = 0.0
    for _ in range(STRIKES):
        task = waiting.take(now)
        assert task is not None
        event = ran(waiting, task, Kind.UNREACHABLE, now, own_delay=1.0)
        now += 10.0
    assert isinstance(event, GivenUp)
    return event


def test_a_dead_host_is_given_up_and_all_its_tasks_come_out() -> None:
    waiting = troubled(20)
    waiting.add(Item("a:1", 20), now=0, not_before=1000.0)
    waiting.add(Item("b:1", 0), now=0)
    assert waiting.take(0.0) == Item("a:1", 0)
    assert waiting.begin(Item("a:1", 0), 0.0)
    assert waiting.take(0.0) == Item("b:1", 0)
    waiting.release(Item("a:1", 0), 0.0)
    event = strike_out(waiting)
    assert waiting.take(100.0) is None
    drained = list(waiting.drain(event.key))
    assert sorted(item.number for item in drained) == list(range(1 + STRIKES, 21))
    assert len(waiting) == 0


def test_what_comes_later_for_a_host_that_was_given_up_is_refused_with_the_reason() -> None:
    waiting = troubled(20)
    why = strike_out(waiting).why
    assert why == "given up: 5 attempts in a row got no answer"
    late = Item("a:1", 99)
    assert waiting.add(late, now=60.0) == why
    assert waiting.given_up(late) == why
    assert waiting.given_up(Item("b:1", 0)) is None


def test_a_taken_task_whose_host_was_given_up_meanwhile_does_not_begin_and_is_not_queued_again() -> None:
    waiting = troubled()
    held = waiting.take(0.0)
    assert held is not None
    for now in range(STRIKES):
        event = waiting.report(Item("a:1", 50), Heard(Kind.UNREACHABLE, began=now), now)
    assert isinstance(event, GivenUp)
    assert not waiting.begin(held, 10.0)
    assert waiting.put_back(held) == event.why


def test_parallel_failures_are_one_strike() -> None:
    waiting = troubled(20)
    together = [started(waiting, 0.0) for _ in range(4)]
    for task in together:
        assert task is not None
        assert not isinstance(waiting.report(task, Heard(Kind.UNREACHABLE, began=0.0), 15.0), GivenUp)
        waiting.release(task, 15.0)
    assert waiting.given_up(Item("a:1", 0)) is None


def test_any_answer_clears_the_strikes() -> None:
    waiting = troubled(40)
    now = 0.0
    for kind in [Kind.UNREACHABLE] * (STRIKES - 1) + [Kind.TURNED_AWAY] + [Kind.UNREACHABLE] * (STRIKES - 1):
        task = waiting.take(now)
        assert task is not None
        assert not isinstance(ran(waiting, task, kind, now), GivenUp)
        now += 100


def test_a_host_that_an_earlier_run_gave_up_gets_one_probe() -> None:
    given_up = HostMemory("a:1", given_up=True)
    for kind, dead in ((Kind.UNREACHABLE, True), (Kind.ANSWERED, False)):
        waiting = frontier(4, remembered=lambda key: given_up)
        for number in range(3):
            waiting.add(Item("a:1", number), now=0)
        probe = waiting.take(0.0)
        assert probe is not None
        assert waiting.take(0.0) is None
        assert isinstance(ran(waiting, probe, kind, 0.0), GivenUp) is dead
        assert (waiting.take(1.0) is None) is dead


def test_a_bad_sign_halves_what_is_under_way_and_good_answers_bring_it_back() -> None:
    waiting = troubled(60, concurrency=8)
    task = waiting.take(0.0)
    assert task is not None
    ran(waiting, task, Kind.TURNED_AWAY, 0.0, own_delay=1.0)
    probe = waiting.take(1.0)
    assert probe is not None
    ran(waiting, probe, Kind.ANSWERED, 1.0)
    many = [task for _ in range(9) if (task := started(waiting, 2.0)) is not None]
    assert len(many) == 4
    for round_ in range(40):
        for task in many:
            waiting.report(task, Heard(Kind.ANSWERED, began=2.0 + round_), 3.0 + round_)
    assert sum(waiting.take(50.0) is not None for _ in range(9)) == 4  # eight in all


def test_no_host_is_given_up_on_less_patience_than_a_task_has() -> None:
    waiting = troubled(20)
    now, events = 0.0, []
    for _ in range(STRIKES + 2):
        task = waiting.take(now)
        assert task is not None
        events.append(ran(waiting, task, Kind.UNREACHABLE, now, patience=STRIKES + 2))
        now += 1.0
    assert [isinstance(event, GivenUp) for event in events] == [False] * (STRIKES + 1) + [True]
