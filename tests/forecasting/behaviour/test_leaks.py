"""Neither key nor user id shows in any output, file or error, whatever is broken."""

import json
import os
import pickle
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from click.testing import CliRunner

from controller.cli import main
from forecasting.behaviour.pseudonyms import PseudonymKey, read_key
from forecasting.errors import ForecastingError

KEY = "SECRETKEY-0123456789abcdefghijklmnop"
START = datetime(2026, 10, 1, tzinfo=UTC)


def events(people=12, hours=60):
    rows = [
        {"user": f"LEAK-{i}@example.org", "tenant": "acme", "team": "web", "application": "shop", "region": "eu",
         "started": str(START + timedelta(hours=h)), "ended": str(START + timedelta(hours=h, minutes=30)),
         "bytes_read": "1", "bytes_written": "1", "consent": "true"}
        for h in range(hours) for i in range(people)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def ingest(tmp_path, *options, key=KEY):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    arguments = [
        "ingest",
        "--now",
        "2026-10-05T00:00Z",
        "--out",
        str(out / "u.parquet"),
        "--memory",
        "0.5",
        *options,
    ]
    result = CliRunner().invoke(main, arguments, env={"HEADROOM_PSEUDONYM_KEY": key}, catch_exceptions=True)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    said = result.stdout + result.stderr
    written = b"".join(x.read_bytes() for x in out.rglob("*") if x.is_file())
    for secret in ("LEAK", KEY, KEY.encode().hex()):
        assert secret not in said
        assert secret.encode() not in written
    return result


SPOILT = {
    "whole": lambda x: x,
    "broken time": lambda x: x.assign(ended="LEAK-time"),
    "no consent": lambda x: x.assign(consent="LEAK-consent"),
    "user as team": lambda x: x.assign(team=x["user"]),
    "user as region": lambda x: x.assign(region=x["user"]),
    "user as application": lambda x: x.assign(application=x["user"]),
    "user as bytes": lambda x: x.assign(bytes_read=x["user"]),
    "huge bytes": lambda x: x.assign(bytes_read="9223372036854775807"),
    "no column": lambda x: x.drop(columns="region"),
    "quotes": lambda x: x.assign(user=x["user"] + "'; DROP TABLE raw; --\x00"[:-1]),
}


@pytest.mark.parametrize("how", SPOILT)
def test_no_id_and_no_key_in_what_is_said_or_written(tmp_path, how):
    SPOILT[how](events()).to_csv(tmp_path / "e.csv", index=False)
    ingest(tmp_path, "--events", str(tmp_path / "e.csv"), "--features", str(tmp_path / "out" / "f.parquet"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("e.csv", 'user,tenant,"LEAK-0\n"LEAK-1'),
        ("e.jsonl", '{"user": "LEAK-0", "tenant": \n{"user": LEAK-1}'),
        ("e.parquet", "PAR1 LEAK-0 PAR1"),
        (
            "e.csv",
            "\n".join(["user,tenant,application,region,started,ended,consent", "LEAK-0,a", "LEAK-1" + ",x" * 40]),
        ),
    ],
)
def test_files_that_are_broken_are_told_without_their_words(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    result = ingest(tmp_path, "--events", str(tmp_path / name))
    assert result.exit_code == 1
    assert result.stderr.count("error: ") == 1
    assert not (tmp_path / "out" / "u.parquet").exists()


def test_a_query_that_fails_on_a_row_does_not_quote_it(tmp_path):
    import duckdb

    frame = events()  # noqa: F841 - DuckDB finds it by its name
    with duckdb.connect(str(tmp_path / "d.duckdb")) as base:
        base.execute("CREATE TABLE s AS SELECT * FROM frame")
    query = 'SELECT CAST("user" AS INTEGER) AS "user" FROM s'
    result = ingest(tmp_path, "--database", str(tmp_path / "d.duckdb"), "--query", query)
    assert result.exit_code == 1
    assert "ConversionException" in result.stderr


def test_the_account_fits_80_columns_and_json_says_the_same(tmp_path):
    events().to_csv(tmp_path / "e.csv", index=False)
    told = ingest(tmp_path, "--events", str(tmp_path / "e.csv"))
    assert told.exit_code == 0
    assert max(len(x) for x in told.stdout.splitlines()) <= 80
    assert "eu/acme/web" in told.stdout
    record = json.loads(ingest(tmp_path, "--events", str(tmp_path / "e.csv"), "-o", "json").stdout)
    assert record["intake"]["used"] == 720
    assert record["groups"] == [
        {"group": "eu/acme/web", "hours": 60, "users_median": 12, "users_most": 12, "sessions_mean": 6.0}
    ]


def test_without_a_key_or_with_a_short_one_nothing_is_read(tmp_path):
    for key, words in (("", "no pseudonym key"), ("short", "shorter than 32"), ("ab" * 20, "repeats")):
        result = ingest(tmp_path, "--events", str(tmp_path / "absent.csv"), key=key)
        assert result.exit_code == 1
        assert words in result.stderr


def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(ForecastingError, match="others than its owner"):
            read_key(path, None)
    path.chmod(0o600)
    assert read_key(path, None).subkey("2026-10-01") == read_key(None, KEY).subkey("2026-10-01")
    with pytest.raises(ForecastingError, match="cannot be read"):
        read_key(tmp_path / "absent", None)


def test_a_key_shows_nothing_and_is_not_pickled():
    key = PseudonymKey(KEY.encode())
    assert f"{key} {key!r} {[key]}".count("***") == 3
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_pseudonyms_differ_by_period_and_by_key():
    one, other = PseudonymKey(KEY.encode()), PseudonymKey(os.urandom(32))
    assert len({one.subkey("2026-10-01"), one.subkey("2026-11-01"), other.subkey("2026-10-01")}) == 3
