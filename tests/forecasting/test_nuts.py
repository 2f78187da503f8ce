"""The gate, on chains made to be bad; NUTS, on a model small enough to be sampled at once."""

import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FitError
from forecasting.nuts import Effort, complaints, judge, sample

rng = np.random.default_rng(5)


def chains(**values):
    return xr.Dataset({name: (("chain", "draw"), value) for name, value in values.items()})


def test_good_chains_pass():
    assert complaints(judge(chains(noise=rng.normal(size=(4, 500))), divergences=0)) == []


def test_chains_that_disagree_are_named():
    apart = rng.normal(size=(4, 500)) + np.arange(4)[:, None]
    gate = judge(chains(noise=rng.normal(size=(4, 500)), likeness=apart), divergences=0)
    assert gate.worst == "likeness"
    assert any("R-hat of 'likeness'" in text and "try another seed" in text for text in complaints(gate))


def test_chains_that_crawl_are_named():
    crawling = rng.normal(size=(4, 500)).cumsum(axis=1)
    assert any("independent" in text for text in complaints(judge(chains(noise=crawling), divergences=0)))


def test_a_stuck_chain_does_not_pass_as_perfect():
    assert complaints(judge(chains(noise=np.ones((4, 500))), divergences=0))


def test_divergences_are_counted():
    good = chains(noise=rng.normal(size=(4, 500)))
    assert complaints(judge(good, divergences=20)) == []
    assert any("diverged" in text for text in complaints(judge(good, divergences=21)))


@pytest.mark.slow
def test_what_does_not_pass_is_refused_after_the_last_effort_and_progress_is_told():
    import pymc as pm

    with pm.Model() as model:
        pm.Normal("place", 0.0, 1.0)
    start = {"place": np.asarray(0.0)}
    shares = []
    draws, gate = sample(model, start, 1, shares.append, (Effort(200, 200, 0.8),))
    assert draws["place"].shape == (800,)
    assert abs(draws["place"].mean()) < 0.3
    assert gate.max_r_hat < 1.05
    assert shares == sorted(shares)
    assert shares[-1] == 1
    again, _ = sample(model, start, 1, None, (Effort(200, 200, 0.8),))
    np.testing.assert_array_equal(draws["place"], again["place"])
    with pytest.raises(FitError, match="independent"):
        sample(model, start, 1, None, (Effort(5, 5, 0.8),))
