import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import HOUR, NOW, lease_of

from controller.errors import LeaseError
from controller.lease import Held, Lease, Size, digest, dump, fold, lease_id, parse, parse_ledger

leases = st.builds(
    lambda pool, number, floor, warm, expires: replace(
        lease_of(pool, floor, warm), id=f"lease-{number}", expires=NOW + expires * HOUR, ends=NOW + 20 * HOUR
    ),
    st.sampled_from(["web", "batch", "gone"]),
    st.integers(0, 9),
    st.integers(0, 30),
    st.integers(0, 9),
    st.integers(20, 60),
)
sizes = {"web": Size(3, 1, 14), "batch": Size(2, 0, 12)}
moments = st.integers(0, 80).map(lambda h: NOW + h * HOUR)


def test_text_and_record_are_the_same_thing():
    lease = replace(lease_of(), evidence=(("binding", "cpu"), ("probability", 0.97)))
    assert parse(dump(lease), lease.path) == lease
    assert parse(dump(lease), lease.path).evidence == lease.evidence
    assert dump(lease).endswith("}\n")
    assert list(json.loads(dump(lease))) == sorted(json.loads(dump(lease)))


def test_fold_takes_the_largest_and_drops_the_expired():
    early, late = lease_of(floor=8, warm=0), replace(lease_of(floor=5, warm=4), id="b")
    assert fold([early, late], sizes, NOW)["web"] == Held(8, 4)
    assert fold([early, late], sizes, early.expires)["web"] == Held(3, 1)
    assert fold([early], sizes, early.expires - timedelta(seconds=1))["web"] == Held(8, 1)


def test_a_lease_holds_before_its_window_starts():
    assert fold([lease_of(start=48)], sizes, NOW)["web"].floor == 8


@given(st.lists(leases, max_size=6), moments)
def test_fold_ignores_order_and_repeats(ledger: list[Lease], now):
    once = fold(ledger, sizes, now)
    assert fold(list(reversed(ledger)), sizes, now) == once
    assert fold(ledger + ledger, sizes, now) == once


@given(st.lists(leases, max_size=6), leases, moments)
def test_fold_is_monotone_and_bounded(ledger: list[Lease], more: Lease, now):
    less, full = fold(ledger, sizes, now), fold([*ledger, more], sizes, now)
    for pool, size in sizes.items():
        assert less[pool].floor <= full[pool].floor
        assert less[pool].floor + less[pool].warm <= full[pool].floor + full[pool].warm
        assert size.base <= full[pool].floor <= full[pool].floor + full[pool].warm <= size.max


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"floor": -1}, "floor is -1"),
        ({"floor": 2.5}, "floor is 2.5"),
        ({"floor": True}, "floor is True"),
        ({"warm": "3"}, "warm is '3'"),
        ({"pool": "../etc"}, "pool is '../etc'"),
        ({"pool": "batch"}, "it belongs at leases/batch/a-lease.json"),
        ({"id": "${x}"}, "id is '${x}'"),
        ({"expires": "tomorrow"}, "expires is 'tomorrow'"),
        ({"expires": "2026-02-30T00:00:00Z"}, "expires is '2026-02-30"),
        ({"expires": "2020-01-01T00:00:00Z"}, "starts < ends <= expires"),
        ({"version": 2}, "version is 2"),
        ({"evidence": {"a": [1]}}, "evidence must be"),
        ({"note": "hello"}, "unknown keys ['note']"),
    ],
)
def test_a_wrong_field_is_refused_by_name(change, said):
    record = json.loads(dump(lease_of())) | change
    with pytest.raises(LeaseError, match=r"leases/web/a-lease\.json") as refused:
        parse(json.dumps(record), "leases/web/a-lease.json")
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"floor": 1}'])
def test_what_is_not_a_lease_is_refused(text):
    with pytest.raises(LeaseError, match=r"leases/web/x\.json"):
        parse_ledger({"leases/web/x.json": text})


def test_every_file_that_is_no_lease_is_named():
    good = lease_of()
    files = {"leases/web/x.json": "{", good.path: dump(good), "leases/batch/y.json": "[]"}
    with pytest.raises(LeaseError) as refused:
        parse_ledger(files)
    first, second = str(refused.value).split("\n")
    assert first.startswith("leases/batch/y.json: a lease is a JSON object")
    assert second.startswith("leases/web/x.json: not JSON")


def test_identity_and_digest():
    lease = lease_of()
    assert lease_id("demo", "web", NOW) == lease_id("demo", "web", NOW)
    assert lease_id("demo", "web", NOW) != lease_id("demo", "web", NOW + HOUR)
    assert digest(lease) == digest(replace(lease, evidence=(("probability", 0.5),)))
    assert digest(lease) != digest(replace(lease, floor=9))
