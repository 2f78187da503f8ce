"""Plans → pull requests → ledger, minute by minute."""

from dataclasses import replace
from datetime import timedelta

import pytest
from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge

from controller.decide import decide
from controller.guardrails import guard
from controller.plan import Change, DecayEvidence, Plan, Stake
from controller.replay.requests import Book, Lead, lapse, proposed, settled

MINUTE = timedelta(minutes=1)
LEAD = Lead(review=90 * MINUTE, ci=10 * MINUTE, boot=5 * MINUTE)
LEADS = {"web": LEAD, "batch": LEAD}
CORES = {"eu/a": surge(10.0, 40.0, 20, 6), "us/b": surge(5.0, 5.0, 0, 0)}
BACK = DecayEvidence("window over", None, 8, 3, 0, 8, 6, None, (), 0.7, 2.0, None, Stake(0.0, 0.0))


def opening(now=NOW, counted=True):
    book = Book()
    plan = guard(decide(profile_of(CORES, start=now), book.ledger, config_of(), now, book.pending), config_of())
    return proposed(book, plan, LEADS, 2, counted)


def release(book, now, lease=None):
    lease = lease or book.ledger[0]
    return proposed(book, Plan("demo", now, (Change("release", lease, lease, BACK),)), LEADS, 2, True)


def test_a_lease_holds_once_it_is_reviewed_applied_and_booted():
    book = opening()
    assert (len(book.waiting), book.ledger, book.counts.requests) == (1, (), 1)
    assert settled(book, NOW + 89 * MINUTE, "on-approval").ledger == ()
    book = settled(book, NOW + 90 * MINUTE, "on-approval")
    (lease,) = book.ledger
    (hold,) = book.holds
    assert book.waiting == ()
    assert hold.since == NOW + 105 * MINUTE
    assert hold.until == lease.expires + 10 * MINUTE  # the apply on the hour, and CI


def test_merged_when_due_it_is_merged_at_its_merge_by():
    book = opening()
    due = book.waiting[0].change.evidence.merge_by
    assert due == NOW + 20 * HOUR - 15 * MINUTE  # the window, less apply and boot
    assert settled(book, due - MINUTE, "when-due").ledger == ()
    (hold,) = settled(book, due, "when-due").holds
    assert hold.since == NOW + 20 * HOUR
    slow = replace(book, waiting=(replace(book.waiting[0], lead=replace(LEAD, review=30 * HOUR)),))
    assert settled(slow, NOW + 29 * HOUR, "when-due").ledger == ()


def test_the_notice_is_counted_from_opening_to_merge_by():
    counts = opening().counts
    assert counts.notices == 1
    assert counts.notice_minutes == 20 * 60 - 15
    assert opening(counted=False).counts.requests == 0


def test_a_newer_forecast_brings_the_waiting_request_up_to_date_and_review_goes_on():
    book = opening()
    raised = replace(book.waiting[0].change, lease=replace(book.waiting[0].change.lease, floor=13))
    book = proposed(book, Plan("demo", NOW + HOUR, (raised,)), LEADS, 2, True)
    assert (len(book.waiting), book.counts.requests, book.counts.pushes) == (1, 1, 1)
    book = proposed(book, Plan("demo", NOW + HOUR, (raised,)), LEADS, 2, True)
    assert book.counts.pushes == 1  # the same ask: nothing is written
    (lease,) = settled(book, NOW + 90 * MINUTE, "on-approval").ledger
    assert lease.floor == 13


def test_a_raise_holds_what_was_held_until_its_nodes_are_up():
    book = settled(opening(), NOW + 2 * HOUR, "on-approval")
    (lease,) = book.ledger
    change = Change("update", replace(lease, floor=lease.floor + 3), lease, BACK)
    book = proposed(book, Plan("demo", NOW + 2 * HOUR, (change,)), LEADS, 2, True)
    low, high = settled(book, NOW + 4 * HOUR, "on-approval").holds
    assert low.until == high.since == NOW + 2 * HOUR + 105 * MINUTE
    assert (low.lease.floor, high.lease.floor) == (lease.floor, lease.floor + 3)


def test_a_step_down_needs_no_boot_and_a_waiting_one_is_left_alone():
    book = settled(opening(), NOW + 2 * HOUR, "on-approval")
    (lease,) = book.ledger
    change = Change("update", replace(lease, floor=lease.floor - 3), lease, BACK)
    book = proposed(book, Plan("demo", NOW + 2 * HOUR, (change,)), LEADS, 2, True)
    a_bit_lower = replace(change, lease=replace(lease, floor=lease.floor - 4))
    assert proposed(book, Plan("demo", NOW + 3 * HOUR, (a_bit_lower,)), LEADS, 2, True) == book
    _, low = settled(book, NOW + 4 * HOUR, "on-approval").holds
    assert low.since == NOW + 2 * HOUR + 100 * MINUTE
    assert low.lease.floor == lease.floor - 3


def test_a_release_ends_what_is_held_once_it_is_applied():
    book = settled(opening(), NOW + 2 * HOUR, "on-approval")
    book = settled(release(book, NOW + 2 * HOUR), NOW + 4 * HOUR, "when-due")
    assert book.ledger == ()
    assert book.holds[0].until == NOW + 2 * HOUR + 100 * MINUTE


def test_an_update_of_what_was_given_back_is_no_merge():
    book = settled(opening(), NOW + 2 * HOUR, "on-approval")
    (lease,) = book.ledger
    late = replace(LEAD, review=5 * HOUR)
    change = Change("update", replace(lease, floor=14), lease, BACK)
    book = proposed(book, Plan("demo", NOW + 2 * HOUR, (change,)), {"web": late}, 2, True)
    book = settled(release(book, NOW + 2 * HOUR), NOW + 9 * HOUR, "on-approval")
    assert (book.ledger, book.waiting) == ((), ())


@pytest.mark.parametrize(("minutes", "hours"), [(0, 0), (1, 1), (59, 1)])
def test_a_lease_lapses_at_the_next_hourly_apply(minutes, hours):
    lease = lease_of()
    expires = lease.expires.replace(minute=0) + minutes * MINUTE
    assert lapse(replace(lease, expires=expires)) == expires.replace(minute=0) + hours * HOUR
