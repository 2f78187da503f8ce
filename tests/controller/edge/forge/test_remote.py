"""One set of tests for all remote forges: the protocol, against servers that keep state as they do."""

import pytest
from forges import BOT, SERVERS, GitHubServer
from forges.fixtures import Clock, connected
from repositories import BRANCH, NEW, NOON, OPEN, pushed

from controller.edge.forge import Readiness
from controller.edge.forge.refusal import Refused
from controller.errors import ForgeError

PREFIX = "headroom/demo/"
WORDS = {"title": "Hold 8 nodes", "body": "why\n\n<!-- x -->", "base": "main", "draft": False, "now": NOON}


@pytest.fixture(params=sorted(SERVERS))
def server(request, origin):
    with SERVERS[request.param](origin.directory) as server:
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def forge(server, clock):
    return connected(server, clock).forge


@pytest.fixture
def commit(origin):
    return pushed(origin)


@pytest.fixture
def pull(forge, commit):
    return forge.open(head=BRANCH, **WORDS)


def branch(number):
    return f"headroom/demo/web/{number}"


def test_a_pull_request_is_opened_and_found(server, forge, commit):
    opened = forge.open(head=BRANCH, **WORDS)
    assert (opened.title, opened.body, opened.head, opened.base) == ("Hold 8 nodes", WORDS["body"], BRANCH, "main")
    assert (opened.state, opened.head_commit, opened.merged_commit, opened.merged_at) == (
        "open",
        commit,
        None,
        None,
    )
    assert opened.created.tzinfo
    assert opened.url.startswith(f"http://{server.host}/acme/infra/")
    assert forge.get(opened.number) == opened
    assert forge.open_pulls(PREFIX) == forge.pulls_of(BRANCH) == (opened,)
    assert forge.open_pulls("headroom/prod/") == forge.recent_pulls(PREFIX).pulls == ()


def test_opening_again_gives_the_same_and_writes_nothing(server, forge, pull):
    server.forget()
    assert forge.open(head=BRANCH, **WORDS) == pull
    assert not server.writes


def test_a_stale_list_leads_to_the_existing_one_all_the_same(server, forge, commit):
    server.stale(3)
    pull = forge.open(head=BRANCH, **WORDS)
    assert forge.open(head=BRANCH, **WORDS).number == pull.number
    assert len(server.world.pulls) == 1


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("how", ["drop", "502"])
def test_an_answer_that_is_lost_makes_no_second_pull_request(server, forge, commit, how, done):
    where = r"POST .*/(pulls|merge_requests)$"
    if how == "drop":
        server.drop(on=where, done=done)
    else:
        server.answer(502, on=where, done=done)
    assert forge.open(head=BRANCH, **WORDS).head == BRANCH
    assert len(server.world.pulls) == 1


def test_a_branch_that_is_not_there_is_explained(server, forge, origin):
    with pytest.raises(ForgeError, match="opening a"):
        forge.open(head=BRANCH, **WORDS)


def test_a_draft_is_one_without_its_title_saying_so(server, forge, commit):
    pull = forge.open(head=BRANCH, **{**WORDS, "draft": True})
    assert (pull.draft, pull.title) == (True, "Hold 8 nodes")
    edited = forge.edit(pull.number, title="Hold 9 nodes", body="b", now=NOON)
    assert (edited.draft, edited.title, edited.body) == (True, "Hold 9 nodes", "b")
    assert forge.get(pull.number) == edited


def test_words_are_changed_where_they_differ(server, forge, pull):
    server.forget()
    assert forge.edit(pull.number, title=pull.title, body=pull.body, now=NOON) == pull
    assert not server.writes
    assert forge.edit(pull.number, title="Hold 9 nodes", body="ü\n", now=NOON).title == "Hold 9 nodes"
    assert forge.get(pull.number).body.rstrip() == "ü"
    forge.close(pull.number, NOON)
    with pytest.raises(ForgeError, match="closed"):
        forge.edit(pull.number, title="x", body="y", now=NOON)


def test_a_line_that_is_a_command_stays_a_line(server, forge, pull):
    body = "why\n/merge\n  /approve all\n/ and a/b\n\\n"
    assert forge.edit(pull.number, title="t", body=body, now=NOON).body.rstrip() == body.rstrip()
    forge.comment(pull.number, key="window", body=body, now=NOON)
    saved = forge.save_issue("dashboard-demo", title="Dashboard", body=body, now=NOON)
    server.forget()
    forge.edit(pull.number, title="t", body=body, now=NOON)
    forge.comment(pull.number, key="window", body=body, now=NOON)
    assert forge.save_issue("dashboard-demo", title="Dashboard", body=body, now=NOON) == saved
    assert not server.writes


def test_labels_are_put_on_made_and_taken_off(server, forge, pull):
    forge.label(pull.number, add=("headroom", "needs ü/review"), remove=("other",), now=NOON)
    assert sorted(forge.get(pull.number).labels) == ["headroom", "needs ü/review"]
    server.forget()
    forge.label(pull.number, add=("Headroom",), remove=("other",), now=NOON)
    assert not server.writes
    forge.label(pull.number, add=("late",), remove=("needs ü/review",), now=NOON)
    assert sorted(forge.get(pull.number).labels) == ["headroom", "late"]


def test_people_are_asked_once(server, forge, pull):
    for name in ("ada", "bob", "cleo"):
        server.world.user(name)
    teams = () if server.forge == "gitlab" else ("acme/platform",)
    ask = {"reviewers": ("ada", "bob"), "teams": teams, "assignees": ("cleo",), "now": NOON}
    forge.request(pull.number, **ask)
    kept = server.world.pulls[pull.number]
    assert (kept.reviewers, kept.assignees) == (["ada", "bob"], ["cleo"])
    assert kept.teams == [x.removeprefix("acme/") for x in teams]
    server.world.approve(pull.number, "ada")
    server.forget()
    forge.request(pull.number, **ask)
    assert not server.writes


def test_a_comment_is_made_once_for_each_key(server, forge, pull):
    forge.comment(pull.number, key="window", body="merge by noon", now=NOON)
    server.forget()
    forge.comment(pull.number, key="window", body="merge by noon", now=NOON)
    assert not server.writes
    forge.comment(pull.number, key="window", body="too late", now=NOON)
    forge.comment(pull.number, key="newer", body="9 by now", now=NOON)
    said = [x.body for x in server.world.pulls[pull.number].comments]
    assert said == ["too late\n\n<!-- headroom:window -->", "9 by now\n\n<!-- headroom:newer -->"]


def test_a_strangers_comment_with_our_marker_stays_as_it_is(server, forge, pull):
    server.world.comment(pull.number, "eve", "mine\n\n<!-- headroom:window -->")
    server.world.comment(pull.number, "ada", "> too late\n> <!-- headroom:window -->\n\nwhy?")
    forge.comment(pull.number, key="window", body="too late", now=NOON)
    assert [x.author for x in server.world.pulls[pull.number].comments] == ["eve", "ada", BOT]
    assert server.world.pulls[pull.number].comments[0].body.startswith("mine")


def test_a_key_that_would_break_out_of_the_marker_is_refused(forge, pull):
    for key in ("-->", "a b", "", "A", "x>", "-a"):
        with pytest.raises(ForgeError, match="no key"):
            forge.comment(pull.number, key=key, body="b", now=NOON)


@pytest.mark.parametrize("done", [True, False])
def test_a_lost_comment_is_not_said_twice(server, forge, pull, done):
    server.drop(on=r"POST .*/(comments|notes)$", done=done)
    forge.comment(pull.number, key="window", body="merge by noon", now=NOON)
    assert len(server.world.pulls[pull.number].comments) == 1


def test_closing_leaves_the_branch_and_is_seen(server, forge, pull, origin):
    forge.close(pull.number, NOON)
    server.forget()
    forge.close(pull.number, NOON)
    assert not server.writes
    assert BRANCH in origin.branches()
    assert forge.open_pulls(PREFIX) == ()
    assert [x.state for x in forge.recent_pulls(PREFIX).pulls] == ["closed"]
    server.world.reopen(pull.number)
    assert forge.get(pull.number).state == "open"


def test_only_a_word_on_the_present_head_makes_it_ready(server, forge, pull, origin):
    assert forge.readiness(pull.number) == Readiness((), (), "none", conflicts=False)
    server.world.approve(pull.number, "ada")
    assert forge.readiness(pull.number).approved_by == ("ada",)
    assert forge.readiness(pull.number).ready
    server.world.request_changes(pull.number, "bob")
    assert forge.readiness(pull.number).objections == ("bob",)
    assert not forge.readiness(pull.number).ready
    with origin.clone() as checkout:
        newer = checkout.commit_on(checkout.base_commit, {NEW: '{"floor": 9}\n'}, "9", NOON, "environments")
        checkout.push(BRANCH, newer, pull.head_commit)
    assert forge.get(pull.number).head_commit == newer
    assert forge.readiness(pull.number).approved_by == ()


def test_a_strangers_word_has_no_weight(server, forge, pull):
    if server.forge == "gitlab":  # which lets no stranger approve
        return
    server.world.strangers.add("eve")
    server.world.approve(pull.number, "eve")
    server.world.request_changes(pull.number, "eve")
    server.world.approve(pull.number, server.world.pulls[pull.number].author)
    assert forge.readiness(pull.number) == Readiness((), (), "none", conflicts=False)


def test_the_last_word_of_a_reviewer_counts(server, forge, pull):
    server.world.request_changes(pull.number, "ada")
    server.world.approve(pull.number, "ada")
    assert forge.readiness(pull.number) == Readiness(("ada",), (), "none", conflicts=False)
    if server.forge != "gitlab":
        server.world.dismiss(pull.number, "ada")
        assert forge.readiness(pull.number) == Readiness((), (), "none", conflicts=False)


@pytest.mark.parametrize(
    ("state", "checks"), [("success", "passed"), ("pending", "pending"), ("failure", "failed")]
)
def test_checks_are_those_of_the_head(server, forge, pull, state, checks):
    server.world.check(pull.head_commit, state)
    assert forge.readiness(pull.number).checks == checks


def test_conflicts_are_told(server, forge, pull, origin):
    origin.person("ada").commit({NEW: "other\n"})
    ada = origin.person("bob")
    ada.commit({NEW: "other\n"})
    ada.git("push", "-q", "origin", "main")
    assert forge.readiness(pull.number).conflicts
    with pytest.raises(ForgeError, match="merging"):
        forge.merge(pull.number, pull.head_commit, NOON)


def test_merging_is_done_once_and_seen(server, forge, pull, origin):
    merged = forge.merge(pull.number, pull.head_commit, NOON)
    assert (merged.state, merged.merged_commit) == ("merged", origin.tip("main"))
    assert merged.merged_at is not None
    assert origin.git("show", f"main:{NEW}") == OPEN[NEW].strip()
    server.forget()
    assert forge.merge(pull.number, pull.head_commit, NOON) == merged
    assert not server.writes
    assert forge.recent_pulls(PREFIX).pulls == (merged,)
    with pytest.raises(ForgeError, match="merged"):
        forge.close(pull.number, NOON)


def test_a_moved_head_is_not_merged(server, forge, pull):
    with pytest.raises(ForgeError, match="head"):
        forge.merge(pull.number, "a" * 40, NOON)
    assert not [x for x in server.writes if x.path.endswith("/merge")]


@pytest.mark.parametrize("done", [True, False])
def test_a_lost_merge_is_looked_for(server, forge, pull, done):
    server.drop(on=r"(PUT|POST) .*/merge$", done=done)
    assert forge.merge(pull.number, pull.head_commit, NOON).state == "merged"


def test_a_forge_that_is_not_ready_to_merge_is_asked_again(server, forge, pull, clock):
    server.answer(405, on=r"(PUT|POST) .*/merge$", times=2)
    assert forge.merge(pull.number, pull.head_commit, NOON).state == "merged"
    assert clock.slept == [1.0, 2.0]


def test_a_deleted_branch_keeps_its_name_after_the_merge(server, forge, pull):
    server.world.merge(pull.number, "squash")
    server.world.delete_branch(BRANCH)
    assert [x.head for x in forge.recent_pulls(PREFIX).pulls] == [BRANCH]
    assert [x.state for x in forge.pulls_of(BRANCH)] == ["merged"]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_people_merge_by_three_methods(server, forge, pull, origin, method):
    commit = server.world.merge(pull.number, method)
    assert (forge.get(pull.number).merged_commit, origin.tip("main")) == (commit, commit)
    assert origin.git("show", f"main:{NEW}") == OPEN[NEW].strip()
    server.world.revert(pull.number)
    assert len(server.world.pulls) == 2


def test_auto_merge_waits_for_checks_or_merges_at_once(server, forge, pull):
    server.world.check(pull.head_commit, "pending")
    forge.merge_when_ready(pull.number, pull.head_commit, NOON)
    forge.merge_when_ready(pull.number, pull.head_commit, NOON)
    assert server.world.pulls[pull.number].auto == "merge"
    assert forge.get(pull.number).state == "open"
    server.world.pulls[pull.number].auto = ""
    server.world.check(pull.head_commit, "success")
    forge.merge_when_ready(pull.number, pull.head_commit, NOON)
    assert forge.get(pull.number).state == "merged"


def test_an_issue_is_kept_by_its_name(server, forge):
    assert forge.issue("dashboard-demo") is None
    server.world.add_issue("Dashboard", "evil\n\n<!-- headroom:dashboard-demo -->", "eve")
    assert forge.issue("dashboard-demo") is None
    saved = forge.save_issue("dashboard-demo", title="Dashboard", body="- [ ] pause", now=NOON)
    assert (saved.title, saved.body) == ("Dashboard", "- [ ] pause")
    assert forge.issue("dashboard-demo") == saved
    server.forget()
    assert forge.save_issue("dashboard-demo", title="Dashboard", body="- [ ] pause", now=NOON) == saved
    assert not server.writes
    changed = forge.save_issue("dashboard-demo", title="Dashboard", body="- [x] pause", now=NOON)
    assert (changed.number, changed.body) == (saved.number, "- [x] pause")
    assert forge.issue("dashboard-prod") is None


def test_an_app_knows_its_own_words(origin, commit):
    with GitHubServer(origin.directory) as server:
        server.as_app = True
        forge = connected(server).forge
        pull = forge.open(head=BRANCH, **WORDS)
        for body in ("a", "b"):
            forge.comment(pull.number, key="window", body=body, now=NOON)
            forge.save_issue("dashboard-demo", title="Dashboard", body=body, now=NOON)
        assert (len(server.world.pulls[pull.number].comments), len(server.world.issues)) == (1, 1)


def test_what_a_token_may_not_read_of_checks_is_pending(origin, commit):
    with GitHubServer(origin.directory) as server:
        forge = connected(server).forge
        pull = forge.open(head=BRANCH, **WORDS)
        server.world.run(commit, "plan", "completed", "success")
        assert forge.readiness(pull.number).checks == "passed"
        server.world.run(commit, "check", "in_progress", None)
        assert forge.readiness(pull.number).checks == "pending"
        server.world.run(commit, "lint", "completed", "timed_out")
        assert forge.readiness(pull.number).checks == "failed"
        server.answer(403, on="check-runs")
        assert forge.readiness(pull.number).checks == "pending"


def test_many_branches_cost_little_more_than_one(server, forge):
    server.world.repository = None
    server.world.branches = {branch(x): f"{x:040x}" for x in range(120)}
    for number in range(120):
        server.world.add(f"Hold {number}", None, branch(number), "main", BOT)
        server.world.close(number + 1)
    assert [x.number for x in forge.pulls_of(branch(7))] == [8]
    server.forget()
    server.world.reopen(9)
    for number in range(20):
        assert [x.state for x in forge.pulls_of(branch(number))] == ["open" if number == 8 else "closed"]
    assert len(server.calls) <= 21


def test_forks_with_the_same_branch_do_not_count(server, forge, commit):
    fork = server.world.add("Hold 999", "", BRANCH, "main", "eve", fork=True)
    assert forge.open_pulls(PREFIX) == forge.pulls_of(BRANCH) == ()
    mine = forge.open(head=BRANCH, **WORDS)
    assert mine.number != fork.number
    assert forge.open_pulls(PREFIX) == (mine,)
    with pytest.raises(ForgeError, match="fork"):
        forge.merge(fork.number, "0" * 40, NOON)


def test_all_pages_are_read_in_as_few_calls(server, forge, commit):
    tip = commit
    for number in range(230):
        server.world.branches[branch(number)] = tip
    server.world.repository = None
    for number in range(230):
        server.world.add(f"Hold {number}", None, branch(number), "main", BOT)
    server.forget()
    assert len(forge.open_pulls(PREFIX)) == 230
    assert len(server.calls) == len(server.lists) == (5 if server.forge == "gitea" else 3)
    server.forget()
    assert forge.recent_pulls(PREFIX).pulls == ()
    assert len(server.calls) == 1


def test_a_forge_that_never_ends_its_list_is_stopped(server, forge):
    link = f'<http://{server.host}/more>; rel="next"'
    server.answer(200, {"Link": link}, b"[]", times=1000)
    with pytest.raises(ForgeError, match="100 pages"):
        forge.open_pulls(PREFIX)


@pytest.mark.parametrize(("status", "words"), [(401, "HEADROOM_TOKEN"), (403, "permissions"), (404, "project")])
def test_refusals_say_what_to_do(server, forge, status, words):
    server.answer(status, times=99)
    with pytest.raises(Refused, match=words) as caught:
        forge.open_pulls(PREFIX)
    assert "on command" in str(caught.value)
    assert "It needs" in str(caught.value)


@pytest.mark.parametrize("odd", [b"{}", b"[1]", b"[null]", b"<html>", b"[" * 99_999, b'"text"', b"\xff"])
def test_answers_of_another_shape_are_errors_of_the_forge(server, forge, odd):
    server.answer(200, {}, odd, times=9)
    with pytest.raises(ForgeError):
        forge.open_pulls(PREFIX)
