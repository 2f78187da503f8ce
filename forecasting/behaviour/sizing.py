"""Activity × footprints → resources: of the past for usage, of a demand profile draw by draw.

Place in the line: after `footprints`; so a group or application without servers of its own yet can be sized.

    demand[draw, group, resource, time] = idle[draw, resource]
        + Σ applications sessions[draw, group, application, time] · footprint[draw, application, resource]

An application without a footprint takes that of ``other``; without that one it is left out, and told.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from forecasting import dims
from forecasting.behaviour.anonymity import OTHER
from forecasting.behaviour.footprints import APPLICATION, Footprints
from forecasting.behaviour.publish import SESSIONS
from forecasting.errors import ForecastingError
from forecasting.profile import DemandProfile

PREFIX = SESSIONS + ":"


def sized_usage(by_application: pd.DataFrame, footprints: Footprints) -> tuple[pd.DataFrame, list[str]]:
    """Turn sessions per application into expected resources, at the mean of the footprints.

    Parameters
    ----------
    by_application
        region, group, hour (from 1970), application, sessions.

    Returns
    -------
    tuple
        A table as `forecasting.usage` reads it, and sentences on applications without a footprint.

    Raises
    ------
    ForecastingError
        If no application has a footprint.
    """
    names = sorted(by_application["application"].unique())
    chosen, left_out = _match(names, footprints)
    if not chosen:
        raise ForecastingError(f"no application has a footprint, of {', '.join(names)}; add them, or `{OTHER}`")
    notes = _notes(left_out, by_application.groupby("application")["sessions"].sum())
    known = by_application[~by_application["application"].isin(left_out)]
    mean = footprints.dataset["footprint"].mean(dims.DRAW).transpose(APPLICATION, dims.RESOURCE).to_pandas()
    idle = footprints.dataset["idle"].mean(dims.DRAW).to_pandas()
    factors = mean.loc[[chosen[x] for x in known["application"]]].to_numpy()
    keys = ["region", "group", "hour"]
    taken = pd.DataFrame(known["sessions"].to_numpy()[:, None] * factors, columns=footprints.resources)
    wide = pd.concat([known[keys].reset_index(drop=True), taken], axis=1).groupby(keys, as_index=False).sum()
    wide[footprints.resources] += idle[footprints.resources].to_numpy()
    table = wide.melt(keys, var_name="resource", value_name="value")
    table.insert(0, "timestamp", pd.to_datetime(table.pop("hour").astype("int64") * 3600, unit="s", utc=True))
    order = ["region", "group", "resource", "timestamp"]
    return table.sort_values(order, ignore_index=True)[[order[3], *order[:3], "value"]], notes


def check_sessions(resources: Iterable[str], footprints: Footprints) -> list[str]:
    """Return the resources ``sessions:<application>`` among those given that some footprint is for.

    Raises
    ------
    ForecastingError
        If there is none.
    """
    held = [str(x) for x in resources if str(x).startswith(PREFIX)]
    chosen, _ = _match([x.removeprefix(PREFIX) for x in held], footprints)
    used = [x for x in held if x.removeprefix(PREFIX) in chosen]
    if not used:
        raise ForecastingError(
            f"the usage has no resource {PREFIX}<application> with a footprint; forecast what `headroom ingest` "
            "wrote without --footprints, and name its applications, or `other`, in the footprints"
        )
    return used


def sized_profile(profile: DemandProfile, footprints: Footprints, seed: int) -> tuple[DemandProfile, list[str]]:
    """Turn a profile of sessions per application into one of resources; each draw meets one of theirs.

    Parameters
    ----------
    profile
        With resources ``sessions:<application>``, as `headroom ingest` names them; others are left out.
    seed
        Which draw of the footprints meets which of the profile.

    Returns
    -------
    tuple
        ``demand(draw, group, resource, time)`` with the resources of the footprints, and sentences as
        `sized_usage`.

    Raises
    ------
    ForecastingError
        If the profile has no sessions of an application with a footprint.
    """
    held = [str(x) for x in profile.draws[dims.RESOURCE].values if str(x).startswith(PREFIX)]
    chosen, left_out = _match([x.removeprefix(PREFIX) for x in held], footprints)
    used = check_sessions(held, footprints)
    means = profile.draws.sel({dims.RESOURCE: held}).mean([dims.DRAW, dims.GROUP, dims.TIME]).values
    notes = _notes(left_out, pd.Series(means, index=[x.removeprefix(PREFIX) for x in held]))
    sessions = profile.draws.sel({dims.RESOURCE: used})
    many = footprints.dataset.sizes[dims.DRAW]
    rng = np.random.default_rng([seed, 8])
    count = sessions.sizes[dims.DRAW]
    picked = np.concatenate([rng.permutation(many) for _ in range(-(-count // many))])[:count]
    names = [chosen[x.removeprefix(PREFIX)] for x in used]
    per_session = footprints.dataset["footprint"].sel({APPLICATION: names}).isel({dims.DRAW: picked})
    factors = per_session.transpose(dims.DRAW, APPLICATION, dims.RESOURCE).values
    idle = footprints.dataset["idle"].isel({dims.DRAW: picked}).transpose(dims.DRAW, dims.RESOURCE).values
    demand = np.einsum("dgat,dar->dgrt", sessions.values, factors) + idle[:, None, :, None]
    coords = {x: sessions.coords[x] for x in (dims.GROUP, dims.REGION, dims.NAME, dims.TIME)}
    dataset = xr.Dataset(
        {dims.DEMAND: (dims.PROFILE_DIMS, demand.astype(np.float32))},
        coords={
            **coords,
            dims.RESOURCE: footprints.resources,
            dims.UNIT: (dims.RESOURCE, footprints.dataset[dims.UNIT].values.astype(str)),
        },
        attrs=dict(profile.dataset.attrs),
    )
    if "surprise" in profile.dataset:
        dataset["surprise"] = profile.dataset["surprise"]
    return DemandProfile(dataset), notes


def sized_demand(usage: xr.Dataset, footprints: Footprints) -> xr.Dataset:
    """Turn usage of sessions into what was taken, at the mean of the footprints; what was measured stays.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)`` with resources ``sessions:<application>``; those that the footprints are
        of count where they are known.

    Returns
    -------
    xarray.Dataset
        ``demand(group, resource, time)`` with the resources of the footprints; NaN where neither is known. An
        application that a group never had takes nothing there.

    Raises
    ------
    ForecastingError
        If there are no sessions of an application with a footprint.
    """
    used = check_sessions(usage[dims.RESOURCE].values, footprints)
    chosen, _ = _match([x.removeprefix(PREFIX) for x in used], footprints)
    means = footprints.dataset.mean(dims.DRAW)
    names = [chosen[x.removeprefix(PREFIX)] for x in used]
    factors = means["footprint"].sel({APPLICATION: names}).transpose(APPLICATION, dims.RESOURCE).values
    sessions = usage[dims.DEMAND].sel({dims.RESOURCE: used}).transpose(*dims.USAGE_DIMS)
    never = sessions.isnull().all(dims.TIME)
    known = sessions.where(~never, 0.0).where(~never.all(dims.RESOURCE))
    taken = np.einsum("gat,ar->grt", known.values, factors) + means["idle"].values[:, None]
    measured = usage[dims.DEMAND].reindex({dims.RESOURCE: footprints.resources}).transpose(*dims.USAGE_DIMS).values
    coords = {x: usage.coords[x] for x in (dims.GROUP, dims.REGION, dims.NAME, dims.TIME)}
    return xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, np.where(np.isnan(measured), taken, measured))},
        coords={
            **coords,
            dims.RESOURCE: footprints.resources,
            dims.UNIT: (dims.RESOURCE, footprints.dataset[dims.UNIT].values.astype(str)),
        },
    )


def _match(names: list[str], footprints: Footprints) -> tuple[dict[str, str], list[str]]:
    """Say whose footprint each application takes, and which take none."""
    known = set(footprints.applications)
    chosen = {x: x if x in known else OTHER for x in names if x in known or OTHER in known}
    return chosen, [x for x in names if x not in chosen]


def _notes(left_out: list[str], sessions: "pd.Series[float]") -> list[str]:
    if not left_out:
        return []
    share = sessions[left_out].sum() / max(sessions.sum(), 1e-300)
    return [
        f"no footprint, and none of `{OTHER}`, for {', '.join(left_out)}: {share:.1%} of the sessions are left "
        "out of the resources; add them to the footprints"
    ]
