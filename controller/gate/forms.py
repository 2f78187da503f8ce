r"""A report of the gate → annotations, SARIF, or the comment on a pull request.

Place in the line: the last step of ``headroom check``; the table and the JSON are the command line's own.

>>> annotation(Finding("destroys", "web: 50 % gone\nall", "leases/a,b.json"), "environments/prod")
'::error file=environments/prod/leases/a%2Cb.json,line=1,title=headroom destroys::web: 50 %25 gone%0Aall'
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from controller.gate.counts import Count
from controller.gate.verdict import RULES, Finding, Verdict
from controller.markdown import markdown
from controller.message import MOST_CHARACTERS
from controller.planfile import Summary

_SIGNS = {"create": "create", "update": "update", "delete": "**delete**", "replace": "**replace**"}
_MOST_ROWS = 60


@dataclass(frozen=True, slots=True)
class Report:
    """What ``headroom check`` found, and what the plan does.

    ``where`` is the environment's directory as the forge knows it; ``digest`` names what the plan does.
    """

    where: str
    verdict: Verdict
    summary: Summary | None = None
    counts: tuple[Count, ...] = ()
    digest: str = ""


def annotations(report: Report) -> str:
    """GitHub's workflow commands, which Gitea reads too: one line for each finding."""
    return "\n".join(annotation(x, report.where) for x in report.verdict.found)


def annotation(finding: Finding, where: str) -> str:
    """One workflow command; what would end it, or its file's name, is escaped as GitHub asks for."""
    level = "error" if finding.level == "failure" else "warning"
    title = _property(f"headroom {finding.rule}")
    return f"::{level} file={_property(_file(finding, where))},line=1,title={title}::{_data(finding.text)}"


def sarif(report: Report) -> dict[str, Any]:
    """SARIF 2.1.0, for code scanning."""
    rules = sorted({x.rule for x in report.verdict.found})
    driver = {
        "name": "Headroom",
        "rules": [{"id": x, "shortDescription": {"text": RULES.get(x, x)}} for x in rules],
    }
    results = [
        {
            "ruleId": x.rule,
            "ruleIndex": rules.index(x.rule),
            "level": "error" if x.level == "failure" else "warning",
            "message": {"text": x.text},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(_file(x, report.where))},
                        "region": {"startLine": 1},
                    }
                }
            ],
        }
        for x in report.verdict.found
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def comment(report: Report) -> str:
    """The comment on a pull request, in Markdown; all that comes from data is escaped."""
    verdict = report.verdict
    failed = len(verdict.failures)
    head = f"**{failed} reason{'' if failed == 1 else 's'} not to apply.**" if failed else "**May be applied.**"
    parts = [f"### Plan of `{_code(report.where)}`", f"{head} {_totals(report.summary)}".rstrip()]
    if report.counts:
        rows = [
            f"| {markdown(x.pool)} | {x.what} | {markdown(x.before)} → {_after(x)} |"
            for x in report.counts[:_MOST_ROWS]
        ]
        parts.append("\n".join(["| pool | count | before → after |", "| --- | --- | --- |", *rows]))
    for title, lines in (("Failed", verdict.failures), ("Worth knowing", verdict.warnings)):
        if lines:
            parts.append("\n".join([f"{title}:", "", *_items(lines)]))
    if report.summary is not None and report.summary.changes:
        listed = [f"{_SIGNS.get(x.action, x.action)} {markdown(x.address, 300)}" for x in report.summary.changes]
        body = "\n".join(f"- {x}" for x in _cut(listed))
        parts.append(f"<details><summary>What the plan changes</summary>\n\n{body}\n\n</details>")
    if verdict.checked:
        parts.append("\n".join(["Held:", "", *_items(verdict.checked)]))
    if report.digest:
        parts.append(f"Digest of the plan: `{report.digest}`")
    text = "\n\n".join(parts) + "\n"
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rsplit("\n", 1)[0] + "\n\n(cut)\n"


def _totals(summary: Summary | None) -> str:
    if summary is None:
        return ""
    replaced = sum(x.action == "replace" for x in summary.changes)
    counted = (
        f"{summary.creates - replaced} to create",
        f"{summary.updates} to update",
        f"{summary.deletes - replaced} to delete",
        f"{replaced} to replace",
    )
    return f"{', '.join(counted)}." if summary.changes else "The plan changes nothing."


def _after(count: Count) -> str:
    after = markdown(count.after)
    return after if count.before == count.after else f"**{after}**"


def _items(lines: tuple[str, ...]) -> list[str]:
    return [f"- {markdown(x, 400)}" for x in _cut(list(lines))]


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_ROWS
    return lines if more <= 0 else [*lines[:_MOST_ROWS], f"and {more} more"]


def _code(text: str) -> str:
    return "".join(x for x in text if x.isprintable() and x != "`")[:200]


def _file(finding: Finding, where: str) -> str:
    if finding.path is None:
        return f"{where}/headroom.yaml"
    return finding.path if finding.rooted else f"{where}/{finding.path}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
