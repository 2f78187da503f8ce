"""The ways a forecast can fail: one small tree, so that one boundary can catch it.

Place in the line: under everything else in this package.

>>> from forecasting.errors import ForecastingError, UsageError
>>> issubclass(UsageError, ForecastingError)
True
"""


class ForecastingError(Exception):
    """Anything this package refuses or cannot do; the message says what to do next."""


class UsageError(ForecastingError):
    """Usage that cannot be read or repaired; the message names file, column and row where there are any."""


class FitError(ForecastingError):
    """A posterior that did not pass its diagnostics and must not be forecast from."""


class ProfileError(ForecastingError):
    """A profile file that is missing, damaged, or of another version."""


class HierarchyError(ForecastingError):
    """A hierarchy file that cannot be read, or does not fit the usage."""


class RecordError(ForecastingError):
    """A record of past forecasts that cannot be read; it can be made anew from usage."""


class StateError(ForecastingError):
    """Statistics kept from the last run that cannot be read; they can be made anew from usage."""
