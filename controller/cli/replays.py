"""``headroom replay``: decisions over the past, beside what others would have done."""

import math
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from controller.cli.backtests import Names
from controller.cli.eventoptions import EventChoice, event_options, seed_option
from controller.cli.forecasts import usage_option
from controller.cli.leases import env_option
from controller.cli.output import Column, as_json, document, note, progress, table
from controller.cli.reading import usage_of
from controller.cli.targets import check_targets
from controller.config import Config
from controller.replay.requests import MergeRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

    from forecasting.profile import DemandProfile

_LEARNING = 0.2  # share of the work


@click.command(
    short_help="Compare decisions over the past with other policies.",
    epilog="Example: headroom replay --usage usage.parquet --env environments/demo --plot frontier.png",
)
@usage_option
@env_option
@click.option("--policies", type=Names(), help="What to compare, with commas.  [default: all]")
@click.option(
    "--weeks", type=click.IntRange(1, 104), default=8, show_default=True, help="Last weeks of the usage to replay."
)
@click.option(
    "--refit-hours", type=click.IntRange(1, 168), default=6, show_default=True, help="Hours between forecasts."
)
@click.option(
    "--learn-hours",
    type=click.IntRange(1),
    default=168,
    show_default=True,
    help="Hours after which what groups share is learnt anew.",
)
@click.option(
    "--history", type=click.IntRange(48), default=1008, show_default=True, help="Most hours that a forecast sees."
)
@click.option(
    "--merge",
    type=click.Choice(get_args(MergeRule)),
    help="When an approved request of ours is merged.  [default: lead_times.merge of the settings]",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes, over the forecasts."
)
@seed_option
@event_options
@click.option("--plot", type=click.Path(path_type=Path), help="Draw cost over shortfall here (PNG or SVG).")
@as_json
def replay(
    usage_path: str,
    directory: Path,
    policies: tuple[str, ...] | None,
    weeks: int,
    refit_hours: int,
    learn_hours: int,
    history: int,
    merge: MergeRule | None,
    jobs: int,
    seed: int,
    choice: EventChoice,
    plot: Path | None,
    output: str,
) -> None:
    """Replay the decisions of an environment over past usage, and those of other policies beside them.

    Each policy is run at every position of its own knob, and told by what it costs at equal shortfall. Review, CI
    and boot take the same time for all of them. Nothing is proposed, and nothing but --plot is written.
    """
    import numpy as np

    from controller import workflow
    from controller.replay.compare import Rules, compare
    from controller.replay.need import need_of
    from controller.replay.policies import OURS, POLICIES, chosen
    from controller.replay.roads import delays_of, roads_of
    from controller.replay.summary import summarise
    from forecasting.repairs import notes
    from forecasting.target import PICTURES

    names = chosen(policies or POLICIES)
    check_targets([("--plot", plot, PICTURES)], [usage_path, *choice.files])
    config, _ = workflow.read_directory(directory)
    rule = merge or config.lead_times.merge
    usage = usage_of(usage_path)
    for line in notes(usage):
        note(line)
    events = choice.of(usage)
    usage = _served(usage, config)
    need = need_of(usage, config, weeks)
    if config.groups:
        note("preferences of groups are not replayed: each pool is decided as a whole, and keeps its demand")
    if not need.priced:
        note("not every pool has a price_per_hour: cost is in node-hours, and warm nodes cost nothing")
    if (share := float(np.isnan(need.nodes[:, need.scored :]).mean())) > 0:
        note(f"{share:.1%} of the pool-hours are not known, and not scored")
    uniforms = np.random.default_rng(seed).random((3, *need.nodes.shape))
    delays = delays_of(roads_of(config), uniforms)
    with progress("replay") as report:
        begun = _LEARNING if set(names) & set(OURS) else 0.0
        profiles: Iterable[DemandProfile] = ()
        if begun:
            from controller.replay.leases import moments
            from controller.replay.pools import pooled_profile
            from forecasting.rolling import rolling

            profiles = rolling(
                usage,
                moments(need, refit_hours),
                horizon_of(config),
                history_hours=history,
                learn_hours=learn_hours,
                seed=seed,
                jobs=jobs,
                events=events,
                reduce=partial(pooled_profile, config=config),
                progress=lambda stage, share: report(stage, begun * share),
            )
        outcomes = compare(
            usage,
            config,
            need,
            delays,
            profiles,
            names,
            Rules(refit_hours, rule),
            lambda stage, share: report(stage, begun + (1 - begun) * share),
        )
    summary = summarise(outcomes, need, config.currency)
    summary |= {
        "seed": seed,
        "refit_hours": refit_hours,
        "learn_hours": learn_hours,
        "merge": rule,
    }
    if plot:
        from controller.cli.frontier_chart import frontier_chart

        frontier_chart(summary, plot)
        note(f"chart: {plot}")
    if output == "json":
        document(summary)
    else:
        print_replay(summary)


def horizon_of(config: Config) -> int:
    """Hours ahead that the decisions look at: where a window may begin, and how long it may be."""
    ahead = max(config.look_ahead(name) for name in config.pools)
    return min(24 * 31, math.ceil(ahead / timedelta(hours=1)) + config.decide.longest_window_hours)


def _served(usage: "xr.Dataset", config: Config) -> "xr.Dataset":
    """Only groups and resources that some pool is about: the others would be forecast for nothing."""
    from controller.capacity import members

    groups = {label for labels in members(config, usage["group"].values.tolist()).values() for label in labels}
    wanted = {name for pool in config.pools.values() for name in pool.node_capacity}
    keep = {
        "group": [x for x in usage["group"].values.tolist() if x in groups],
        "resource": [x for x in usage["resource"].values.tolist() if x in wanted],
    }
    return usage.sel(keep) if keep["resource"] else usage


def print_replay(summary: dict[str, Any]) -> None:
    """Print, for each level of shortfall, each policy at its cheapest setting that keeps it: 80 columns."""
    for number, label in enumerate(next(iter(summary["policies"].values()))["at"]):
        if number:
            click.echo()
        rows = [_row(name, policy, label) for name, policy in summary["policies"].items()]
        columns = (f"at {label} short", "cost", "saving", "node-h", "short", "hours", "worst", "steps", "PRs")
        table([Column(x, number=place > 0) for place, x in enumerate(columns)], rows)
    oracle = summary["policies"].get("oracle")
    if oracle and (least := min(x["short_share"] for x in oracle["settings"])) > min(summary["levels"]):
        note(f"even the oracle is {least:.2%} short: the pools' max holds no more; raise it to compare policies")
    note(
        f"{_count(summary['weeks'], 'week')}, {_count(len(summary['pools']), 'pool')}, "
        f"{summary['needed_node_hours']:,.0f} node-hours needed. Cost ({summary['cost_unit']}) is read off the "
        "frontier; saving: share of the oracle's against static-peak. The rest is of the cheapest setting that "
        "keeps the level: node-hours, demand-hours and hours short, worst shortfall in nodes, changes of capacity "
        "and pull requests a week."
    )
    for line in _explained(summary):
        note(line)


def _explained(summary: dict[str, Any]) -> list[str]:
    """What would look like a mistake in the tables, as far as it is there, and why it is none."""
    policies, lines = summary["policies"], []
    if "static-peak" in policies:
        lines.append(
            "static-peak is scaled to each level, as every policy is, so it has a cost for each; the same node-h "
            "beside two costs: the next setting would be too short, and cost is a line between both"
        )
    rows = [at for policy in policies.values() for at in policy["at"].values()]
    if any(at["nearest"] is None for at in rows):
        lines.append("not reached: the policy is at least as short as stands there, whatever its knob")
    least = policies["oracle"]["at"] if "oracle" in policies else {}
    costs = [
        (at["cost"], least[label]["cost"]) for p in policies.values() for label, at in p["at"].items() if least
    ]
    if any(mine is not None and best is not None and mine < best for mine, best in costs):
        lines.append(
            "cheaper than the oracle: it knows every need, but leaves the same share of each short, in coarse "
            "steps; where pools have few nodes, a line between two settings may lie a little below it"
        )
    return lines


def _count(number: float, word: str) -> str:
    return f"{number:.0f} {word}{'' if number == 1 else 's'}"


def _row(name: str, policy: dict[str, Any], label: str) -> tuple[str, ...]:
    at = policy["at"][label]
    if at["nearest"] is None:
        least = min(x["short_share"] for x in policy["settings"])
        return (name, "not reached", "–", "–", f"≥ {least:.2%}", *["–"] * 4)
    best = policy["settings"][at["nearest"]]
    return (
        name,
        f"{at['cost']:,.0f}",
        "–" if at["share_of_oracle_saving"] is None else f"{at['share_of_oracle_saving']:.1%}",
        f"{best['node_hours']:,.0f}",
        f"{best['short_share']:.2%}",
        f"{best['hours_short_share']:.1%}",
        f"{best['worst_shortfall_nodes']:,.1f}",
        f"{best['steps_per_week']:,.0f}",
        f"{best['pull_requests_per_week']:,.0f}",
    )
