"""The state: accuracy, time and bytes of forecasts from statistics that are carried on, against made anew.

    python -m benchmarks.state --data DIR --json state.json

At each of some origins, spread over the set, a hierarchy is learnt and a state is made; 1, 3 and 6 days later a
day ahead is forecast from that state, from scratch, and from scratch with another seed, which tells chance from
difference. CRPS is Σ over Σ|actual| and WQL as in `scoring`, of the sums over origins, the mean over resources;
standard errors are by origin. Time and bytes are of synthetic usage, as in `speed`, hour by hour.
"""

import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks import product, speed
from benchmarks.panels import load
from benchmarks.report import parser, per_cent, table, write
from benchmarks.scoring import GRID
from forecasting import dims
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.score import crps_from_draws, pinball
from forecasting.settings import Settings
from forecasting.state import State

_DAY, _PAST = 24, 1344
WAYS = ("anew", "state", "other seed")


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {"sets": {}}
    lines = []
    for name in options.sets:
        found = figures["sets"][name] = _set(name, options)
        for days, x in found.items():
            lines.append([name, days, per_cent(x["carried"]), x["crps"]["anew"][0], *(
                _change(*x[score][way]) for score in ("crps", "wql") for way in WAYS[1:]
            )])  # fmt: skip
    table(["set", "days", "carried", "CRPS anew", "CRPS", "by chance", "WQL", "by chance"], lines)
    if options.groups:
        figures["time"] = speed.alone(_time, options.groups, options.seed)
        table(["", ""], [[key.replace("_", " "), value] for key, value in figures["time"].items()])
    write(options.json, options, figures)


def _set(name: str, options: Namespace) -> dict[int, dict[str, Any]]:
    (panel,) = load(options.data, name, options.series, options.seed).values()
    hours = panel.sizes[dims.TIME]
    last = hours - (max(options.days) + 1) * _DAY
    losses: dict[int, dict[str, list[np.ndarray]]] = {d: {way: [] for way in WAYS} for d in options.days}
    shares: dict[int, list[float]] = {d: [] for d in options.days}
    for origin in np.linspace(_PAST, last, options.origins).astype(int):
        past = panel.isel({dims.TIME: slice(0, origin)})
        hierarchy = product.learn(past, _DAY, options.seed)
        kept: list[State] = []
        settings = Settings(draws=options.draws)
        forecast(past, _DAY, seed=options.seed, hierarchy=hierarchy, keep=kept.append)
        for days in options.days:
            end = origin + days * _DAY
            seen = panel.isel({dims.TIME: slice(0, end)})
            came = panel[dims.DEMAND].values[..., end : end + _DAY]
            after: list[State] = []
            profiles = {
                "anew": forecast(seen, _DAY, seed=1, hierarchy=hierarchy, settings=settings),
                "state": forecast(
                    seen, _DAY, seed=1, hierarchy=hierarchy, settings=settings, state=kept[0], keep=after.append
                ),
                "other seed": forecast(seen, _DAY, seed=2, hierarchy=hierarchy, settings=settings),
            }
            same = (after[0].dataset["mean"] == kept[0].dataset["mean"]).values
            shares[days].append(float(same.mean()))
            for way, profile in profiles.items():
                losses[days][way].append(_losses(profile.draws.values, came))
    return {
        days: {"carried": float(np.mean(shares[days]))}
        | {
            score: {
                way: _compared(np.stack(losses[days][way]), np.stack(losses[days]["anew"]), number) for way in WAYS
            }
            for number, score in enumerate(("crps", "wql"))
        }
        for days in options.days
    }


def _losses(draws: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Return sums of CRPS, of pinball loss and of what came, ``(3, resource)``."""
    known = np.isfinite(came)
    quantiles = np.moveaxis(np.quantile(draws, GRID, axis=0), 0, -1)
    loss = 2 * pinball(np.where(known, came, 0.0)[..., None], quantiles, np.array(GRID)).mean(axis=-1)
    parts = (crps_from_draws(draws, came), loss, np.abs(came))
    return np.stack([np.where(known, x, 0.0).sum(axis=(0, 2)) for x in parts])


def _compared(losses: np.ndarray, anew: np.ndarray, number: int) -> tuple[float, float, float]:
    """Return a score, its ratio to that from scratch, and the standard error of the ratio, by origin.

    Parameters
    ----------
    losses, anew
        ``(origin, 3, resource)``.
    number
        Of the score.
    """
    size = np.maximum(anew[:, 2].sum(axis=0), 1e-9)
    score, against = (x[:, number].sum(axis=0) / size for x in (losses, anew))
    ratio = float(score.mean() / against.mean())
    apart = ((losses[:, number] - ratio * anew[:, number]) / size).mean(axis=1)
    error = float(np.sqrt((apart**2).sum() * len(apart) / max(len(apart) - 1, 1)) / against.mean())
    return float(score.mean()), ratio, error


def _change(score: float, ratio: float, error: float) -> str:
    del score
    return f"{100 * (ratio - 1):+.2f} ± {100 * error:.2f} %"


def _time(groups: int, seed: int) -> dict[str, float]:
    """Return seconds of forecasts of a day, from scratch and an hour later from the state, and what it takes."""
    speed.HOURS = _PAST + 48
    usage = speed.synthetic(
        max(1, groups // speed.GROUPS_OF_A_REGION), min(groups, speed.GROUPS_OF_A_REGION), 1, seed
    )
    past = usage.isel({dims.TIME: slice(0, _PAST)})
    hierarchy = product.learn(past, _DAY, seed)
    kept: list[State] = []
    anew, making, on = [], [], []
    for hour in range(4):
        anew.append(_seconds(usage, _PAST + hour, hierarchy))
    for _ in range(3):
        making.append(_seconds(usage, _PAST, hierarchy, keep=kept.append))
    for hour in range(1, 8):
        on.append(_seconds(usage, _PAST + hour, hierarchy, state=kept[-1], keep=kept.append))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.nc"
        kept[-1].save(file)  # imports, which a run has done by then
        started = time.perf_counter()
        kept[-1].save(file)
        saved = time.perf_counter()
        State.load(file)
        loaded = time.perf_counter()
        size = file.stat().st_size
    return {
        "anew_seconds": min(anew),
        "anew_and_kept_seconds": min(making),
        "from_the_state_seconds": min(on),
        "saving_seconds": saved - started,
        "loading_seconds": loaded - saved,
        "bytes_of_a_series": size / groups,
    }


def _seconds(usage: xr.Dataset, hours: int, hierarchy: Hierarchy, **state: Any) -> float:
    past = usage.isel({dims.TIME: slice(0, hours)})
    started = time.perf_counter()
    forecast(past, _DAY, seed=1, hierarchy=hierarchy, **state)
    return time.perf_counter() - started


def _options() -> Namespace:
    made = parser(__doc__)
    made.set_defaults(series=30)
    made.add_argument("--sets", nargs="+", default=["vm_usage", "taxi_requests", "bike_requests"], metavar="NAME")
    made.add_argument("--origins", type=int, default=10, help="origins of a set; default 10")
    made.add_argument("--days", nargs="+", type=int, default=[1, 3, 6], help="ages of the state; default 1 3 6")
    made.add_argument("--draws", type=int, default=1000, help="draws of a forecast; default 1000")
    made.add_argument(
        "--groups", type=int, default=200, help="groups that time is measured on; default 200, 0: none"
    )
    return made.parse_args()


if __name__ == "__main__":
    main()
