"""Surprise, recalibration and the record, on scores that are known by construction."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from forecasting.errors import RecordError
from forecasting.feedback.recalibration import NARROWEST, WIDEST, factors_of, opened
from forecasting.feedback.record import AHEAD_HOURS, LEVELS, MOST, Record, aligned, dataset_of, normal_scores
from forecasting.feedback.scopes import scopes_of, summed
from forecasting.feedback.surprise import cusum, stretches, surprises, told, verdicts

GROUPS = np.array(["eu/a", "eu/b", "eu/c", "us/d", "us/e", "us/f"])
REGIONS = np.array([x[:2] for x in GROUPS])
REGION_OF = dict(zip(GROUPS.tolist(), REGIONS.tolist(), strict=True))
CPU = np.array(["cpu"])


def record_of(scores, start="2026-11-01"):
    """A record of scores (origin, group); regions and sets are not known."""
    scopes = scopes_of(GROUPS, REGIONS, {"web": ["eu/a", "us/d"]})
    origins = np.datetime64(start, "ns") + np.arange(len(scores)) * np.timedelta64(6, "h")
    shape = (len(scores), len(LEVELS), len(scopes), 1, AHEAD_HOURS)
    dataset = dataset_of(origins, scopes, CPU, np.full(shape, np.nan, dtype=np.float32))
    values = np.full((len(scores), len(scopes), 1, AHEAD_HOURS), np.nan)
    values[:, : len(GROUPS)] = np.asarray(scores, dtype=float)[:, :, None, None]
    return Record(dataset.assign(score=(dataset["score"].dims, values.astype(np.float32))))


def test_scopes_are_groups_regions_and_sets_and_sums_are_of_their_members():
    scopes = scopes_of(GROUPS, REGIONS, {"web": ["us/d", "eu/a", "gone/x"], "none": ["gone/x"]})
    assert [(x.kind, x.name) for x in scopes[6:]] == [("region", "eu"), ("region", "us"), ("set", "web")]
    values = np.arange(6.0)[:, None, None] + np.zeros((6, 1, 2))
    assert summed(values, scopes)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 3, 12, 3]
    values[1, 0, 0] = np.nan  # an hour that is not known makes its sums not known
    assert np.isnan(summed(values, scopes)[6, 0]).tolist() == [True, False]
    values[1] = np.nan  # a group that never is adds nothing
    assert summed(values, scopes)[6, 0].tolist() == [2, 2]


def test_normal_scores_are_where_values_lie():
    quantiles = norm.ppf(LEVELS)[:, None] * 10 + 100 + np.zeros((1, 5))
    came = np.array([100.0, 100 + 12.816, 100 - 19.6, 100 + 45, np.nan])
    found = normal_scores(quantiles, came)
    assert found[:4] == pytest.approx([0, 1.2816, -1.96, 4.5], abs=0.03)
    assert np.isnan(found[4])
    assert normal_scores(quantiles, np.full(5, 1e9)).tolist() == [MOST] * 5


def test_a_forecast_that_never_moves_is_no_surprise_while_it_is_right():
    still = np.zeros((len(LEVELS), 3))
    assert normal_scores(still, np.array([0.0, 0.0, 5.0])) == pytest.approx([0.0, 0.0, MOST])


def test_calm_scores_make_no_alarm_and_a_lasting_shift_does():
    rng = np.random.default_rng(5)
    calm = 0.8 * rng.standard_normal((56, 6))
    assert float(surprises(record_of(calm)).sel(scope="group:eu/a").max()) < 1
    shifted = calm.copy()
    shifted[44:, 2] += 2.5
    found = surprises(record_of(shifted)).sel(resource="cpu")
    assert float(found.sel(side="above", scope="group:eu/c")) >= 1
    assert float(found.sel(side="below", scope="group:eu/c")) == 0
    assert float(found.sel(scope="group:eu/b").max()) < 1


def test_one_bad_stretch_is_no_alarm_however_bad():
    bad = np.zeros((10, 6, 1))
    bad[4] = 3.0  # the most that counts
    assert cusum(bad)[0].max() < 0.5


def test_unknown_stretches_change_nothing():
    means = np.array([2.0, np.nan, np.nan])[:, None, None]
    assert cusum(means)[0, :, 0, 0].tolist() == [cusum(means)[0, 0, 0, 0]] * 3 != [0.0] * 3


def test_stretches_are_in_order_of_time_and_average_the_forecasts_of_the_same_hours():
    time, means = stretches(record_of([[1.0] * 6, [3.0] * 6]))
    assert len(time) == 5
    assert means[:, 0, 0].tolist() == [1, 2, 2, 2, 3]


def test_verdicts_tell_an_outlier_a_shift_a_region_and_everything_apart():
    calm = np.zeros((30, 6))

    def seen(change):
        scores = calm.copy()
        change(scores)
        return [(x.kind, x.where, x.side) for x in verdicts(record_of(scores), REGION_OF)]

    assert seen(lambda x: None) == []
    # The newest stretch is told by the newest forecasts alone.
    assert seen(lambda x: x[-1:, 0].__iadd__(3)) == [("outlier", "eu/a", "above")]
    assert seen(lambda x: x[-9:, 0].__isub__(3)) == [("shift", "eu/a", "below")]
    assert seen(lambda x: x[-1:, :3].__isub__(3)) == [("regional", "eu", "below")]
    assert seen(lambda x: x[-1:].__isub__(3)) == [("global", "", "below")]


def test_factors_widen_the_side_that_missed_and_stay_within_bounds():
    scores = np.zeros((40, 6))
    scores[:, 1], scores[:, 2] = 5.0, -5.0
    factors = factors_of(record_of(scores), GROUPS, CPU)  # (range, side, series)
    assert factors.shape == (2, 2, 6)
    assert factors[:, 0, 1] == pytest.approx(WIDEST)
    assert factors[:, 1, 2] == pytest.approx(WIDEST)
    assert (factors[:, 1, 1] < 1).all()
    assert (factors >= NARROWEST).all()
    stranger = factors_of(record_of(scores), np.array(["eu/new"]), CPU)
    assert (stranger == 1).all()


def test_forecasts_from_before_a_shift_was_found_do_not_count():
    scores = np.zeros((40, 6))
    scores[:36, 1:3] = 5.0
    record = record_of(scores)
    since = np.full(6, record.origins[0])
    since[1] = record.origins[36]
    factors = factors_of(record, GROUPS, CPU, since)
    assert (factors[:, 0, 1] <= 1).all()
    assert (factors[:, 0, 2] > 1.5).all()
    assert np.array_equal(np.delete(factors, 1, axis=2), np.delete(factors_of(record, GROUPS, CPU), 1, axis=2))


def test_scores_as_they_should_be_leave_factors_near_one():
    rng = np.random.default_rng(3)
    dataset = record_of(np.zeros((56, 6))).dataset
    scores = rng.standard_normal(dataset["score"].shape).astype(np.float32)
    factors = factors_of(Record(dataset.assign(score=(dataset["score"].dims, scores))), GROUPS, CPU)
    assert 0.9 <= factors.min() <= factors.max() < 1.25


def test_opened_stretches_each_side_by_its_factor():
    draws = np.array([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=np.float32)[None, :, None] + np.zeros(
        (8, 1, 1), np.float32
    )
    out = opened(draws, np.array([[[2.0], [1.0]], [[1.0], [3.0]]]))
    assert out[0, :, 0].tolist() == [-2, -1, 0, 2, 4]
    assert out[6, :, 0].tolist() == [-6, -3, 0, 1, 2]


def test_a_record_is_the_same_after_its_file_and_a_broken_one_says_what_to_do(tmp_path):
    record = record_of(np.random.default_rng(1).standard_normal((12, 6)))
    record.save(tmp_path / "record.nc")
    assert np.array_equal(Record.load(tmp_path / "record.nc").scores, record.scores, equal_nan=True)
    (tmp_path / "bad.nc").write_bytes(b"nothing")
    with pytest.raises(RecordError, match="makes it anew"):
        Record.load(tmp_path / "bad.nc")


def test_new_groups_and_other_members_begin_anew():
    record = record_of(np.ones((12, 6)))
    groups = np.append(GROUPS, "us/g")
    scopes = scopes_of(groups, np.append(REGIONS, "us"), {"web": ["eu/a", "us/d"]})
    found = aligned(record, scopes, CPU)["score"].sel(resource="cpu").isel(ahead=0)
    assert found.sel(scope="group:eu/a").notnull().all()
    assert found.sel(scope=["group:us/g", "region:us"]).isnull().all()


def test_surprise_travels_with_a_profile():
    assert isinstance(told(surprises(record_of(np.zeros((3, 6)))))["surprise"], xr.DataArray)
