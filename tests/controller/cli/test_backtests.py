"""``headroom backtest``, as a user types it."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.cli.backtests import _print_scores

NAIVE = ("--models", "seasonal-naive", "--horizon", 24, "--origins", 2)


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["backtest", *(str(x) for x in arguments)])
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    return done


@pytest.fixture
def usage(tmp_path):
    hours = pd.date_range("2026-04-06", periods=120, freq="h", tz="UTC")
    value = 5.0 + hours.hour % 7 + hours.day % 3
    series = [
        pd.DataFrame({"timestamp": hours, "region": region, "group": group, "resource": "cpu", "value": value})
        for region, group in (("eu", "shop"), ("eu", "etl"), ("us", "etl"))
    ]
    pd.concat(series).to_parquet(tmp_path / "usage.parquet", index=False)
    return tmp_path / "usage.parquet"


def test_tables_fit_80_columns(usage):
    text = run("--usage", usage, *NAIVE).stdout
    assert "sums' maxima" in text
    assert "in 95 %" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_it_ends_with_what_the_scores_say(usage, capsys):
    done = run("--usage", usage, *NAIVE)
    assert "coverage of so few origins tells little" in done.stderr
    assert "WQL, lower" not in done.stderr  # nothing to compare with
    summary = json.loads(run("--usage", usage, *NAIVE, "-o", "json").stdout)
    plain = summary["overall"]["seasonal-naive"]
    summary["origins"] = summary["origins"] * 10
    for times, said in ((0.75, "25% below"), (1.25, "25% above")):
        summary["overall"]["headroom"] = plain | {"wql": times * plain["wql"]}
        summary["seconds_per_origin"]["headroom"] = 1.0
        _print_scores(summary)
        told = capsys.readouterr().err
        assert f"that of headroom is {said} that of seasonal-naive" in told
        assert "few origins" not in told


def test_a_model_that_is_not_there_is_told_before_anything_is_read(tmp_path):
    done = run("--usage", tmp_path / "none.parquet", "--models", "prophet", code=1)
    assert "no model 'prophet'" in done.stderr


def test_many_levels_are_told_below_each_other(usage):
    text = run("--usage", usage, *NAIVE, "--levels", "10,20,30,40,50,60,70,80,90,99").stdout
    assert max(len(line) for line in text.splitlines()) <= 80
    heads = [line.split() for line in text.splitlines() if line.lstrip().startswith("resource ")]
    assert [head.count("%") for head in heads] == [3, 3, 3, 1]
    assert ["WQL" in head for head in heads] == [True, False, False, False]
    assert "in 99 %" in text


def test_tables_of_the_longest_model_fit_80_columns(usage, capsys):
    summary = json.loads(run("--usage", usage, *NAIVE, "-o", "json").stdout)
    scores = summary["overall"]["seasonal-naive"]
    steps = dict.fromkeys(("1-6", "7-24", "25-72", "73-168", "169-744"), 12.3456)
    scores |= {"wql_by_steps": steps, "crps": None, "checks": dict.fromkeys(scores["checks"], 123_456_789)}
    summary["overall"] = {"headroom-uncalibrated": scores}
    summary["seconds_per_origin"] = {"headroom-uncalibrated": 12_345.6}
    _print_scores(summary)
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert len([line for line in text.splitlines() if "headroom-uncalibrated" in line]) == 3


def test_levels_plot_out_and_jobs(usage, tmp_path):
    chart, out = tmp_path / "chart.png", tmp_path / "out.parquet"
    done = run(
        "--usage", usage, *NAIVE, "--levels", "90, 99.5%", "--plot", chart, "--out", out, "--jobs", 2, "-o", "json"
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert list(summary["overall"]["seasonal-naive"]["coverage"]) == ["90 %", "99.5 %"]
    assert len(pd.read_parquet(out)) == 2 * 3 * 24 * 19
    assert chart.stat().st_size > 1000
    assert f"chart: {chart}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--levels", "50,x"), 2, "such as 50,80,95"),
        (("--levels", "0"), 2, "such as 50,80,95"),
        (("--models", "headroom,prophet"), 1, "no model 'prophet'; there are headroom"),
        (("--plot", "chart.gif"), 1, "ends in .png or .svg"),
        (("--out", "none/table.parquet"), 1, "make it first"),
        (("--out", "table.csv"), 1, "ends in .parquet"),
        (("--jobs", "0"), 2, "--jobs"),
    ],
)
def test_what_cannot_be_is_refused_with_words(usage, arguments, code, said):
    assert said in run("--usage", usage, *arguments, code=code).output
