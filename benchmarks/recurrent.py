"""The recurrent component: what the forecast gains by it, what it does alone, its weights and its seconds.

    python -m benchmarks.recurrent --data DIR --json recurrent.json
    python -m benchmarks.recurrent --data DIR --sets taxi_requests --origins 3 --alone

Forecasts with and without it are learnt anew at each origin, from the same hours with the same seed. The ratio of
the WQL with it to that without it is put together over origins and panels by its logarithm; its standard error is
that of the mean over origins, each the mean of its panels. ``--alone`` compares components unstacked as well.
Seconds are of processor time.
"""

import time
from argparse import Namespace
from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks import product
from benchmarks.panels import SETS, Window, load, plan, rows, windows
from benchmarks.peers import Floats
from benchmarks.report import parser, table, write
from benchmarks.scoring import LEVELS, by_series, tidy, wql
from forecasting.hierarchy import Hierarchy
from forecasting.settings import RECURRENT

WITH = f"{product.NAME}-{RECURRENT}"
ALONE = tuple(f"{product.NAME}-only-{name}" for name in (RECURRENT, "ar", "analogue"))


def main() -> None:
    """Measure, print and write."""
    options = _options()
    models = (product.NAME, WITH, *(ALONE if options.alone else ()))
    figures = {name: _set(options, name, models) for name in options.sets}
    _show(figures, models)
    write(options.json, options, {"sets": figures})


def _set(options: Namespace, name: str, models: tuple[str, ...]) -> dict[str, Any]:
    """Run one set; the n-th origins of its panels count as one origin."""
    scores: dict[str, dict[int, list[float]]] = {model: defaultdict(list) for model in models}
    seconds: dict[str, list[float]] = defaultdict(list)
    weights, notes = [], []
    for label, panel in load(options.data, name, options.series, options.seed).items():
        short = panel.isel(time=slice(0, panel.sizes["time"] - options.ago))
        laid = plan(name, short.sizes["time"], options.history, options.horizon, options.origins, options.step)
        for number, window in enumerate(windows(short, laid) if laid is not None else ()):
            found: dict[str, float] = {}
            try:
                for model in models:
                    started = time.process_time()
                    hierarchy = product.learn(window.usage, options.horizon, options.seed, model)
                    seconds[f"learn {model}"].append(time.process_time() - started)
                    started = time.process_time()
                    found[model] = _wql(window, model, options, hierarchy)
                    seconds[f"forecast {model}"].append(time.process_time() - started)
                    if model == WITH:
                        weights.append(_weight(hierarchy))
            except Exception as error:
                notes.append(f"{label} at {window.origin}: {type(error).__name__}: {error}")
                continue
            for model, value in found.items():
                scores[model][number].append(float(np.log(max(value, 1e-9))))
    for note in notes:
        print("note:", note, flush=True)
    return {
        "log_wql": {model: {n: float(np.mean(x)) for n, x in each.items()} for model, each in scores.items()},
        "weights": np.mean(weights, axis=0).tolist() if weights else [],
        "seconds": {what: float(np.mean(x)) for what, x in seconds.items()},
        "forecasts": sum(map(len, scores[WITH].values())),
        "notes": notes,
    }


def _wql(window: Window, model: str, options: Namespace, hierarchy: Hierarchy) -> float:
    profile = product.run(window.usage, options.horizon, options.seed, model, hierarchy)
    clean, _ = tidy(rows(window, product.grid_of(profile, LEVELS)))
    return wql(by_series(window, clean))


def _weight(hierarchy: Hierarchy) -> Floats:
    """Weight of the recurrent component, ``(range,)``, averaged over blocks."""
    place = hierarchy.components.index(RECURRENT)
    return np.asarray(hierarchy.dataset["weights"].values[..., place].mean(axis=(0, 1)))


def ratio_of(one: dict[int, float], other: dict[int, float]) -> tuple[float, float]:
    """Return the ratio of two scores by origin, given their logarithms, and its standard error."""
    apart = np.array([one[n] - other[n] for n in one])
    error = float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else float("nan")
    return float(np.exp(apart.mean())), error


def _show(figures: dict[str, Any], models: tuple[str, ...]) -> None:
    lines, mean = [], defaultdict(list)
    for name, x in figures.items():
        scores = x["log_wql"]
        if not scores[product.NAME]:
            continue
        line = [name, x["forecasts"], float(np.exp(np.mean(list(scores[product.NAME].values()))))]
        for model in models[1:]:
            ratio, error = ratio_of(scores[model], scores[product.NAME])
            mean[model].append(np.log(ratio))
            line.append(f"{ratio:.3f} ± {error:.3f}")
        line.append(" ".join(f"{100 * share:.0f}" for share in x["weights"][:2]) + " %")
        line += [x["seconds"][f"{what} {model}"] for what in ("learn", "forecast") for model in models[:2]]
        lines.append(line)
    each = [model.removeprefix(f"{product.NAME}-") for model in models[1:]]
    table(
        ["set", "forecasts", "WQL", *each, "weight, h 1–6, 7–24", "learn s", "with", "forecast s", "with"], lines
    )
    for model, logs in mean.items():
        print(f"{model}: {np.exp(np.mean(logs)):.4f} of headroom's WQL, geometric mean over sets")


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    for name, default in (("history", 1008), ("horizon", 24), ("origins", 5), ("step", 79), ("ago", 0)):
        made.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    made.add_argument("--alone", action="store_true", help="components unstacked, too")
    return made.parse_args()


if __name__ == "__main__":
    main()
