"""``headroom check``: the gate that a pipeline asks before it comments, and before it applies.

Place in the line: in the user's CI, after ``terraform show -json``.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from controller.cli.leases import env_option
from controller.cli.output import document, now_option
from controller.errors import CheckError, ConfigError, GitError, LeaseError
from controller.gate.forms import Report, annotations, comment, sarif
from controller.planfile import PlanJson, load, text
from controller.workflow import checking

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    short_help="Gate for CI: leases and Terraform plan.",
    epilog="Example: terraform show -json tf.plan > plan.json && "
    "headroom check --env environments/demo --plan-json plan.json",
)
@env_option
@click.option("--plan-json", type=_FILE, help="`terraform show -json` of the plan.")
@click.option(
    "--base",
    metavar="REF",
    help="Branch that HEAD is to be merged into, such as origin/main: limits are read there, and nothing but "
    "leases may differ from it.",
)
@click.option(
    "--reviewed",
    type=_FILE,
    multiple=True,
    help="Plan that was reviewed, in JSON: what --plan-json changes must be in it. May be given several times.",
)
@click.option("--only-reviewed", is_flag=True, help="Fail on a plan that changes anything, if none was reviewed.")
@click.option("--accept", metavar="DIGEST", help="Pass a plan that was not reviewed if this is its digest.")
@now_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "sarif", "annotations", "markdown"]),
    default="table",
    show_default=True,
    help="Form of the result; markdown is the comment on a pull request.",
)
@click.option("--comment", "comment_path", type=click.Path(path_type=Path), help="Write the comment here, too.")
def check(
    directory: Path,
    plan_json: Path | None,
    base: str | None,
    reviewed: tuple[Path, ...],
    only_reviewed: bool,
    accept: str | None,
    now: datetime,
    output: str,
    comment_path: Path | None,
) -> None:
    """Gate for CI: lease files are valid and within limits; the plan does what they say and destroys nothing.

    With --plan-json leases are judged at the moment of the plan, else at --now. With --base it is held that a
    proposal touches nothing but leases. Exits with 1 if anything speaks against applying.
    """
    held = bool(reviewed or accept or only_reviewed)
    if held and plan_json is None:
        raise click.UsageError(
            "--reviewed, --only-reviewed and --accept say what --plan-json may change; give it too"
        )
    try:
        plan = _plan(plan_json) if plan_json else None
        seen = [_plan(path) for path in reviewed] if held else None
        report = checking.check(directory, plan, now, base, seen, accept)
    except (CheckError, ConfigError, GitError, LeaseError) as error:
        if comment_path is None and output in ("table", "json"):
            raise
        report = checking.refused(directory, error)
    if comment_path is not None:
        comment_path.write_text(comment(report), encoding="utf-8")
    _print(report, output)
    if not report.verdict.passed:
        click.get_current_context().exit(1)


def _print(report: Report, output: str) -> None:
    if output == "json":
        document(_record(report))
    elif output == "sarif":
        document(sarif(report))
    elif output == "annotations":
        if said := annotations(report):
            click.echo(said)
    elif output == "markdown":
        click.echo(comment(report), nl=False)
    else:
        for word, lines in (
            ("ok  ", report.verdict.checked),
            ("warn", report.verdict.warnings),
            ("FAIL", report.verdict.failures),
        ):
            for line in lines:
                click.echo(f"{word}  {line}")


def _record(report: Report) -> dict[str, Any]:
    said = report.verdict
    found = [{"rule": x.rule, "level": x.level, "path": x.path, "text": x.text} for x in said.found]
    return {
        "passed": said.passed,
        "checked": said.checked,
        "failures": said.failures,
        "warnings": said.warnings,
        "findings": found,
        "plan": {
            "digest": report.digest or None,
            "counts": [
                {"pool": x.pool, "count": x.what, "before": x.before, "after": x.after} for x in report.counts
            ],
            "text": text(report.summary) if report.summary is not None else None,
        },
    }


def _plan(path: Path) -> PlanJson:
    try:
        return load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CheckError(f"{path}: cannot be read: {error}") from error
