"""How plans and what became of them are printed: for people, within 80 columns, and as JSON."""

import textwrap
from typing import Any

import click

from controller import workflow
from controller.cli.output import Column, document, note, plain_record, pull, table
from controller.config import Config
from controller.lease import stamp
from controller.markdown import chance, percent, plain
from controller.plan import Change, Clip, DecayEvidence, ForecastEvidence, Plan, Shortfall, Stake

_WIDTH, _INDENT, _SHOWN = 80, 12, 6


def plan_record(plan: Plan) -> dict[str, Any]:
    """A plan as JSON has it."""
    return {
        "environment": plan.environment,
        "now": stamp(plan.now),
        "changes": [_change(x) for x in plan.changes],
        "notes": plan.notes,
        "shortfalls": [plain_record(x) for x in plan.shortfalls],
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
        "evidence": plain_record(change.evidence),
        "clips": [plain_record(clip) for clip in change.clips],
    }


def print_plan(plan: Plan, config: Config) -> None:
    """Print what is asked for, each with its evidence, and what stays short."""
    for change in plan.changes:
        lease, evidence = change.lease, change.evidence
        head = f"{change.action} {lease.pool}/{lease.id}: "
        if isinstance(evidence, ForecastEvidence):
            warm = f" and {lease.warm} warm" if lease.warm else ""
            _print(f"{head}hold {lease.floor} nodes{warm}", _asked(change, evidence, config))
        else:
            verb = "give it back" if change.action == "release" else f"step down to {lease.floor} nodes"
            _print(f"{head}{verb}, {evidence.reason}", _let_go(change, evidence, config))
        click.echo()
    if plan.empty:
        click.echo("nothing to change")
    for line in plan.notes:
        click.echo(_wrapped(line, "  ", "    "))
    _print_shortfalls(plan.shortfalls)


def _print(head: str, rows: list[tuple[str, str]]) -> None:
    """Print a heading and rows of a word and what it says, as far as they say something."""
    click.echo(_wrapped(head, "", "  "))
    for word, text in rows:
        if text:
            click.echo(_wrapped(text, f"  {word}".ljust(_INDENT), " " * _INDENT))


def _wrapped(text: str, first: str, later: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False, break_long_words=False
    )


def _asked(change: Change, evidence: ForecastEvidence, config: Config) -> list[tuple[str, str]]:
    lease = change.lease
    chances = f"{chance(evidence.probability)}, threshold {percent(evidence.threshold)}"
    spans = ", ".join(f"{percent(x.level)} {x.lower}–{x.upper}" for x in evidence.intervals)
    late = f"; an hour later loses {evidence.late_node_hours:.1f} node-hours" if evidence.late_node_hours else ""
    return [
        ("window", _window(change) + ("; the need goes on, which can wait" if evidence.goes_on else "")),
        ("merge by", f"{evidence.merge_by:%a %d %b %H:%M} UTC{late}"),
        ("lead", evidence.lead + ("; short notice: a usual review ends later" if evidence.short_notice else "")),
        ("need", f"median {evidence.median} nodes; {spans}; {evidence.binding} binds"),
        ("chance", f"P(need > {evidence.held} held) is {chances}"),
        (
            "levels",
            f"floor {percent(evidence.service_level)}, warm {percent(evidence.shadow_level)}: "
            f"{plain(evidence.levels_why)}",
        ),
        ("events", "; ".join(plain(x.words, 260) for x in evidence.drivers)),
        ("new", _new(evidence)),
        ("spills", _some([f"{chance(x.share)} of {plain(x.group)} from {x.source}" for x in evidence.spills])),
        ("nothing", f"would leave {evidence.shortfall_node_hours:.1f} node-hours short"),
        (
            "cost",
            f"{_stake(evidence.planned, lease.pool, config)} to the end of the window, at most "
            f"{_stake(evidence.most, lease.pool, config)} to {lease.expires:%a %d %b %H:%M} UTC",
        ),
        *(("guard", _clip(x)) for x in change.clips),
    ]


def _let_go(change: Change, evidence: DecayEvidence, config: Config) -> list[tuple[str, str]]:
    claims = ", ".join(f"{why} {nodes}" for why, nodes in evidence.retained)
    return [
        ("window", _window(change)),
        ("used", f"{evidence.most_used} of {evidence.held} nodes at most, {evidence.used} last hour"),
        ("claims", f"{claims}; base {evidence.base}"),
        ("saves", f"up to {_stake(evidence.given_back, change.lease.pool, config)}"),
        *(("guard", _clip(x)) for x in change.clips),
    ]


def _stake(stake: Stake, pool: str, config: Config) -> str:
    """What something costs; in node-hours where no price is known."""
    if config.pools[pool].priced:
        return f"{stake.cost:,.2f} {config.currency}"
    return f"{stake.node_hours:,.1f} node-hours (no price is known)"


def _window(change: Change) -> str:
    return f"{change.lease.starts:%a %d %b %H:%M} – {change.lease.ends:%a %d %b %H:%M} UTC"


def _new(evidence: ForecastEvidence) -> str:
    """What is said of groups with little history: `forecasting.newcomers` has the rule."""
    if not evidence.newcomers:
        return ""
    count, all_groups = len(evidence.newcomers), len(evidence.groups)
    have, lean = ("has", "it leans on its") if count == 1 else ("have", "they lean on their")
    return (
        f"{count} of {all_groups} groups {have} under two weeks of history in some resource; {lean} block, with "
        f"wider intervals: {_some([plain(x) for x in evidence.newcomers])}"
    )


def _clip(clip: Clip) -> str:
    before, after = clip.risk or (0.0, 0.0)
    return clip.reason + (f"; P(need > floor) {chance(before)} → {chance(after)}" if before != after else "")


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _print_shortfalls(shortfalls: tuple[Shortfall, ...]) -> None:
    for x in shortfalls:
        short = [f"{plain(group)} ({chance(share)} of its demand)" for group, share in x.left_short]
        rows = [
            ("window", f"{x.starts:%a %d %b %H:%M} – {x.ends:%a %d %b %H:%M} UTC"),
            (
                "risk",
                f"P(need > {x.granted}) is {chance(x.probability)}; {x.missing:.1f} nodes are expected to be "
                "missing in the worst hour",
            ),
            ("cause", x.cause),
            ("left", f"short even with the pool at its max: {_some(short)}" if short else ""),
            ("way out", x.suggestion),
        ]
        click.echo()
        _print(f"SHORT {x.pool}: the service level needs {x.needed} nodes, {x.granted} are held", rows)


def _dry(outcome: workflow.Outcome) -> dict[str, Any]:
    """What a dry run shows of a pull request that it did not open or update; empty where it asks for nothing."""
    words = outcome.words if outcome.state == "dry run" else None
    return {
        "body": words.body if words else "",
        "commits": list(words.commits) if words else [],
        "diff": outcome.diff,
    }


def print_outcomes(plan: Plan, outcomes: list[workflow.Outcome], output: str) -> None:
    """Print what became of every change."""
    if output == "json":
        rows = [
            {
                "changes": [_change(y) for y in x.changes],
                "state": x.state,
                "pull_request": x.number,
                "branch": x.branch,
                "title": x.title,
                **_dry(x),
                "why": x.why,
            }
            for x in outcomes
        ]
        shown = {key: value for key, value in plan_record(plan).items() if key != "changes"}
        document(shown | {"outcomes": rows})
        return
    if not outcomes:
        click.echo("nothing to change")
    else:
        rows_shown = [
            (f"#{x.number}" if x.number else "–", x.state + (f" ({x.why})" if x.why else ""), x.title)
            for x in outcomes
        ]
        table([Column("pull request"), Column("state"), Column("title")], rows_shown)
    _print_shortfalls(plan.shortfalls)
    for line in plan.notes:
        note(line)
    for x in outcomes:
        if x.state == "dry run" and x.words is not None:
            click.echo("\n" + "─" * _WIDTH)
            pull(f"#{x.number} {x.title}" if x.number else x.title, f"{x.why}, {x.branch}", x.words.body, x.diff)
