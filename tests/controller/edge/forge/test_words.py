"""Whatever a forge says, it is understood or refused by an error of ours."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.edge.forge import PullRequest, giteawords, githubwords, gitlabwords
from controller.edge.forge.answers import commit, instant, integer, moment, text, texts
from controller.edge.forge.marker import bears, mark, strip
from controller.errors import ForgeError

COMMIT = "a" * 40
FIELDS = [
    "number", "iid", "title", "body", "description", "head", "base", "state", "created_at", "labels", "draft",
    "merged_at", "merged", "sha", "merge_commit_sha", "source_branch", "target_branch", "html_url", "web_url",
    "user", "author", "id", "repo", "ref", "label", "name", "login", "type", "repo_id",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from(
        ["open", "opened", "merged", COMMIT, "2026-11-24T12:00:00Z", "0001-01-01T00:00:00Z", "Draft: x", "WIP: x"]
    )
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(st.sampled_from(FIELDS), x, max_size=9))
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=20)
WORDS = [githubwords, gitlabwords, giteawords]


@pytest.mark.parametrize("words", WORDS)
@given(item=OBJECTS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_a_pull_request_or_an_error_of_ours(words, item):
    for read in (words.of_this_repository, words.pull_request, words.note):
        with suppress(ForgeError):
            read(item)


def test_a_deleted_fork_is_none_of_ours():
    assert not githubwords.of_this_repository({"head": {"repo": None}, "base": {"repo": {"id": 1}}})
    assert not githubwords.of_this_repository({"head": {"repo": None}, "base": {"repo": None}})
    assert not gitlabwords.of_this_repository({"source_project_id": None, "target_project_id": None})
    assert not giteawords.of_this_repository({"head": None, "base": None})


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Draft: x", "x"),
        ("[Draft] x", "x"),
        ("(draft) x", "x"),
        ("draft: Draft: x", "x"),
        ("Drafts: x", "Drafts: x"),
        ("x Draft: y", "x Draft: y"),
    ],
)
def test_gitlabs_prefixes_are_taken_off(title, plain):
    assert gitlabwords.plain(title) == plain


def test_a_title_that_only_looks_like_a_draft_keeps_its_words():
    item = {"iid": 1, "title": "Draft: x", "draft": False, "state": "opened", "created_at": "2026-11-24T12:00:00Z"}
    assert gitlabwords.pull_request(item).title == "Draft: x"


@pytest.mark.parametrize("approved_at", [None, "2026-11-24T12:00:05Z"])
def test_gitlabs_approvals_are_as_old_as_they_say_or_as_their_note(approved_at):
    given = [{"user": {"username": "ada"}, "approved_at": approved_at}]
    note = {"system": True, "body": "approved this merge request", "author": {"username": "ada"}}
    notes = [
        {**note, "created_at": "2026-11-24T12:00:05Z"},
        {**note, "system": False, "created_at": "2027-01-01T00:00:00Z"},
    ]
    before, after = datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
    assert gitlabwords.approvers(given, notes, before) == ("ada",)
    assert gitlabwords.approvers(given, notes, after) == gitlabwords.approvers(given, notes, None) == ()
    assert gitlabwords.approvers([{"user": {"username": "ada"}}], [], before) == ()


def test_values_are_what_they_should_be():
    assert moment({"x": "0001-01-01T00:00:00Z"}, "x") is None
    assert instant({"x": "2026-11-24T13:00:00+01:00"}, "x") == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert text({"x": "a\r\nb\rc"}, "x") == "a\nb\nc"
    assert texts({"x": ["a", {"name": "b"}]}, "x", "name") == ("a", "b")
    assert commit({"x": ""}, "x") is None
    for read, value in (
        (integer, "7"),
        (integer, 7.5),
        (integer, True),
        (commit, "main"),
        (moment, "noon"),
        (text, 7),
    ):
        with pytest.raises(ForgeError, match="'x'"):
            read({"x": value}, "x")
    with pytest.raises(ForgeError, match="time zone"):
        moment({"x": "2026-11-24T12:00:00"}, "x")


@given(body=st.text(), key=st.from_regex(r"[a-z0-9]([a-z0-9./-]{0,20}[a-z0-9])?", fullmatch=True))
def test_a_marked_text_is_found_and_given_back(body, key):
    marked = mark(body, key)
    assert bears(marked, key)
    assert mark(marked, key) == marked
    assert strip(marked, key) == strip(body, key)
    assert not bears(marked, f"{key}x")


@given(body=st.text(alphabet="/\\ \nab", max_size=30))
def test_gitlabs_commands_are_inert_and_come_back(body):
    inert = gitlabwords.inert(body)
    assert not any(
        line.lstrip(" \t")[:1] == "/" and line.lstrip(" \t")[1:2].isalpha() for line in inert.split("\n")
    )
    assert isinstance(gitlabwords.told({"x": inert}, "x"), str)
    if "\\/" not in body:
        assert gitlabwords.told({"x": inert}, "x") == body


def test_the_protocols_record_is_what_all_three_give():
    assert all(isinstance(x.pull_request(_item(x)), PullRequest) for x in WORDS)


def _item(words):
    at = "2026-11-24T12:00:00Z"
    return {"number": 1, "iid": 1, "title": "t", "state": "open", "created_at": at}
