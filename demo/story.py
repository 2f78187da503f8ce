"""The main job, step by step, with everything real but the cloud, the reviewer and the passing of time.

Place in the line: all of it. The controller acts through :mod:`controller.workflow`, as the command line
does; the platform team's side (repository, review, CI, autoscaler) is played here.
"""

import json
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from controller import planfile, workflow
from controller.cli.output import progress
from controller.decay import decay
from controller.plan import DecayEvidence, ForecastEvidence
from controller.workflow import Outcome
from demo import ci, cloud, origin, picture, screen, summary
from demo.stage import (
    HOUR,
    Stage,
    apply_main,
    autoscale,
    begin,
    run_folder,
    show_counts,
    show_request,
    shown,
)
from demo.world import World
from forecasting.profile import DemandProfile

EVERY = timedelta(hours=3)
REVIEWER = "demo-reviewer"


def play(world: World, environment: Path, folder: Path, review: bool) -> None:
    """Walk the road from usage to a cloud at its baseline again; leave what was made in ``folder``."""
    with ExitStack() as stack:
        screen.step(1, "Usage, and a cloud at its baseline")
        stage = begin(stack, world, environment, folder, review)
        screen.step(2, f"Forecast at {world.now:%a %d %b %Y %H:%M} UTC")
        profile = _forecast(stage)
        screen.step(3, "The controller opens pull requests")
        asked = _propose(stage, profile)
        if not asked:
            return
        screen.step(4, "Review")
        approved = _review(stage, asked, world.now + HOUR)
        screen.step(5, "Time moves on: merged in time, used, given back")
        now = _live(stage, approved)
        screen.step(6, "The end: a last plan")
        _last_plan(stage, now)
        last = cloud.counts(stage.endpoint)
        used = {pool: {t: n for t, n in x.items() if t >= world.now} for pool, x in stage.used.items()}
        facts = summary.facts(stage.config, asked, stage.applied, last, used, stage.held, stage.released)
        screen.table(["", *sorted(stage.config.pools)], facts)
        chart = folder / "fan.png"
        with screen.waiting("drawing the fan chart"):
            picture.draw(chart, profile, stage.config, stage.used, stage.held, world.now)
        screen.say(f"Fan chart:  {shown(chart)}")
        screen.say(f"Repository: {shown(stage.work)}  (git log --stat shows every step)")


def _forecast(stage: Stage) -> DemandProfile:
    horizon = int((stage.world.until - stage.world.now) / HOUR)
    with progress("forecast") as report:
        from forecasting.forecast import forecast

        profile = forecast(stage.world.usage, horizon_hours=horizon, now=stage.world.now, seed=0, progress=report)
    profile.save(stage.folder / "profile.nc")
    said = list(json.loads(profile.dataset.attrs["diagnostics"]).values())
    screen.say(f"{profile.draws.sizes['draw']} joint draws, {horizon} hours ahead")
    screen.fact(
        "diagnostics",
        f"Pareto k̂ {max(x.get('pareto_k', 0.0) for x in said):.2f} at most, "
        f"{min(x['effective_draws'] for x in said):.0f} effective draws at least, of {len(said)} posteriors",
    )
    screen.fact("saved as", str(shown(stage.folder / "profile.nc")))
    return profile


def _propose(stage: Stage, profile: DemandProfile) -> list[Outcome]:
    plan, outcomes = workflow.propose(stage.environment, profile, stage.world.now)
    for outcome in outcomes:
        show_request(stage, outcome, stage.world.now)
    if not outcomes:
        screen.say("Nothing is asked for: the need is covered, or not certain enough to act on.")
        for line in plan.notes:
            screen.say(f"  {line}")
    return outcomes


def _review(stage: Stage, outcomes: list[Outcome], now: datetime) -> list[Outcome]:
    """Have every pull request reviewed; give those that are approved."""
    approved = []
    for outcome in outcomes:
        number = outcome.number or 0
        with workflow.workplace(stage.environment) as place:
            if stage.review and not screen.ask(f"Approve #{number} {outcome.title}?"):
                place.forge.close(number, now)
                screen.say(f"#{number} closed: the same ask is not made again")
                continue
            place.local.approve(number, REVIEWER, now)
        screen.say(f"#{number} approved by {REVIEWER}")
        approved.append(outcome)
    return approved


def _merge(stage: Stage, outcomes: list[Outcome], now: datetime) -> None:
    """Merge what is approved; CI applies it."""
    for outcome in outcomes:
        with workflow.workplace(stage.environment) as place:
            number = outcome.number or 0
            merged = place.local.merge(number, place.local.kept(number).approved_commit or "", now)
        screen.say(f"#{outcome.number} merged as {(merged.merged_commit or '')[:12]}")
    origin.pull(stage.work)
    apply_main(stage, now)
    show_counts(stage)


def _live(stage: Stage, waiting: list[Outcome]) -> datetime:
    """Let time pass: what is approved is merged when it is due, what is not needed is given back."""
    now = stage.world.now
    while now < stage.world.until:
        now = min(now + EVERY, stage.world.until)
        autoscale(stage, now)
        due = [x for x in waiting if _merge_by(x) < now + EVERY + HOUR]
        waiting = [x for x in waiting if x not in due]
        if due:
            screen.moment(now)
            _merge(stage, due, now)
            stage.applied |= {
                pool: x
                for pool, x in cloud.counts(stage.endpoint).items()
                if pool in {y.change.lease.pool for y in due}
            }
        if not _anything_to_release(stage, now):
            continue
        _, outcomes = workflow.release(stage.environment, stage.world.usage, None, now)
        opened = [x for x in outcomes if x.state in {"opened", "updated"}]
        if opened:
            screen.moment(now)
            for outcome in opened:
                show_request(stage, outcome, now)
            now = min(now + HOUR, stage.world.until)
            screen.moment(now)
            agreed = _review(stage, opened, now)
            _merge(stage, agreed, now)
            _note_releases(stage, agreed, now)
    return now


def _anything_to_release(stage: Stage, now: datetime) -> bool:
    """Ask the pure function alone, so that the demo makes no clone at every step."""
    config, ledger = workflow.read_directory(stage.environment)
    return not decay(ledger, stage.world.usage, None, config, now).empty


def _note_releases(stage: Stage, outcomes: list[Outcome], now: datetime) -> None:
    for outcome in outcomes:
        evidence = outcome.change.evidence
        if outcome.change.action == "release" and isinstance(evidence, DecayEvidence):
            pool = outcome.change.lease.pool
            before = stage.released[pool].reasons if pool in stage.released else ()
            stage.released[pool] = summary.Release(now, (*before, evidence.reason))


def _merge_by(outcome: Outcome) -> datetime:
    evidence = outcome.change.evidence
    return evidence.merge_by if isinstance(evidence, ForecastEvidence) else outcome.change.lease.starts


def _last_plan(stage: Stage, now: datetime) -> None:
    """Let the autoscaler go down to what the load needs, and see that Terraform wants nothing."""
    autoscale(stage, now)
    checkout = origin.fresh(stage.origin, "main", run_folder(stage))
    with screen.waiting("CI plans main once more") as tell:
        planned = ci.plan(stage.pipeline, checkout, now, tell)
    screen.say(f"terraform plan: {planfile.text(planfile.summary(planned.json)).splitlines()[-1]}")
    show_counts(stage)
    stage.held.append((now, stage.held[-1][1]))
