"""Numbers, as tables show them."""

import pytest

from controller.cli.output import number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (1e-12, "1e-12"), (2.76e-10, "3e-10"), (2.76e-5, "2.8e-5"), (0.00099999, "1e-3"),
        (0.00276, "0.0028"), (0.009999, "0.01"), (0.01234, "0.0123"), (0.05, "0.05"), (7.0, "7"),
        (999.4, "999"), (999.6, "1,000"), (99_999.0, "99,999"), (99_999.7, "100k"), (21_389_780.0, "21.4M"),
        (999_999_999.0, "1G"), (1e15, "1P"),
    ],
)  # fmt: skip
def test_numbers_are_short_enough_for_an_interval(value, shown):
    assert number(value) == shown
    assert len(shown) <= 6
