import json
from dataclasses import replace

import pytest
from repositories import NOON

from controller.edge.forge import PullRequest
from controller.edge.forge.pulls import dump, parse_all
from controller.errors import ForgeError

PULL = PullRequest(1, "ünïcode", "why\n", "headroom/demo/web/a", "main", "open", NOON, "5a1e", ("capacity",))


@pytest.mark.parametrize(
    "pull", [PULL, replace(PULL, approved_by="ada", approved_commit="0" * 40, merged_commit="1" * 40)]
)
def test_records_survive_the_round_trip(pull):
    assert parse_all({"1.json": dump(pull)}, "here") == {1: pull}
    assert dump(parse_all({"1.json": dump(pull)}, "here")[1]) == dump(pull)


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
        ("1.json", lambda x: json.dumps({**x, "extra": 1})),
        ("1.json", lambda x: json.dumps({k: v for k, v in x.items() if k != "body"})),
        ("01.json", json.dumps),
        ("notes.txt", json.dumps),
    ],
)
def test_a_record_that_is_broken_is_named(name, edit):
    with pytest.raises(ForgeError, match=f"here: {name} is no pull request"):
        parse_all({name: edit(json.loads(dump(PULL)))}, "here")
