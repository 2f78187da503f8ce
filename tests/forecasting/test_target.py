import pytest

from forecasting.errors import ForecastingError
from forecasting.target import PICTURES, check_target


def test_what_can_be_written_is_returned(tmp_path):
    assert check_target(tmp_path / "a.SVG", PICTURES) == tmp_path / "a.SVG"
    assert check_target(str(tmp_path / "any")) == tmp_path / "any"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chart.jpg", r"ends in \.png or \.svg"),
        ("none/chart.png", r"no directory .*none; make it first"),
        ("folder.png", "this is a directory"),
        (f"{'n' * 300}.png", "no file can be written there: File name too long"),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path, name, said):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ForecastingError, match=said):
        check_target(tmp_path / name, PICTURES)
