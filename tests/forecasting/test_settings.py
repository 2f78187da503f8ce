import pytest

from forecasting.errors import ForecastingError
from forecasting.settings import COMPONENTS, Settings


def test_the_usual_settings_mix_all_components():
    assert Settings().components == COMPONENTS
    assert Settings().calibrate


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"components": ()}, "components none: give each at most once, of ar, "),
        ({"components": ("ar", "arima")}, "components ar, arima: .* of ar, seasonal"),
        ({"components": ("ar", "ar")}, "at most once"),
        ({"inference": "advi"}, "'advi' is not known; use one of laplace, nuts, reference"),
        ({"draws": 0}, "0 draws: at least 1"),
        ({"draws": -5}, "-5 draws"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_what_can(wrong, said):
    with pytest.raises(ForecastingError, match=said):
        Settings(**wrong)


def test_they_do_not_change():
    with pytest.raises(AttributeError):
        Settings().draws = 3
