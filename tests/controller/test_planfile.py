import json
from datetime import UTC, datetime

import pytest

from controller.errors import CheckError
from controller.planfile import (
    Attribute,
    Problem,
    destroys,
    load,
    problems,
    summary,
    text,
    timestamp,
    value_at,
)

NODES = "module.batch.aws_eks_node_group.pool"


def plan_of(*changes, **fields):
    plan = {
        "format_version": "1.2",
        "complete": True,
        "errored": False,
        "timestamp": "2026-11-26T08:00:00Z",
        "resource_changes": list(changes),
        **fields,
    }
    return load(json.dumps(plan))


def change(address, actions, before, after, mode="managed", **masks):
    return {
        "address": address,
        "mode": mode,
        "change": {"actions": actions, "before": before, "after": after, **masks},
    }


def sizes(minimum, desired):
    return {
        "name": "batch",
        "scaling_config": [{"min_size": minimum, "desired_size": desired, "max_size": 12}],
    }


RAISED = change(NODES, ["update"], sizes(2, 2), sizes(7, 7))


def test_a_raised_pool_reads_as_a_reviewer_would_write_it():
    unchanged = change("aws_vpc.demo", ["no-op"], {"cidr": "10.0.0.0/8"}, {"cidr": "10.0.0.0/8"})
    data = change("data.aws_eks_clusters.all", ["read"], None, {"names": []}, mode="data")
    made = summary(plan_of(unchanged, data, RAISED))
    assert (made.creates, made.updates, made.deletes) == (0, 1, 0)
    assert text(made) == (
        f"~ {NODES} (update)\n"
        "    scaling_config[0].desired_size  2 → 7\n"
        "    scaling_config[0].min_size      2 → 7\n"
        "\n"
        "Plan: 0 to add, 1 to change, 0 to destroy."
    )


def test_creations_deletions_and_replacements_are_counted_as_terraform_does():
    plan = plan_of(
        change("a.new", ["create"], None, {"x": 1}, after_unknown={"id": True}),
        change("a.old", ["delete"], {"x": 1}, None),
        change("a.swap", ["delete", "create"], {"x": 1}, {"x": 2}, after_unknown={"id": True}),
        change("a.swap_first", ["create", "delete"], {"x": 1}, {"x": 2}),
    )
    made = summary(plan)
    assert [item.action for item in made.changes] == ["create", "delete", "replace", "replace"]
    assert (made.creates, made.updates, made.deletes) == (3, 0, 3)
    assert made.changes[0].attributes == ()
    assert made.changes[2].attributes == (
        Attribute("id", "null", "(known after apply)"),
        Attribute("x", "1", "2"),
    )
    assert destroys(plan) == ("a.old", "a.swap", "a.swap_first")


def test_a_deposed_object_is_told_from_the_one_in_its_place():
    deposed = {**change(NODES, ["delete"], sizes(2, 2), None), "deposed": "1f2e"}
    plan = plan_of(deposed, RAISED)
    assert destroys(plan) == (f"{NODES} (deposed 1f2e)",)
    assert value_at(plan, NODES, "scaling_config[0].min_size") == 7


def test_sensitive_values_are_masked_wherever_the_mask_is():
    before = {"password": "old-secret", "users": [{"key": "k1-secret"}], "tags": {"a": "t-secret"}}
    after = {"password": "new-secret", "users": [{"key": "k2-secret"}], "tags": {"a": "u-secret"}}
    mask = {"password": True, "users": [{"key": True}], "tags": True}
    plan = plan_of(change("a.b", ["update"], before, after, before_sensitive=mask, after_sensitive=mask))
    printed = text(summary(plan))
    assert "secret" not in printed
    assert [item.path for item in summary(plan).changes[0].attributes] == ["password", "tags", "users[0].key"]


def test_a_value_that_becomes_or_ceases_to_be_sensitive_is_masked_on_both_sides():
    becoming = change("a.b", ["update"], {"x": "s1"}, {"x": "s2"}, after_sensitive={"x": True})
    ceasing = change("a.c", ["update"], {"x": "s1"}, {"x": "s2"}, before_sensitive={"x": True})
    printed = text(summary(plan_of(becoming, ceasing)))
    assert "s1" not in printed
    assert "s2" not in printed


def test_a_secret_inside_a_value_whose_kind_changes_is_masked():
    plan = plan_of(
        change("a.b", ["update"], {"x": {"y": "hush"}}, {"x": "plain"}, before_sensitive={"x": {"y": True}})
    )
    assert summary(plan).changes[0].attributes == (Attribute("x", "(sensitive)", '"plain"'),)


def test_lists_that_grow_and_maps_with_odd_keys():
    before = {"ids": ["a"], "tags": {"k8s.io/x": "1"}, "note": None, "block": None}
    after = {"ids": ["a", "b"], "tags": {"k8s.io/x": "2"}, "note": "", "block": [{"n": 1}]}
    attributes = summary(plan_of(change("a.b", ["update"], before, after))).changes[0].attributes
    assert attributes == (
        Attribute("block[0].n", "null", "1"),
        Attribute("ids[1]", "null", '"b"'),
        Attribute('tags["k8s.io/x"]', '"1"', '"2"'),
    )


def test_long_and_hostile_values_stay_on_their_line():
    attributes = (
        summary(plan_of(change("a.b", ["update"], {"x": "1"}, {"x": "\n\u202e" + "y" * 500})))
        .changes[0]
        .attributes
    )
    assert len(attributes[0].after) == 60
    assert attributes[0].after.startswith('"\\n\\u202ey')


def test_values_are_read_by_path():
    plan = plan_of(RAISED, change("a.tags", ["no-op"], {"t": {"a.b": 1}}, {"t": {"a.b": 1}}))
    assert value_at(plan, NODES, "scaling_config[0].min_size") == 7
    assert value_at(plan, NODES, "scaling_config[0].min_size", "before") == 2
    assert value_at(plan, "a.tags", 't["a.b"]') == 1


def test_a_resource_that_is_made_has_no_before():
    plan = plan_of(change(NODES, ["create"], None, sizes(2, 2)))
    assert value_at(plan, NODES, "scaling_config[0].min_size", "before") is None


@pytest.mark.parametrize(
    ("address", "path", "message"),
    [
        ("module.other.x", "name", "no resource module.other.x"),
        (NODES, "scaling_config[1].min_size", "no attribute"),
        (NODES, "scaling_config[0].size", "no attribute"),
        (NODES, "name.x", "no attribute"),
        (NODES, "arn", "known only after applying"),
        (NODES, "computed[0].x", "known only after applying"),
        (NODES, "scaling_config.0.min_size", "no path"),
        (NODES, ".name", "no path"),
        (NODES, "", "no path"),
    ],
)
def test_a_value_that_cannot_be_read_is_an_error(address, path, message):
    unknown = {"arn": True, "computed": True, "scaling_config": [{}]}
    plan = plan_of(change(NODES, ["update"], sizes(2, 2), sizes(7, 7), after_unknown=unknown))
    with pytest.raises(CheckError, match=message):
        value_at(plan, address, path)


def test_the_plan_says_when_it_was_made():
    assert timestamp(plan_of()) == datetime(2026, 11, 26, 8, tzinfo=UTC)
    with pytest.raises(CheckError, match="timestamp"):
        timestamp(plan_of(timestamp=None))


def test_problems_are_errors_incompleteness_and_failed_checks():
    failed = {
        "address": {"kind": "check", "name": "expired", "to_display": "module.leases.check.expired"},
        "status": "fail",
        "instances": [{"status": "fail", "problems": [{"message": "Expired: leases/web/a.json"}]}],
    }
    passed = {"address": {"to_display": "check.fine"}, "status": "pass"}
    found = problems(plan_of(errored=True, complete=False, checks=[passed, failed]))
    assert [item.kind for item in found] == ["errored", "incomplete", "check"]
    said = "Expired: leases/web/a.json"
    assert found[2] == Problem("check", f"module.leases.check.expired: {said}", "expired", (said,))
    assert problems(plan_of()) == ()


@pytest.mark.parametrize("ask", [summary, destroys, lambda plan: value_at(plan, NODES, "name")])
def test_a_failed_plan_does_not_pass_for_one_without_changes(ask):
    plan = load('{"format_version": "1.2", "errored": true, "complete": false}')
    with pytest.raises(CheckError, match="planning failed"):
        ask(plan)


@pytest.mark.parametrize("source", ["", "{", "[]", "{}", '{"format_version": 1}', '{"format_version": "2.0"}'])
def test_what_is_no_plan_is_refused(source):
    with pytest.raises(CheckError, match=r"plan"):
        load(source)


@pytest.mark.parametrize("ask", [summary, destroys, problems, timestamp])
def test_every_question_checks_the_format(ask):
    with pytest.raises(CheckError, match="format 2.0"):
        ask({"format_version": "2.0", "timestamp": "2026-11-26T08:00:00Z"})


def test_unknown_actions_are_not_guessed():
    with pytest.raises(CheckError, match="unknown actions"):
        summary(plan_of(change("a.b", ["teleport"], {}, {})))
