r"""Proposal → words: commit messages with trailers, pull request title and body.

Place in the line: after the guards, beside ``render``. All words come from the changes and their evidence, through
templates that see no clock and no filesystem; names from data are escaped on their way in.

    said = words(proposal, Context(ledger, config, template_texts("pull_request"), base_commit, now))
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from controller import marker
from controller.config import Config
from controller.guardrails.shortfalls import shortfall
from controller.lease import Ledger, edited, fold, stamp
from controller.markdown import chance, markdown, percent, plain
from controller.marker import Mark
from controller.plan import Change, ForecastEvidence
from controller.proposal import Proposal, desired, key
from controller.record import Track

MOST_CHARACTERS = 60_000


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a proposal: ``commits`` has the message of each change, in their order.

    ``digest`` names what it asks for, whatever the words are.
    """

    title: str
    commits: tuple[str, ...]
    body: str
    digest: str


@dataclass(frozen=True, slots=True)
class Context:
    """What words may look at besides the proposal.

    ``templates`` maps file names of ``templates/pull_request`` to their texts, ``ledger`` is what is merged,
    ``openings`` maps paths of leases to the commits that opened them, ``directory`` is the environment's in the
    repository, ``tracks`` is the forecaster's record by pool.
    """

    ledger: Ledger
    config: Config
    templates: Mapping[str, str]
    base_commit: str
    now: datetime
    directory: str = ""
    openings: Mapping[str, str] = field(default_factory=dict)
    tracks: Mapping[str, Track] = field(default_factory=dict)


def words(proposal: Proposal, context: Context) -> Words:
    """Put a proposal into words; a body is never longer than what every forge takes."""
    jinja = _environment(tuple(sorted(context.templates.items())))
    facts = [_facts(x, context) for x in proposal.changes]
    titles = [jinja.get_template("title.txt.j2").render(x).strip() for x in facts]
    commits = [
        jinja.get_template("commit.txt.j2").render(x, title=title).strip() + "\n"
        for x, title in zip(facts, titles, strict=True)
    ]
    bodies = [
        jinja.get_template("forecast.md.j2" if x["forecast"] else "release.md.j2").render(x).strip() for x in facts
    ]
    hidden = marker.written(_mark(x, context.now) for x in proposal.changes)
    if len(facts) == 1:
        title, body = titles[0], bodies[0]
    else:
        shared = {"changes": facts, "titles": titles, "environment": context.config.environment}
        title = jinja.get_template("group_title.txt.j2").render(shared).strip()
        body = "\n\n".join([jinja.get_template("group.md.j2").render(shared).strip(), *bodies])
    return Words(title, tuple(commits), _capped(body, hidden), proposal.digest)


def _facts(change: Change, context: Context) -> dict[str, Any]:
    """Everything that a template may print of one change."""
    lease, config, evidence = change.lease, context.config, change.evidence
    forecast, pool = isinstance(evidence, ForecastEvidence), config.pools[lease.pool]
    merged, size = [x for x in context.ledger if x.pool == lease.pool], {lease.pool: pool.size}
    held = fold(merged, size, context.now)[lease.pool]
    others = [x for x in merged if x.id != lease.id]
    after = fold(others if change.action == "release" else [*others, lease], size, context.now)[lease.pool]
    opening = context.openings.get(lease.path) if change.action == "release" else None
    return {
        "action": change.action,
        "lease": lease,
        "before": change.before,
        "edited": change.before is not None and edited(change.before),
        "evidence": evidence,
        "probability": evidence.probability if isinstance(evidence, ForecastEvidence) else None,
        "forecast": forecast,
        "clips": change.clips,
        "shortfall": shortfall(change),
        "track": context.tracks.get(lease.pool, Track()),
        "base": pool.base,
        "max": pool.max,
        "warm_runs": pool.warm_runs,
        "floor_before": held.floor,
        "warm_before": held.warm,
        "floor_after": after.floor,
        "warm_after": after.warm,
        "currency": config.currency,
        "path": f"{context.directory}/{lease.path}".removeprefix("/"),
        "base_commit": context.base_commit,
        "opening": opening,
        "digest": desired(change),
        "trailers": _trailers(change, context.base_commit, opening),
    }


def _mark(change: Change, now: datetime) -> Mark:
    """What the pull request must remember of a change."""
    lease, evidence = change.lease, change.evidence
    mark = Mark(key(lease), change.action, desired(change))
    if isinstance(evidence, ForecastEvidence):
        return replace(mark, merge_by=evidence.merge_by, cost=evidence.most.cost)
    known = dict(lease.evidence)
    foreseen = tuple(known.get(x) for x in ("lower80", "median", "upper80"))
    # Before the window is over the largest need may be still to come: that is no record.
    if change.action != "release" or now < lease.ends or evidence.usage_until is None:
        return mark
    low, middle, high = foreseen
    if isinstance(low, int) and isinstance(middle, int) and isinstance(high, int):
        return replace(mark, foreseen=(low, middle, high), used=evidence.most_used)
    return mark


@lru_cache(maxsize=4)
def _environment(templates: tuple[tuple[str, str], ...]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown and plain text; what comes from data passes `markdown` or `plain`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters |= {
        "markdown": markdown,
        "plain": plain,
        "moment": lambda x: f"{x.astimezone(UTC):%a %d %b %Y %H:%M} UTC",
        "short": lambda x: f"{x.astimezone(UTC):%a %d %b %H:%M}",
        "chance": chance,
        "percent": percent,
        "number": lambda x: f"{x:,.1f}".removesuffix(".0"),
        "money": lambda x: f"{x:,.2f}",
    }
    return environment


def _trailers(change: Change, base_commit: str, opening: str | None) -> tuple[tuple[str, str], ...]:
    lease = change.lease
    trailers = [
        ("Lease-Id", key(lease)),
        ("Lease-Action", change.action),
        ("Lease-Expires", stamp(lease.expires)),
        ("Desired-Digest", desired(change)),
        ("Base-Commit", base_commit),
    ]
    if isinstance(change.evidence, ForecastEvidence):
        trailers.insert(3, ("Forecast-Run", change.evidence.forecast or "unknown"))
    if opening:
        trailers.append(("Releases-Commit", opening))
    return tuple(trailers)


def _capped(body: str, hidden: str) -> str:
    """Join body and marker; what is too long is cut at a line, and said to be."""
    if len(body) + len(hidden) + 2 <= MOST_CHARACTERS:
        return f"{body}\n{hidden}\n"
    note = f"(cut at {MOST_CHARACTERS:,} characters)"
    cut = body[: MOST_CHARACTERS - len(hidden) - len(note) - 8].rsplit("\n", 1)[0]
    fence = "```\n" if cut.count("```") % 2 else ""  # a cut chart would swallow what follows
    return f"{cut}\n{fence}\n{note}\n{hidden}\n"
