from pathlib import Path

import pytest

from forecasting.errors import ForecastingError
from forecasting.target import PICTURES, check_room, check_target, whole


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


def test_a_folder_that_nobody_can_write_to_is_told_before_the_work():
    # Whoever runs this: not even root makes files there.
    with pytest.raises(ForecastingError, match="no file can be written there"):
        check_room(Path("/proc/self/chart.png"))


def test_what_fails_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "chart.png"
    path.write_bytes(b"good")

    def half() -> None:
        with whole(path) as beside:
            beside.write_bytes(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        half()
    assert path.read_bytes() == b"good"
    assert [x.name for x in tmp_path.iterdir()] == ["chart.png"]
