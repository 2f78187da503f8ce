r"""Change ⇄ words: commit message with trailers, pull request title and body.

Place in the line: after the guards, beside ``render``. All words come from the change and its
evidence, through templates that see no clock and no filesystem; names from data are escaped on their way in.

>>> markdown("a|b <!-- @team")
'a\\|b &lt;\\!-- @\u200bteam'
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from controller.config import Config
from controller.guardrails.shortfalls import shortfall
from controller.lease import Lease, Ledger, digest, fold, stamp
from controller.plan import Change, ForecastEvidence

MOST_CHARACTERS = 60_000
_MARKER = re.compile(r"<!-- headroom (\{.*?\}) -->")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~>])")


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one change; ``digest`` names what it desires, whatever the words are."""

    title: str
    commit: str
    body: str
    digest: str


def desired(change: Change) -> str:
    """SHA-256 of what the change asks for: equal digests mean that nothing new is asked."""
    kind = "release" if change.action == "release" else "hold"
    return hashlib.sha256(f"{kind} {digest(change.lease)}".encode()).hexdigest()


def words(
    change: Change,
    ledger: Ledger,
    config: Config,
    templates: Mapping[str, str],
    base_commit: str,
    now: datetime,
    opening: str | None = None,
    directory: str = "",
) -> Words:
    """Put a change into words.

    ``templates`` maps file names of ``templates/pull_request`` to their texts, ``ledger`` is what is merged,
    ``opening`` is the commit that a release reverts, ``directory`` the environment's in the repository.
    """
    lease, wanted = change.lease, desired(change)
    forecast = isinstance(change.evidence, ForecastEvidence)
    held = fold(ledger, config.sizes, now)[lease.pool]
    others = [x for x in ledger if x.id != lease.id or x.pool != lease.pool]
    after = fold(others if change.action == "release" else (*others, lease), config.sizes, now)[lease.pool]
    trailers = _trailers(change, wanted, base_commit, opening)
    facts: dict[str, Any] = {
        "action": change.action,
        "lease": lease,
        "before": change.before,
        "evidence": change.evidence,
        "probability": change.evidence.probability if isinstance(change.evidence, ForecastEvidence) else None,
        "forecast": forecast,
        "clips": change.clips,
        "shortfall": shortfall(change),
        "base": config.pools[lease.pool].base,
        "max": config.pools[lease.pool].max,
        "warm_runs": config.pools[lease.pool].warm_runs,
        "floor_before": held.floor,
        "warm_before": held.warm,
        "floor_after": after.floor,
        "warm_after": after.warm,
        "currency": config.currency,
        "path": f"{directory}/{lease.path}".removeprefix("/"),
        "base_commit": base_commit,
        "opening": opening,
        "digest": wanted,
        "trailers": trailers,
        "marker": _marker(lease, change.action, wanted),
    }
    jinja = _environment(templates)
    title = jinja.get_template("title.txt.j2").render(facts).strip()
    commit = jinja.get_template("commit.txt.j2").render(facts, title=title).strip() + "\n"
    body = jinja.get_template("forecast.md.j2" if forecast else "release.md.j2").render(facts).strip() + "\n"
    return Words(title, commit, _capped(body, facts["marker"]), wanted)


def marked(body: str) -> Mapping[str, Any]:
    """What the hidden marker of a pull request's body says; empty where there is none."""
    found = _MARKER.search(body)
    if not found:
        return {}
    try:
        record = json.loads(found.group(1))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def markdown(text: object, most: int = 120) -> str:
    """Make text from outside harmless in Markdown: no markup, HTML, mention or link, one short line."""
    escaped = _SPECIAL.sub(r"\\\1", plain(text, most).replace("&", "&amp;").replace("<", "&lt;"))
    escaped = escaped.replace("\\>", "&gt;").replace("@", "@\u200b").replace("$", "\\$")
    return escaped.replace("://", ":\u200b//").replace("www.", "www\u200b.")  # no link of its own making


def plain(text: object, most: int = 120) -> str:
    """Make text from outside one line of at most so many characters, without control or direction marks."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text))
    return " ".join(kept.split())[:most]


def _environment(templates: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
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


def percent(value: float) -> str:
    """A share as it was set, in per cent."""
    return f"{100 * value:.10g} %"


def chance(value: float) -> str:
    """A probability counted from draws, in per cent: it is never certain, so never 0 % or 100 %."""
    if value < 0.01:
        return "under 1 %"
    return "over 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def _trailers(change: Change, wanted: str, base_commit: str, opening: str | None) -> tuple[tuple[str, str], ...]:
    lease = change.lease
    trailers = [
        ("Lease-Id", f"{lease.environment}/{lease.pool}/{lease.id}"),
        ("Lease-Action", change.action),
        ("Lease-Expires", stamp(lease.expires)),
        ("Desired-Digest", wanted),
        ("Base-Commit", base_commit),
    ]
    if isinstance(change.evidence, ForecastEvidence):
        trailers.insert(3, ("Forecast-Run", change.evidence.forecast or "unknown"))
    if change.action == "release" and opening:
        trailers.append(("Releases-Commit", opening))
    return tuple(trailers)


def _marker(lease: Lease, action: str, wanted: str) -> str:
    record = {"lease": f"{lease.environment}/{lease.pool}/{lease.id}", "action": action, "desired": wanted}
    return f"<!-- headroom {json.dumps(record, sort_keys=True)} -->"


def _capped(body: str, marker: str) -> str:
    if len(body) <= MOST_CHARACTERS:
        return body
    cut = body[: MOST_CHARACTERS - len(marker) - 40].rsplit("\n", 1)[0]
    return f"{cut}\n\n(cut at {MOST_CHARACTERS:,} characters)\n{marker}\n"
