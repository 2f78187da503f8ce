"""What ``headroom fetch`` says of the table that it shows."""

import json

import numpy as np
import pandas as pd
from click.testing import CliRunner

from controller.cli import main


def fetched(table, tmp_path, *more, code=0):
    table.to_csv(tmp_path / "usage.csv", index=False)
    done = CliRunner().invoke(main, ["fetch", "--usage", str(tmp_path / "usage.csv"), *more])
    assert done.exit_code == code, done.output
    return done


def table_of(hours, step="h"):
    times = pd.date_range("2026-04-06", periods=hours, freq=step, tz="UTC")
    labels = {"region": "eu", "resource": "cpu"}
    parts = [pd.DataFrame({"timestamp": times, "group": name, "value": 2.0, **labels}) for name in ("a", "b", "c")]
    return pd.concat(parts, ignore_index=True)


def test_gaps_are_one_line_and_in_the_json(tmp_path):
    table = table_of(60)
    table.loc[3, "value"] = np.nan
    holed = table.drop(index=[10, 11, 70])
    said = "4 of 180 series-hours are not known, in 2 of 3 series; left open"
    assert said in fetched(holed, tmp_path).stderr.split("\n")
    assert said in json.loads(fetched(holed, tmp_path, "-o", "json").stdout)["notes"]
    assert "not known" not in fetched(table_of(60), tmp_path).stderr


def test_what_no_command_can_use_is_shown_written_and_refused(tmp_path):
    given = table_of(60, "D"), tmp_path, "--now", "2026-08-01"
    done = fetched(*given, "--out", str(tmp_path / "out.csv"), code=1)
    assert "at 2026-08-01 00:00 UTC no command can use this table: resource 'cpu' is coarser" in done.stderr
    assert "180" in done.stdout
    assert len(pd.read_csv(tmp_path / "out.csv")) == 180
    assert "coarser than hourly" in json.loads(fetched(*given, "-o", "json", code=1).stdout)["refused"]
