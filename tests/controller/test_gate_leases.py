from dataclasses import replace

import pytest
from worlds import HOUR, NOW, config_of, lease_of

from controller.gate import Touched, judge_change, judge_ledger
from controller.lease import lease_id

CONFIG = config_of()
WHERE = "environments/demo"


def named(pool="web", suffix="", moved=0, **kw):
    lease = lease_of(pool, **kw)
    return replace(lease, id=lease_id("demo", pool, lease.starts - moved * HOUR) + suffix)


def added(*leases):
    return Touched(added=frozenset(x.path for x in leases))


@pytest.mark.parametrize("lease", [named(), named(suffix="-2"), named(suffix="-14"), named(moved=3)])
def test_an_id_that_was_made_for_the_lease_passes(lease):
    verdict = judge_change(added(lease), (lease,), WHERE)
    assert verdict.passed
    assert verdict.checked == (f"the change stays within {WHERE}/leases: 1 added",)


@pytest.mark.parametrize(
    "identity",
    [
        "a-lease",
        named("batch").id,
        named(suffix="-1").id,
        named(suffix="-02").id,
        "20261340t0600-de5619",
        named().id[:-1] + ("0" if named().id[-1] != "0" else "1"),
    ],
)
def test_an_id_that_was_made_for_another_lease_fails(identity):
    lease = replace(named(), id=identity)
    (found,) = judge_change(added(lease), (lease,), WHERE).found
    assert found.rule == "lease-identity"
    assert named().id in found.text
    # One that lies there already is not this change's to answer for.
    assert judge_change(Touched(changed=frozenset({lease.path})), (lease,), WHERE).passed


def test_what_lies_outside_fails():
    verdict = judge_change(Touched(strays=("main.tf", f"{WHERE}/headroom.yaml")), (), WHERE)
    assert [x.path for x in verdict.found] == ["main.tf", f"{WHERE}/headroom.yaml"]
    assert all(x.rooted and x.rule == "outside-leases" for x in verdict.found)


@pytest.mark.parametrize("rule", ["expired-lease", "overlong-lease"])
def test_who_brings_a_bad_lease_in_fails_and_who_finds_it_there_is_told(rule):
    lease = named(margin=24 * 99) if rule == "overlong-lease" else named()
    now = NOW if rule == "overlong-lease" else lease.expires
    mine = judge_ledger(CONFIG, (lease,), now, added(lease))
    assert [(x.rule, x.level) for x in mine.found] == [(rule, "failure")]
    theirs = judge_ledger(CONFIG, (lease,), now, Touched())
    assert [(x.rule, x.level) for x in theirs.found] == [(rule, "warning")]
