import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from repositories import LEASES, NOON

from controller.edge.forge import Forge, PullRequest
from controller.edge.forge.local import REF, LocalForge
from controller.errors import ForgeError

WORDS = {"title": "feat(capacity): hold 8 nodes", "body": "why\n"}


def push(checkout, lease="a", floor=8, expected=None):
    changes = {f"{LEASES}/web/{lease}.json": f'{{"floor": {floor}}}\n'}
    commit = checkout.commit_on(checkout.base_commit, changes, "feat(capacity): hold", NOON, LEASES)
    checkout.push(f"headroom/demo/web/{lease}", commit, expected)
    return commit


def opened(forge, lease="a", **words):
    push(forge.store, lease)
    return forge.open(head=f"headroom/demo/web/{lease}", base="main", draft=False, now=NOON, **{**WORDS, **words})


def approve(forge, number=1, by="ada"):
    forge.approve(number, by, NOON)
    return forge.kept(number).approved_commit


def merge(forge, number=1, now=NOON):
    return forge.merge(number, forge.kept(number).approved_commit or "", now)


@pytest.fixture
def forge(origin):
    with origin.clone() as checkout:
        yield LocalForge(checkout)


def test_it_is_a_forge(forge):
    as_forge: Forge = forge
    assert as_forge.open_pulls("headroom/") == as_forge.recent_pulls("headroom/").pulls == ()
    assert as_forge.pulls_of("headroom/demo/web/a") == ()


def test_a_pull_request_is_found_by_another_clone(origin, forge):
    pull = opened(forge)
    head = origin.tip(pull.head)
    assert pull == PullRequest(1, WORDS["title"], "why\n", "headroom/demo/web/a", "main", "open", NOON)
    with origin.clone() as checkout:
        other = LocalForge(checkout)
        assert other.get(1) == replace(pull, head_commit=head)
        assert other.pulls_of(pull.head) == other.open_pulls("headroom/demo/") == (other.get(1),)
        assert other.open_pulls("headroom/prod/") == other.recent_pulls().pulls == ()


def test_the_road_from_open_to_merged(origin, forge):
    pull = opened(forge)
    head = origin.tip(pull.head)
    assert not forge.readiness(1).ready
    assert approve(forge) == head
    assert forge.readiness(1).approved_by == ("ada",)
    merged = merge(forge, now=NOON + timedelta(hours=1))
    assert merged.state == "merged"
    assert merged.merged_commit == origin.tip("main")
    assert forge.get(1) == replace(merged, head_commit=head)
    assert forge.recent_pulls().pulls == (forge.get(1),)
    assert origin.branches() == ["main"]
    message = origin.git("show", "-s", "--format=%B", "main")
    assert message == f"Merge pull request #1 from {pull.head}\n\n{WORDS['title']}"
    assert f"{LEASES}/web/a.json" in forge.store.read(LEASES)


def test_all_of_a_branch_are_found(forge):
    opened(forge)
    forge.close(1, NOON)
    forge.open(head="headroom/demo/web/a", base="main", draft=True, now=NOON, **WORDS)
    assert [(x.number, x.state, x.draft) for x in forge.pulls_of("headroom/demo/web/a")] == [
        (1, "closed", False),
        (2, "open", True),
    ]
    assert [x.number for x in forge.all_pulls()] == [1, 2]


def test_an_open_branch_gives_the_pull_request_that_it_has(forge):
    opened(forge)
    again = forge.open(head="headroom/demo/web/a", base="main", draft=False, now=NOON, title="x", body="")
    assert again == forge.get(1)
    assert again.title == WORDS["title"]


def test_a_branch_that_was_not_pushed_takes_none(forge):
    with pytest.raises(ForgeError, match="push it before"):
        forge.open(head="headroom/demo/web/a", base="main", draft=False, now=NOON, **WORDS)


@pytest.mark.parametrize("title", ["", " ", "two\nlines", "x" * 257, "bell\a"])
def test_a_title_is_one_line(forge, title):
    with pytest.raises(ForgeError, match="no title"):
        opened(forge, title=title)


def test_new_words_are_kept_and_the_same_words_write_nothing(origin, forge):
    opened(forge)
    new = {**WORDS, "title": "feat(capacity): hold 9 nodes"}
    assert forge.edit(1, now=NOON, **new) == forge.get(1)
    assert forge.get(1).title == new["title"]
    before = origin.git("rev-parse", REF)
    forge.edit(1, now=NOON + timedelta(hours=1), **new)
    assert origin.git("rev-parse", REF) == before


def test_labels_reviewers_and_comments_are_kept_once(origin, forge):
    opened(forge)
    for _ in range(2):
        forge.label(1, add=("headroom", "late"), remove=("old",), now=NOON)
        forge.request(1, reviewers=("ada",), teams=("sre",), assignees=("bob",), now=NOON)
        forge.comment(1, key="plan", body="first", now=NOON)
    before = origin.git("rev-parse", REF)
    forge.comment(1, key="plan", body="first", now=NOON)
    assert origin.git("rev-parse", REF) == before
    forge.comment(1, key="plan", body="second", now=NOON)
    forge.label(1, add=(), remove=("late",), now=NOON)
    kept = forge.kept(1)
    assert kept.pull.labels == ("headroom",)
    assert (kept.reviewers, kept.assignees, kept.comments) == (("ada", "sre"), ("bob",), (("plan", "second"),))


def test_a_closed_pull_request_keeps_its_branch_and_can_be_opened_again(origin, forge):
    opened(forge)
    forge.close(1, NOON)
    assert forge.get(1).state == "closed"
    assert "headroom/demo/web/a" in origin.branches()
    forge.reopen(1, NOON)
    assert forge.get(1).state == "open"
    forge.merge_when_ready(1, origin.tip("headroom/demo/web/a"), NOON)
    forge.approve(1, "ada", NOON)
    assert forge.get(1).state == "merged"
    with pytest.raises(ForgeError, match="was merged"):
        forge.reopen(1, NOON)


def test_an_issue_is_kept_by_its_name(origin, forge):
    assert forge.issue("demo") is None
    forge.save_issue("demo", title="Headroom: demo", body="held", now=NOON)
    before = origin.git("rev-parse", REF)
    forge.save_issue("demo", title="Headroom: demo", body="held", now=NOON + timedelta(hours=1))
    assert origin.git("rev-parse", REF) == before
    forge.save_issue("demo", title="Headroom: demo", body="held and proposed", now=NOON)
    assert forge.issue("demo").body == "held and proposed"
    assert forge.open_pulls() == ()


def test_merging_asks_for_an_approval_first(origin, forge):
    opened(forge)
    base = origin.tip("main")
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        merge(forge)
    assert origin.tip("main") == base


def test_an_approval_falls_when_the_head_moves(forge):
    pull = opened(forge)
    first = approve(forge)
    second = push(forge.store, floor=99, expected=first)
    assert forge.kept(1).approved_by is None
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        forge.merge(1, first, NOON)
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        merge(forge)
    assert approve(forge) == second
    assert merge(forge).state == "merged"
    assert forge.store.read(f"{LEASES}/web/a.json") == {f"{LEASES}/web/a.json": '{"floor": 99}\n'}
    assert pull.head not in forge.store.remote_branches()


def test_a_head_that_another_clone_moved_is_noticed(origin, forge):
    opened(forge)
    first = approve(forge)
    with origin.clone() as checkout:
        push(checkout, floor=99, expected=first)
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        merge(forge)


@pytest.mark.parametrize(("end", "advice"), [("merge", "headroom release"), ("close", "headroom propose")])
def test_what_is_over_is_not_touched_again(forge, end, advice):
    opened(forge)
    commit = approve(forge)
    merge(forge) if end == "merge" else forge.close(1, NOON)
    done = forge.get(1)
    for again in (
        lambda: forge.approve(1, "bob", NOON),
        lambda: forge.merge(1, commit, NOON),
        lambda: forge.close(1, NOON),
        lambda: forge.edit(1, now=NOON, **WORDS),
    ):
        with pytest.raises(ForgeError, match=advice):
            again()
    assert forge.get(1) == done


def test_a_number_that_is_none_is_refused(forge):
    for refused in (forge.get, lambda n: forge.approve(n, "ada", NOON), lambda n: forge.close(n, NOON)):
        with pytest.raises(ForgeError, match="headroom pr list"):
            refused(7)


@pytest.mark.parametrize("by", ["", " ", "ada\n"])
def test_a_reviewer_has_a_name(forge, by):
    opened(forge)
    with pytest.raises(ForgeError, match="--by"):
        forge.approve(1, by, NOON)


def test_a_branch_that_is_gone_cannot_be_approved(origin, forge):
    pull = opened(forge)
    origin.git("branch", "-D", pull.head)
    with pytest.raises(ForgeError, match="is gone"):
        forge.approve(1, "ada", NOON)


def test_a_conflict_is_refused_and_can_be_tried_again(origin, forge):
    opened(forge)
    forge.approve(1, "ada", NOON)
    ada = origin.person("ada")
    ada.commit({f"{LEASES}/web/a.json": "{}\n"})
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(ForgeError, match="#1 could not be merged: conflict"):
        merge(LocalForge(checkout))
    assert forge.get(1).state == "open"


def test_a_merge_that_was_cut_short_is_completed(origin, forge):
    pull = opened(forge)
    approved = approve(forge)
    done = forge.store.merge(approved, "main", "Merge pull request #1", NOON)  # and then the power went
    with origin.clone() as checkout:
        assert merge(LocalForge(checkout)).merged_commit == done == origin.tip("main")
    assert pull.head not in origin.branches()


def test_more_commits_on_a_merged_branch_are_not_lost(origin, forge):
    pull = opened(forge)
    approved = approve(forge)
    with origin.clone() as checkout:
        stale = LocalForge(Frozen(checkout))
        stale.get(1)
        newer = push(forge.store, floor=99, expected=approved)
        assert stale.merge(1, approved, NOON).state == "merged"
    assert origin.tip(pull.head) == newer


class Frozen:
    """A clone that looks at the branches once, as if it were slower than everyone else."""

    def __init__(self, checkout):
        self.checkout, self.heads = checkout, None

    def remote_branches(self, prefix):
        self.heads = self.heads or self.checkout.remote_branches(prefix)
        return self.heads

    def __getattr__(self, name):
        return getattr(self.checkout, name)


def test_names_from_data_never_become_refs(origin, forge):
    opened(forge, title="$(touch pwned); `id` && refs/heads/main", body="--force\0\n")
    forge.label(1, add=("a b", "-x"), remove=(), now=NOON)
    assert forge.get(1).labels == ("a b", "-x")
    assert origin.git("for-each-ref", "--format=%(refname)").splitlines() == [
        REF,
        "refs/heads/headroom/demo/web/a",
        "refs/heads/main",
    ]


def test_a_broken_record_on_the_ref_is_reported(forge):
    opened(forge)
    commit, _ = forge.store.load_ref(REF)
    forge.store.save_ref(REF, {"1.json": "{}"}, "by hand", commit, NOON)
    with pytest.raises(ForgeError, match=f"{REF}: 1.json is no pull request"):
        forge.open_pulls()


OPEN_MANY = """
import sys
from repositories import LEASES, NOON, Origin
from pathlib import Path
from controller.edge.forge.local import LocalForge
directory, name, count = sys.argv[1:]
with Origin(Path(directory)).clone() as checkout:
    forge = LocalForge(checkout)
    for n in range(int(count)):
        forge.open(title=f"{name} {n}", body="", head=f"headroom/demo/web/{name}-{n}", base="main",
                   draft=False, now=NOON)
"""


def test_three_processes_at_once_lose_nothing_and_share_no_number(origin):
    names, count = ("one", "two", "three"), 4
    with origin.clone() as checkout:
        for name in names:
            for n in range(count):
                push(checkout, f"{name}-{n}")
    root = Path(__file__).parents[4]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"}
    running = [
        subprocess.Popen([sys.executable, "-c", OPEN_MANY, origin.directory, name, str(count)], env=environment)
        for name in names
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    with origin.clone() as checkout:
        pulls = LocalForge(checkout).all_pulls()
    assert [x.number for x in pulls] == list(range(1, len(names) * count + 1))
    assert sorted(x.title for x in pulls) == sorted(f"{name} {n}" for name in names for n in range(count))
