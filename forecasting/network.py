"""The recurrent network: its weights, what it looks at, and its forward pass in NumPy.

Place in the line: under `components.recurrent`, which forecasts with it, and `training`, which finds it. Nothing
here needs the library that trained it.

A gated recurrent unit (Cho et al. 2014) reads each hour's calendar, events and memory, and gives the mean and the
scale of the score of that hour, beside a linear part of the mean: one step of DeepAR (Salinas et al. 2020). All
series share it; those of a resource share a linear part and
biases of their own, a learnt embedding written out.

    network.step(inputs, hidden)  # mean, scale, hidden
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from forecasting.basis import DAY, WEEK, Basis, Floats, calendar

Floats32 = NDArray[np.float32]

UNITS = 32
"""Numbers that a series' state is made of."""

LOG_SCALES = (-5.0, 3.0)
"""Least and largest logarithm of the scale."""

LARGEST = 1e3
"""Weights are of the order of 1; products of far larger ones overflow."""

MEMORY = Basis(
    harmonics=2,
    lags=(1, 2, DAY, WEEK),
    week=(0, 1),
    day=(0, 1),
    means=(DAY,),
    block_lags=(1,),
    block_week=(0, 1),
)
"""What is remembered; see `basis`. It looks back a week, the usual values two."""

_WEEKLY = 2  # harmonics of the week


@dataclass(frozen=True, slots=True)
class Network:
    """Weights, single precision. Gates are those to reset, to keep and for what is new, `UNITS` rows each.

    Parameters
    ----------
    into
        ``(gate, input)``.
    again
        ``(gate, unit)``: from the state of the hour before.
    bias
        ``(resource, gate)``, or ``(gate,)`` once the resource is chosen.
    bias_new
        ``(unit,)``: of the state, within the gate for what is new.
    head
        ``(output, unit)``: mean, and logarithm of the scale.
    head_bias
        ``(output,)``.
    straight
        ``(resource, input)``, or ``(input,)``: the linear part of the mean.
    """

    into: Floats32
    again: Floats32
    bias: Floats32
    bias_new: Floats32
    head: Floats32
    head_bias: Floats32
    straight: Floats32

    def of_resource(self, resource: int) -> "Network":
        """Return the network of one resource."""
        return replace(self, bias=self.bias[resource], straight=self.straight[resource])

    def step(self, inputs: Floats32, hidden: Floats32) -> tuple[Floats32, Floats32, Floats32]:
        """Read one hour.

        Parameters
        ----------
        inputs
            ``(…, input)``, as `inputs_of` gives.
        hidden
            State after the hour before, ``(…, unit)``; zeros at the beginning.

        Returns
        -------
        tuple
            Mean and scale of the score ``(…,)``, and the state after the hour.
        """
        units = hidden.shape[-1]
        given = inputs @ self.into.T + self.bias
        kept = hidden @ self.again.T
        gates = expit(given[..., : 2 * units] + kept[..., : 2 * units])
        new = np.tanh(given[..., 2 * units :] + gates[..., :units] * (kept[..., 2 * units :] + self.bias_new))
        hidden = new + gates[..., units:] * (hidden - new)
        out = hidden @ self.head.T + self.head_bias
        return out[..., 0] + inputs @ self.straight, np.exp(np.clip(out[..., 1], *LOG_SCALES)), hidden


SHAPES = {
    "into": ("gate", "input"),
    "again": ("gate", "unit"),
    "bias": ("resource", "gate"),
    "bias_new": ("unit",),
    "head": ("output", "unit"),
    "head_bias": ("output",),
    "straight": ("resource", "input"),
}
"""Dims of each weight."""

_PREFIX = "recurrent_"  # of the variables and dims in a hierarchy


def as_variables(network: Network) -> dict[str, tuple[tuple[str, ...], NDArray[np.floating]]]:
    """Return the weights as variables of a hierarchy, such as ``recurrent_into``."""
    return {
        f"{_PREFIX}{name}": (
            tuple(axis if axis == "resource" else f"{_PREFIX}{axis}" for axis in axes),
            getattr(network, name),
        )
        for name, axes in SHAPES.items()
    }


def read_network(dataset: xr.Dataset, events: int) -> Network:
    """Return the network that `as_variables` wrote into a hierarchy with so many features of events.

    Raises
    ------
    ValueError
        As `network_of`.
    """
    found = {name: dataset[f"{_PREFIX}{name}"].values for name in SHAPES if f"{_PREFIX}{name}" in dataset}
    return network_of(found, dataset.sizes["resource"], events)


def shapes(resources: int, events: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight with so many resources and features of events."""
    sizes = {"gate": 3 * UNITS, "unit": UNITS, "output": 2, "resource": resources, "input": input_size(events)}
    return {name: tuple(sizes[axis] for axis in axes) for name, axes in SHAPES.items()}


def network_of(weights: Mapping[str, NDArray[np.floating]], resources: int, events: int) -> Network:
    """Return the network of weights by name.

    Raises
    ------
    ValueError
        If one is missing, has another shape, or is far too large.
    """
    for name, wanted in shapes(resources, events).items():
        if name not in weights or weights[name].shape != wanted:
            raise ValueError(f"the recurrent component has no '{name}' of the shape {wanted}")
        if not (np.abs(weights[name]) <= LARGEST).all():
            raise ValueError(f"'{name}' of the recurrent component holds values beyond {LARGEST:g}")
    return Network(*(np.asarray(weights[field.name], dtype=np.float32) for field in fields(Network)))


def input_size(events: int) -> int:
    """Return how many inputs there are with so many features of events."""
    return 2 * MEMORY.harmonics + 2 * _WEEKLY + events + MEMORY.size - MEMORY.calendar_size


def known_ahead(time: NDArray[np.datetime64], events: Floats) -> Floats32:
    """Return the inputs that are known of any hour: its place in day and week, and its events.

    Parameters
    ----------
    time
        Starts of hours, ``(time,)``.
    events
        ``(series, time, event feature)``.

    Returns
    -------
    numpy.ndarray
        ``(time, series, input)``.
    """
    of_week = time.astype("datetime64[h]").astype(np.int64) % WEEK
    angles = 2 * np.pi * np.outer(of_week, np.arange(1, _WEEKLY + 1)) / WEEK
    seasons = np.concatenate([calendar(time, MEMORY)[:, 1:], np.sin(angles), np.cos(angles)], axis=1)
    seasons = np.broadcast_to(seasons[:, None], (len(time), len(events), seasons.shape[1]))
    return np.concatenate([seasons, events.transpose(1, 0, 2)], axis=-1).astype(np.float32)


def inputs_of(time: NDArray[np.datetime64], events: Floats, remembered: Floats) -> Floats32:
    """Return all inputs of hours of the past, ``(time, series, input)``; what is not remembered yet is 0.

    Parameters
    ----------
    time, events
        As of `known_ahead`.
    remembered
        ``(time, series, memory feature)``, as `basis.memory` gives of `MEMORY`.
    """
    return np.concatenate([known_ahead(time, events), np.nan_to_num(remembered).astype(np.float32)], axis=-1)
