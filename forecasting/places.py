"""Where a region is: which holidays it keeps, and when its day begins.

Place in the line: under `events`. Holidays come from the ``holidays`` package
(Vacanza, https://holidays.readthedocs.io), time zones from the IANA database.

>>> list(public_holidays("US-NY", [2017]).items())[7]
(datetime.date(2017, 5, 29), 'Memorial Day')
"""

import difflib
import warnings
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from zoneinfo import available_timezones

from forecasting.errors import ForecastingError
from forecasting.eventtable import LONGEST_NAME


def public_holidays(code: str, years: Iterable[int]) -> dict[date, str]:
    """Return the public holidays, and the days on which they are observed, sorted, with their names.

    Parameters
    ----------
    code
        A country (``DE``) or subdivision (``DE-BY``).
    years
        Years to look at; a holiday that the package does not know for a year is left out.

    Raises
    ------
    ForecastingError
        If the package does not have the code; the message says which are spelt like it.
    """
    import holidays  # noqa: PLC0415 (a tenth of a second, for those who use it)

    subdivisions = holidays.list_supported_countries()
    country, dash, subdivision = code.partition("-")
    try:
        if country not in subdivisions or (dash and not subdivision):
            raise NotImplementedError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # India's moving holidays, for one, are known for some years only
            found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, expand=False)
    except NotImplementedError:
        guess = code[:2].upper()
        known = [*subdivisions, *(f"{guess}-{x}" for x in subdivisions.get(guess, []))]
        raise ForecastingError(
            f"holidays of {code!r} are not known{_near(code, known)}; write the ISO 3166 code of a country, such "
            "as DE, or of a subdivision, such as US-NY, that the `holidays` package has"
        ) from None
    return dict(sorted(found.items()))


def check_places(holidays: Mapping[str, str], zones: Mapping[str, str]) -> None:
    """Hold that every code of `public_holidays` and every time zone (IANA) by region exists.

    Raises
    ------
    ForecastingError
        Naming the region, and what is spelt like the code or zone that was written.
    """
    _check_texts("holidays", holidays)
    _check_texts("zones", zones)
    for region, code in holidays.items():
        try:
            public_holidays(code, ())
        except ForecastingError as error:
            raise ForecastingError(f"holidays, region '{region}': {error}") from None
    known = available_timezones() if zones else set()
    for region, zone in zones.items():
        if zone not in known:
            raise ForecastingError(
                f"zones, region '{region}': {zone!r} is no time zone{_near(zone, known)}; "
                "write an IANA name, such as Europe/Berlin"
            )


def _near(wanted: str, known: Collection[str]) -> str:
    """Return words that offer what is spelt most like ``wanted``; empty if nothing is."""
    spelling = {x.casefold(): x for x in sorted(known)}
    found = [spelling[x] for x in difflib.get_close_matches(wanted.casefold(), spelling, n=3, cutoff=0.6)]
    return f" (near it: {', '.join(found)})" if found else ""


def _check_texts(which: str, mapping: Mapping[str, str]) -> None:
    for region, text in mapping.items():
        for value in (region, text):
            if not isinstance(value, str) or not value.strip() or not value.isprintable():
                raise ForecastingError(
                    f"{which}: {region!r}: {value!r} is not a name; write text "
                    "(YAML reads NO, without quotes, as false: write 'NO')"
                )
        if len(region) > LONGEST_NAME or "/" in region:
            raise ForecastingError(
                f"{which}: {region[:LONGEST_NAME]!r} is no region; "
                f"write one without '/', of at most {LONGEST_NAME} characters"
            )
