"""Servers that are unwell, slow, or say too much: played by a small one on loopback."""

import json
import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from forecasting.errors import UsageError
from forecasting.repairs import notes
from forecasting.sources import fetch, read, web
from forecasting.sources.answer import UnreachableError

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
SECRET = "s3cr3t-token"  # noqa: S105 - of no server


def matrix(form, value="1.5", **more):
    start, end, step = (int(form[x][0]) for x in ("start", "end", "step"))
    values = [[at, value] for at in range(start, end + 1, step)]
    labels = {"region": "eu", "group": "web"}
    data = {"resultType": "matrix", "result": [{"metric": labels, "values": values}]}
    return json.dumps({"status": "success", "data": data, **more}).encode()


class Faulty:
    """Answers with what ``script`` gives: a function of the number of the request and its form."""

    def __init__(self, script):
        self.script, self.forms, self.headers = script, [], []

    @contextmanager
    def serving(self):
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                faulty.forms.append(form)
                faulty.headers.append(dict(self.headers))
                found = faulty.script(len(faulty.forms), form)
                status, body, headers = found if isinstance(found, tuple) else (200, found, {})
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                pause = 0.05 if headers.get("x-slow") else 0
                try:
                    for place in range(0, len(body), 1 if pause else len(body) or 1):
                        self.wfile.write(body[place : place + (1 if pause else len(body))])
                        time.sleep(pause)
                except OSError:
                    pass  # the other side has had enough

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def described(tmp_path, monkeypatch):
    monkeypatch.setattr(web, "FIRST_PAUSE_SECONDS", 0.01)
    (tmp_path / "headers").write_text(f"# ours\nAuthorization: Bearer {SECRET}\n")

    def write(address, more="", top=""):
        path = tmp_path / "sources.yaml"
        path.write_text(
            f"history_days: 3\n{top}\nsources:\n  - kind: prometheus\n    url: {address}\n    step: 1h\n"
            f"    headers_file: headers\n    {more}\n    queries: {{cpu: {{query: x}}}}\n"
        )
        return path

    return write


def test_a_server_that_is_unwell_is_asked_again(described):
    faults = {1: (503, b"busy", {"retry-after": "0"}), 2: (429, b"", {}), 3: (200, b"{", {"content-length": "9"})}
    faulty = Faulty(lambda n, form: faults.get(n) or matrix(form))
    with faulty.serving() as address:
        usage = read(described(address), now=NOW)
    assert float(usage.demand.min()) == 1.5
    assert usage.sizes["time"] == 84
    assert len(faulty.forms) == 3 + 4  # a day each, and the three that failed
    assert {x["Authorization"] for x in faulty.headers} == {f"Bearer {SECRET}"}
    assert all(int(x["start"][0]) % 3600 == 0 and int(x["end"][0]) % 3600 == 0 for x in faulty.forms)


@pytest.mark.parametrize(
    ("script", "more", "said"),
    [
        (lambda n, form: (500, b"", {}), "", "it answers with status 500; is the address right"),
        (lambda n, form: (200, b"{", {"content-length": "99"}), "", "the answer was cut short"),
        (lambda n, form: matrix(form)[:-40], "", "cut short, or no JSON; nothing of it is used"),
        (lambda n, form: matrix(form, warnings=["store 2 down"]), "", r"only a part of the answer came \(store 2"),
        (lambda n, form: matrix(form, warnings=7), "", r"only a part of the answer came \(7\)"),
        (lambda n, form: (200, matrix(form), {"x-slow": "1"}), "timeout_seconds: 0.3\n    patience_seconds: 0.5",
         "no whole answer within 0.3 s"),
    ],
)  # fmt: skip
def test_a_server_that_stays_unwell_or_gives_parts_is_an_error_that_another_run_may_not_have(
    script, more, said, described
):
    with Faulty(script).serving() as address, pytest.raises(UnreachableError, match=said) as caught:
        read(described(address, more), now=NOW)
    assert "sources.yaml: source 1 prometheus: 127.0.0.1:" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "more", "said"),
    [
        (lambda n, form: (302, b"", {"location": "https://u:p@evil.example/x"}), "",
         "it redirects to evil.example; write the right address in url"),
        (lambda n, form: (401, b"no", {}), "", "status 401; are the headers in headers_file right?"),
        (lambda n, form: (404, b"no", {}), "", "status 404; is url the address before /api/v1"),
        (lambda n, form: b"<html>", "", "no JSON"),
        (lambda n, form: b"[]", "", "no answer of Prometheus"),
        (lambda n, form: b'{"status":"error","error":"\\u001b[2Jbad"}', "", r"status 200:  ?\[2Jbad"),
        (lambda n, form: json.dumps({"status": "error", "error": f"I do not know {SECRET}"}).encode(), "",
         r"I do not know \*\*\*;"),
        (lambda n, form: b'{"status":"success","data":{"resultType":"vector","result":[]}}', "", "no matrix"),
        (lambda n, form: matrix(form, "much"), "", "a series holds no numbers"),
        (lambda n, form: b" " * (1 << 20) + b"  ", "most_mib: 1", r"larger than 1 MiB; ask for less: sum by"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_used_are_refused(script, more, said, described):
    with Faulty(script).serving() as address, pytest.raises(UsageError, match=said) as caught:
        read(described(address, more), now=NOW)
    assert SECRET not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_unreachable_server_is_named_without_its_secrets(described):
    with Faulty(lambda n, form: b"").serving() as address:
        pass
    with pytest.raises(UnreachableError, match=r"127.0.0.1:\d+: there is no connection; is the address right"):
        read(described(address), now=NOW)


def test_a_cache_that_is_fresh_enough_carries_over_an_outage_and_no_further(described):
    well = True
    faulty = Faulty(lambda n, form: matrix(form) if well else (500, b"", {}))
    with faulty.serving() as address:
        path = described(address, top="cache: kept\nunreachable_hours: 2")
        before = read(path, now=NOW)
        well = False
        usage = read(path, now=NOW + timedelta(hours=2))
        assert usage.demand.equals(before.demand)
        assert "going on with what the cache has, up to 2026-03-05 12:00Z" in "\n".join(notes(usage))
        with pytest.raises(UnreachableError, match="status 500"):
            read(path, now=NOW + timedelta(hours=3))
        well = True
        assert read(path, now=NOW + timedelta(hours=3)).sizes["time"] == 87


def test_a_cache_with_a_hole_does_not_carry_over_an_outage(described, tmp_path):
    well = True
    faulty = Faulty(lambda n, form: matrix(form) if well else (500, b"", {}))
    with faulty.serving() as address:
        path = described(address, top="cache: kept")
        read(path, now=NOW)
        next((tmp_path / "kept").rglob("2026-03-03.parquet")).unlink()
        well = False
        with pytest.raises(UnreachableError):
            read(path, now=NOW)


def test_what_came_before_a_failure_is_kept(described):
    broken = True
    faulty = Faulty(lambda n, form: (400, b"", {}) if broken and n > 2 else matrix(form))
    with faulty.serving() as address:
        path = described(address, top="cache: kept")
        with pytest.raises(UsageError, match="status 400"):
            read(path, now=NOW)
        broken = False
        assert fetch(path, NOW).parts[0].hours_read == 84 - 48


def test_late_and_corrected_rows_replace_what_they_correct(described):
    value = "1.5"
    faulty = Faulty(lambda n, form: matrix(form, value))
    with faulty.serving() as address:
        path = described(address, top="cache: kept\nlate_hours: 6")
        read(path, now=NOW)
        value = "2.5"
        usage = read(path, now=NOW + timedelta(hours=1))
    assert usage.demand.values[0, 0].tolist() == [1.5] * (84 - 6) + [2.5] * 7


def test_other_settings_and_other_tenants_do_not_mix(described, tmp_path):
    faulty = Faulty(lambda n, form: matrix(form, str(len(faulty.forms))))
    with faulty.serving() as address:
        first = read(described(address, top="cache: kept"), now=NOW)
        assert read(described(address, "timeout_seconds: 9", top="cache: kept"), now=NOW).attrs == first.attrs
        assert len(list((tmp_path / "kept").iterdir())) == 1
        read(described(address, "region: us", top="cache: kept"), now=NOW)
        assert len(list((tmp_path / "kept").iterdir())) == 2
        (tmp_path / "headers").write_text("X-Scope-OrgID: other\n")
        read(described(address, top="cache: kept"), now=NOW)
        assert len(list((tmp_path / "kept").iterdir())) == 3
        assert SECRET.encode() not in b"".join(x.read_bytes() for x in (tmp_path / "kept").rglob("*.parquet"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "moved"])
def test_a_damaged_file_of_the_cache_is_told_deleted_and_read_again(damage, described, tmp_path):
    faulty = Faulty(lambda n, form: matrix(form))
    with faulty.serving() as address:
        path = described(address, top="cache: kept")
        before = read(path, now=NOW)
        file = next((tmp_path / "kept").rglob("2026-03-03.parquet"))
        content = file.read_bytes()
        if damage == "moved":
            content = file.with_name("2026-03-04.parquet").read_bytes()
        elif damage == "flipped":
            place = 200
            content = content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]
        file.write_bytes({"cut": content[:-9], "other": b"PAR1?"}.get(damage, content))
        usage = read(path, now=NOW)
    assert usage.demand.equals(before.demand)
    assert "2026-03-03.parquet: this file of the cache is damaged; it is deleted" in "\n".join(notes(usage))
    assert file.exists()


def test_a_cache_that_cannot_be_written_is_told_and_gone_without(described, tmp_path):
    (tmp_path / "kept").write_text("a file where the folder should be")
    with Faulty(lambda n, form: matrix(form)).serving() as address:
        usage = read(described(address, top="cache: kept"), now=NOW)
    assert usage.sizes["time"] == 84
    told = "\n".join(notes(usage))
    assert "the cache cannot be written" in told
    assert "damaged" not in told


def test_what_a_killed_run_left_half_written_is_cleared_a_day_later(described, tmp_path):
    with Faulty(lambda n, form: matrix(form)).serving() as address:
        path = described(address, top="cache: kept\nlate_hours: 100")
        read(path, now=NOW)
        (folder,) = (tmp_path / "kept").iterdir()
        for name, hours in (("a.part", 30), ("b.part", 1)):
            (folder / name).write_bytes(b"PAR1")
            os.utime(folder / name, (NOW.timestamp() - hours * 3600,) * 2)
        read(path, now=NOW)
    assert [x.name for x in folder.glob("*.part")] == ["b.part"]


def test_runs_at_once_leave_a_whole_cache(described, tmp_path):
    faulty = Faulty(lambda n, form: matrix(form))
    with faulty.serving() as address:
        path = described(address, top="cache: kept\nlate_hours: 100")
        found, failed = [], []

        def run():
            try:
                for _ in range(5):
                    found.append(read(path, now=NOW))
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=run) for _ in range(4)]
        [x.start() for x in threads]
        [x.join() for x in threads]
        assert not failed
        assert all(x.identical(found[0]) for x in found)
        asked = len(faulty.forms)
        assert "damaged" not in "\n".join(notes(read(path, now=NOW)))
        assert len(faulty.forms) > asked
    assert not list(tmp_path.rglob("*.part"))


def test_nothing_is_asked_of_the_time_to_come(described):
    faulty = Faulty(lambda n, form: matrix(form))
    with faulty.serving() as address:
        fetch(described(address), datetime(2199, 1, 1, tzinfo=UTC))
    assert max(int(x["end"][0]) for x in faulty.forms) <= time.time()
