"""Usage out of a real Prometheus, filled with what goes wrong in real ones."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import prometheus_server
import pytest
from click.testing import CliRunner

from controller.cli import main
from forecasting import dims
from forecasting.errors import UsageError
from forecasting.repairs import notes
from forecasting.simulate import simulate
from forecasting.sources import fetch, read

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 72
NOW = START + timedelta(hours=HOURS)
MINUTES = HOURS * 60
REAL = Path(__file__).parents[4] / "shared" / "data" / "vm_usage.parquet"
CORES = 'sum by (region, team) (rate(cpu_seconds_total{replica!="b"}[5m]))'


def measured():
    """Hourly use of two groups, ``(2, HOURS)``: of real machines where the real usage is there, else simulated."""
    if REAL.exists():
        table = pd.read_parquet(REAL)
        table = table[table.resource == "cpu"]
    else:
        table = simulate(seed=3, weeks=2, start=START).table
        table = table[table.resource == "cpu"]
    wide = table.pivot_table(index="timestamp", columns=["region", "group"], values="value").dropna(axis=1)
    values = wide.iloc[:HOURS, :2].to_numpy(dtype=float).T
    assert values.shape == (2, HOURS)
    return values


USE = measured()


def lines(name, labels, values, keep=None):
    """Samples a minute; ``values`` has one more than `MINUTES`, for the start of the first minute."""
    at = int(START.timestamp()) + 60 * np.arange(MINUTES + 1)
    kept = np.ones(MINUTES + 1, dtype=bool) if keep is None else keep
    text = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return "".join(f"{name}{{{text}}} {v!r} {t}\n" for t, v in zip(at[kept], values[kept].tolist(), strict=True))


def counter(hourly, resets=()):
    """A counter of seconds that starts from nothing again at each minute of ``resets``."""
    steps = np.concatenate([[0.0], np.repeat(hourly, 60) * 60])
    total = np.cumsum(steps)
    for minute in sorted(resets):
        total[minute:] -= total[minute - 1]
    return total


def world():
    minutes = np.arange(MINUTES + 1)
    web, batch = USE
    gap = (minutes > 30 * 60) & (minutes <= 33 * 60)
    flicker = minutes % 3 != 1
    text = "# TYPE cpu_seconds counter\n"
    for replica, keep in (("a", None), ("b", flicker)):
        labels = {"region": "eu-west-1", "team": "web", "replica": replica}
        text += lines("cpu_seconds_total", labels, counter(web, (17 * 60 + 5, 40 * 60)), keep)
    text += lines("cpu_seconds_total", {"region": "eu-west-1", "team": "batch"}, counter(batch), ~gap)
    text += lines("cpu_seconds_total", {"region": "us", "team": "gone"}, counter(web), minutes <= 60 * 60)
    text += "# TYPE memory_bytes gauge\n"
    sides = (("a", 0, None), ("b", 0, None), ("c", 1, minutes > 3 * 60))
    for replica, more, keep in sides:
        labels = {"region": "eu-west-1", "team": "web", "replica": replica}
        text += lines("memory_bytes", labels, np.full(MINUTES + 1, (2.0 + more) * 2**30), keep)
    text += lines("memory_bytes", {"region": "eu-west-1"}, np.full(MINUTES + 1, 5.0))
    text += lines("memory_bytes", {"region": "eu-west-1", "team": "a\u202eb"}, np.full(MINUTES + 1, 6.0))
    text += lines("memory_bytes", {"region": "../..", "team": "web"}, np.full(MINUTES + 1, 7.0))
    text += "# TYPE limit gauge\n"
    limit = np.where(minutes > 50 * 60, 2.0, 1e6)  # gauges are read at the end of their step
    text += lines("limit", {"region": "eu-west-1", "team": "web"}, limit)
    text += "# TYPE throttled gauge\n"
    text += lines(
        "throttled", {"region": "eu-west-1", "team": "batch"}, ((minutes > 600) & (minutes <= 660)) * 1.0
    )
    return text


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    prometheus_server.fill(folder, world())
    with prometheus_server.serving(folder) as address:
        yield address


@pytest.fixture
def described(server, tmp_path):
    """Write a file that describes the server as one source; give its path."""

    def write(queries, more="", top=""):
        path = tmp_path / "sources.yaml"
        path.write_text(
            f"history_days: 3\n{top}\nsources:\n  - kind: prometheus\n    url: {server}\n"
            f"    labels: {{region: region, group: team}}\n    {more}\n    queries:\n{queries}\n",
            encoding="utf-8",
        )
        return path

    return write


def series(usage, group, resource="cpu"):
    return usage.demand.sel(group=group, resource=resource).values


def test_hourly_use_comes_back_through_resets_gaps_and_ends(described):
    usage = read(described(f"      cpu: {{query: '{CORES}'}}"), now=NOW)
    dims.check_usage(usage, "read")
    assert usage.group.values.tolist() == ["eu-west-1/batch", "eu-west-1/web", "us/gone"]
    assert usage.time.values[0] == np.datetime64("2026-03-02T00:00")
    assert usage.sizes["time"] == HOURS
    np.testing.assert_allclose(series(usage, "eu-west-1/web"), USE[0], rtol=1e-6)  # two restarts: rate() sees them
    gone = series(usage, "us/gone")
    np.testing.assert_allclose(gone[:60], USE[0][:60], rtol=1e-6)
    assert np.isnan(gone[61:]).all()  # the hour in which it went stale has a first few minutes
    batch = series(usage, "eu-west-1/batch")
    assert np.isnan(batch[31:33]).all()
    known = np.r_[0:30, 34:HOURS]
    np.testing.assert_allclose(batch[known], USE[1][known], rtol=1e-6)


def test_the_counter_itself_falls_at_a_restart(described):
    # What the test above proves nothing without: the raw series is no steady one.
    raw = read(described('      cpu: {query: \'cpu_seconds_total{team="web",replica="a"}\'}'), now=NOW)
    assert (np.diff(series(raw, "eu-west-1/web")) < 0).sum() >= 2


@pytest.mark.parametrize(("rule", "early", "late"), [("max", 2.0, 3.0), ("mean", 2.0, 7 / 3)])
def test_replicas_of_the_same_are_made_one_by_the_stated_rule(rule, early, late, described):
    query = (
        """      memory: {query: 'memory_bytes{team="web",region="eu-west-1"}', scale: 9.313225746154785e-10}"""
    )
    usage = read(described(query, f"replica: replica\n    replicas: {rule}"), now=NOW)
    values = series(usage, "eu-west-1/web", "memory")
    np.testing.assert_allclose(values[:3], early)
    np.testing.assert_allclose(values[4:], late)


def test_series_that_are_not_replicas_are_refused_with_what_they_differ_in(described):
    path = described("""      memory: {query: 'memory_bytes{team="web",region="eu-west-1"}'}""")
    with pytest.raises(
        UsageError, match=r"query of memory: [23] series of group 'eu-west-1/web' differ in replica"
    ):
        read(path, now=NOW)


def test_series_without_a_label_and_with_hostile_ones_are_left_out_and_told(described):
    usage = read(
        described("      memory: {query: 'memory_bytes'}", "replica: replica\n    regions: {eu-west-1: Ireland}"),
        now=NOW,
    )
    assert usage.group.values.tolist() == ["Ireland/web"]
    told = "\n".join(notes(usage))
    assert "series without the label of region or group were left out, up to 1 at once" in told
    assert "series whose labels cannot be names were left out" in told
    assert "\u202e" not in told


def test_a_label_that_no_series_has_any_more_is_an_error(described):
    path = described("      memory: {query: 'sum by (region, namespace) (memory_bytes)'}")
    with pytest.raises(
        UsageError, match=r"none of \d series has the labels 'region' and 'team' \(there: region\)"
    ):
        read(path, now=NOW)


def test_a_query_that_gives_nothing_beside_others_is_told(described):
    queries = f"      cpu: {{query: '{CORES}', capacity: absent_total, censored: absent_total}}\n"
    told = notes(read(described(f"{queries}      memory: {{query: absent_total}}"), now=NOW))
    assert [x.split(", ", 1)[1] for x in told if "no series" in x] == [
        "query of cpu (capacity): no series; has its name or its label set changed?",
        "query of memory: no series; has its name or its label set changed?",
    ]


def test_usage_at_capacity_and_throttled_is_marked(described):
    queries = (
        "      cpu:\n        query: 'sum by (region, team) (limit) * 0 + 1.99'\n"
        "        capacity: 'sum by (region, team) (limit)'\n"
    )
    usage = read(described(queries), now=NOW)
    marked = usage[dims.CENSORED].sel(group="eu-west-1/web", resource="cpu").values
    assert marked.nonzero()[0].tolist() == list(range(50, HOURS))
    assert f"{HOURS - 50} series-hours sat at capacity; they are lower bounds on demand" in notes(usage)
    queries = f"      cpu: {{query: '{CORES}', censored: 'sum by (region, team) (throttled) > 0'}}"
    marked = read(described(queries), now=NOW)[dims.CENSORED]
    assert marked.sel(group="eu-west-1/batch", resource="cpu").values.nonzero()[0].tolist() == [10]
    assert int(marked.sum()) == 1


def test_a_fixed_capacity_and_a_scale(described):
    queries = "      cpu: {query: 'sum by (region, team) (limit)', scale: 0.5, capacity: 1.0}"
    usage = read(described(queries), now=NOW)
    assert series(usage, "eu-west-1/web")[-1] == 1.0
    assert usage[dims.CENSORED].sel(group="eu-west-1/web", resource="cpu").values[50:].all()


@pytest.mark.parametrize(
    ("queries", "more", "said"),
    [
        ("      cpu: {query: 'sum('}", "", r"query of cpu: status 400: .*parse error.*mend the query"),
        ("      cpu: {query: 'memory_bytes'}", "most_series: 2", r"6 series are more than 2; sum by region"),
        ("      cpu: {query: 'up{nothing=\"here\"}'}", "", "the table has no rows; headroom fetch shows"),
        (
            "      cpu: {query: 'sum by (region, team) (rate(cpu_seconds_total[3d:1s]))'}",
            "",
            r"status 422: .*too many samples.*ask for less at once \(chunk, step\)",
        ),
    ],
)
def test_what_the_server_refuses_or_has_too_much_or_nothing_of(queries, more, said, described):
    with pytest.raises(UsageError, match=said):
        read(described(queries, more), now=NOW)


@pytest.mark.parametrize(("step", "chunk"), [("1m", "1h"), ("15m", "6h"), ("1h", "1d")])
def test_steps_and_chunks_do_not_change_whose_hour_a_value_is(step, chunk, described):
    query = f"      cpu: {{query: 'sum by (region, team) (rate(cpu_seconds_total{{replica!=\"b\"}}[{step}]))'}}"
    if step == "1m":
        query = query.replace("[1m]", "[2m]")
    usage = read(described(query, f"step: {step}\n    chunk: {chunk}"), now=NOW)
    assert usage.sizes["time"] == HOURS
    tolerance = 0.2 if step == "1m" else 1e-6  # two minutes reach a minute into the hour before
    np.testing.assert_allclose(series(usage, "eu-west-1/web")[:16], USE[0][:16], rtol=tolerance)


def test_the_cache_gives_the_same_and_asks_for_what_is_new_only(described, tmp_path):
    path = described(f"      cpu: {{query: '{CORES}'}}", top="cache: kept\nlate_hours: 6")
    early = fetch(path, NOW - timedelta(hours=5))
    assert (early.parts[0].hours_read, early.parts[0].hours_kept) == (72 + 24 - 5, 0)
    later = fetch(path, NOW)
    # From six hours before the first run's end: the day that is over, and the hours since.
    assert (later.parts[0].hours_read, later.parts[0].hours_kept) == (11, 61)
    (folder,) = (tmp_path / "kept").iterdir()
    assert sorted(x.name for x in folder.iterdir()) == [
        f"2026-03-{day:02}.parquet" if day > 0 else f"2026-02-{28 + day}.parquet" for day in (1, 2, 3, 4)
    ]
    plain = fetch(described(f"      cpu: {{query: '{CORES}'}}"), NOW).rows
    order = ["timestamp", "region", "group"]
    pd.testing.assert_frame_equal(
        later.rows.sort_values(order, ignore_index=True), plain.sort_values(order, ignore_index=True),
        check_categorical=False,
    )  # fmt: skip


def test_fetch_writes_what_every_command_reads(described, tmp_path):
    path, out = described(f"      cpu: {{query: '{CORES}'}}"), tmp_path / "usage.parquet"
    done = CliRunner().invoke(main, ["fetch", "--usage", str(path), "--out", str(out), "--now", NOW.isoformat()])
    assert done.exit_code == 0, done.output
    assert "1 prometheus" in done.stdout
    assert read(out).demand.equals(read(path, now=NOW).demand)
    csv = tmp_path / "usage.csv"
    done = CliRunner().invoke(main, ["fetch", "--usage", str(out), "--out", str(csv), "-o", "json"])
    assert done.exit_code == 0, done.output
    assert '"rows":' in done.stdout
    np.testing.assert_allclose(read(csv).demand.values, read(out).demand.values)
    told = [x for x in done.stderr.split("\n") if "series-hours are not known, in" in x]
    assert len(told) == 1
    csv.write_text("time,value\n2026-01-01,1\n")
    done = CliRunner().invoke(main, ["fetch", "--usage", str(csv)])
    assert (done.exit_code, "usage.csv: column 'timestamp' is missing" in done.output) == (1, True)
    done = CliRunner().invoke(main, ["fetch", "--usage", str(out), "--out", str(tmp_path / "no" / "u.csv")])
    assert (done.exit_code, "there is no directory" in done.output) == (1, True)
