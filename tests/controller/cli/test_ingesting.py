"""``headroom ingest``: what is checked before the work, and that files are written whole and over nothing read."""

import os
import secrets
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner

from controller.cli import main

KEY = "SECRETKEY-0123456789abcdefghijklmnop"
START = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def events(tmp_path):
    rows = [
        {"user": f"user-{i}", "tenant": "acme", "team": "web", "application": "shop", "region": "eu",
         "started": START + timedelta(hours=h), "ended": START + timedelta(hours=h, minutes=30), "consent": True}
        for h in range(24) for i in range(12)
    ]  # fmt: skip
    path = tmp_path / "events" / "e.parquet"
    path.parent.mkdir()
    pd.DataFrame(rows).to_parquet(path, index=False)
    return path


def ingest(*options):
    arguments = ["ingest", "--now", "2026-10-05T00:00Z", "--memory", "0.5", *map(str, options)]
    result = CliRunner().invoke(main, arguments, env={"HEADROOM_PSEUDONYM_KEY": KEY})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def refused(words, *options):
    result = ingest(*options)
    assert result.exit_code == 1
    assert words in result.stderr
    assert "ingest: " not in result.stderr  # before the work
    return result


def test_usage_that_cannot_be_read_is_told_before_the_work(events, tmp_path):
    options = ("--usage", tmp_path / "absent.parquet", "--learn-footprints", tmp_path / "f.nc")
    refused("absent.parquet", "--events", events, "--out", tmp_path / "u.parquet", *options)


def test_nothing_that_is_read_is_written_over(events, tmp_path):
    before = events.read_bytes()
    link = tmp_path / "link.parquet"
    link.symlink_to(events)
    consent = tmp_path / "c.parquet"
    consent.write_bytes(b"PAR1")
    for given, out in ((events, events), (events, link), (events.parent, events.parent / "u.parquet")):
        refused("this is read", "--events", given, "--out", out)
    refused("this is read", "--events", events, "--consent", consent, "--out", consent)
    same = tmp_path / "u.parquet"
    refused("the same file", "--events", events, "--out", same, "--features", same)
    assert events.read_bytes() == before
    assert [x.name for x in events.parent.iterdir()] == ["e.parquet"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_files_are_written_whole_or_not_at_all(events, tmp_path, monkeypatch, error):
    out, features = tmp_path / "u.parquet", tmp_path / "f.parquet"
    out.write_bytes(b"earlier")
    real = pd.DataFrame.to_parquet

    def failing(self, path, **options):
        if "f.parquet" in str(path):
            Path(path).write_bytes(b"half")
            raise error
        return real(self, path, **options)

    monkeypatch.setattr(pd.DataFrame, "to_parquet", failing)
    assert ingest("--events", events, "--out", out, "--features", features).exit_code in {1, 130}
    assert out.read_bytes() == b"earlier"
    assert sorted(x.name for x in tmp_path.iterdir()) == ["events", "u.parquet"]


@pytest.mark.parametrize("given", ["nan", "inf", "1e9"])
def test_memory_that_cannot_be_is_told(events, tmp_path, given):
    refused("cannot be", "--events", events, "--out", tmp_path / "u.parquet", "--memory", given)


@pytest.mark.parametrize("column", ["user", "consent", "Started", "region"])
def test_what_is_known_otherwise_does_not_divide_tenants(events, tmp_path, column):
    refused("does not divide", "--events", events, "--out", tmp_path / "u.parquet", "--split", column)


ODD = [
    "applications: {a: {cpu: 2026-13-45}}",
    "applications: {a: {cpu: !!timestamp x}}",
    "applications: {yes: {cpu: 1}}",
    "applications: {a: {'': 1}}",
    'applications: {a: {"b\\nc": 1}}',
]


@pytest.mark.parametrize("text", ODD)
def test_footprints_that_are_none_are_told_before_the_work(events, tmp_path, text):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    refused("f.yaml: ", "--events", events, "--out", tmp_path / "u.parquet", "--footprints", path)


def test_footprints_of_other_applications_alone_give_no_empty_usage(events, tmp_path):
    path, out = tmp_path / "f.yaml", tmp_path / "u.parquet"
    path.write_text("applications: {Shop: {cpu: 1}}")
    result = ingest("--events", events, "--out", out, "--footprints", path)
    assert result.exit_code == 1
    assert "no application has a footprint, of shop" in result.stderr
    assert not out.exists()


@pytest.mark.slow
def test_what_spilt_goes_away_when_the_job_is_ended(tmp_path):
    spilt = tmp_path / "spilt"
    spilt.mkdir()
    path = tmp_path / "many.parquet"
    duckdb.sql(
        """SELECT 'p' || (hash(i) % 100000) AS "user", 'shop' AS tenant, 'web' AS application, 'eu' AS region,
        TIMESTAMPTZ '2026-10-01 00:00:00+00' + to_seconds(i % 2000000) AS started,
        TIMESTAMPTZ '2026-10-01 00:20:00+00' + to_seconds(i % 2000000) AS ended,
        1 AS bytes_read, 1 AS bytes_written, true AS consent FROM range(3000000) AS r(i)"""
    ).write_parquet(str(path))
    given = (
        "--events",
        path,
        "--key-file",
        tmp_path / "key",
        "--out",
        tmp_path / "u.parquet",
        "--now",
        "2026-11-01",
    )
    (tmp_path / "key").write_text(secrets.token_hex(32))
    (tmp_path / "key").chmod(0o600)
    job = subprocess.Popen(
        [sys.executable, "-m", "controller.cli", "ingest", *map(str, given)],
        env={**os.environ, "TMPDIR": str(spilt)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(spilt.iterdir()):
        assert job.poll() is None, job.communicate()[1]
        time.sleep(0.05)
    time.sleep(0.5)  # it is at work
    job.terminate()
    said = job.communicate()[1]
    assert job.returncode not in (0, -signal.SIGTERM), said
    assert "Traceback" not in said
    assert not list(spilt.iterdir())
    assert not (tmp_path / "u.parquet").exists()
