"""A query of a real PostgreSQL: the same as from a file, and errors that show neither row nor password."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import postgresql_server
import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi
from click.testing import CliRunner
from postgresql_server import PASSWORD

from controller.cli import main

KEY = "SECRETKEY-0123456789abcdefghijklmnop"
TYPED = """CREATE TABLE texts AS SELECT "user", tenant, team, application, region, started::text, ended::text,
consent::text, bytes_read::numeric(20, 2) AS bytes_read, bytes_written::int AS bytes_written FROM sessions"""


@pytest.fixture(scope="module")
def frame():
    start = datetime(2026, 10, 1, tzinfo=UTC)
    return pd.DataFrame(
        {"user": f"user-{i}", "tenant": "acme", "team": "web", "application": "shop", "region": "eu",
         "started": start + timedelta(hours=h, minutes=10), "ended": start + timedelta(hours=h, minutes=40),
         "bytes_read": 1_000_000, "bytes_written": 0, "consent": True}
        for h in range(48) for i in range(12)
    )  # fmt: skip


@pytest.fixture(scope="module")
def uri(frame):
    with postgresql_server.serving() as address:
        with dbapi.connect(address) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest("sessions", pa.Table.from_pandas(frame, preserve_index=False), mode="create")
            cursor.execute(TYPED)
            connection.commit()
        yield address


def ingest(tmp_path, *options):
    out = tmp_path / "usage.parquet"
    arguments = ["ingest", "--now", "2026-10-05T00:00Z", "--out", str(out), "--memory", "0.5", *options]
    result = CliRunner().invoke(main, arguments, env={"HEADROOM_PSEUDONYM_KEY": KEY})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for secret in (PASSWORD, "WRONG", KEY, "user-1"):
        assert secret not in result.stdout + result.stderr
    assert out.exists() == (result.exit_code == 0)
    return result


def asked(tmp_path, uri, query, mode=0o600):
    path = tmp_path / "uri"
    path.write_text(f"{uri}\n")
    path.chmod(mode)
    return ingest(tmp_path, "--postgresql-uri-file", str(path), "--query", query)


@pytest.mark.parametrize("query", ["SELECT * FROM sessions;", "SELECT * FROM texts -- all of them"])
def test_a_query_gives_what_a_file_of_the_same_rows_gives(tmp_path, uri, frame, query):
    frame.to_parquet(tmp_path / "events.parquet", index=False)
    account = ingest(tmp_path, "--events", str(tmp_path / "events.parquet")).stdout
    written = (tmp_path / "usage.parquet").read_bytes()
    (tmp_path / "usage.parquet").unlink()
    assert asked(tmp_path, uri, query).stdout == account
    assert (tmp_path / "usage.parquet").read_bytes() == written


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM absent", "names a table that is not there"),
        ("SELECT absent FROM sessions", "names a column that is not there"),
        ("SELECT 1; DROP TABLE sessions", "no single SELECT"),
        ("SELECT 1) AS x; DROP TABLE sessions; SELECT * FROM (SELECT 1", "no single SELECT"),
        ("SELECT 'user-1'::int", "it refuses the query (22P02)"),
        ('SELECT "user"::int AS "user" FROM sessions', "the query broke off"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "the query broke off"),
        ("SELECT * FROM sessions WHERE false", "there are no rows"),
        ("SELECT tenant, region FROM sessions", "column user, application, started, ended is missing"),
    ],
)
def test_a_query_that_is_wrong_is_an_error_in_our_words(tmp_path, uri, query, words):
    result = asked(tmp_path, uri, query)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("error: ") == 1


def test_a_query_may_only_read(tmp_path, uri):
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM sessions; RETURN 1; END'"
        )
        connection.commit()
    assert asked(tmp_path, uri, "SELECT wipe()").exit_code == 1
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sessions")
        assert cursor.fetchone() == (576,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.replace(PASSWORD, "WRONG"), "it refuses the user or the password"),
        (lambda x: x.replace(f":{PASSWORD}", ""), "it wants a password"),
        (lambda x: f"{x[: -len('postgres')]}absent", "there is no such database or user"),
        (lambda x: f"{x}?sslmode=require", "no encrypted connection"),
        (lambda _: "postgresql://reader:WRONG@127.0.0.1:1/postgres", "nothing listens there"),
        (lambda _: "postgresql://reader:WRONG@nowhere.invalid/postgres", "there is no host of that name"),
        (lambda _: "postgresql://reader:WRONG WRONG@127.0.0.1/postgres", "%20 for a space"),
        (lambda _: "postgresql://reader:1/WRONG@127.0.0.1/postgres", "%2F for /"),
        (lambda _: "host=127.0.0.1 password=WRONG", "this is no URI of PostgreSQL"),
        (lambda _: "", "this is no URI of PostgreSQL"),
    ],
)
def test_a_server_that_cannot_be_asked_is_told_without_the_password(tmp_path, uri, change, words):
    result = asked(tmp_path, change(uri), "SELECT * FROM sessions")
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("error: ") == 1


def test_a_uri_that_others_can_read_is_refused(tmp_path, uri):
    assert "chmod 600" in asked(tmp_path, uri, "SELECT * FROM sessions", mode=0o640).stderr
