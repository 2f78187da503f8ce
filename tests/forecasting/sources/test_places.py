"""Folders, addresses, JSON lines, and files named in a description: all give what one Parquet file gives."""

import fsspec
import pandas as pd
import pytest

from forecasting.errors import UsageError
from forecasting.repairs import notes
from forecasting.sources import fetch, read
from forecasting.usage import digest, from_table


@pytest.fixture
def table():
    times = pd.date_range("2026-04-06", periods=60, freq="h", tz="UTC")
    parts = [
        pd.DataFrame({"timestamp": times, "region": region, "group": "007", "resource": "cpu", "value": value})
        for region, value in (("NA", 1.25), ("grüße=a b", 2.5))
    ]
    return pd.concat(parts, ignore_index=True)


def as_text(table):
    return table.assign(timestamp=table.timestamp.map(lambda x: x.isoformat()))


@pytest.mark.parametrize("name", ["usage.jsonl", "usage.NDJSON"])
def test_json_lines_give_the_same(name, table, tmp_path):
    as_text(table).to_json(tmp_path / name, orient="records", lines=True, force_ascii=False)
    usage = read(tmp_path / name)
    assert digest(usage) == digest(from_table(table))
    assert usage["name"].values.tolist() == ["007", "007"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"timestamp":"2026-01-01"}\n{"timestamp":\n', r"usage.jsonl: line 2 is not JSON"),
        ("[1]\n", r"usage.jsonl: .*(no record|must be a record)"),
        ('{"timestamp":"2026-01-01"}\n7\n', r"usage.jsonl: line 2 is no record"),
        ('{"region":"a"}\n{"region":["b"]}\n', r"usage.jsonl: column 'region', row 2: a list or a record"),
        ('{"timestamp":"2026-01-01"}\n', r"usage.jsonl: column 'region' is missing"),
    ],
)
def test_json_lines_that_cannot_be_read_are_refused(text, said, tmp_path):
    (tmp_path / "usage.jsonl").write_text(text)
    with pytest.raises(UsageError, match=said):
        read(tmp_path / "usage.jsonl")


def test_null_values_in_json_lines_are_not_known(table, tmp_path):
    holed = table.assign(value=table.value.where(table.index != 3))
    as_text(holed).to_json(tmp_path / "usage.jsonl", orient="records", lines=True)
    assert read(tmp_path / "usage.jsonl").attrs["not_finite"] == 1


def test_a_folder_partitioned_as_hive_does(table, tmp_path):
    table.to_parquet(tmp_path / "hive", partition_cols=["region", "group"])
    (tmp_path / "hive/_SUCCESS").touch()
    (tmp_path / "hive/.hidden.parquet").write_text("no")
    (tmp_path / "hive/README.md").write_text("no")
    assert len(list((tmp_path / "hive").rglob("*.parquet"))) == 3
    for place in (tmp_path / "hive", f"file://{tmp_path}/hive"):
        usage = read(place)
        assert digest(usage) == digest(from_table(table))
        assert usage.region.values.tolist() == ["NA", "grüße=a b"]


def test_in_a_folder_later_files_correct_earlier_ones(table, tmp_path):
    table.to_parquet(tmp_path / "2026-04-06.parquet")
    as_text(table.head(3).assign(value=9.0)).to_csv(tmp_path / "2026-04-07.csv", index=False)
    with pytest.raises(UsageError, match=r"2026-04-07.csv: its times are .*; write all files alike"):
        read(tmp_path)
    (tmp_path / "2026-04-07.csv").unlink()
    table.head(3).assign(value=9.0).to_parquet(tmp_path / "2026-04-07.parquet")
    assert read(tmp_path).demand.sel(group="NA/007").values[0, :4].tolist() == [9.0, 9.0, 9.0, 1.25]


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("region=", "r.parquet: column 'region', row 1|the region is missing|is empty"),
        ("region=__HIVE_DEFAULT_PARTITION__", "the region is missing"),
        ("region=a%2Fb", "holds a '/'"),
        ("group=x", "column 'group' is in the file and in its path"),
        ("region", r"r.parquet: column 'region' is missing"),
    ],
)
def test_partitions_are_as_hostile_as_anything_else(folder, said, table, tmp_path):
    (tmp_path / folder).mkdir()
    table.drop(columns="region").to_parquet(tmp_path / folder / "r.parquet")
    with pytest.raises(UsageError, match=said):
        read(tmp_path)


def test_addresses_that_fsspec_knows(table):
    store = fsspec.filesystem("memory")
    with store.open("/bucket/one/a.parquet", "wb") as file:
        table.head(60).to_parquet(file)
    with store.open("/bucket/one/b.parquet", "wb") as file:
        table.tail(60).to_parquet(file)
    assert digest(read("memory://bucket/one")) == digest(from_table(table))
    assert read("memory://bucket/one/a.parquet").sizes["group"] == 1
    with pytest.raises(UsageError, match=r"memory://bucket/two.parquet: "):
        read("memory://bucket/two.parquet")


def test_addresses_that_cannot_be_read_say_what_to_do_and_no_secret(tmp_path):
    with pytest.raises(UsageError, match=r"nosuch://bucket/x: this is no address that can be read"):
        read("nosuch://user:hunter2@bucket/x?sig=hunter2")
    with pytest.raises(
        UsageError, match=r"adl://store/x: to read such an address, pip install adlfs|no address"
    ) as e:
        read("adl://user:hunter2@store/x")
    assert "hunter2" not in str(e.value)
    with pytest.raises(
        UsageError, match=r"https://127.0.0.1:9/x: to read such an address, pip install requests aiohttp"
    ):
        read("https://127.0.0.1:9/x")
    with pytest.raises(UsageError, match="ftp://127.0.0.1:9/x: ") as e:
        read("ftp://user:hunter2@127.0.0.1:9/x")
    assert "hunter2" not in str(e.value)


def test_files_of_a_description_are_found_beside_it_and_joined(table, tmp_path):
    (tmp_path / "data").mkdir()
    table.head(60).to_parquet(tmp_path / "data/a.parquet")
    as_text(table.tail(60)).to_csv(tmp_path / "data/b.csv", index=False)
    path = tmp_path / "sources.yaml"
    path.write_text("sources:\n- {kind: files, path: data/a.parquet}\n- {kind: files, path: data/b.csv}\n")
    usage = read(path)
    assert digest(usage) == digest(from_table(table))
    assert notes(usage) == []
    assert [(part.title, part.rows) for part in fetch(path).parts] == [("1 files", 60), ("2 files", 60)]
    path.write_text("sources:\n- {kind: files, path: data/none.parquet}\n")
    with pytest.raises(UsageError, match=r"sources.yaml: source 1 files: .*none.parquet: No such file"):
        read(path)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_marks_come_through_every_form(ending, table, tmp_path):
    marked = as_text(table.assign(capacity=1.25, censored=table.index == 70))
    path = tmp_path / f"usage.{ending}"
    if ending == "parquet":
        marked.to_parquet(path)
    elif ending == "csv":
        marked.to_csv(path, index=False)
    else:
        marked.to_json(path, orient="records", lines=True)
    usage = read(path)
    assert int(usage.censored.sum()) == 120
    assert digest(usage) == digest(from_table(marked))
