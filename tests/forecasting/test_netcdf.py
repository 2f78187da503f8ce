"""Files that are written whole or not at all, and never over what is something else."""

import os
import time

import pytest
import xarray as xr

from forecasting.errors import RecordError
from forecasting.netcdf import Kind, check_own, read, write

KIND = Kind("record", 1, "make it anew", RecordError)
OTHER = Kind("hierarchy", 1, "make it anew", RecordError)
DATA = xr.Dataset({"x": ("n", [1.0, 2.0])})


def test_a_whole_file_of_another_kind_may_not_be_written_over(tmp_path):
    path = tmp_path / "a.nc"
    check_own(path, KIND)
    write(DATA, path, OTHER)
    check_own(path, OTHER)
    with pytest.raises(RecordError, match="this is no record, and is not written over; name another file"):
        check_own(path, KIND)
    path.write_bytes(path.read_bytes()[:500])
    check_own(path, KIND)


def test_what_killed_writers_left_is_cleared_a_day_later(tmp_path):
    for name, hours in ((".a.nc.1.part", 30), (".a.nc.2.part", 1), (".b.nc.1.part", 30)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - hours * 3600,) * 2)
    write(DATA, tmp_path / "a.nc", KIND)
    assert sorted(x.name for x in tmp_path.iterdir()) == [".a.nc.2.part", ".b.nc.1.part", "a.nc"]
    assert read(tmp_path / "a.nc", KIND)["x"].values.tolist() == [1.0, 2.0]


def test_a_file_that_cannot_be_written_is_told_in_a_few_words(tmp_path):
    with pytest.raises(
        RecordError, match=r"absent/a.nc: the record cannot be written: No such file or directory$"
    ):
        write(DATA, tmp_path / "absent/a.nc", KIND)
