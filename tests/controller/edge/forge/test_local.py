import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from repositories import LEASES, NOON

from controller.edge.forge import Forge, PullRequest
from controller.edge.forge.local import REF, LocalForge
from controller.errors import ForgeError

WORDS = {"title": "feat(capacity): hold 8 nodes", "body": "why\n", "digest": "5a1e", "labels": ("capacity",)}


def push(checkout, lease="a", floor=8, expected=None):
    changes = {f"{LEASES}/web/{lease}.json": f'{{"floor": {floor}}}\n'}
    commit = checkout.commit_on(checkout.base_commit, changes, "feat(capacity): hold", NOON, LEASES)
    checkout.push(f"headroom/demo/web/{lease}", commit, expected)
    return commit


def opened(forge, lease="a", **words):
    push(forge.store, lease)
    return forge.open(head=f"headroom/demo/web/{lease}", base="main", now=NOON, **{**WORDS, **words})


@pytest.fixture
def forge(origin):
    with origin.clone() as checkout:
        yield LocalForge(checkout)


def test_it_is_a_forge(forge):
    as_forge: Forge = forge
    assert as_forge.list() == ()
    assert as_forge.find("headroom/demo/web/a") is None


def test_a_pull_request_is_found_by_another_clone(origin, forge):
    pull = opened(forge)
    assert pull == PullRequest(
        1, WORDS["title"], "why\n", "headroom/demo/web/a", "main", "open", NOON, "5a1e", ("capacity",)
    )
    with origin.clone() as checkout:
        other = LocalForge(checkout)
        assert other.get(1) == other.find(pull.head) == pull
        assert other.list() == other.list("open") == (pull,)
        assert other.list("merged") == ()


def test_the_road_from_open_to_merged(origin, forge):
    pull = opened(forge)
    head = origin.tip(pull.head)
    approved = forge.approve(1, "ada", NOON)
    assert (approved.approved_by, approved.approved_commit) == ("ada", head)
    merged = forge.merge(1, NOON + timedelta(hours=1))
    assert merged.state == "merged"
    assert merged.merged_commit == origin.tip("main")
    assert forge.get(1) == merged
    assert origin.branches() == ["main"]
    message = origin.git("show", "-s", "--format=%B", "main")
    assert message == f"Merge pull request #1 from {pull.head}\n\n{WORDS['title']}"
    assert f"{LEASES}/web/a.json" in forge.store.read(LEASES)


def test_the_newest_of_a_branch_is_found(forge):
    opened(forge)
    forge.close(1, NOON)
    forge.open(head="headroom/demo/web/a", base="main", now=NOON, **{**WORDS, "digest": "other"})
    assert forge.find("headroom/demo/web/a").number == 2
    assert [x.number for x in forge.list()] == [1, 2]


def test_an_open_branch_takes_no_second_pull_request(forge):
    opened(forge)
    with pytest.raises(ForgeError, match="#1 is open for it already"):
        forge.open(head="headroom/demo/web/a", base="main", now=NOON, **WORDS)


def test_a_branch_that_was_not_pushed_takes_none(forge):
    with pytest.raises(ForgeError, match="push it before"):
        forge.open(head="headroom/demo/web/a", base="main", now=NOON, **WORDS)


@pytest.mark.parametrize("title", ["", " ", "two\nlines", "x" * 257, "bell\a"])
def test_a_title_is_one_line(forge, title):
    with pytest.raises(ForgeError, match="no title"):
        opened(forge, title=title)


def test_new_words_are_kept_and_the_same_words_write_nothing(origin, forge):
    opened(forge)
    new = {**WORDS, "title": "feat(capacity): hold 9 nodes", "digest": "beef"}
    assert forge.update(1, now=NOON, **new) == forge.get(1)
    assert forge.get(1).digest == "beef"
    before = origin.git("rev-parse", REF)
    forge.update(1, now=NOON + timedelta(hours=1), **new)
    assert origin.git("rev-parse", REF) == before


def test_a_closed_pull_request_keeps_its_digest_and_its_branch(origin, forge):
    opened(forge)
    assert forge.close(1, NOON).state == "closed"
    assert forge.find("headroom/demo/web/a").digest == "5a1e"
    assert "headroom/demo/web/a" in origin.branches()


def test_merging_asks_for_an_approval_first(origin, forge):
    opened(forge)
    base = origin.tip("main")
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        forge.merge(1, NOON)
    assert origin.tip("main") == base


def test_an_approval_falls_when_the_head_moves(forge):
    pull = opened(forge)
    first = forge.approve(1, "ada", NOON).approved_commit
    second = push(forge.store, floor=99, expected=first)
    assert (forge.get(1).approved_by, forge.get(1).approved_commit) == (None, None)
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        forge.merge(1, NOON)
    assert forge.approve(1, "ada", NOON).approved_commit == second
    assert forge.merge(1, NOON).state == "merged"
    assert forge.store.read(f"{LEASES}/web/a.json") == {f"{LEASES}/web/a.json": '{"floor": 99}\n'}
    assert pull.head not in forge.store.remote_branches()


def test_a_head_that_another_clone_moved_is_noticed(origin, forge):
    opened(forge)
    first = forge.approve(1, "ada", NOON).approved_commit
    with origin.clone() as checkout:
        push(checkout, floor=99, expected=first)
    with pytest.raises(ForgeError, match="headroom pr approve 1"):
        forge.merge(1, NOON)


@pytest.mark.parametrize(("end", "advice"), [("merge", "headroom release"), ("close", "headroom propose")])
def test_what_is_over_is_not_touched_again(forge, end, advice):
    opened(forge)
    forge.approve(1, "ada", NOON)
    done = getattr(forge, end)(1, NOON)
    for again in (
        lambda: forge.approve(1, "bob", NOON),
        lambda: forge.merge(1, NOON),
        lambda: forge.close(1, NOON),
        lambda: forge.update(1, now=NOON, **WORDS),
    ):
        with pytest.raises(ForgeError, match=advice):
            again()
    assert forge.get(1) == done


def test_a_number_that_is_none_is_refused(forge):
    for refused in (forge.get, lambda n: forge.approve(n, "ada", NOON), lambda n: forge.merge(n, NOON)):
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
        LocalForge(checkout).merge(1, NOON)
    assert forge.get(1).state == "open"


def test_a_merge_that_was_cut_short_is_completed(origin, forge):
    pull = opened(forge)
    approved = forge.approve(1, "ada", NOON).approved_commit
    merge = forge.store.merge(approved, "main", "Merge pull request #1", NOON)  # and then the power went
    with origin.clone() as checkout:
        assert LocalForge(checkout).merge(1, NOON).merged_commit == merge == origin.tip("main")
    assert pull.head not in origin.branches()


def test_more_commits_on_a_merged_branch_are_not_lost(origin, forge):
    pull = opened(forge)
    approved = forge.approve(1, "ada", NOON).approved_commit
    with origin.clone() as checkout:
        stale = LocalForge(Frozen(checkout))
        stale.get(1)
        newer = push(forge.store, floor=99, expected=approved)
        assert stale.merge(1, NOON).state == "merged"
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
    opened(forge, title="$(touch pwned); `id` && refs/heads/main", body="--force\0\n", labels=("a b", "-x"))
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
        forge.list()


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
                   digest="", labels=(), now=NOON)
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
        pulls = LocalForge(checkout).list()
    assert [x.number for x in pulls] == list(range(1, len(names) * count + 1))
    assert sorted(x.title for x in pulls) == sorted(f"{name} {n}" for name in names for n in range(count))
