import numpy as np
import pytest
from demand import usage_of, wave

from forecasting.effects import SPREADS, Measured, drawn, learn_kind, own_of
from forecasting.events import Events
from forecasting.eventtable import Event
from forecasting.occasions import PARTS, busy_hours, occasions_of
from forecasting.occurring import layer_of
from forecasting.uplift import measure

FIRST = int(np.datetime64("2026-01-05T00", "h").astype(int))
HOURS = 10 * 168


def event(start, hours=10, region="*", name="sale", kind="", group="", expected=()):
    micro = [(FIRST + start) * 3_600_000_000, (FIRST + start + hours) * 3_600_000_000]
    return Event(region, micro[0], micro[1], name, kind, group, expected)


def world(factors, groups=6, hours=HOURS, noise=0.1, seed=1):
    """Waves, and (hour, length, factor) of what happened to all groups."""
    rng = np.random.default_rng(seed)
    demand = wave(np.arange(hours)) * np.exp(rng.normal(0, noise, (groups, 1, hours)))
    plain = demand.copy()
    for start, length, factor in factors:
        demand[..., start : start + length] *= factor
    return demand, plain


def layer(demand, events, ahead=48, draws=400, seed=1):
    usage = usage_of(demand)
    return layer_of(
        usage, usage.isel(time=slice(-1344, None)), Events(events=tuple(sorted(events))), ahead, draws, seed
    )


PAST = [(300, 1.8), (620, 1.6), (950, 2.0), (1290, 1.7), (1500, 1.9)]


def sales(*more):
    return [*(event(start, name=f"sale {start}", kind="sale") for start, _ in PAST), *more]


def test_the_factor_of_an_occasion_is_measured_with_how_far_it_may_be_off():
    demand, _ = world([(620, 10, 1.6)], noise=0.2)
    usage = usage_of(demand)
    groups, regions = usage["group"].values, usage["region"].values
    events = Events(events=(event(620),))
    (occasion,) = found = occasions_of(events, groups, regions, FIRST, FIRST + HOURS)
    busy, nothing = (busy_hours(x, len(groups), FIRST, HOURS) for x in (found, []))
    uplift = measure(occasion, np.sqrt(demand), busy, nothing, FIRST)
    seen = np.isfinite(uplift.factor)
    assert seen.any(axis=(0, 2)).tolist() == [True, True, False, False, False, True]  # from 20:00 to 06:00
    apart = (uplift.factor[seen] - np.log(1.6)) / np.sqrt(uplift.variance[seen])
    assert abs(apart.mean()) < 1.0
    assert 0.3 < apart.std() < 2.0


def test_past_effects_are_taken_out_and_nothing_else_is_touched():
    demand, plain = world([(start, 10, factor) for start, factor in PAST])
    found = layer(demand, sales())
    seen = found.past["demand"].values
    begin = HOURS - 1344
    touched = np.zeros(HOURS, dtype=bool)
    for start, _ in PAST:
        touched[start : start + 10] = True
    touched = touched[begin:]
    np.testing.assert_array_equal(seen[..., ~touched], demand[..., begin:][..., ~touched])
    left = np.log(seen[..., touched] / plain[..., begin:][..., touched])
    assert abs(left.mean()) < 0.04
    assert np.abs(left).mean() < 0.12  # as the noise is


def test_demand_that_fell_is_put_back_without_blowing_up_noise():
    demand, plain = world([(start, 10, 0.05) for start, _ in PAST])
    seen = layer(demand, sales()).past["demand"].values
    ratio = seen / plain[..., HOURS - 1344 :]
    assert ratio.min() > 0.4
    assert ratio.max() < 2.0


def test_a_new_one_of_a_known_kind_has_the_kinds_effect_and_its_spread():
    demand, _ = world([(start, 10, factor) for start, factor in PAST])
    (ahead,) = layer(demand, sales(event(HOURS + 6, name="next", kind="sale"))).ahead
    assert not ahead.new
    factor = np.exp(ahead.factor)
    assert np.median(factor) == pytest.approx(np.exp(np.mean(np.log([x for _, x in PAST]))), rel=0.08)
    low, high = np.quantile(factor.mean(axis=(1, 2, 3)), [0.05, 0.95])
    assert low < 1.65
    assert 1.95 < high < 3.0
    # What a draw makes of the occasion is common to groups: sums are as wide as their parts.
    log = ahead.factor[:, :, 2, 0] - ahead.factor[:, :, 2, 0].mean(axis=0)
    assert np.corrcoef(log[:, 0], log[:, 3])[0, 1] > 0.3


def test_draws_are_multiplied_in_hours_of_the_event_alone():
    demand, _ = world([(start, 10, factor) for start, factor in PAST])
    found = layer(demand, sales(event(HOURS + 6, name="next", kind="sale", group="g1", region="a")))
    draws = np.ones((400, 6, 1, 48), dtype=np.float32)
    found.into(draws)
    changed = (draws != 1).any(axis=(0, 2))
    assert np.flatnonzero(changed.any(axis=1)).tolist() == [1]
    assert np.flatnonzero(changed[1]).tolist() == list(range(6, 16))
    later = np.ones((400, 6, 1, 40), dtype=np.float32)
    found.into(later, skipped_hours=8)
    np.testing.assert_array_equal(later[..., :8], draws[..., 8:16])
    np.testing.assert_array_equal(found.factors(1, 0, 48), draws[:, 1, 0])


def test_the_first_of_its_kind_widens_and_moves_nothing():
    demand, _ = world([])
    (ahead,) = layer(demand, [event(HOURS + 6, name="new")]).ahead
    assert ahead.new
    low, middle, high = np.exp(np.quantile(ahead.factor, [0.1, 0.5, 0.9]))
    assert middle == pytest.approx(1.0, abs=0.1)
    assert low < 0.65
    assert 1.5 < high < 3.0


def test_what_is_expected_moves_the_first_and_gives_way_to_what_was_seen():
    told = (np.log(1.7), 0.1)
    demand, _ = world([(start, 10, factor) for start, factor in PAST])
    (first,) = layer(demand, [event(HOURS + 6, name="new", expected=told)]).ahead
    (plain,) = layer(demand, [event(HOURS + 6, name="new")]).ahead
    assert np.exp(np.median(first.factor)) == pytest.approx(1.7, rel=0.06)
    assert first.factor.mean(axis=(1, 2, 3)).std() < 0.75 * plain.factor.mean(axis=(1, 2, 3)).std()
    (against,) = layer(demand, sales(event(HOURS + 6, name="next", kind="sale", expected=(0.0, 0.3)))).ahead
    assert 1.2 < np.exp(np.median(against.factor)) < 1.85


def test_what_goes_on_is_believed_by_what_it_did_so_far():
    demand, _ = world([*((start, 10, factor) for start, factor in PAST), (HOURS - 20, 20, 3.0)])
    (ahead,) = layer(demand, sales(event(HOURS - 20, 40, name="long", kind="sale"))).ahead
    assert 2.3 < np.exp(np.median(ahead.factor)) < 3.3


def test_two_kinds_at_once_are_told_apart_by_when_they_came_alone():
    fairs = [(380, 1.4), (704, 1.4), (1037, 1.4), (1363, 1.4)]
    both = (1500, 10, 1.9 * 1.4)  # a sale in a fair
    alone = [(start, 10, factor) for start, factor in PAST[:-1]]
    demand, plain = world([*alone, *((start, 30, factor) for start, factor in fairs), both])
    told = [event(start, 30, name=f"fair {start}", kind="fair") for start, _ in fairs]
    told.append(event(1500, 10, name="fair", kind="fair"))
    following = [event(HOURS + 6, name="sale", kind="sale"), event(HOURS + 6, name="fair", kind="fair")]
    found = layer(demand, sales(*told, *following))
    middle = {x.occasion.kind: float(np.exp(np.median(x.factor))) for x in found.ahead}
    assert middle["sale"] == pytest.approx(1.8, rel=0.1)
    assert middle["fair"] == pytest.approx(1.4, rel=0.1)
    seen = found.past["demand"].values[..., 1500 - (HOURS - 1344) :][..., :10]
    assert abs(np.log(seen / plain[..., 1500:1510]).mean()) < 0.12


def test_two_kinds_that_always_come_together_are_counted_once():
    demand, plain = world([(start, 10, 2.0) for start, _ in PAST])
    other = [event(start, name=f"x {start}", kind="fair") for start, _ in PAST]
    following = [event(HOURS + 6, name="sale", kind="sale"), event(HOURS + 6, name="fair", kind="fair")]
    found = layer(demand, sales(*other, *following))
    total = sum(float(np.median(x.factor)) for x in found.ahead)
    assert np.exp(total) == pytest.approx(2.0, rel=0.1)
    ratio = found.past["demand"].values / plain[..., HOURS - 1344 :]
    assert abs(np.log(ratio).mean()) < 0.02


def test_nothing_that_happens_is_no_layer():
    demand, _ = world([], hours=600)
    usage = usage_of(demand)
    assert layer_of(usage, usage, None, 24, 10, 1) is None
    assert layer_of(usage, usage, Events(), 24, 10, 1) is None
    elsewhere = Events(events=(event(100, region="mars"),))
    assert layer_of(usage, usage, elsewhere, 24, 10, 1) is None


def test_the_same_seed_gives_the_same_draws_and_other_kinds_change_none():
    demand, _ = world([(start, 10, factor) for start, factor in PAST])
    following = event(HOURS + 6, name="next", kind="sale")
    (one,) = layer(demand, sales(following)).ahead
    again = layer(demand, sales(following, event(HOURS + 20, name="other"))).ahead
    np.testing.assert_array_equal(one.factor, next(x for x in again if x.occasion.kind == "sale").factor)


def test_idle_and_unknown_series_are_borne():
    demand, _ = world([(start, 10, factor) for start, factor in PAST])
    demand[0] = 0.0
    demand[1] = np.nan
    demand[2, :, 100:] = np.nan
    found = layer(demand, sales(event(HOURS + 6, name="next", kind="sale")))
    assert np.isfinite(found.ahead[0].factor).all()
    assert (found.past["demand"].values[0] == 0).all()
    assert np.isnan(found.past["demand"].values[1]).all()


@pytest.mark.slow
def test_effects_of_the_model_itself_are_found_within_their_intervals():
    rng = np.random.default_rng(5)
    held = []
    for _ in range(30):
        occasions, groups = 5, 8
        kind, spread = rng.normal(0, 0.4), {x: abs(rng.normal(0, s)) for x, s in SPREADS.items()}
        own = rng.normal(0, spread["group"], (groups, 1)) + rng.normal(0, spread["group_part"], (groups, PARTS))
        level = kind + rng.normal(0, spread["occasion"], occasions)
        truth = level[:, None, None] + own + rng.normal(0, spread["part"], PARTS)
        truth += rng.normal(0, spread["rest"], truth.shape)
        factor = (truth + rng.normal(0, 0.1, truth.shape))[..., None]
        factor[-1] = np.nan
        measured = Measured(factor, np.full(factor.shape, 0.01), np.full((occasions, 2), np.nan))
        shared = learn_kind(measured, (1,))
        own_draws = own_of(shared, measured, rng)

        low, high = np.quantile(
            drawn(shared, own_draws, measured, occasions - 1, 500, rng)[..., 0], [0.1, 0.9], axis=0
        )
        held.append(((truth[-1] > low) & (truth[-1] < high)).mean())
    assert 0.7 < np.mean(held) < 0.9
