"""``headroom backtest``: forecasts over the past, and how good they were."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from controller.cli.eventoptions import EventChoice, event_options
from controller.cli.forecasts import usage_option
from controller.cli.output import Column, as_json, document, note, progress, table
from controller.cli.reading import usage_of
from controller.cli.targets import check_targets, write_whole

_SCOPES = {
    "group": "each group",
    "region-sum": "region sums",
    "window-maximum": "6-hour maxima",
    "region-sum-window-maximum": "sums' maxima",
}

_COMPARED = ("headroom", "seasonal-naive")

_MOST_LEVELS = 3
"""Of a table, beside accuracy and the longest name of a model."""

_TELLING = 20
"""Origins from which on coverage begins to tell: a day on which all groups are off together moves it by points."""


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Divide the option's text."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


class Percents(click.ParamType[tuple[float, ...]]):
    """Percentages with commas between them; their shares of 1."""

    name = "percents"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Parse the option's text."""
        if isinstance(value, tuple):
            return value
        try:
            shares = tuple(round(float(part.strip().removesuffix("%")) / 100, 9) for part in str(value).split(","))
        except ValueError:
            shares = ()
        if not shares or not all(0 < share < 1 for share in shares):
            self.fail(f"{value!r}: write percentages between 0 and 100, such as 50,80,95", param, ctx)
        return shares


@click.command(
    short_help="Score forecasts over the past.",
    epilog="Example: headroom backtest --usage usage.parquet --horizon 24 --origins 3 -o json",
)
@usage_option
@click.option("--horizon", type=click.IntRange(1, 24 * 31), default=24, show_default=True, help="Hours ahead.")
@click.option("--origins", type=click.IntRange(1, 1000), default=3, show_default=True, help="Number of cutoffs.")
@click.option("--stride", type=click.IntRange(1), help="Hours between cutoffs.  [default: the horizon]")
@click.option(
    "--history", type=click.IntRange(48), default=1344, show_default=True, help="Most hours before a cutoff."
)
@click.option("--groups", type=click.IntRange(1), help="Only this many groups.  [default: all]")
@click.option(
    "--models",
    type=Names(),
    default="headroom,seasonal-naive",
    show_default=True,
    help="What to compare, with commas: headroom, headroom-uncalibrated, seasonal-naive, the name of a component, "
    "or components for all of them; headroom-recurrent and recurrent take the extra rnn.",
)
@click.option(
    "--levels",
    type=Percents(),
    default="50,80,95",
    show_default=True,
    help="Central intervals whose coverage is told, in percent.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes, over the cutoffs.")
@event_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of every draw.")
@click.option("--out", type=click.Path(path_type=Path), help="Write every forecast quantile here (Parquet).")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Draw accuracy by hours ahead and the reliability diagram here (PNG or SVG).",
)
@as_json
def backtest(
    usage_path: str,
    horizon: int,
    origins: int,
    stride: int | None,
    history: int,
    groups: int | None,
    models: tuple[str, ...],
    levels: tuple[float, ...],
    jobs: int,
    choice: EventChoice,
    seed: int,
    out: Path | None,
    plot: Path | None,
    output: str,
) -> None:
    """Replay forecasts over the past and score them, beside the same hour of last week.

    Coverage is told of each group's hours, of the sums over a region's groups, of maxima over 6-hour windows, and
    of the sums' maxima: from joint draws, as decisions are taken.
    """
    from forecasting import contestants
    from forecasting.repairs import notes
    from forecasting.target import PICTURES

    check_targets([("--out", out, [".parquet"]), ("--plot", plot, PICTURES)], [usage_path, *choice.files])
    contestants.expand(models)  # before anything is read
    usage = usage_of(usage_path)
    for line in notes(usage):
        note(line)
    events = choice.of(usage)
    from forecasting.backtest import backtest as run

    with progress("backtest") as report:
        result = run(
            usage,
            horizon_hours=horizon,
            origins=origins,
            stride_hours=stride,
            history_hours=history,
            groups=groups,
            seed=seed,
            progress=report,
            models=models,
            levels=levels,
            jobs=jobs,
            keep=out is not None,
            events=events,
        )
    if left_out := result.summary["dropped_resources"]:
        note(f"left out, since nothing is known of it before every cutoff: {', '.join(left_out)}")
    if output == "json":
        document(result.summary)
    else:
        _print_scores(result.summary)
    if out:
        write_whole({out: result.table})
        note(f"forecasts: {out}")
    if plot:
        from forecasting.accuracy_chart import accuracy_chart

        accuracy_chart(result.summary, plot)
        note(f"chart: {plot}")


def _print_scores(summary: dict[str, Any]) -> None:
    """Print accuracy per resource and by hours ahead, and coverage where decisions are taken: 80 columns each."""
    overall = summary["overall"]
    first = next(iter(overall.values()))
    within = [f"in {name}" for name in first["coverage"]]
    lines: list[tuple[str, ...]] = []
    for part, models in {**summary["resources"], "overall": overall}.items():
        lines.append((part, *[""] * (2 + len(within))))
        for model, scores in models.items():
            covered = map(_share, scores["coverage"].values())
            lines.append((f"  {model}", _score(scores["wql"]), _score(scores["crps"]), *covered))
    _print_parts(("resource", "WQL", "CRPS", *within), lines, kept=2)
    seconds = summary["seconds_per_origin"]
    lines = [
        (model, *map(_score, scores["wql_by_steps"].values()), f"{seconds[model]:.1f}")
        for model, scores in overall.items()
    ]
    steps = (step.replace("-", "–") for step in first["wql_by_steps"])
    _print(("WQL by hours ahead", *steps, "s/origin"), lines)
    click.echo()
    lines = []
    for model, scores in overall.items():
        lines.append((model, *[""] * (1 + len(within))))
        for scope, words in _SCOPES.items():
            covered = map(_share, scores["coverage_by"][scope].values())
            lines.append((f"  {words}", f"{scores['checks'][scope]:,}", *covered))
    _print_parts(("coverage", "values", *within), lines, kept=1)
    note(f"origins: {len(summary['origins'])}, groups: {summary['groups']}")
    ours, plain = (overall.get(name, {}).get("wql") for name in _COMPARED)
    if ours is not None and plain:
        by, side = abs(1 - ours / plain), "below" if ours <= plain else "above"
        note(f"WQL, lower is better: that of {_COMPARED[0]} is {by:.0%} {side} that of {_COMPARED[1]}")
    if len(summary["origins"]) < _TELLING:
        note(f"coverage of so few origins tells little; --origins {_TELLING} or more tells more")


def _print_parts(headings: Sequence[str], rows: list[tuple[str, ...]], kept: int) -> None:
    """Print a table whose levels are more than fit 80 columns below each other; the first has what is ``kept``."""
    begin = 1 + kept
    for start in range(begin, len(headings), _MOST_LEVELS):
        there = [0, *range(1 if start == begin else start, min(start + _MOST_LEVELS, len(headings)))]
        _print([headings[i] for i in there], [tuple(row[i] for i in there) for row in rows])
        click.echo()


def _print(headings: Iterable[str], rows: list[tuple[str, ...]]) -> None:
    table([Column(heading, number=place > 0) for place, heading in enumerate(headings)], rows)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
