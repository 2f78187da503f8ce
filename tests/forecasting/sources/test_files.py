from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting import dims
from forecasting.errors import UsageError
from forecasting.repairs import notes
from forecasting.sources.files import read
from forecasting.usage import digest, from_table

HOURS = 60


@pytest.fixture
def table():
    times = pd.date_range("2026-04-06", periods=HOURS, freq="h", tz="UTC")
    parts = [
        pd.DataFrame({"timestamp": times, "region": region, "group": "web", "resource": "cpu", "value": value})
        for region, value in (("NA", 1.25), ("grüße-東京", 2.5))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def written(table, tmp_path):
    """Write the table after a change, as CSV or Parquet by the name."""

    def write(name, change=lambda table: table, **options):
        path = tmp_path / name
        changed = change(table)
        if path.suffix == ".csv":
            changed.to_csv(path, index=False, **options)
        else:
            changed.to_parquet(path, **options)
        return path

    return write


@pytest.mark.parametrize("name", ["usage.parquet", "usage.csv", "USAGE.CSV", "usage.pq", "usage"])
def test_parquet_and_csv_give_the_same_usage_as_the_table(name, table, written, tmp_path):
    path = written("usage.csv" if name == "USAGE.CSV" else name)
    path = path.rename(tmp_path / name)
    usage = read(path)
    dims.check_usage(usage, "read")
    assert digest(usage) == digest(from_table(table))
    assert usage.region.values.tolist() == ["NA", "grüße-東京"]


def test_parquet_with_an_index_categories_or_other_columns_is_read(table, written):
    plain = digest(from_table(table))
    assert digest(read(written("a.parquet", lambda t: t.set_index("timestamp")))) == plain
    coded = {"region": "category", "group": "category", "resource": "category"}
    assert digest(read(written("b.parquet", lambda t: t.astype(coded)))) == plain
    assert digest(read(written("c.parquet", lambda t: t.assign(owner="me")))) == plain


def test_names_in_csv_are_not_read_as_numbers_or_missing(written):
    usage = read(written("usage.csv", lambda t: t.assign(group=np.repeat(["007", "null"], HOURS))))
    assert usage["name"].values.tolist() == ["007", "null"]


def test_missing_values_in_csv_are_not_known(written):
    path = written("usage.csv", lambda t: t.assign(value=t.value.where(t.index != 3)), na_rep="NA")
    assert read(path).attrs["not_finite"] == 1
    assert (
        int(
            read(written("empty.csv", lambda t: t.assign(value=t.value.where(t.index != 3)))).isnull().demand.sum()
        )
        == 1
    )


def test_naive_times_in_csv_are_noted(written):
    usage = read(written("usage.csv", lambda t: t.assign(timestamp=t.timestamp.dt.tz_localize(None))))
    assert notes(usage) == ["120 of 120 rows have no timezone; taken as UTC"]


def test_units_are_passed_on(written):
    assert read(written("usage.csv"), units={"cpu": "GHz"}).unit.values.tolist() == ["GHz"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: t.drop(columns="group"),
            "column 'group' is missing; .*there: timestamp, region, resource, value",
        ),
        (lambda t: t.rename(columns={"value": "Value"}), "column 'value' is missing; .*there: .*Value"),
        (lambda t: t.head(0), "no rows"),
        (lambda t: t.head(47), "hours with a known value .*: 47;"),
        (
            lambda t: t.assign(value=t.value.astype(str).mask(t.index == 6, "lots")),
            "column 'value', row 7: 'lots'",
        ),
        (
            lambda t: t.assign(timestamp=t.timestamp.astype(str).mask(t.index == 8, "soon")),
            "'timestamp', row 9: 'soon'",
        ),
        (lambda t: t.assign(region=t.region.mask(t.index == 1, "a/b")), "column 'region', row 2: 'a/b'"),
        (
            lambda t: t.assign(group=t.group.mask(t.index == 2, "a\x1b[2J")),
            r"column 'group', row 3: 'a\\x1b\[2J'",
        ),
        (lambda t: t.assign(timestamp=1_775_433_600), "'timestamp'"),
    ],
)
def test_what_is_wrong_with_the_table_is_told_with_the_file(suffix, change, said, written):
    path = written(f"usage.{suffix}", change)
    with pytest.raises(UsageError, match=said) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert isinstance(caught.value.__cause__, UsageError)


def test_an_empty_file_is_refused(tmp_path):
    for name in ("usage.parquet", "usage.csv"):
        (tmp_path / name).touch()
        with pytest.raises(UsageError, match=rf"{name}: the file is empty"):
            read(tmp_path / name)


def test_a_file_that_is_not_parquet_is_refused(tmp_path):
    path = tmp_path / "usage.parquet"
    path.write_text("timestamp,region\n")
    with pytest.raises(UsageError, match=r"usage.parquet: this is not a Parquet file; .*\.csv"):
        read(path)


def test_parquet_that_is_cut_short_is_refused(written):
    path = written("usage.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError, match=r"usage.parquet: the Parquet file is damaged"):
        read(path)


def test_a_damaged_page_is_refused(written):
    path = written("usage.parquet")
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"usage.parquet: the Parquet file is damaged"):
        read(path)


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs")])
@pytest.mark.parametrize("decimal", [".", ","])
def test_csv_that_is_not_divided_by_commas_is_told_so(sign, name, decimal, written):
    path = written("usage.csv", sep=sign, decimal=decimal)
    with pytest.raises(
        UsageError, match=rf"usage.csv: the columns are divided by {name}.*write the file with commas"
    ):
        read(path)


def test_csv_that_is_not_text_or_not_regular_is_refused(tmp_path):
    path = tmp_path / "usage.csv"
    path.write_bytes("timestamp,region,group,resource,value\n2026-04-06,eu-été,a,cpu,1\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"usage.csv: the file is not text in UTF-8"):
        read(path)
    path.write_text("timestamp,region,group,resource,value\n2026-04-06,eu,a,cpu,1\n2026-04-06,eu,a,cpu,1,2,3\n")
    with pytest.raises(UsageError, match=r"usage.csv: the file cannot be read as CSV: .*line 3"):
        read(path)
    path.write_text("\n\n")
    with pytest.raises(UsageError, match=r"usage.csv: the file cannot be read as CSV"):
        read(path)


def test_no_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"none.parquet: No such file"):
        read(tmp_path / "none.parquet")
    with pytest.raises(UsageError, match="there is no file in this folder that ends in .parquet"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "groups", "resources", "share_known"),
    [
        ("taxi_requests", 73, 1, 1.0),
        ("vm_usage", 75, 4, 0.965),
        ("bike_requests", 2, 1, 0.999),
        ("m4_hourly", 207, 1, 0.895),
    ],
)
def test_real_usage_is_read(name, groups, resources, share_known):
    path = Path(__file__).parents[4] / "shared" / "data" / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{name}.parquet is not there: the real usage is no part of the product")
    usage = read(path)
    dims.check_usage(usage, "read")
    assert (usage.sizes["group"], usage.sizes["resource"]) == (groups, resources)
    assert float(usage.demand.notnull().mean()) == pytest.approx(share_known, abs=0.005)
