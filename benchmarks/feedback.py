"""Feedback: coverage and CRPS without it, with it, learnt anew; where something changes and where not.

    python -m benchmarks.feedback --data DIR --sets taxi_requests --series 24 --json feedback.json

A hierarchy is learnt a week before the change; then every six hours a day ahead is forecast. From the change on
(`changes`): ``shift``, a fifth of the groups grow by a factor and stay; ``outage``, the groups of one region
(a fifth, where there is but one) are down to 2 % for twelve hours; ``newcomer``, a tenth of the groups begin three
days before. ``nothing`` is the set as it is. Several changes lie ``--step`` hours apart, with other groups
struck at each. Scored are the groups that are struck, the ways on the same forecasts.

Ways: ``without`` feedback; ``with`` the record of the forecasts before; ``anew``, with it and learnt anew whenever
`retrain.reason` says so and what is in use is a day old; ``calm``, with it, the same groups where nothing strikes
them. CRPS is Σ over Σ|actual|, mean over resources; differences are of its logarithm, paired, and their standard
error is over panels and moments. Coverage by hours is that of the forecasts made so many hours after the change.
Recovery is the first hour whose day of forecasts holds 75 % or more in its 80 % intervals, over all of them.
"""

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from benchmarks.changes import CASES, KNOWN_HOURS, changed
from benchmarks.courses import WAYS, Scores, alarmed, show, summary
from benchmarks.panels import SETS, load
from benchmarks.report import parser, write
from benchmarks.twice import Drawn
from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.feedback.record import AHEAD_HOURS, LEVELS, STEP_HOURS, Record, aligned, dataset_of
from forecasting.feedback.scopes import scopes_of, summed
from forecasting.hierarchy import Hierarchy
from forecasting.judging import judged
from forecasting.learn import learn
from forecasting.past import HISTORY_HOURS
from forecasting.retrain import reason, retrain

SETTLED = np.timedelta64(24, "h")
"""How old what is in use must be to be learnt anew, as `headroom run` has it."""

_DAY, _WEEK = 24, 168
_LEAST_LEARNT = 18 * _DAY
_DRAWS = 300

Calm = dict[int, tuple[NDArray[np.float32], NDArray[np.float64]]]
"""Draws where nothing strikes, with feedback, and what came, by hours since the change."""


@dataclass(slots=True)
class Way:
    """A forecaster on its way through the hours: what it learnt, how often, and its record."""

    hierarchy: Hierarchy
    record: Record | None = None
    learnt: int = 0

    def go(self, past: xr.Dataset) -> Drawn:
        """Forecast from the end of the past, and put what came of the forecasts before into the record."""
        drawn = Drawn.of(past, self.hierarchy, AHEAD_HOURS, _DRAWS)
        scopes = scopes_of(past[dims.GROUP].values, past[dims.REGION].values)
        kinds = past[dims.RESOURCE].values
        quantiles = np.quantile(summed(drawn.told(), scopes), LEVELS, axis=0).astype(np.float32)[None]
        origin = np.array([past[dims.TIME].values[-1] + dims.HOUR], dtype="datetime64[ns]")
        new = dataset_of(origin, scopes, kinds, quantiles)
        kept = aligned(self.record, scopes, kinds)
        both = xr.concat([kept, new], dim="origin") if kept.sizes["origin"] else new
        self.record = Record(judged(both, past, scopes))
        return drawn

    def surprised(self, past: xr.Dataset) -> Hierarchy | None:
        """Learn anew if the record asks for it, as `headroom run` does; None if it does not."""
        now = np.datetime64(self.hierarchy.learnt_until.replace(tzinfo=None), "ns") + SETTLED
        if (
            self.record is None
            or past[dims.TIME].values[-1] + dims.HOUR < now
            or not reason(self.record, self.hierarchy.learnt_until)
        ):
            return None
        try:
            return retrain(past, self.hierarchy)[0]
        except ForecastingError:
            return None


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {}
    for name in options.sets:
        found: dict[str, list[dict[str, Scores]]] = {}
        for label, panel in load(options.data, name, options.series, options.seed).items():
            for number in range(options.skip, options.skip + options.moments):
                for case, ways in _moment(panel, number, options).items():
                    found.setdefault(case, []).append(ways)
                print(f"{label}, moment {number}", flush=True)
        figures[name] = {case: summary(rows) for case, rows in found.items()}
    show(figures)
    write(options.json, options, {"sets": figures})


def _moment(panel: xr.Dataset, number: int, options: Namespace) -> dict[str, dict[str, Scores]]:
    """Go through one change of each kind; through none where there is too little usage before it."""
    end = panel.sizes[dims.TIME] - number * options.step
    first = max(0, end - options.days * _DAY - HISTORY_HOURS)
    change = end - options.days * _DAY - first
    if change - _WEEK < _LEAST_LEARNT:
        return {}
    part = panel.isel({dims.TIME: slice(first, end)})
    known = part[dims.DEMAND].isel({dims.TIME: slice(0, change - _WEEK)}).notnull()
    part = part.isel({dims.RESOURCE: known.any((dims.GROUP, dims.TIME)).values})
    try:
        before = _until(part, change, _WEEK, np.ones(part.sizes[dims.GROUP], dtype=np.bool_))
    except ForecastingError as error:
        print(f"left out: {error}", flush=True)
        return {}
    calm: Calm = {}
    found = {}
    for case in dict.fromkeys(("nothing", *options.cases)):
        usage, struck = changed(part, case, change, options.factor, np.random.default_rng([options.seed, number]))
        if case == "newcomer" and struck.all():
            continue
        way = before if case != "newcomer" else _until(usage, change, KNOWN_HOURS, ~struck)
        found[case] = _after(usage, struck, change, way, case in options.anew, calm)
    return found


def _until(usage: xr.Dataset, change: int, hours: int, known: NDArray[np.bool_]) -> Way:
    """Learn from the known groups until a week before the change, and keep a record of the hours before it."""
    way = Way(
        learn(usage.isel({dims.TIME: slice(0, change - _WEEK), dims.GROUP: known}), horizon_hours=AHEAD_HOURS)
    )
    for moment in range(change - hours, change, STEP_HOURS):
        way.go(usage.isel({dims.TIME: slice(0, moment)}))
    return way


def _after(
    usage: xr.Dataset, struck: NDArray[np.bool_], change: int, before: Way, again: bool, calm: Calm
) -> dict[str, Scores]:
    """Forecast every six hours from the change on, in every way; ``calm`` is filled by the first case."""
    plain = anew = Way(before.hierarchy, before.record)
    found = {way: Scores() for way in WAYS}
    first = not calm
    for moment in range(change, usage.sizes[dims.TIME] - AHEAD_HOURS + 1, STEP_HOURS):
        past, since = usage.isel({dims.TIME: slice(0, moment)}), moment - change
        came = usage[dims.DEMAND].values[..., moment : moment + AHEAD_HOURS]
        drawn = other = plain.go(past)
        if anew is not plain:
            other = anew.go(past)
        if again and (fresh := anew.surprised(past)) is not None:
            anew = Way(fresh, anew.record, anew.learnt + 1)
            other = Drawn.of(past, fresh, AHEAD_HOURS, _DRAWS)
        told = {"without": drawn.told(), "with": drawn.told(plain.record)}
        if again:
            told["anew"] = other.told(anew.record)
        for way, draws in told.items():
            found[way].add(since, draws[:, struck], came[struck])
        if first:
            calm[since] = told["with"], came
        else:
            found["calm"].add(since, calm[since][0][:, struck], calm[since][1][struck])
        found["with"].alarmed.append(alarmed(plain.record, struck))
    found["anew"].learnt = anew.learnt
    return {way: scores for way, scores in found.items() if scores.hours}


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    made.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    made.add_argument(
        "--anew", nargs="*", default=["nothing", "shift"], choices=CASES, help="learnt anew in these"
    )
    made.add_argument("--days", type=int, default=5, help="days from the change on; default 5, at most 7")
    made.add_argument("--moments", type=int, default=3, help="changes at different times; default 3")
    made.add_argument("--step", type=int, default=173, help="hours between them; default 173")
    made.add_argument("--skip", type=int, default=0, help="leave out so many of the latest moments")
    made.add_argument("--factor", type=float, default=2.0, help="height of the shift; default 2")
    return made.parse_args()


if __name__ == "__main__":
    main()
