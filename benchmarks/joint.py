"""Joint draws: innovations as whole rows of residuals, from factor models, and of each series by itself.

    python -m benchmarks.joint --data DIR --json joint.json
    python -m benchmarks.joint --data DIR --model headroom-only-ar

One hierarchy is learnt at each origin; coefficients, components and days of the past are drawn alike, so that only
the dependence of the linear components' innovations differs. Factors are of all groups and resources of a region.
Scores are ratios to whole rows, the mean over origins with its standard error; below 1 is better than whole rows.
Energy and variogram scores are of all series of a region together: roots of demand, over their spread in the past.
"""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import product
from benchmarks.innovations import Drawn, factors_found, in_order, own_rows, with_factors
from benchmarks.panels import Window, grid, load, plan, windows
from benchmarks.peers import Floats
from benchmarks.report import parser, table, write
from benchmarks.scoring import INTERVALS, aggregates, energy, variogram
from forecasting import dims
from forecasting.blocks import block_of, members_of
from forecasting.chance import chance_at
from forecasting.components.linear import Conditioned, condition, statistics_of
from forecasting.coverage import region_sums, window_maxima
from forecasting.hierarchy import Hierarchy
from forecasting.history import History, history_of
from forecasting.mixture import Block, forecast_block
from forecasting.score import crps_from_draws, pinball

WHOLE, FOUND = "whole rows", "factors found"
WAYS = {WHOLE: None, FOUND: None, "1 factor": 1, "3 factors": 3, "independent": 0}
"""Ways to draw innovations, by how many factors; none stands for one a series, or for as many as are found."""
NEED = 0.9
"""Quantile of a region's greatest demand within 6 hours that would be held ready."""
RATIOS = (
    "CRPS, groups",
    "CRPS, sums",
    "energy, 1 h",
    "energy, all hours",
    "variogram, 1 h",
    "need, loss",
    "need, size",
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A block within a window: its place among the series, and what is known of it by linear component."""

    members: NDArray[np.intp]
    block: Block
    known: Mapping[str, Conditioned]


def ways(window: Window, options: Namespace) -> Iterator[tuple[str, Floats, float]]:
    """Yield each way with joint draws ``(draw, group, resource, hour)`` and its mean number of factors."""
    settings = replace(product.settings_of(options.model), draws=options.draws)
    hierarchy = product.learn(window.filled, options.horizon, options.seed, options.model)
    history, transform = history_of(window.filled, options.horizon)
    series, at = history.scores.shape[1], history.length
    chance = chance_at(history.time, at, options.horizon, settings.draws, (options.seed, at))
    own = own_rows(history.time, chance, series)
    regions = _parts(window, hierarchy, history, settings.calibrate)
    for way, wanted in WAYS.items():
        scores, counts = np.zeros((options.horizon, settings.draws, series), dtype=np.float32), []
        for parts in regions:
            given: list[dict[str, Conditioned]] = [{} for _ in parts]
            for name in parts[0].known:
                unit = np.concatenate([part.known[name].innovations(at) for part in parts], axis=1)
                most = factors_found(unit, options.seed) if way == FOUND else unit.shape[1]
                counts.append(most if wanted is None else wanted)
                places = np.concatenate([part.members for part in parts])
                drawn = with_factors(unit, chance.rows, own[..., places], counts[-1]).reshape(-1, len(places))
                ends = np.cumsum([len(part.members) for part in parts])[:-1]
                for part, into, some in zip(parts, given, np.split(drawn, ends, axis=1), strict=True):
                    into[name] = Drawn(part.known[name].rotated, part.known[name].residuals, some)
            for part, conditioned in zip(parts, given, strict=True):
                in_turn = replace(chance, rows=in_order(chance.rows))
                scores[..., part.members] = forecast_block(part.block, in_turn, conditioned)
        demand = transform.of_series(np.arange(series)).demand_of(scores).transpose(1, 2, 0)
        shape = (settings.draws, window.usage.sizes[dims.GROUP], window.usage.sizes[dims.RESOURCE], -1)
        yield way, demand.reshape(shape).astype(np.float64), float(np.mean(counts))


def _parts(window: Window, hierarchy: Hierarchy, history: History, calibrate: bool) -> list[list[_Part]]:
    """Look at the past of every block, region by region."""
    found: list[list[_Part]] = [[] for _ in np.unique(window.usage[dims.REGION].values)]
    for members in members_of(history):
        block = block_of(members, history, window.usage, hierarchy, calibrate)
        some = block.history
        known = {
            name: condition(some, of, statistics_of(some, of.basis, [some.length]))
            for name, of in block.learnt.items()
        }
        found[int(some.region[0])].append(_Part(members, block, known))
    return found


def scores_of(window: Window, draws: Floats) -> dict[str, float]:
    """Score one way at one origin: `RATIOS`, and per cent inside intervals and above the need."""
    actual, regions = grid(window, window.actual), window.usage[dims.REGION].values
    # Over its mean, or without the root, a series that is mostly empty would be all that a joint score sees.
    spread = grid(window, np.sqrt(window.train.to_numpy().T)).std(axis=-1, keepdims=True)
    found: dict[str, list[float]] = defaultdict(list)
    for resource in range(actual.shape[1]):
        total, came = region_sums(draws[:, :, resource], actual[:, resource], regions)
        found["CRPS, groups"].append(
            _over(crps_from_draws(draws[:, :, resource], actual[:, resource]), actual[:, resource])
        )
        found["CRPS, sums"].append(_over(crps_from_draws(total, came), came))
        need, most = np.quantile(window_maxima(total), NEED, axis=0), window_maxima(came)
        known = np.isfinite(most)
        found["need, loss"].append(_over(pinball(most, need, NEED)[known], most[known]))
        found["need, size"].append(_over(need[known], most[known]))
        found["above need"] += (100.0 * (most > need)[known]).tolist()
    for region in np.unique(regions):
        there = np.isfinite(actual).all(axis=-1) & (regions == region)[:, None]
        if there.sum() > 1:
            x, y = np.sqrt(draws[:, there]) / spread[there], np.sqrt(actual[there]) / spread[there]
            found["energy, all hours"].append(energy(x.reshape(len(x), -1), y.ravel()))
            for hour in range(y.shape[1]):
                found["energy, 1 h"].append(energy(x[..., hour], y[:, hour]))
                found["variogram, 1 h"].append(variogram(x[..., hour], y[:, hour]))
    out = {name: float(np.mean(values)) for name, values in found.items()}
    for row in aggregates(draws, actual, regions).to_dict("records"):
        out |= {f"{row['of']}, {level}": 100 * row[f"in{level}"] / max(row["known"], 1) for level in INTERVALS}
    return out


def _over(values: Floats, actual: Floats) -> float:
    """Return a sum over that of what came; NaN where nothing came, as when the bicycles stood still in a storm."""
    return float(np.nansum(values) / total) if (total := np.nansum(actual)) > 0 else float("nan")


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {}
    for name in options.sets:
        found: dict[str, list[dict[str, float]]] = defaultdict(list)
        for label, panel in load(options.data, name, options.series, options.seed).items():
            hours = panel.sizes[dims.TIME]
            laid = plan(label, hours, options.history, options.horizon, options.origins, options.step)
            for window in windows(panel, laid) if laid is not None else ():
                for way, draws, factors in ways(window, options):
                    found[way].append(scores_of(window, draws) | {"factors": factors})
                print(f"{label}: {window.origin}", flush=True)
        if found:
            _show(name, {way: pd.DataFrame(rows) for way, rows in found.items()})
        figures[name] = found
    write(options.json, options, {"sets": figures})


def _show(name: str, found: dict[str, pd.DataFrame]) -> None:
    whole = found[WHOLE]
    lines = [
        [way, x["factors"].mean(), *(_mean(x[of] / whole[of], 3) for of in RATIOS)] for way, x in found.items()
    ]
    table([name, "factors", *RATIOS], lines)
    of_level = [of for of in whole if of not in (*RATIOS, "factors")]
    lines = [
        [of, *(f"{x[of].mean():.1f} ({_mean(x[of] - whole[of], 1)})" for x in found.values())] for of in of_level
    ]
    table([f"{name}, per cent (points from whole rows)", *found], lines)


def _mean(values: pd.Series, digits: int) -> str:
    return f"{values.mean():.{digits}f} ± {values.std() / np.sqrt(values.count()):.{digits}f}"


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=["vm_usage", "taxi_requests", "bike_requests"], metavar="NAME")
    made.add_argument("--model", default=product.NAME, help="headroom or a variant, such as headroom-only-ar")
    for name, default in (("history", 1008), ("horizon", 24), ("origins", 10), ("step", 79), ("draws", 500)):
        made.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    return made.parse_args()


if __name__ == "__main__":
    main()
