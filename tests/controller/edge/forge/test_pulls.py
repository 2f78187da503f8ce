import json
from dataclasses import replace

import pytest
from repositories import NOON

from controller.edge.forge import Issue, PullRequest
from controller.edge.forge.pulls import Kept, dump, dump_issue, issue_file, parse_all
from controller.errors import ForgeError

PULL = Kept(PullRequest(1, "ünïcode", "why\n", "headroom/demo/web/a", "main", "open", NOON, ("capacity",)))
FULL = Kept(
    replace(PULL.pull, state="merged", draft=True, merged_commit="1" * 40, merged_at=NOON),
    "ada",
    "0" * 40,
    True,
    ("bob",),
    ("eve",),
    (("plan", "…"), ("late", "x")),
)


@pytest.mark.parametrize("kept", [PULL, FULL])
def test_records_survive_the_round_trip(kept):
    assert parse_all({"1.json": dump(kept)}, "here") == ({1: kept}, {})
    assert dump(parse_all({"1.json": dump(kept)}, "here")[0][1]) == dump(kept)


def test_what_is_seen_anew_at_every_look_is_not_kept():
    seen = replace(PULL, pull=replace(PULL.pull, head_commit="2" * 40, url="https://example.org"))
    assert dump(seen) == dump(PULL)


def test_what_an_earlier_release_wrote_is_read():
    record = json.loads(dump(PULL)) | {"digest": "5a1e"}
    early = {k: v for k, v in record.items() if k not in {"comments", "draft", "merged_at", "reviewers"}}
    assert parse_all({"1.json": json.dumps(early)}, "here")[0] == {1: PULL}


def test_issues_lie_beside_them():
    issue = Issue(0, "Headroom: demo", "- [ ] pause\n")
    assert parse_all({issue_file("demo"): dump_issue(issue)}, "here") == ({}, {"demo": issue})
    with pytest.raises(ForgeError, match="no name of an issue"):
        issue_file("../demo")


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("1.json", lambda x: "not JSON"),
        ("1.json", lambda x: "[]"),
        ("1.json", lambda x: json.dumps({**x, "state": "draft"})),
        ("1.json", lambda x: json.dumps({**x, "state": []})),
        ("1.json", lambda x: json.dumps({**x, "number": 2})),
        ("1.json", lambda x: json.dumps({**x, "title": None})),
        ("1.json", lambda x: json.dumps({**x, "labels": "capacity"})),
        ("1.json", lambda x: json.dumps({**x, "labels": [1]})),
        ("1.json", lambda x: json.dumps({**x, "created": "yesterday"})),
        ("1.json", lambda x: json.dumps({**x, "created": "2026-11-24T12:00:00"})),
        ("1.json", lambda x: json.dumps({**x, "comments": [["one"]]})),
        ("1.json", lambda x: json.dumps({**x, "created": None})),
        ("issue-demo.json", lambda x: "{}"),
        ("1.json", lambda x: json.dumps({k: v for k, v in x.items() if k != "body"})),
        ("01.json", json.dumps),
        ("notes.txt", json.dumps),
    ],
)
def test_a_record_that_is_broken_is_named(name, edit):
    with pytest.raises(ForgeError, match=f"here: {name} is no pull request"):
        parse_all({name: edit(json.loads(dump(PULL)))}, "here")
