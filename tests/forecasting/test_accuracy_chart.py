import subprocess
import sys

import pytest
from demand import usage_of, waves

from forecasting.accuracy_chart import accuracy_chart
from forecasting.backtest import backtest
from forecasting.errors import ForecastingError


@pytest.fixture(scope="module")
def summary():
    usage = usage_of(waves(groups=3, hours=400))
    return backtest(usage, 30, 2, models=("seasonal-naive",)).summary


def test_a_picture_by_its_ending_and_the_same_for_the_same(summary, tmp_path):
    starts = {"one.png": b"\x89PNG\r\n\x1a\n", "two.png": b"\x89PNG", "one.svg": b"<?xml", "two.SVG": b"<?xml"}
    for name, start in starts.items():
        accuracy_chart(summary, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.SVG").read_bytes()
    content = (tmp_path / "one.png").read_bytes()
    assert (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")) == (1400, 640)


def test_many_models_and_scores_that_nothing_was_known_for(summary, tmp_path):
    of_naive = summary["overall"]["seasonal-naive"]
    empty = of_naive | {
        "wql_by_steps": dict.fromkeys(of_naive["wql_by_steps"]),
        "pit": dict.fromkeys(of_naive["pit"]),
    }
    names = ("headroom", "headroom-uncalibrated", *(f"component {i}" for i in range(9)))
    accuracy_chart(summary | {"overall": dict.fromkeys(names, of_naive) | {"none": empty}}, tmp_path / "many.png")
    accuracy_chart(summary | {"overall": {"headroom": empty}}, tmp_path / "none.png")
    assert (tmp_path / "none.png").stat().st_size > 1000


def test_a_model_that_is_far_off_leaves_the_picture_and_the_legend_says_how_far(summary, tmp_path):
    good = summary["overall"]["seasonal-naive"]
    bad = good | {"wql_by_steps": {step: 9.0 * (place + 1) for place, step in enumerate(good["wql_by_steps"])}}
    models = {"headroom": good, "seasonal-naive": good, "recent": bad}
    accuracy_chart(summary | {"overall": models}, tmp_path / "far.svg")
    text = (tmp_path / "far.svg").read_text()  # matplotlib keeps each text as a comment
    assert f"recent (up to {9 * len(good['wql_by_steps'])})" in text
    assert "headroom (up to" not in text


def test_targets_that_cannot_be_drawn_are_told_before(summary, tmp_path):
    with pytest.raises(ForecastingError, match=r"ends in \.png or \.svg"):
        accuracy_chart(summary, tmp_path / "chart.jpg")
    with pytest.raises(ForecastingError, match=r"no directory .*none; make it first"):
        accuracy_chart(summary, tmp_path / "none" / "chart.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(ForecastingError, match=r"taken.png: this is a directory; name a file in it"):
        accuracy_chart(summary, tmp_path / "taken.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "none" / "chart.png")
    with pytest.raises(ForecastingError, match=r"lost.png: the chart cannot be written"):
        accuracy_chart(summary, tmp_path / "lost.png")


def test_matplotlib_waits_until_something_is_drawn():
    code = "import sys, forecasting.accuracy_chart; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
