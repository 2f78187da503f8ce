import copy

import pytest

from controller.gate import beyond, digest, judge_reviewed
from controller.planmoves import moves

WEB = "aws_autoscaling_group.web"


def plan_of(*items):
    return {"format_version": "1.2", "complete": True, "errored": False, "resource_changes": list(items)}


def item(before, after, address=WEB, actions=("update",), **more):
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": {}} | more
    return {"address": address, "mode": "managed", "type": "x", "name": "x", "change": change}


def sized(before, after, address=WEB, **more):
    return item({"min_size": before, "name": "a"}, {"min_size": after, "name": "a"}, address, **more)


NOTHING = plan_of(item({"min_size": 4}, {"min_size": 4}, actions=["no-op"]))


@pytest.mark.parametrize(
    ("reviewed", "new"),
    [
        ((4, 9), (4, 9)),
        ((4, 9), (6, 9)),  # the autoscaler went up meanwhile
        ((9, 4), (9, 4)),
        ((9, 4), (6, 4)),
        ((None, 9), (None, 9)),
        (("a", "b"), ("a", "b")),
    ],
)
def test_what_was_reviewed_or_less_of_it_passes(reviewed, new):
    assert beyond(plan_of(sized(*new)), [plan_of(sized(*reviewed))]) == ()
    assert judge_reviewed(plan_of(sized(*new)), [plan_of(sized(*reviewed))]).passed


@pytest.mark.parametrize(
    ("reviewed", "new"),
    [
        ((4, 9), (4, 10)),
        ((4, 9), (20, 9)),  # it was to raise, and would lower
        ((4, 9), (3, 9)),
        ((9, 4), (12, 4)),
        ((9, 4), (3, 4)),
        ((4, 9), (None, 9)),
        (("a", "b"), ("c", "b")),
        ((0, 1), (0, True)),
    ],
)
def test_what_goes_further_does_not(reviewed, new):
    (said,) = beyond(plan_of(sized(*new)), [plan_of(sized(*reviewed))])
    assert said.startswith(f"{WEB}: min_size: ")
    assert said.endswith(" was reviewed")


def test_other_resources_actions_and_attributes_were_not_reviewed():
    seen = [plan_of(sized(4, 9))]
    assert beyond(plan_of(sized(4, 9, "aws_vpc.x")), seen) == ("aws_vpc.x: update was not in any reviewed plan",)
    replaced = plan_of(sized(4, 9, actions=["delete", "create"]))
    assert beyond(replaced, seen) == (f"{WEB}: replace was not in any reviewed plan",)
    renamed = plan_of(item({"min_size": 4, "name": "a"}, {"min_size": 9, "name": "b"}))
    assert beyond(renamed, seen) == (f'{WEB}: name: "a" → "b" was not in the reviewed plan',)
    assert beyond(NOTHING, seen) == ()


def test_two_that_were_merged_together_are_reviewed_together():
    both = plan_of(sized(4, 9), sized(2, 5, "aws_eks_node_group.batch"))
    seen = [plan_of(sized(4, 9)), plan_of(sized(2, 5, "aws_eks_node_group.batch"))]
    assert beyond(both, seen) == ()
    assert len(beyond(both, seen[:1])) == 1
    assert beyond(both, []) != ()


def test_sensitive_values_are_compared_and_never_said():
    def secret(value, **more):
        masks = {"before_sensitive": {"password": True}, "after_sensitive": {"password": True}} | more
        return plan_of(item({"password": {"text": "old-canary"}}, {"password": {"text": value}}, **masks))

    assert beyond(secret("new-canary"), [secret("new-canary")]) == ()
    (said,) = beyond(secret("other-canary"), [secret("new-canary")])
    assert "canary" not in said
    assert said.endswith("the values differ")
    assert digest(secret("new-canary")) == digest(secret("other-canary"))
    # Of a value that changes its shape, a mask below it counts for all of it.
    turned = item({"a": "x-canary"}, {"a": {"b": "y-canary"}}, after_sensitive={"a": {"b": True}})
    (said,) = beyond(plan_of(turned), [plan_of(item({"a": 1}, {"a": 2}))])
    assert "canary" not in said


def test_what_is_known_only_after_applying_must_have_been_so():
    unknown = item({"id": "a"}, {}, after_unknown={"id": True})
    known = item({"id": "a"}, {"id": "b"})
    assert beyond(plan_of(unknown), [plan_of(unknown)]) == ()
    assert beyond(plan_of(unknown), [plan_of(known)]) == (
        f'{WEB}: id: "a" → (known after apply), but "a" → "b" was reviewed',
    )


def test_a_digest_names_what_is_done_and_nothing_else():
    plan = plan_of(sized(4, 9))
    later = copy.deepcopy(plan) | {"timestamp": "2026-11-27T06:00:00Z"}
    assert digest(plan) == digest(later)
    assert digest(plan) != digest(plan_of(sized(4, 10)))
    long = "x" * 100
    assert digest(plan_of(sized(long, long + "a"))) != digest(plan_of(sized(long, long + "b")))
    assert list(moves(plan)[WEB].values) == ["min_size"]


def test_a_person_may_accept_one_plan_and_no_other():
    plan = plan_of(sized(4, 9))
    assert judge_reviewed(plan, [], digest(plan)).passed
    verdict = judge_reviewed(plan, [], "0123456789abcdef")
    assert any("it has changed since" in x for x in verdict.failures)
    assert judge_reviewed(NOTHING, []).passed
    assert not judge_reviewed(plan, []).passed
