"""Statistics carried from run to run: the same as from scratch, and made anew where the past is another one."""

import numpy as np
import pytest
import xarray as xr
from demand import learnt, made, moment, of_block, usage_of, waves

from forecasting.basis import memory
from forecasting.components.linear import statistics_of
from forecasting.conditionals import mean_coefficient
from forecasting.continuing import opened
from forecasting.errors import StateError
from forecasting.forecast import forecast
from forecasting.history import history_of
from forecasting.past import past_of
from forecasting.sequential import entered
from forecasting.state import KIND, State
from forecasting.sufficient import rotate

HOURS = 500
DEMAND = waves(groups=4, resources=1, hours=HOURS + 200)
PARTS = ("gram", "moment", "energy", "hours")


@pytest.fixture(scope="module")
def hierarchy():
    return made(usage_of(DEMAND[..., :HOURS]))


def run(hierarchy, hours, state=None, demand=DEMAND, **options):
    """The profile and the state after a run at an hour."""
    kept = []
    usage = usage_of(demand[..., :hours])
    profile = forecast(usage, 24, hierarchy=hierarchy, state=state, keep=kept.append, **options)
    return profile, kept[0]


@pytest.fixture(scope="module")
def state(hierarchy):
    return run(hierarchy, HOURS)[1]


def carried_on(state, after):
    """Whether each group kept its scale."""
    return (state.dataset["mean"] == after.dataset["mean"]).values[:, 0].tolist()


# The same as from scratch


@pytest.mark.parametrize("component", ["ar", "seasonal", "weekly"])
@pytest.mark.parametrize("step", [1, 7, 60])
def test_hours_that_enter_by_and_by_make_the_statistics_that_all_at_once_make(component, step):
    history = of_block(history_of(usage_of(DEMAND[..., :HOURS]), 0)[0])
    known = learnt(component, HOURS)
    remembered = memory(history.filled, history.block, known.basis)
    kept, whole = entered(None, history, known.basis, remembered, 0, 380)
    for begin in range(380, HOURS, step):
        until = min(begin + step, HOURS)
        kept, now = entered(kept, history, known.basis, remembered, begin, until)
    scratch = statistics_of(history, known.basis, [HOURS])[HOURS]
    for part in PARTS:
        for found in (kept.statistics, now, whole):
            np.testing.assert_allclose(getattr(found, part), getattr(scratch, part), rtol=1e-9, atol=1e-9)
    means = [mean_coefficient(rotate(x, known.plain), known) for x in (now, scratch)]
    np.testing.assert_allclose(*means, rtol=1e-9, atol=1e-9)


def test_hour_by_hour_is_the_same_state_as_a_day_at_once(hierarchy, state):
    by_and_by = state
    for hours in range(HOURS + 1, HOURS + 7):
        _, by_and_by = run(hierarchy, hours, by_and_by)
    _, at_once = run(hierarchy, HOURS + 6, state)
    assert by_and_by.dataset.attrs == at_once.dataset.attrs
    assert by_and_by.entered == HOURS + 6 - 24
    for name in at_once.dataset:
        np.testing.assert_allclose(by_and_by.dataset[name], at_once.dataset[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("hours", [0, 1, 100])
def test_a_forecast_from_the_state_says_what_one_from_scratch_says(hierarchy, state, hours):
    (on, after), (anew, _) = (run(hierarchy, HOURS + hours, x) for x in (state, None))
    assert all(carried_on(state, after))
    spread = anew.draws.std("draw")
    for level in (0.1, 0.5, 0.9):
        apart = np.abs(on.quantile(level) - anew.quantile(level)) / spread
        assert float(apart.mean()) < 0.15
    assert on.dataset.attrs["data_digest"] == anew.dataset.attrs["data_digest"]


def test_keeping_a_state_changes_nothing_of_a_forecast(hierarchy):
    kept, _ = run(hierarchy, HOURS)
    plain = forecast(usage_of(DEMAND[..., :HOURS]), 24, hierarchy=hierarchy)
    np.testing.assert_allclose(kept.draws.mean("draw"), plain.draws.mean("draw"), rtol=0.05)


def test_a_new_peak_raises_the_bound_of_draws(hierarchy, state):
    demand = DEMAND.copy()
    demand[0, 0, HOURS + 3] = 5 * demand.max()
    history = [
        history_of(usage_of(demand[..., : HOURS + 4]), 0, kept=kept)
        for kept in (None, state.scale(np.ones(4, dtype=bool)))
    ]
    bounds = [transform.demand_of(transform.highest)[0, 0] for _, transform in history]
    np.testing.assert_allclose(bounds[1], bounds[0])
    assert bounds[0] == pytest.approx(2 * demand[0, 0, HOURS + 3])


def test_components_look_back_no_further_with_a_state():
    demand = waves(groups=2, hours=1344 + 60)
    usage = usage_of(demand[..., :1344])
    hierarchy = made(usage)
    _, state = run(hierarchy, 1344, demand=demand)
    past, _ = past_of(usage_of(demand), None)
    assert opened(state, usage_of(demand), past, 1344)[1].sizes["time"] == 1404
    profile, after = run(hierarchy, 1404, state, demand=demand)
    assert all(carried_on(state, after))
    assert after.start == state.start
    assert after.entered == 1380
    assert (
        profile.dataset.attrs["data_digest"] == run(hierarchy, 1404, demand=demand)[0].dataset.attrs["data_digest"]
    )


# Made anew


@pytest.mark.parametrize("value", [7.7, np.nan])
def test_a_late_correction_makes_its_block_anew_and_no_other(hierarchy, state, value):
    demand = DEMAND.copy()
    demand[0, 0, 300] = value
    assert carried_on(state, run(hierarchy, HOURS + 5, state, demand)[1]) == [False, False, True, True]


def test_a_correction_of_the_last_day_makes_nothing_anew(hierarchy, state):
    demand = DEMAND.copy()
    demand[0, 0, HOURS - 20] = 7.7
    assert all(carried_on(state, run(hierarchy, HOURS + 5, state, demand)[1]))


def test_a_level_shift_makes_its_block_anew():
    demand = waves(groups=6, hours=HOURS + 60)
    demand[0, 0, HOURS + 10 :] *= 4
    hierarchy = made(usage_of(demand[..., :HOURS]))
    _, state = run(hierarchy, HOURS, demand=demand)
    after = run(hierarchy, HOURS + 50, state, demand)[1]
    assert history_of(usage_of(demand[..., : HOURS + 50]), 0)[0].shifted[0]
    assert carried_on(state, after) == [False] * 3 + [True] * 3


def test_beside_a_newcomer_a_block_is_made_anew():
    demand = DEMAND.copy()
    demand[0, 0, :300] = np.nan
    hierarchy = made(usage_of(demand[..., :HOURS]))
    _, state = run(hierarchy, HOURS, demand=demand)
    assert carried_on(state, run(hierarchy, HOURS + 5, state, demand)[1]) == [False, False, True, True]


def test_a_state_that_is_old_or_of_another_time_is_made_anew(hierarchy, state):
    assert run(hierarchy, HOURS + 167, state)[1].made == state.made
    assert run(hierarchy, HOURS + 168, state)[1].made == state.made + 168
    assert run(hierarchy, HOURS - 1, state)[1].made == state.made - 1
    assert run(hierarchy, HOURS, state, DEMAND[..., 1:])[1].made == state.made


def test_other_groups_or_another_memory_make_everything_anew(hierarchy, state):
    assert run(hierarchy, HOURS + 5, state, DEMAND[:3])[1].made == state.made + 5
    usage = usage_of(DEMAND[..., : HOURS + 5])
    assert opened(state, usage, usage, 504)[0] is None
    assert opened(state, usage, usage, 1344)[0] is state


def test_components_with_other_features_are_made_anew(state):
    bases = {name: learnt(name, HOURS).basis for name in ("ar", "weekly")}
    assert set(state.carried(np.array([0]), bases)) == {"ar", "weekly"}
    bases["ar"] = learnt("ar", HOURS, events=("price",)).basis
    assert set(state.carried(np.array([0]), bases)) == {"weekly"}


def test_resources_of_other_features_are_carried_on_side_by_side(tmp_path):
    demand = waves(groups=4, resources=2, hours=HOURS + 40)
    mixed = made(usage_of(demand[..., :HOURS]), alone=(1,))
    _, state = run(mixed, HOURS, demand=demand)
    state.save(tmp_path / "state.nc")
    (on, after), (anew, _) = (run(mixed, HOURS + 40, x, demand) for x in (State.load(tmp_path / "state.nc"), None))
    assert (state.dataset["mean"] == after.dataset["mean"]).all()
    apart = np.abs(on.draws.mean("draw") - anew.draws.mean("draw")) / anew.draws.std("draw")
    assert float(apart.mean()) < 0.15
    bases = mixed.learnt("a", "r0")["ar"].basis, mixed.learnt("a", "r1")["ar"].basis
    assert bases[1].names == bases[0].names[: bases[1].size]
    assert bases[1].size < bases[0].size
    for kept, basis in enumerate(bases):
        own = state.carried(np.array([kept]), {"ar": basis})["ar"]
        assert own.statistics.gram.shape == (1, basis.size, basis.size)
        assert np.isfinite(own.statistics.gram).all()
        # One of the other features begins anew: what it was believed by is not what it would be.
        assert not state.carried(np.array([1 - kept]), {"ar": basis})


# The file


def test_a_state_comes_back_as_it_was_saved(hierarchy, state, tmp_path):
    state.save(tmp_path / "state.nc")
    found = State.load(tmp_path / "state.nc")
    for name in state.dataset.variables:
        np.testing.assert_array_equal(found.dataset[name].values, state.dataset[name].values)
    assert (found.start, found.made, found.entered, found.memory_hours) == (
        state.start, state.made, state.entered, state.memory_hours,
    )  # fmt: skip
    on, plain = (run(hierarchy, HOURS + 3, x)[0] for x in (found, state))
    assert on.draws.values.tobytes() == plain.draws.values.tobytes()


def test_a_file_that_is_no_state_is_refused_in_words(state, tmp_path):
    path = tmp_path / "state.nc"
    with pytest.raises(StateError, match="there is no such state"):
        State.load(path)
    path.write_bytes(b"no netCDF")
    with pytest.raises(StateError, match="not a netCDF file, or damaged; delete it"):
        State.load(path)
    state.save(path)
    with xr.open_dataset(path, engine="h5netcdf") as file:
        other = file.load()
    other.assign_attrs({KIND.attribute: 99}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(StateError, match="a state of version 99"):
        State.load(path)
    with pytest.raises(StateError, match="not a whole state: it lacks entered"):
        State(state.dataset.drop_attrs(deep=False).assign_attrs(start=0, made=0, memory_hours=1))
    with pytest.raises(StateError, match="cannot be written"):
        state.save(tmp_path / "nowhere" / "state.nc")


def test_a_run_at_an_earlier_moment_of_the_same_week_looks_at_no_later_hour(hierarchy):
    now = moment(HOURS + 10)
    _, later = run(hierarchy, HOURS + 60, run(hierarchy, HOURS)[1])
    changed = DEMAND.copy()
    changed[..., HOURS + 10 :] = 99.0
    seen, unseen = (run(hierarchy, HOURS + 60, later, x, now=now)[0] for x in (DEMAND, changed))
    np.testing.assert_array_equal(seen.draws.values, unseen.draws.values)
