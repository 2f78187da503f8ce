import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.delay import Delay, learned, quantile_of_sum


def test_a_number_alone_is_fixed():
    assert Delay.model_validate(240) == Delay(median=240)
    assert Delay(median=240).quantile(0.99) == 240
    assert str(Delay(median=240)) == "240 min"


@pytest.mark.parametrize(
    "value", [{"median": 10, "p90": 5}, {"median": 0, "p90": 5}, -1, "soon", True, {"p90": 5}]
)
def test_what_is_no_delay_is_refused(value):
    with pytest.raises(ValidationError):
        Delay.model_validate(value)


def test_quantiles_are_those_of_the_log_normal():
    delay = Delay(median=240, p90=900)
    assert delay.quantile(0.5) == pytest.approx(240)
    assert delay.quantile(0.9) == pytest.approx(900)
    assert delay.quantile(0.1) == pytest.approx(240 * 240 / 900)


def test_the_sum_of_delays_is_not_the_sum_of_their_quantiles():
    parts = (Delay(median=240, p90=900), Delay(median=30, p90=120), Delay(median=5))
    draws = np.random.default_rng(7).normal(size=(400_000, 2))
    sigmas = np.array([x.sigma for x in parts[:2]])
    simulated = (np.array([240, 30]) * np.exp(draws * sigmas)).sum(axis=1) + 5
    for level in (0.5, 0.8, 0.9):
        assert quantile_of_sum(parts, level) == pytest.approx(np.quantile(simulated, level), rel=0.02)
    assert quantile_of_sum(parts, 0.9) < sum(x.quantile(0.9) for x in parts)


def test_fixed_parts_are_added_exactly():
    assert quantile_of_sum((Delay(median=15), Delay(median=5)), 0.9) == 20
    assert quantile_of_sum((Delay(median=15), Delay(median=10, p90=20)), 0.9) == pytest.approx(35)


def test_what_is_seen_outweighs_what_was_configured():
    configured = Delay(median=240, p90=600)
    seen = np.exp(np.random.default_rng(3).normal(np.log(60), 0.5, 200)).tolist()
    assert learned(configured, []) == configured
    few, many = learned(configured, seen[:3]), learned(configured, seen)
    assert 60 < many.median < few.median < 240
    assert many.median == pytest.approx(60, rel=0.15)
    assert many.sigma == pytest.approx(0.5, rel=0.2)


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 5000), st.floats(1, 4), st.floats(0, 1))
def test_one_fast_review_never_makes_the_time_longer_and_shortens_it_little(median, ratio, share):
    configured = Delay(median=median, p90=min(20160, median * ratio))
    found = learned(configured, [share * median])
    for level in (0.5, 0.9):
        assert 0.6 * configured.quantile(level) <= found.quantile(level) <= configured.quantile(level) * 1.001


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(1, 20000), min_size=1, max_size=30), st.integers(1, 20))
def test_reviews_that_end_at_once_never_lengthen_what_slow_ones_taught(seen, at_once):
    configured = Delay(median=240, p90=900)
    without, found = learned(configured, seen), learned(configured, [*seen, *[0.5] * at_once])
    for level in (0.5, 0.9):
        assert found.quantile(level) <= without.quantile(level) * (1 + 1e-9)


def test_reviews_that_are_alike_teach_the_same_whatever_the_configured_middle():
    configured = Delay(median=240, p90=900)
    for usual in (239.0, 240.0, 241.0):
        assert learned(configured, [usual] * 40).quantile(0.9) == pytest.approx(usual, rel=0.01)
    assert learned(configured, [1.0] * 50 + [300.0] * 50).quantile(0.9) == pytest.approx(300, rel=0.01)


def test_a_request_that_was_merged_at_once_leaves_a_fixed_time_as_it_is():
    assert learned(Delay(median=240), [0.2]).quantile(0.9) == pytest.approx(240)
    assert learned(Delay(median=240), [2000.0]).quantile(0.9) > 400  # a slow one is a warning


@pytest.mark.parametrize("usual", [60, 1000])
def test_many_reviews_outweigh_what_was_configured_at_the_far_end_too(usual):
    seen = np.exp(np.random.default_rng(5).normal(np.log(usual), 0.4, 50)).tolist()
    for configured in (Delay(median=240), Delay(median=240, p90=900)):
        assert learned(configured, seen).quantile(0.9) == pytest.approx(usual * np.exp(0.4 * 1.2816), rel=0.3)


def test_now_and_then_one_at_once_does_not_hide_how_slow_the_others_are():
    slow = [900.0, 1200.0, 700.0, 1500.0, 1000.0, 800.0]
    without, found = learned(Delay(median=240), slow), learned(Delay(median=240), [*slow, 0.5])
    assert found.quantile(0.9) == pytest.approx(without.quantile(0.9), rel=0.3)


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 5000), st.floats(1, 4), st.lists(st.floats(0, 20000), max_size=8), st.floats(0.01, 0.99))
def test_learning_gives_a_delay_whatever_was_seen(median, ratio, seen, level):
    found = learned(Delay(median=median, p90=min(20160, median * ratio)), seen)
    assert 0 < found.quantile(level) < np.inf
    assert found.median <= (found.p90 or found.median)
