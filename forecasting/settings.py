"""What can be chosen about a forecast, beside its data: a frozen record with defaults.

Place in the line: `learn` and `forecast` take it; everything below them takes plain values.

>>> Settings().inference
'laplace'
"""

from dataclasses import dataclass

from forecasting.errors import ForecastingError

COMPONENTS = ("ar", "seasonal", "weekly", "days", "analogue", "level", "recent")
"""The components of the forecast, in the order of the weights."""

RECURRENT = "recurrent"
"""One more, which must be asked for: learning it takes the extra ``rnn``, using it does not."""

EVERY = (*COMPONENTS, RECURRENT)

SHORTEST_MEMORY_HOURS, LONGEST_MEMORY_HOURS = 18 * 24, 8 * 168
"""Of a fortnight nothing could be rehearsed; an hour eight weeks ago counts a sixth of a new one."""

INFERENCES = ("laplace", "nuts", "reference")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to forecast.

    Parameters
    ----------
    components
        Names of the components that are mixed, of `EVERY`; by default, all but the recurrent one.
    calibrate
        Whether the last calibration is applied.
    inference
        How the shared parameters are learnt: ``laplace``, with NUTS where its check fails; ``nuts``; or
        ``reference``, NUTS on the model with nothing integrated out, for a few groups and much patience.
    draws
        Joint draws of a profile.
    memory_hours
        Most hours of the past that are looked at, when learning and in every forecast from what was learnt.

    Raises
    ------
    ForecastingError
        If a value is not one of these.
    """

    components: tuple[str, ...] = COMPONENTS
    calibrate: bool = True
    inference: str = "laplace"
    draws: int = 500
    memory_hours: int = LONGEST_MEMORY_HOURS

    def __post_init__(self) -> None:
        unknown = [name for name in self.components if name not in EVERY]
        if unknown or not self.components or len(set(self.components)) < len(self.components):
            raise ForecastingError(
                f"components {', '.join(self.components) or 'none'}: give each at most once, of {', '.join(EVERY)}"
            )
        if self.inference not in INFERENCES:
            raise ForecastingError(
                f"inference '{self.inference}' is not known; use one of {', '.join(INFERENCES)}"
            )
        if not SHORTEST_MEMORY_HOURS <= self.memory_hours <= LONGEST_MEMORY_HOURS:
            raise ForecastingError(
                f"a memory of {self.memory_hours} hours: give {SHORTEST_MEMORY_HOURS} to {LONGEST_MEMORY_HOURS}"
            )
        if self.draws < 1:
            raise ForecastingError(f"{self.draws} draws: at least 1 is needed")


DEFAULT = Settings()
