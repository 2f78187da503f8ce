"""Footprints learnt: a Bayesian regression of measured usage on sessions per application, none below zero.

Place in the line: makes what `footprints` keeps; the only module of `behaviour` that samples.

For each resource: usage = idle + Σ applications sessions · footprint + noise, priors half-normal and as wide as
three times what a session takes on average. The likelihood needs only sums over the hours, and is tempered:
hours next to each other err alike, so n hours count as n (1 − ρ) / (1 + ρ), ρ the residuals' correlation from
one hour to the next. What was never used has no footprint, and noise has a least: where usage follows sessions
exactly, or never moves, the likelihood would else have no greatest value.

Method: NUTS (Hoffman and Gelman 2014) by `forecasting.nuts`; effective n as in Box, Jenkins and Reinsel, section
2.1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import nnls

from forecasting import dims
from forecasting.behaviour.footprints import Footprints, made
from forecasting.errors import FitError
from forecasting.nuts import sample

LEAST_HOURS = 48
_LEAST_NOISE, _LEAST_SPREAD = 0.05, 0.2
"""Least noise as a share of what was measured's standard deviation, and that at least as one of its mean."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over hours of one resource, in units in which coefficients and noise are near 1."""

    gram: Floats
    cross: Floats
    square: float
    hours: float
    start: Floats
    noise: float
    scale: Floats


def learn(by_application: pd.DataFrame, usage: xr.Dataset, seed: int = 0) -> tuple[Footprints, list[str]]:
    """Learn footprints from groups that have both sessions and measured usage.

    Parameters
    ----------
    by_application
        region, group, hour (from 1970), application, sessions.
    usage
        ``demand(group, resource, time)``.

    Returns
    -------
    tuple
        The footprints, and sentences on what they rest on.

    Raises
    ------
    FitError
        If too few hours have both, or the chains cannot be believed.
    """
    sessions = _wide(by_application)
    applications = [str(x) for x in sessions.columns]
    resources = [str(x) for x in usage[dims.RESOURCE].values]
    sums, counts, used = [], [], []
    for resource in resources:
        measured = usage[dims.DEMAND].sel({dims.RESOURCE: resource}).to_series().dropna().rename("value")
        both = sessions.join(measured, how="inner").dropna().sort_index()
        if len(both) < max(LEAST_HOURS, 2 * len(applications)):
            raise FitError(
                f"footprints: {len(both)} group-hours have both sessions and measured {resource}, and "
                f"{max(LEAST_HOURS, 2 * len(applications))} are needed; are groups called the same in both?"
            )
        counts.append(len(both))
        used.append(bool(both["value"].any()))
        if used[-1]:
            sums.append(_sums(both[applications].to_numpy(), both["value"].to_numpy(), both.index))
    if not sums:
        raise FitError("footprints: all that was measured is zero; bring usage in which something was used")
    with np.errstate(over="ignore"):  # of the first steps some lead far away, and are refused
        draws, gate = sample(_model(sums), _start(sums), seed)
    # Of what was used: (draw, resource, idle and applications).
    found = draws["coefficient"] * np.stack([x.scale for x in sums])
    taken = np.zeros((len(found), len(resources), found.shape[2]))
    taken[:, used] = found
    footprints = made(np.moveaxis(taken[..., 1:], 1, 2), taken[..., 0], applications, resources)
    notes = [
        f"footprints: of {len(applications)} applications from {min(counts):,} group-hours; "
        f"R-hat at most {gate.max_r_hat:.2f}"
    ]
    never = [resource for resource, some in zip(resources, used, strict=True) if not some]
    if never:
        notes.append(f"footprints: {', '.join(never)} was never used, so that nothing takes any")
    return footprints, notes


def _wide(by_application: pd.DataFrame) -> pd.DataFrame:
    """Sessions with a row per group and hour; hours in which one was folded are not known, and dropped."""
    labels = by_application["region"] + "/" + by_application["group"]
    times = pd.to_datetime(by_application["hour"].astype("int64") * 3600, unit="s").dt.as_unit("ns")
    frame = by_application.assign(**{dims.GROUP: labels, dims.TIME: times})
    wide = frame.pivot(index=[dims.GROUP, dims.TIME], columns="application", values="sessions")
    never = wide.groupby(level=0).transform("count") == 0  # an application that a group has not is zero there
    return wide.mask(never, 0.0).dropna()


def _sums(sessions: Floats, values: Floats, index: pd.Index) -> _Sums:
    design = np.column_stack([np.ones(len(values)), sessions])
    typical = values.mean() / max(sessions.sum(axis=1).mean(), 1e-12)
    scale = np.concatenate([[values.mean()], np.full(sessions.shape[1], typical)])
    unit = max(float(values.std()), _LEAST_SPREAD * float(scale[0]))
    design, target = design * scale / unit, values / unit
    start, _ = nnls(design, target)
    residual = target - design @ start
    frame = pd.Series(residual, index=index)
    before = frame.groupby(level=0).shift(1)
    rho = frame.corr(before) if residual.std() > 1e-9 else 0.0
    rho = float(np.clip(np.nan_to_num(rho), 0.0, 0.95))
    weight = (1 - rho) / (1 + rho)
    return _Sums(
        weight * design.T @ design, weight * design.T @ target, weight * float(target @ target),
        weight * len(target),
        start, max(float(residual.std()), _LEAST_NOISE), scale,
    )  # fmt: skip


def _start(sums: list[_Sums]) -> dict[str, Floats]:
    return {
        "coefficient": np.maximum(np.stack([x.start for x in sums]), 0.01),
        "noise": np.array([x.noise for x in sums]),
    }


def _model(sums: list[_Sums]) -> pm.Model:
    """Build the model over (resource, idle and applications)."""
    gram, cross = np.stack([x.gram for x in sums]), np.stack([x.cross for x in sums])
    square, hours = np.array([x.square for x in sums]), np.array([x.hours for x in sums])
    with pm.Model() as model:
        coefficient = pm.HalfNormal("coefficient", sigma=3.0, shape=cross.shape)
        noise = pm.HalfNormal("noise", sigma=1.0, shape=len(sums))
        fitted = (coefficient * pt.sum(gram * coefficient[:, None, :], axis=2)).sum(axis=1)
        misfit = hours * _LEAST_NOISE**2 + square - 2 * (cross * coefficient).sum(axis=1) + fitted
        pm.Potential("likelihood", (-hours * pt.log(noise) - misfit / (2 * noise**2)).sum())
    return model
