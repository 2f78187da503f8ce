from dataclasses import replace
from pathlib import Path

import pytest
from worlds import NOW, config_of, lease_of

from controller.config import PlanAddress
from controller.errors import CheckError
from controller.gate import folded_at, judge_ledger, judge_plan
from controller.lease import fold, stamp

ROOT = Path(__file__).parents[2]
WEB, BATCH = "aws_autoscaling_group.web", "aws_eks_node_group.batch"


@pytest.fixture
def config():
    made = config_of()
    pools = dict(made.pools)
    pools["web"] = pools["web"].model_copy(
        update={"plan": PlanAddress(address=WEB, floor="min_size", warm="warm_pool[0].min_size")}
    )
    pools["batch"] = pools["batch"].model_copy(
        update={"plan": PlanAddress(address=BATCH, floor="scaling_config[0].min_size")}
    )
    return made.model_copy(update={"pools": pools})


def plan_of(web=(3, 1), batch=2, actions=("update",), **more):
    """A plan document that leaves the pools at these counts."""

    def item(address, after):
        change = {"actions": list(actions), "before": after, "after": after, "after_unknown": {}}
        return {"address": address, "mode": "managed", "type": "x", "name": "x", "change": change}

    return {
        "format_version": "1.2",
        "complete": True,
        "errored": False,
        "timestamp": stamp(NOW),
        "resource_changes": [
            item(WEB, {"min_size": web[0], "warm_pool": [{"min_size": web[1]}]}),
            item(BATCH, {"scaling_config": [{"min_size": batch}]}),
        ],
    } | more


def test_a_plan_that_does_what_the_leases_say_passes(config):
    ledger = (lease_of(floor=8, warm=2), replace(lease_of("batch", floor=5, warm=1), id="b"))
    verdict = judge_plan(config, ledger, plan_of(web=(8, 2), batch=6), NOW)
    assert verdict.passed
    assert len(verdict.checked) == 2


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (plan_of(), "the leases say 8, but the plan leaves aws_autoscaling_group.web min_size at 3"),
        (plan_of(web=(8, 1)), "the leases say 2, but the plan leaves aws_autoscaling_group.web warm_pool"),
        (
            plan_of(web=(8, 2), actions=("delete", "create")),
            "aws_autoscaling_group.web: the plan destroys it",
        ),
        (plan_of(web=(8, 2), errored=True), "planning failed"),
        (plan_of(web=(8, 2), complete=False), "incomplete"),
        (plan_of(web=(8, 2), resource_changes=[]), "has no resource aws_autoscaling_group.web"),
    ],
)
def test_a_plan_that_does_not_fails(config, document, said):
    verdict = judge_plan(config, (lease_of(floor=8, warm=2),), document, NOW)
    assert not verdict.passed
    assert any(said in failure for failure in verdict.failures)


def test_leases_are_folded_at_the_moment_of_the_plan(config):
    lease = lease_of(floor=8, warm=2)
    late = plan_of(variables={"now": {"value": stamp(lease.expires)}})
    assert folded_at(plan_of()) == NOW
    assert folded_at(late) == lease.expires
    assert fold((lease,), config.sizes, folded_at(late))["web"].floor == 3
    assert judge_plan(config, (lease,), late, folded_at(late)).passed


@pytest.mark.parametrize("now", ["blue", "2026-11-24", 7])
def test_a_now_that_is_no_moment_is_refused(now):
    with pytest.raises(CheckError, match="which is no time"):
        folded_at(plan_of(variables={"now": {"value": now}}))


def test_a_plan_of_nulls_is_read_as_empty(config):
    document = plan_of(resource_changes=None, checks=None, variables=None)
    assert folded_at(document) == NOW
    assert not judge_plan(config, (), document, NOW).passed


def test_a_ledger_is_held_against_the_limits(config):
    unknown = replace(lease_of(), pool="gone")
    large = lease_of(floor=14, warm=1)
    old = replace(lease_of(floor=5), id="old")
    verdict = judge_ledger(config, (unknown, large, old), old.expires)
    assert [f.split(":")[0] for f in verdict.failures] == [
        "leases/gone/a-lease.json",
        "leases/web/a-lease.json",
    ]
    assert any("expired" in w for w in verdict.warnings)
    assert judge_ledger(config, (), NOW).passed


def test_a_lease_that_hardly_ever_expires_fails(config):
    verdict = judge_ledger(config, (lease_of(floor=5, margin=24 * 99),), NOW)
    assert verdict.failures == (
        "leases/web/a-lease.json: it expires over 92 days after its start, so hardly ever",
    )


def test_a_pool_that_the_plan_cannot_show_is_a_warning():
    bare = config_of()
    verdict = judge_plan(bare, (), plan_of(), NOW)
    assert verdict.passed
    assert sum("does not say where" in warning for warning in verdict.warnings) == 2


def test_what_else_the_plan_changes_is_told(config):
    plan = plan_of()
    plan["resource_changes"].append(
        {
            "address": "aws_iam_policy.other",
            "mode": "managed",
            "change": {"actions": ["update"], "before": {"a": 1}, "after": {"a": 2}, "after_unknown": {}},
        }
    )
    verdict = judge_plan(config, (), plan, NOW)
    assert verdict.passed
    assert verdict.warnings == ("aws_iam_policy.other: the plan changes it too (update)",)


def result(kind, name="x", message="not so"):
    problem = {"address": {"kind": kind, "name": name, "to_display": f"{kind}.{name}"}, "status": "fail"}
    return problem | {"instances": [{"problems": [{"message": message}]}]}


@pytest.mark.parametrize("kind", ["check", "output_value", "resource"])
def test_a_failed_condition_or_check_is_a_failure(config, kind):
    verdict = judge_plan(config, (), plan_of(checks=[result(kind)]), NOW)
    assert verdict.failures == (f"the plan: {kind}.x: not so",)


def test_the_modules_check_of_expired_leases_does_not_block_their_release(config):
    said = "Expired, so no longer counted; release them: leases/web/old.json"
    assert said.split(":", maxsplit=1)[0] in (ROOT / "templates/terraform/modules/leases/main.tf").read_text()
    passed = judge_plan(config, (), plan_of(checks=[result("check", "expired", said)]), NOW)
    assert passed.passed
    assert passed.warnings == (f"the plan: check.expired: {said}",)
    # A check of the same name that says something else is somebody else's.
    assert not judge_plan(config, (), plan_of(checks=[result("check", "expired", "certificates")]), NOW).passed


def node_group(minimum, desired, unknown=None):
    after = {"scaling_config": [{"min_size": minimum, "desired_size": desired}]}
    change = {"actions": ["update"], "before": after, "after": after, "after_unknown": unknown or {}}
    address = "aws_eks_node_group.other"
    return {"address": address, "mode": "managed", "type": "aws_eks_node_group", "name": "x", "change": change}


@pytest.mark.parametrize(("minimum", "desired", "fails"), [(4, 3, True), (4, 4, False), (4, None, False)])
def test_an_eks_minimum_above_desired_is_refused(config, minimum, desired, fails):
    plan = plan_of()
    plan["resource_changes"].append(node_group(minimum, desired))
    verdict = judge_plan(config, (), plan, NOW)
    assert any("which EKS refuses" in x for x in verdict.failures) is fails
    plan["resource_changes"][-1] = node_group(minimum, None, {"scaling_config": [{"desired_size": True}]})
    assert judge_plan(config, (), plan, NOW).passed


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (["delete"], "the plan destroys it"),
        (["create", "delete"], "the plan destroys it"),
        (["forget"], "out of Terraform's hands"),
        (["create", "forget"], "out of Terraform's hands"),
    ],
)
def test_nothing_may_go(config, actions, said):
    plan = plan_of()
    change = {"actions": actions, "before": {"a": 1}, "after": {"a": 1}, "after_unknown": {}}
    plan["resource_changes"].append({"address": "aws_vpc.x", "mode": "managed", "change": change})
    (failure,) = judge_plan(config, (), plan, NOW).failures
    assert failure.startswith("aws_vpc.x: ")
    assert said in failure
