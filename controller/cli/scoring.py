"""``headroom score``: every forecast that was acted on beside what came, and every lease beside what was used."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.eventoptions import EventChoice, event_options, hierarchy_option, jobs_option, seed_option
from controller.cli.forecasts import usage_option
from controller.cli.leases import env_option
from controller.cli.output import Report, as_json, document, note, now_option, progress
from controller.cli.reading import usage_of
from controller.cli.scoretables import lease_rows, plain_lease, print_rows, rows_of, said
from controller.cli.targets import check_targets
from controller.errors import HeadroomError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from controller.lease import Lease
    from forecasting.events import Events
    from forecasting.profile import DemandProfile

_HOURS = 24 * 7  # that a forecast which is made again looks ahead


@click.command(
    short_help="Score the forecasts that were acted on.",
    epilog="Example: headroom score --env environments/demo --usage usage.parquet --page score.html",
)
@env_option
@usage_option
@hierarchy_option
@click.option(
    "--profiles",
    type=click.Path(path_type=Path),
    help="Folder that `run --profiles` kept profiles in; those that a lease came from are scored as they are.",
)
@click.option(
    "--forecasts", type=click.IntRange(1), default=20, show_default=True, help="Most forecasts, the newest."
)
@click.option("--leases", type=click.IntRange(1), default=200, show_default=True, help="Most leases, the newest.")
@seed_option
@jobs_option
@event_options
@now_option
@click.option("--page", "page_path", type=click.Path(path_type=Path), help="Write tables and plots here (HTML).")
@as_json
def score(
    directory: Path,
    usage_path: str,
    hierarchy_path: Path | None,
    profiles: Path | None,
    forecasts: int,
    leases: int,
    seed: int,
    jobs: int,
    choice: EventChoice,
    now: datetime,
    page_path: Path | None,
    output: str,
) -> None:
    """Put every forecast that a merged lease came from beside what came, and every lease beside what was used.

    Leases are read from the history of the base branch. A forecast that was kept is scored as it is; any other is
    made again from the usage before its moment, with the same seed and --events.
    """
    from controller import workflow
    from controller.reckoning import reckon
    from forecasting.scorecard import summary
    from forecasting.target import whole

    check_targets([("--page", page_path, [".html"])], [usage_path, *choice.files])
    usage = usage_of(usage_path, now)
    config, written, unread = workflow.acted_on(directory, leases)
    for line in unread:
        note(line)
    if not written:
        raise HeadroomError(f"no lease was ever merged below {directory}; there is nothing to score yet")
    moments = _moments(written, now)
    if len(moments) > forecasts:
        note(f"{len(moments) - forecasts} older forecasts are left out; --forecasts looks at more")
    level = config.decide.service_level or 0.9
    from controller.capacity import members

    pools = members(config, usage["group"].values.tolist())
    ways = _Ways(profiles, hierarchy_path, seed, jobs, choice.of(usage))
    with progress("score") as report:
        scores = _scores(usage, moments[:forecasts], pools, level, ways, report)
    for line in ways.notes:
        note(line)
    if scores.empty:
        raise HeadroomError("usage has no hour after any forecast that was acted on; bring newer usage")
    reckoned = reckon(workflow.latest(written), usage["demand"], config, now)
    parts = {
        "pools": summary(scores[scores["scope"].str.startswith("pool ")], ["scope", "resource"]),
        "groups": summary(scores[~scores["scope"].str.startswith("pool ")], ["scope", "resource"]),
        "lead hours": summary(scores, ["lead"]),
    }
    if output == "json":
        every = {**parts, "each hour ahead": summary(scores, ["ahead"])}
        tables = {name: part.to_dict(orient="records") for name, part in every.items()}
        document(
            {
                "forecasts": int(scores["forecast"].nunique()),
                **tables,
                "leases": [plain_lease(x) for x in reckoned],
            }
        )
    else:
        for name, part in parts.items():
            click.echo(f"{name}:")
            print_rows(*rows_of(part))
        click.echo("leases:")
        print_rows(*lease_rows(reckoned))
        click.echo(said(reckoned, config.currency))
    if page_path:
        from controller.edge.files import template_texts
        from controller.page import page
        from forecasting.score_chart import score_chart

        shown = [
            {"title": name, "heads": heads, "rows": rows}
            for name, (heads, rows) in (
                *((name, rows_of(part)) for name, part in parts.items()),
                ("leases", lease_rows(reckoned)),
            )
        ]
        facts = {"environment": config.environment, "said": said(reckoned, config.currency), "tables": shown}
        text = page(template_texts("report"), "score.html.j2", facts, score_chart(scores))
        with whole(page_path) as beside:
            beside.write_text(text, encoding="utf-8")
        note(f"page: {page_path}")


class _Ways:
    """How a forecast comes again: kept, or made anew."""

    def __init__(
        self, profiles: Path | None, hierarchy_path: Path | None, seed: int, jobs: int, events: "Events | None"
    ) -> None:
        from forecasting.archive import Shelf, shelf
        from forecasting.hierarchy import Hierarchy

        if profiles is not None and not profiles.is_dir():
            raise HeadroomError(f"{profiles}: there is no such folder; `headroom run --profiles` makes it")
        self.shelf = shelf(profiles) if profiles else Shelf((), ())
        self.hierarchy = Hierarchy.load(hierarchy_path) if hierarchy_path else None
        self.seed, self.jobs, self.events = seed, jobs, events
        self.kept = self.foreknown = self.again = 0

    def profile(self, usage: "xr.Dataset", moment: datetime, digest: str) -> "DemandProfile":
        """Return the forecast of a moment; one that was kept is known by the digest of its usage."""
        from forecasting.forecast import forecast

        found = self.shelf.find(moment, digest)
        if found is not None:
            self.kept += 1
            return found
        self.again += 1
        self.foreknown += self.hierarchy is not None and self.hierarchy.learnt_until > moment
        return forecast(
            usage, _HOURS, moment, self.seed, hierarchy=self.hierarchy, events=self.events, jobs=self.jobs
        )

    @property
    def notes(self) -> list[str]:
        """What is to be known of the forecasts that were scored."""
        said = [*self.shelf.told, f"forecasts: {self.kept} kept, {self.again} made again"]
        if self.foreknown:
            said.append(
                f"{self.foreknown} are made again by a hierarchy that has seen what came after them, which "
                "flatters them; `headroom run --profiles` keeps those that are acted on"
            )
        return said


def _moments(written: "Iterable[Lease]", now: datetime) -> list[tuple[datetime, str]]:
    """Moments at which forecasts were acted on, and the digests of their usage, the newest first."""
    found = {}
    for lease in written:
        if lease.changed is not None and lease.changed < now:
            found[lease.changed] = str(dict(lease.evidence).get("forecast") or "")
    return sorted(found.items(), reverse=True)


def _scores(
    usage: "xr.Dataset",
    moments: Sequence[tuple[datetime, str]],
    pools: "dict[str, tuple[str, ...]]",
    level: float,
    ways: _Ways,
    report: Report,
) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    from forecasting.feedback.scopes import SET, scopes_of, summed
    from forecasting.scorecard import COLUMNS, scored

    parts = []
    for number, (moment, digest) in enumerate(moments):
        report("forecasting again", number / len(moments))
        profile = ways.profile(usage, moment, digest)
        draws = profile.draws
        came = usage["demand"].reindex_like(draws.isel(draw=0, drop=True)).transpose("group", "resource", "time")
        scopes = [
            x for x in scopes_of(draws["group"].values, draws["region"].values, pools) if x.kind in (SET, "group")
        ]
        names = [f"pool {x.name}" if x.kind == SET else x.name for x in scopes]
        values = draws.transpose("draw", "group", "resource", "time").values
        found = scored(
            summed(values, scopes),
            np.asarray(summed(came.values, scopes)),
            names,
            draws["resource"].values.tolist(),
            level,
        )
        parts.append(found.assign(forecast=moment))
    report("done", 1.0)
    return pd.concat(parts) if parts else pd.DataFrame(columns=[*COLUMNS, "forecast"])
