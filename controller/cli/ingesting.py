"""``headroom ingest``: from sessions of people to usage of groups, with an account of what was left out."""

import os
import signal
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.output import Column, as_json, document, note, now_option, progress, table
from controller.cli.reading import usage_of
from controller.cli.targets import check_targets, write_whole

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset

    from forecasting.behaviour.ingest import Ingested
    from forecasting.behaviour.noise import Budget

_FILE = click.Path(path_type=Path)


@click.command(
    short_help="Turn sessions of people into usage of groups.",
    epilog="Example: headroom ingest --events sessions.parquet --out usage.parquet",
)
@click.option("--events", type=_FILE, help="Sessions: Parquet, CSV or JSON lines, or a folder of such files.")
@click.option("--database", type=_FILE, help="A DuckDB file that --query asks, instead of --events.")
@click.option("--query", help="SQL that gives the sessions, of --database or --postgresql-uri-file.")
@click.option("--postgresql-uri-file", type=_FILE, help="File with the URI of a PostgreSQL that --query asks.")
@click.option("--consent", type=_FILE, help="Who agreed: user, purpose, granted_at, expires_at, withdrawn_at.")
@click.option("--purpose", default="capacity", show_default=True, help="What consent must cover.")
@click.option("--key-file", type=_FILE, help="The pseudonym key.  [default: $HEADROOM_PSEUDONYM_KEY]")
@click.option("--rotate", type=click.Choice(["day", "week", "month"]), default="month", show_default=True,
              help="How long a pseudonym lasts.")  # fmt: skip
@click.option("--k", type=click.IntRange(2), default=10, show_default=True, help="Fewest people of what is shown.")
@click.option("--split", default="team", show_default=True, metavar="COLUMN",
              help="What divides tenants into groups: team, plan, …")  # fmt: skip
@click.option(
    "--longest", type=click.IntRange(1, 24), default=12, show_default=True, help="Cut sessions after, h."
)
@click.option("--epsilon", type=float, help="Add noise: the budget of one person's day.")
@click.option(
    "--delta", type=float, help="With --epsilon: Gaussian noise, which may fail so seldom; else Laplace."
)
@click.option("--cells-per-day", type=click.IntRange(1), default=8, show_default=True,
              help="With --epsilon: group-hours of a day that one person counts in.")  # fmt: skip
@click.option("--memory", type=click.FloatRange(0.25), default=2.5, show_default=True, help="Of DuckDB, GiB.")
@now_option
@click.option("--out", type=_FILE, required=True, help="Where to write usage (Parquet).")
@click.option("--features", "features_path", type=_FILE, help="Write lengths, habits and shares, too (Parquet).")
@click.option("--footprints", type=_FILE, help="Resources per session: writes cpu, memory … instead of sessions.")
@click.option("--usage", "usage_path", help="Measured usage, for --learn-footprints.")
@click.option("--learn-footprints", type=_FILE, help="Learn footprints from --usage and save them here (.nc).")
@as_json
def ingest(
    events: Path | None,
    database: Path | None,
    query: str | None,
    postgresql_uri_file: Path | None,
    consent: Path | None,
    purpose: str,
    key_file: Path | None,
    rotate: str,
    k: int,
    split: str,
    longest: int,
    epsilon: float | None,
    delta: float | None,
    cells_per_day: int,
    memory: float,
    now: datetime,
    out: Path,
    features_path: Path | None,
    footprints: Path | None,
    usage_path: str | None,
    learn_footprints: Path | None,
    output: str,
) -> None:
    """Turn sessions of people who agreed into usage of groups. Writes --out and what else is asked for."""
    from forecasting.behaviour.ingest import Rules
    from forecasting.behaviour.pseudonyms import ENVIRONMENT, read_key

    if sum(x is not None for x in (events, database, postgresql_uri_file)) != 1 or (events is None) != bool(query):
        raise click.UsageError("give --events, or --query with either --database or --postgresql-uri-file")
    if (usage_path is None) != (learn_footprints is None):
        raise click.UsageError("--usage and --learn-footprints go together")
    if epsilon is not None and (footprints or learn_footprints):
        raise click.UsageError("with --epsilon sessions are not told by application, so footprints cannot be used")
    kept = [events, database, postgresql_uri_file, consent, key_file, usage_path]
    if footprints != learn_footprints:
        kept.append(footprints)
    check_targets(
        [
            ("--out", out, [".parquet"]),
            ("--features", features_path, [".parquet"]),
            ("--learn-footprints", learn_footprints, [".nc"]),
        ],
        kept,
    )
    if footprints is not None and footprints != learn_footprints:
        from forecasting.behaviour.footprints import load

        load(footprints)  # before the work: what is wrong with it is told at once
    key = read_key(key_file, os.environ.get(ENVIRONMENT))
    rules = Rules(
        purpose=purpose,
        k=k,
        period=rotate,
        split=split,
        longest_hours=longest,
        budget=_budget(epsilon, delta),
        cells_per_day=cells_per_day,
        memory_gib=memory,
    )
    usage = usage_of(usage_path) if usage_path is not None else None  # before the work, too
    # A job that is ended says goodbye as Ctrl-C does, so that what spilt to disk goes away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    source = _source(events, database, postgresql_uri_file, query or "")
    with source as rows, progress("ingest") as report:
        from forecasting.behaviour.ingest import ingest as run

        result = run(rows, consent, key, now, rules, report)
    written, notes = _sized(result, footprints, usage, learn_footprints)
    write_whole({out: written} | ({features_path: result.features} if features_path else {}))
    told = _told(result, rules.k)
    if output == "json":
        document(told | {"notes": notes, "out": str(out)})
    else:
        _print(told)
    for line in notes:
        note(line)
    note(f"usage: {out}")


def _budget(epsilon: float | None, delta: float | None) -> "Budget | None":
    from forecasting.behaviour.noise import Budget

    if epsilon is None:
        if delta is not None:
            raise click.UsageError("--delta goes with --epsilon")
        return None
    return Budget(epsilon, "gaussian" if delta else "laplace", delta or 0.0)


def _source(
    events: Path | None, database: Path | None, uri: Path | None, query: str
) -> AbstractContextManager[Any]:
    if uri is not None:
        from forecasting.behaviour.postgresql import opened

        return opened(uri, query)
    return nullcontext(events or (database, query))


def _sized(
    result: "Ingested", footprints: Path | None, usage: "Dataset | None", learnt_path: Path | None
) -> tuple["DataFrame", list[str]]:
    """Learn footprints where that is asked for; give activity, or the resources that it takes."""
    table_of_usage = result.table
    notes: list[str] = []
    if learnt_path is not None and usage is not None:
        from forecasting.behaviour.learning import learn

        note("learning footprints, which takes half a minute")
        learnt, notes = learn(result.by_application, usage)
        learnt.save(learnt_path)
    if footprints is not None:
        from forecasting.behaviour.footprints import load
        from forecasting.behaviour.sizing import sized_usage

        table_of_usage, sizing_notes = sized_usage(result.by_application, load(footprints))
        notes = [*notes, *sizing_notes]
    return table_of_usage, notes


def _told(result: "Ingested", k: int) -> dict[str, Any]:
    """The account of a run, as JSON has it."""
    frame = result.features
    groups = [
        {"group": f"{region}/{name}", "hours": len(rows), "users_median": float(rows["active_users"].median()),
         "users_most": float(rows["active_users"].max()), "sessions_mean": float(rows["sessions"].mean())}
        for (region, name), rows in frame.groupby(["region", "group"])
    ]  # fmt: skip
    days = int(frame["timestamp"].dt.floor("D").nunique())
    spent = {x: {"scale": scale, "epsilon_per_day": epsilon} for x, (scale, epsilon) in result.spent.items()}
    total = sum(x["epsilon_per_day"] for x in spent.values())
    budget = {"features": spent, "epsilon_per_person_and_day": total, "days": days, "epsilon_in_all": total * days}
    return {
        "intake": asdict(result.intake),
        "k": k,
        "merging": asdict(result.merging),
        "hours": asdict(result.hours),
        "budget": budget if spent else None,
        "groups": groups,
    }


def _print(told: dict[str, Any]) -> None:
    """Print the account in two tables that fit 80 columns."""
    from forecasting.behaviour import consent, sieve

    intake, merging, hours, k = told["intake"], told["merging"], told["hours"], told["k"]
    rows = [("rows that came in", intake["rows"])]
    rows += [(f"- {consent.REASONS[x]}", n) for x, n in intake["without_consent"].items()]
    rows += [(f"- {sieve.REASONS[x]}", n) for x, n in intake["bad"].items()]
    rows += [(f"- never {k} people at once in the region", merging["suppressed_sessions"])]
    rows += [("- exact repeats", hours["duplicates"]), ("sessions counted", hours["sessions"])]
    beside = {
        "sessions longer than the limit, cut": intake["cut_sessions"],
        "sessions still open at --now, cut there": intake["cut_at_now"],
        "times without an offset, taken as UTC": intake["naive_times"],
        f"teams seldom of {k} people, merged upwards": merging["merged_teams"],
        f"applications seldom of {k} people, in other": merging["merged_applications"],
        f"group-hours with fewer than {k} people, left out": hours["suppressed"],
        f"applications' hours with fewer than {k}, in other": hours["folded"],
        "contributions beyond one person's bound, left out": hours["bounded"],
    }
    rows += [(name, n) for name, n in beside.items() if n]
    table([Column("what"), Column("count", number=True)], [(name, f"{n:,}") for name, n in rows])
    if told["budget"]:
        spent = told["budget"]
        click.echo(
            f"\nprivacy budget: epsilon {spent['epsilon_per_person_and_day']:.3g} for one person's day, "
            f"{spent['epsilon_in_all']:.4g} over {spent['days']} days"
        )
        for name, one in spent["features"].items():
            click.echo(f"  {name}: noise of scale {one['scale']:.4g}, epsilon {one['epsilon_per_day']:.3g}")
    click.echo()
    columns = [
        Column(x, number=x != "group") for x in ("group", "hours", "users median", "most", "sessions at once")
    ]
    lines = [
        (x["group"], f"{x['hours']:,}", f"{x['users_median']:,.0f}", f"{x['users_most']:,.0f}",
         f"{x['sessions_mean']:,.1f}")
        for x in told["groups"]
    ]  # fmt: skip
    table(columns, lines)
