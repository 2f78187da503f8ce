"""``headroom learn``: what groups share, and how far each component can be believed, kept in a file."""

import textwrap
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from controller.cli.eventoptions import (
    EventChoice,
    event_options,
    inference_option,
    jobs_option,
    seed_option,
)
from controller.cli.forecasts import usage_option
from controller.cli.output import Column, Moment, as_json, document, note, progress, table
from controller.cli.reading import usage_of
from controller.cli.sharing import dask_option
from controller.cli.targets import check_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forecasting.basis import Floats
    from forecasting.hierarchy import Hierarchy

FEW_DRAWS = 100
"""Effective draws under which means and ends of intervals of what is shared are rough."""

GOOD = "good"


@click.command(
    short_help="Learn what groups share; once a week.",
    epilog="Example: headroom learn --usage usage.parquet --out hierarchy.nc",
)
@usage_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Save the hierarchy here (netCDF).")
@click.option(
    "--horizon",
    type=click.IntRange(1, 168),
    default=168,
    show_default=True,
    help="Hours ahead to judge components by; further ahead the last weights hold.",
)
@click.option("--now", type=Moment(), help="Use only hours before it.  [default: the end of the usage]")
@seed_option
@inference_option
@click.option(
    "--recurrent", is_flag=True, help="Train a recurrent network as one more component; takes the extra rnn."
)
@jobs_option
@dask_option
@event_options
@as_json
def learn(
    usage_path: str,
    out: Path,
    horizon: int,
    now: datetime | None,
    seed: int,
    inference: str | None,
    recurrent: bool,
    jobs: int,
    dask: str | None,
    choice: EventChoice,
    output: str,
) -> None:
    """Learn what groups share and how far each component of the forecast can be believed.

    Writes --out, for `headroom forecast --hierarchy`, and prints whether what was learnt can be trusted. The file
    may be deleted at any time: forecasts then learn first.
    """
    from forecasting.hierarchy import KIND
    from forecasting.netcdf import check_own
    from forecasting.repairs import notes

    check_targets([("--out", out, [".nc"])], [usage_path, *choice.files])
    check_own(out, KIND)
    usage = usage_of(usage_path, now)
    for line in notes(usage):
        note(line)
    events = choice.of(usage)
    from forecasting.learn import learn as run
    from forecasting.settings import COMPONENTS, EVERY, Settings

    settings = Settings(components=EVERY if recurrent else COMPONENTS, inference=inference or "laplace")
    with progress("learn") as report:
        hierarchy = run(
            usage, now, seed, report, horizon_hours=horizon, events=events, settings=settings, jobs=jobs, dask=dask
        )
    hierarchy.save(out)
    found = diagnostics(hierarchy)
    advice = remarks(hierarchy)
    if output == "json":
        data = hierarchy.dataset
        document(
            {
                "learnt_until": hierarchy.learnt_until.isoformat(),
                "history_hours": hierarchy.history_hours,
                "horizon_hours": horizon,
                "seed": seed,
                "covariates": list(hierarchy.events),
                "diagnostics": found,
                "remarks": advice,
                "weights": {
                    resource: {
                        str(end): dict(zip(hierarchy.components, row.tolist(), strict=True))
                        for end, row in zip(data["range"].values.tolist(), _mean_weights(data, place), strict=True)
                    }
                    for place, resource in enumerate(data["resource"].values.tolist())
                },
                "own_weights": {
                    resource: data["range"].values[hierarchy.own_ranges(resource)].tolist()
                    for resource in data["resource"].values.tolist()
                },
            }
        )
    else:
        _print(hierarchy, found)
        for line in advice:
            click.echo("\n" + textwrap.fill(line, 80))
    note(f"hierarchy: {out}")


def diagnostics(hierarchy: "Hierarchy") -> list[dict[str, Any]]:
    """Return what says whether each posterior can be believed, and the verdict in words."""
    data = hierarchy.dataset
    rows = []
    for component in data["linear"].values.tolist():
        for resource in data["resource"].values.tolist():
            values = data["diagnostics"].sel(linear=component, resource=resource)
            measured = {name: float(values.sel(measure=name)) for name in data["measure"].values.tolist()}
            nuts = measured.pop("nuts") == 1
            row: dict[str, Any] = {
                "component": component,
                "resource": resource,
                "method": "nuts" if nuts else "laplace",
                **{name: value if np.isfinite(value) else None for name, value in measured.items()},
            }
            row["verdict"] = _verdict(row, str(data.attrs["inference"]))
            rows.append(row)
    return rows


def _verdict(row: dict[str, Any], asked: str) -> str:
    if row["effective_draws"] is not None and row["effective_draws"] < FEW_DRAWS:
        return "few draws"
    if row["divergences"]:
        return "divergences"
    from forecasting.inference import MOST_PARETO_K

    if row["method"] == "laplace" and not (row["pareto_k"] or 0) <= MOST_PARETO_K:
        return "k̂ too high"
    return "needed NUTS" if row["method"] != "laplace" and asked == "laplace" else GOOD


_ADVICE = {
    "few draws": "few draws: fewer than {few} effective draws; what is shared is known roughly there. Learn with "
    "--inference nuts, or from more weeks or groups.",
    "divergences": "divergences: NUTS could not follow the posterior everywhere. The gate let it pass; if "
    "forecasts of these resources are poor, learn with another --seed or from more weeks.",
    "k̂ too high": "k̂ too high: neither the quick method nor NUTS passed its check; what is shared is known "
    "roughly there. Leave out groups that jumped or hold other units, or learn from more weeks.",
    "needed NUTS": "needed NUTS: the quick method failed its own check (k̂ over 0.7), so NUTS sampled instead: "
    "slower, and as good. Few groups or very unlike ones do that; nothing needs to be done.",
}


def remarks(hierarchy: "Hierarchy") -> list[str]:
    """Say in words what is wrong with what was learnt, and what to do."""
    from forecasting.rehearsal import ORIGINS
    from forecasting.stacking import RANGES

    found = {row["verdict"] for row in diagnostics(hierarchy)}
    lines = [text.format(few=FEW_DRAWS) for verdict, text in _ADVICE.items() if verdict in found]
    origins = int(hierarchy.dataset.attrs.get("origins", ORIGINS))
    hours, ahead = hierarchy.history_hours, int(hierarchy.dataset.attrs["horizon_hours"])
    remedy = f"bring more history than these {hours} hours, or judge fewer --horizon hours than {ahead}"
    if origins == 0:
        lines.append(
            "weights: no earlier forecast could be replayed, so components weigh what they usually do and nothing "
            f"is calibrated; {remedy}."
        )
    elif origins < ORIGINS:
        lines.append(
            f"weights: only {origins} of {ORIGINS} earlier forecasts could be replayed, so weights and "
            f"calibration are rough; {remedy}."
        )
    labels = range_labels(RANGES)
    own = [
        f"{resource} ({', '.join(labels[place] for place in np.flatnonzero(ranges))} h)"
        for resource in hierarchy.dataset["resource"].values.tolist()
        if (ranges := hierarchy.own_ranges(resource)).any()
    ]
    if own:
        lines.append(
            f"weights: of {', '.join(own)} groups have their own, about those of their block, since earlier "
            "forecasts came out better so."
        )
    if origins and ahead < RANGES[-1]:
        lines.append(f"weights: judged up to {ahead} h ahead; further ahead the last of these are carried on.")
    return lines


def range_labels(ends: "Sequence[int]") -> list[str]:
    """Return the ranges of hours ahead in words: ``1–6``, ``7–24``, …; the last one goes on."""
    starts = [1, *(end + 1 for end in ends[:-1])]
    return [f"{start}–{end}" for start, end in zip(starts, ends, strict=True)]


def weight_rows(components: "Sequence[str]", weights: "Floats") -> list[tuple[str, ...]]:
    """Return a row for each component: its weights ``(range, component)`` in per cent."""
    return [(name, *(f"{x:.0%}" for x in weights[:, place])) for place, name in enumerate(components)]


def _mean_weights(data: Any, resource: int) -> "Floats":
    """Return the weights ``(range, component)`` of a resource, averaged over regions."""
    return np.asarray(data["weights"].values[:, resource].mean(axis=0))


def _print(hierarchy: "Hierarchy", found: list[dict[str, Any]]) -> None:
    """Print diagnostics and weights, within 80 columns."""
    columns = [Column("resource"), Column("component"), Column("method")]
    columns += [Column(x, number=True) for x in ("k̂", "draws", "R̂", "diverged")] + [Column("verdict")]
    rows, last = [], ""
    for row in sorted(found, key=lambda x: x["resource"]):
        numbers = (_number(row["pareto_k"], 2), _number(row["effective_draws"], 0), _number(row["max_r_hat"], 3))
        diverged = f"{row['divergences']:.0f}" if row["method"] == "nuts" else "–"
        name = "" if row["resource"] == last else row["resource"]
        last = row["resource"]
        rows.append((name, row["component"], row["method"], *numbers, diverged, row["verdict"]))
    table(columns, rows)
    click.echo()
    data = hierarchy.dataset
    components = hierarchy.components
    labels = range_labels(data["range"].values.tolist())
    lines: list[tuple[str, ...]] = []
    for place, resource in enumerate(data["resource"].values.tolist()):
        lines.append((resource, *[""] * len(labels)))
        lines += [(f"  {name}", *rest) for name, *rest in weight_rows(components, _mean_weights(data, place))]
    table([Column("weights by hours ahead"), *(Column(x, number=True) for x in labels)], lines)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
