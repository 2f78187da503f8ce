"""How long errors last: parts of the normal scores of what came, against those of draws dealt out anew or not.

    python -m benchmarks.lasting --data DIR --series 80 --sets m4_hourly --origins 19 --step 25 --json lasting.json

One hierarchy is learnt at each origin, and a day ahead is forecast from it twice, so that only which draw has what
value differs. Shares are of the mean squares of a day's mean, of the means of 6-hour windows about it,
and of the hours about these.
"""

from argparse import Namespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from benchmarks import product
from benchmarks.panels import SETS, Window, grid, load, plan, windows
from benchmarks.peers import DAY, Floats
from benchmarks.report import parser, per_cent, table, write
from benchmarks.scoring import INTERVALS, aggregates, covered, covered_error

_WINDOW = 6
_PARTS = ("day", "window", "hour")
_WAYS = ("without", "with")


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {}
    lines, held = [], []
    for name in options.sets:
        shares, scores = _of_set(name, options)
        sums = shares.groupby("of")[list(_PARTS)].sum()
        sums = sums.div(sums.sum(axis=1), axis=0)
        lines += [[name, of, *sums.loc[[of]].to_numpy()[0]] for of in ("came", *_WAYS)]
        for of in ("day mean", "window maximum"):
            for way in _WAYS:
                part = scores[(scores["way"] == way) & (scores["of"] == of)]
                shares_held, errors = covered(part), covered_error(part)
                held.append([name, of, way, *(per_cent(shares_held[x], errors[x]) for x in INTERVALS)])
        figures[name] = {"shares": shares.to_dict("records"), "scores": scores.astype(str).to_dict("records")}
    table(["set", "normal scores of", *_PARTS], lines)
    table(["set", "of", "lasting", *(f"in {percent} %" for percent in INTERVALS)], held)
    write(options.json, options, figures)


def _of_set(name: str, options: Namespace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean squares of each part, and coverage, by origin."""
    shares, scores = [], []
    for panel in load(options.data, name, options.series, options.seed).values():
        laid = plan(name, panel.sizes["time"], options.history, DAY, options.origins, options.step)
        if laid is None:
            continue
        for window in windows(panel, laid):
            if not np.isfinite(window.actual).any():
                continue
            actual = grid(window, window.actual)
            for way, draws in zip(_WAYS, _forecasts(window, options.seed), strict=True):
                came, drawn = _parts(draws, actual)
                shares.append({"of": way, **drawn})
                if way == _WAYS[0]:
                    shares.append({"of": "came", **came})
                found = aggregates(draws, actual, window.usage["region"].values)
                scores.append(found.assign(origin=window.origin, way=way))
    return pd.DataFrame(shares), pd.concat(scores)


def _forecasts(window: Window, seed: int) -> tuple[Floats, Floats]:
    """Return draws ``(draw, group, resource, hour)`` without `lasting` and with it."""
    hierarchy = product.learn(window.filled, DAY, seed)
    with patch("forecasting.mixture.lasting", lambda draws, *_: draws):
        without = product.run(window.filled, DAY, seed, hierarchy=hierarchy).draws.values
    return without, product.run(window.filled, DAY, seed, hierarchy=hierarchy).draws.values


def _parts(draws: Floats, actual: Floats) -> tuple[dict[str, float], dict[str, float]]:
    """Return the sums, over series that are known all day, of mean squares of what came and of draws."""
    known = np.isfinite(actual).all(axis=-1)
    sample, came = draws[:, known], actual[known]
    rank = ((sample < came).sum(axis=0) + (sample <= came).sum(axis=0)) / 2
    of_came = norm.ppf(np.clip(rank / len(sample), 0.5 / len(sample), 1 - 0.5 / len(sample)))
    of_draws = norm.ppf((rankdata(sample, axis=0) - 0.5) / len(sample))
    return _split(of_came[None]), _split(of_draws)


def _split(scores: Floats) -> dict[str, float]:
    cut = scores.reshape(*scores.shape[:-1], scores.shape[-1] // _WINDOW, _WINDOW)
    of_window = cut.mean(axis=-1, keepdims=True)
    of_day = of_window.mean(axis=-2, keepdims=True)
    parts = (of_day, of_window - of_day, cut - of_window)
    squares = [(part**2).mean(axis=(-1, -2)) for part in parts]
    return {name: float(each.mean(axis=0).sum()) for name, each in zip(_PARTS, squares, strict=True)}


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    for name, default in (("history", 1008), ("origins", 16), ("step", 61)):
        made.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    return made.parse_args()


if __name__ == "__main__":
    main()
