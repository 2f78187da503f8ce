"""Real holidays: bicycles and taxis forecast from the eve of each, with and without being told.

    python -m benchmarks.holidays --data DIR --json holidays.json

From eight weeks of history on, each public holiday (US) is forecast from 18:00 local time on its eve, and a
working day beside it (a week before, if that is none) as well. WQL and coverage are of the 24 hours of the local
day.
"""

from argparse import Namespace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import xarray as xr

from benchmarks.panels import load
from benchmarks.report import parser, table, write
from forecasting.events import Events, from_tables
from forecasting.forecast import forecast
from forecasting.places import public_holidays
from forecasting.score import pinball

PLACES = {"bike_requests": ("US-DC", "America/New_York"), "taxi_requests": ("US-NY", "America/New_York")}
LEVELS = np.arange(1, 20) / 20
HISTORY_DAYS, AHEAD_HOURS = 56, 30


def day_of(usage: xr.Dataset, day: datetime, events: Events | None, seed: int) -> dict[str, Any] | None:
    """Forecast a local day from 18:00 on its eve; sums of loss and of demand, and what the intervals held."""
    eve = day - timedelta(hours=6)
    made = forecast(usage, AHEAD_HOURS, eve, seed, events=events)
    ahead = slice(6, AHEAD_HOURS)
    came = usage["demand"].sel(time=made.draws["time"]).values[..., ahead]
    draws = made.draws.values[..., ahead]
    losses = 2 * pinball(came, np.quantile(draws, LEVELS, axis=0), LEVELS[:, None, None, None]).mean(axis=0)
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    known = np.isfinite(came)
    scale = np.nansum(np.abs(came))
    return {"wql": float(np.nansum(losses) / scale), "held": float(((came >= low) & (came <= high))[known].mean())}


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {}
    for name in options.sets:
        usage = load(options.data, name, options.series, options.seed)[name]
        code, zone = PLACES[name]
        told = from_tables({"*": code}, {"*": zone})
        first, last = (x.astype("datetime64[s]").astype(datetime) for x in usage["time"].values[[0, -1]])
        days = public_holidays(code, range(first.year, last.year + 1))
        rows: dict[str, list[dict[str, Any]]] = {}
        for day, title in days.items():
            local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
            before = local - timedelta(days=7)
            naive = local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
            if naive < first + timedelta(days=HISTORY_DAYS) or naive > last - timedelta(days=2):
                continue
            print(f"{name}: {day} {title}", flush=True)
            for what, when in (("holiday", local), ("other day", before)):
                if what == "other day" and when.date() in days:
                    continue
                for way, events in (("told", told), ("not told", None)):
                    rows.setdefault(f"{what}, {way}", []).append(day_of(usage, when, events, options.seed) or {})
        figures[name] = {
            what: {"days": len(x), **{key: float(np.mean([y[key] for y in x])) for key in ("wql", "held")}}
            for what, x in rows.items()
        }
        table(
            ["set", "day", "days", "WQL", "in 80 %"],
            [[name, what, x["days"], x["wql"], x["held"]] for what, x in figures[name].items()],
        )
    write(options.json, options, {"holidays": figures})


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=list(PLACES), metavar="NAME")
    return made.parse_args()


if __name__ == "__main__":
    main()
