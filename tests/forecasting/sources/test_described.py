import re
from pathlib import Path

import pytest

from forecasting.errors import UsageError
from forecasting.sources import read
from forecasting.sources.described import parse
from forecasting.sources.web import Web, read_headers

GOOD = """\
cache: usage-cache
sources:
  - kind: prometheus
    url: http://127.0.0.1:9090/prom/
    step: 5m
    queries:
      cpu: {query: up, capacity: 4}
  - kind: files
    path: usage.parquet
"""


def test_a_description_becomes_settings_with_usual_values():
    settings = parse(GOOD, "s.yaml")
    assert (settings.history_days, settings.late_hours, settings.unreachable_hours) == (56, 6, 3)
    first = settings.sources[0]
    assert (first.url, first.step, first.chunk) == ("http://127.0.0.1:9090/prom", 300, 86400)
    assert first.queries["cpu"].capacity == 4.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("step: 5m", "stepp: 5m"), r"s.yaml:5: sources\[0\].stepp: unknown key"),
        (("step: 5m", "step: 7m"), r"s.yaml:5: sources\[0\].step: must divide an hour"),
        (("step: 5m", "step: 300"), r"s.yaml:5: sources\[0\].step: must be a length of time, such as 30s"),
        (("step: 5m", "chunk: 2d"), r"s.yaml:5: sources\[0\].chunk: must be whole hours that divide a day"),
        (("{query: up, capacity: 4}", "{capacity: 4}"), r"s.yaml:7: sources\[0\].queries.cpu.query: is missing"),
        (("kind: files", "kind: fils"), r"s.yaml:8: sources\[1\].*'fils'"),
        (("path: usage.parquet", "# nothing"), r"s.yaml:8: sources\[1\].path: is missing"),
        (("http://", "ftp://"), r"s.yaml:4: sources\[0\].url: must be an address that begins with http"),
        (("cache: usage-cache", "history_days: 1"), "s.yaml:1: history_days: .*greater than or equal to 2"),
        (("step: 5m", "url: http://b"), "s.yaml:5: 'url' stands here a second time"),
        (("sources:", "sources: &a"), None),
        (("path: usage.parquet", "path: *a"), "s.yaml: aliases"),
        (("cache: usage-cache", "cache: ["), "s.yaml:3: not YAML"),
        (("cache: usage-cache", "cache: !!timestamp x"), "s.yaml: not YAML"),
        (("cache: usage-cache", "cache: !!bool x"), "s.yaml: not YAML"),
        ((GOOD, ""), "empty, or not a mapping"),
        ((GOOD, "- 1"), "empty, or not a mapping"),
        ((GOOD, "sources: []"), "s.yaml:1: sources: is empty; name at least one$"),
        (("cpu: {query: up, capacity: 4}", "{}"), r"^s.yaml:6: sources\[0\].queries: is empty; [^\n]*$"),
        (("http://", "ftp://"), "^[^\n]*$"),
    ],
)
def test_what_is_wrong_is_told_with_key_and_line(change, said):
    text = GOOD.replace(*change)
    if said is None:
        assert parse(text, "s.yaml") == parse(GOOD, "s.yaml")
        return
    with pytest.raises(UsageError, match=said):
        parse(text, "s.yaml")


def test_the_example_of_the_manual_is_one():
    page = (Path(__file__).parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
    settings = parse(re.search(r"```yaml\n(.*?)```", page, flags=re.DOTALL)[1], "docs/sources.md")
    assert [source.kind for source in settings.sources] == ["prometheus", "cloudwatch", "files"]


def test_passwords_in_addresses_are_refused_and_not_told():
    with pytest.raises(UsageError, match=r"s.yaml:4: sources\[0\].url: must hold no user or password") as caught:
        parse(GOOD.replace("http://", "http://me:hunter2@"), "s.yaml")
    assert "hunter2" not in str(caught.value)


def test_headers_are_read_and_never_shown(tmp_path):
    path = tmp_path / "headers"
    path.write_text("\n# a comment\nAuthorization: Bearer abc:def\nX-Scope-OrgID:  one \n")
    headers = read_headers(path)
    assert headers == {"Authorization": "Bearer abc:def", "X-Scope-OrgID": "one"}
    assert "abc" not in repr(Web("http://h", headers, 1, 1, 1))
    for text in ("hunter2", "A b: hunter2", "X: hunter2\x07", ": hunter2", "X: hünter2"):
        path.write_text(f"A: b\n{text}\n")
        with pytest.raises(UsageError, match=r"headers:2: this is no header; write it as Name: value") as caught:
            read_headers(path)
        assert "nter2" not in str(caught.value)
    with pytest.raises(UsageError, match=r"none: the headers cannot be read \(FileNotFoundError\)"):
        read_headers(tmp_path / "none")


def test_a_description_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(UsageError, match=r"none.yaml: No such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "bad.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"bad.yml: the file is not text in UTF-8"):
        read(tmp_path / "bad.yml")
