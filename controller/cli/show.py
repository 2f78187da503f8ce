"""How plans and what became of them are printed: for people, and as JSON."""

from typing import Any

import click

from controller import workflow
from controller.cli.output import Column, document, note, table
from controller.lease import stamp
from controller.message import chance, percent
from controller.plan import Change, ForecastEvidence, Plan


def plan_record(plan: Plan) -> dict[str, Any]:
    """A plan as JSON has it."""
    return {
        "environment": plan.environment,
        "now": stamp(plan.now),
        "changes": [_change(x) for x in plan.changes],
        "notes": plan.notes,
    }


def _change(change: Change) -> dict[str, Any]:
    lease = change.lease
    return {
        "action": change.action,
        "pool": lease.pool,
        "lease": lease.id,
        "floor": lease.floor,
        "warm": lease.warm,
        "starts": stamp(lease.starts),
        "ends": stamp(lease.ends),
        "expires": stamp(lease.expires),
        "evidence": workflow.plain_record(change.evidence),
        "clips": [clip.reason for clip in change.clips],
    }


def print_plan(plan: Plan, currency: str) -> None:
    """Print what is asked for, each with its evidence."""
    for change in plan.changes:
        for line in _lines(change, currency):
            click.echo(line)
        click.echo()
    if plan.empty:
        click.echo("nothing to change")
    for line in plan.notes:
        click.echo(f"  {line}")


def _lines(change: Change, currency: str) -> list[str]:
    lease, evidence = change.lease, change.evidence
    window = f"{lease.starts:%a %d %b %H:%M} – {lease.ends:%a %d %b %H:%M} UTC"
    head = f"{change.action} {lease.pool}/{lease.id}: "
    if isinstance(evidence, ForecastEvidence):
        spans = ", ".join(f"{percent(x.level)} {x.lower}–{x.upper}" for x in evidence.intervals)
        lines = [
            head + f"hold {lease.floor} nodes" + (f" and {lease.warm} warm" if lease.warm else ""),
            f"  window    {window}",
            f"  merge by  {evidence.merge_by:%a %d %b %H:%M} UTC",
            f"  need      median {evidence.median} nodes; {spans}; {evidence.binding} binds",
            f"  P(need > {evidence.held} held) is {chance(evidence.probability)}, "
            f"threshold {percent(evidence.threshold)}",
            f"  nothing   would leave {evidence.shortfall_node_hours:.1f} node-hours short",
            f"  cost      {evidence.planned.cost:,.2f} {currency} to the end of the window,",
            f"            at most {evidence.most.cost:,.2f} {currency} to {lease.expires:%a %d %b %H:%M} UTC",
        ]
    else:
        claims = ", ".join(f"{why} {nodes}" for why, nodes in evidence.retained)
        verb = "give it back" if change.action == "release" else f"step down to {lease.floor} nodes"
        lines = [
            head + f"{verb}, {evidence.reason}",
            f"  window    {window}",
            f"  used      {evidence.most_used} of {evidence.held} nodes at most, {evidence.used} last hour",
            f"  claims    {claims}; base {evidence.base}",
            f"  saves     up to {evidence.given_back.cost:,.2f} {currency}",
        ]
    return lines + [f"  guard     {clip.reason}" for clip in change.clips]


def print_outcomes(plan: Plan, outcomes: list[workflow.Outcome], output: str) -> None:
    """Print what became of every change."""
    if output == "json":
        rows = [
            _change(x.change)
            | {
                "state": x.state,
                "pull_request": x.number,
                "branch": x.branch,
                "title": x.words.title,
                "diff": x.diff,
            }
            for x in outcomes
        ]
        document({"environment": plan.environment, "now": stamp(plan.now), "outcomes": rows, "notes": plan.notes})
        return
    if not outcomes:
        click.echo("nothing to change")
    else:
        rows_shown = [
            (f"#{x.number}" if x.number else "–", x.state + (f" ({x.why})" if x.why else ""), x.words.title)
            for x in outcomes
        ]
        table([Column("pull request"), Column("state"), Column("title")], rows_shown)
    for line in plan.notes:
        note(line)
    for outcome in outcomes:
        if outcome.diff:
            click.echo(f"\n{outcome.words.commit}\n{outcome.diff}")
