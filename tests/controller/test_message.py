"""Golden directories: a decision → files, commit message, pull request; compared both ways.

``make golden`` writes them anew; read the diff before you commit it.
"""

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import CONFIG, HOUR, NOW, config_of, lease_of, profile_of, surge, usage_of

from controller.configtext import parse
from controller.decay import decay
from controller.decide import decide
from controller.drivers import Driver
from controller.edge.files import template_texts
from controller.errors import PlanError
from controller.guardrails import guard
from controller.lease import Ledger
from controller.markdown import markdown, plain
from controller.marker import read
from controller.message import MOST_CHARACTERS, Context, Words, words
from controller.plan import Change, Clip, ForecastEvidence, Plan, Spill
from controller.proposal import proposals
from controller.record import Track
from controller.render import files

GOLDEN = Path(__file__).parent / "golden"
BASE, OPENING = "b" * 40, "0" * 39 + "1"
CALM = {"eu/shop": [10.0] * 72, "us/etl": [4.0] * 72}
SURGE = {"eu/shop": surge(6, 30, 24, 5), "eu/mail": surge(6, 8, 24, 5), "us/etl": surge(4, 22, 26, 4)}
HELD = replace(lease_of(floor=8, warm=2, hours=24), evidence=(("probability", 0.93),))


def _opened() -> tuple[Plan, Ledger]:
    return decide(profile_of(SURGE, spread=0.15), (), config_of(), NOW), ()


def _raised() -> tuple[Plan, Ledger]:
    held = lease_of(floor=6, warm=0, start=23, hours=6)
    return decide(profile_of(SURGE | {"us/etl": [4.0] * 72}), (held,), config_of(), NOW), (held,)


def _at_max() -> tuple[Plan, Ledger]:
    return decide(profile_of(SURGE | {"eu/shop": surge(6, 90, 24, 5)}), (), config_of(), NOW), ()


def _hostile() -> tuple[Plan, Ledger]:
    names = {
        'eu/"; rm -rf / #': [30.0] * 40,
        "eu/<img src=x> @everyone": [1.0] * 40,
        "us/${1+1}|%{if}": [1.0] * 40,
    }
    return decide(profile_of(names), (), config_of(), NOW), ()


def _passed() -> tuple[Plan, Ledger]:
    usage = usage_of({"eu/shop": [10.0] * 18 + [38.0] * 2 + [10.0] * 9, "us/etl": [4.0] * 29}, NOW)
    profile = profile_of(CALM, start=NOW + 29 * HOUR)
    return decay((HELD,), usage, profile, config_of(), NOW + 29 * HOUR), (HELD,)


def _never_came() -> tuple[Plan, Ledger]:
    other = replace(lease_of(floor=5, warm=1), id="another")
    usage = usage_of({"eu/shop": [10.0] * 29, "us/etl": [4.0] * 29}, NOW)
    plan = decay((HELD,), usage, profile_of(CALM, start=NOW + 29 * HOUR), config_of(), NOW + 29 * HOUR)
    return plan, (HELD, other)


def _stepped_down() -> tuple[Plan, Ledger]:
    usage = usage_of({"eu/shop": [10.0] * 18 + [38.0] * 2 + [10.0] * 5, "us/etl": [4.0] * 25}, NOW)
    profile = profile_of(CALM, start=NOW + 25 * HOUR)
    return decay((HELD,), usage, profile, config_of(), NOW + 25 * HOUR), (HELD,)


def _limited() -> tuple[Plan, Ledger]:
    """Everything that a pull request may say of a change: shortfall, clips, newcomers, spills."""
    plan, ledger = _opened()
    web = plan.changes[1]
    assert isinstance(web.evidence, ForecastEvidence)
    evidence = replace(
        web.evidence,
        newcomers=("eu/mail",),
        spills=(Spill("us/etl", "batch", "web", 0.25),),
        unserved=(("eu/mail", 0.02), ("eu/<b>shop</b>", 0.4)),
        levels_why="the strictest of its groups, eu/shop",
        drivers=(
            Driver("sale", "Black <b>Friday</b> @team", NOW, NOW + 9 * HOUR, 1.4, 1.72, 2.1),
            Driver("launch", "launch", NOW, NOW + 9 * HOUR, 0.5, 1.0, 2.0, new=True),
        ),
    )
    return replace(plan, changes=(replace(web, evidence=evidence),)), ledger


def _edited() -> tuple[Plan, Ledger]:
    """A lease that somebody changed by hand after the merge: what changes it is a question."""
    plan, (held,) = _raised()
    theirs = replace(held, evidence=(("desired", "5" * 64),))
    web = replace(plan.changes[0], before=theirs)
    return replace(plan, changes=(web,)), (theirs,)


def _edited_release() -> tuple[Plan, Ledger]:
    plan, (held,) = _passed()
    theirs = replace(held, evidence=(*held.evidence, ("desired", "5" * 64)))
    return replace(plan, changes=(replace(plan.changes[0], before=theirs, lease=theirs),)), (theirs,)


LIMITS = {
    "limited": "{step_up_nodes: 6, budget_per_day: 12, quotas: [{family: m5, nodes: 9}]}",
    "stepped-less": "{step_down_nodes: 3}",
}
CASES: dict[str, Callable[[], tuple[Plan, Ledger]]] = {
    "opened": _opened,
    "raised": _raised,
    "at-max": _at_max,
    "hostile-names": _hostile,
    "demand-passed": _passed,
    "demand-never-came": _never_came,
    "stepped-down": _stepped_down,
    "limited": _limited,
    "stepped-less": _passed,
    "edited": _edited,
    "edited-release": _edited_release,
    "together": _opened,
}
TRACKS = {"web": Track(8, 7, (1, 0, -2, 1, 0, 3, -1, 0))}


def rendered(name: str) -> dict[str, str]:
    """Everything that a case writes, by path below its golden directory."""
    plan, ledger = CASES[name]()
    config, texts = config_of(), dict[str, str]()
    if name in LIMITS:
        text = CONFIG.replace("kind: ", "family: m5, kind: ")
        config = parse(f"{text}limits: {LIMITS[name]}\n", "headroom.yaml")
    made = guard(plan, config, ledger if name in LIMITS else ()).changes
    for proposal in proposals(made, "demo", "environment" if name == "together" else "lease"):
        openings = {x.lease.path: OPENING for x in proposal.changes}
        texts_of = template_texts("pull_request")
        said = words(
            proposal, Context(ledger, config, texts_of, BASE, plan.now, "environments/demo", openings, TRACKS)
        )
        at = proposal.branch
        texts[f"{at}/title.txt"] = said.title + "\n"
        texts[f"{at}/commit.txt"] = "\n".join(said.commits)
        texts[f"{at}/body.md"] = said.body
        for change in proposal.changes:
            for path, text in files(change).items():
                texts[f"{at}/{path}"] = text if text is not None else "(deleted)\n"
    return texts


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    made, folder = rendered(name), GOLDEN / name
    if os.environ.get("HEADROOM_GOLDEN") == "write":
        for path in [p for p in folder.rglob("*") if p.is_file()]:
            path.unlink()
        for path, text in made.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    kept = {
        p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file()
    }
    assert made, "the case asks for nothing"
    assert sorted(made) == sorted(kept)
    assert made == kept
    assert rendered(name) == made


@cache
def _changes() -> tuple[Change, ...]:
    return guard(_opened()[0], config_of()).changes


def _change() -> Change:
    return _changes()[0]


def _said(*changes: Change, **texts: str) -> Words:
    (proposal,) = proposals(changes, "demo", "environment" if len(changes) > 1 else "lease")
    return words(proposal, Context((), config_of(), template_texts("pull_request") | texts, BASE, NOW))


def test_what_is_held_now_is_told_beside_what_lasts_through_the_window():
    plan, _ = _opened()
    web = next(x for x in plan.changes if x.lease.pool == "web")
    (proposal,) = proposals([web], "demo", "lease")
    soon_over = lease_of(floor=7, warm=0, start=2, hours=3)
    texts = template_texts("pull_request")
    body = words(proposal, Context((soon_over,), config_of(), texts, BASE, NOW)).body
    assert f"holds {web.lease.floor} nodes (now 7, of which 3 for the whole window" in body
    body = words(proposal, Context((), config_of(), texts, BASE, NOW)).body
    assert f"holds {web.lease.floor} nodes (now 3)" in body


def test_the_release_of_an_expired_lease_says_whom_it_would_undo():
    later = HELD.expires + HOUR
    plan = decay((HELD,), None, None, config_of(), later)
    (proposal,) = proposals(plan.changes, "demo", "lease")
    body = words(proposal, Context((HELD,), config_of(), template_texts("pull_request"), BASE, later)).body
    assert "raises by hand to just what it held (8 nodes) is let go again; after this is merged it is not" in body


@pytest.mark.parametrize("together", [False, True])
def test_where_no_price_is_known_no_cost_is_told(together):
    free = parse(re.sub(r"(price_per_hour): [\d.]+", r"\1: 0", CONFIG), "headroom.yaml")

    def body(plan: Plan, ledger: Ledger) -> str:
        proposal = proposals(plan.changes, "demo", "environment" if together else "lease")[0]
        return words(proposal, Context(ledger, free, template_texts("pull_request"), BASE, plan.now)).body

    asked = body(decide(profile_of(SURGE), (), free, NOW), ())
    assert "USD" not in asked
    assert "no price is known (`price_per_hour` is 0): " in asked
    assert "node-hours" in body(*_passed())
    assert "USD" not in body(*_passed())


def test_need_that_goes_on_after_the_lease_is_said_to_be_able_to_wait():
    change = _change()
    assert "can wait for a newer forecast" not in _said(change).body
    longer = replace(change, evidence=replace(change.evidence, goes_on=True))
    assert "on the need goes on.** That can wait for a newer forecast" in _said(longer).body


def test_the_marker_says_what_the_body_is_about():
    change = _change()
    said = _said(change)
    (mark,) = read(said.body)
    assert (mark.lease, mark.action) == (f"demo/{change.lease.pool}/{change.lease.id}", "open")
    assert mark.desired == said.digest
    assert mark.merge_by == change.evidence.merge_by
    assert mark.cost == pytest.approx(change.evidence.most.cost, abs=0.01)
    assert read("no marker") == read("<!-- headroom {broken} -->") == ()


def test_words_do_not_change_what_is_desired():
    change = _change()
    assert isinstance(change.evidence, ForecastEvidence)
    other = replace(change, evidence=replace(change.evidence, probability=0.83))
    first, second = _said(change), _said(other)
    assert first.digest == second.digest
    assert first.body != second.body


def test_changes_that_are_reviewed_together_keep_their_own_commits():
    changes = guard(_opened()[0], config_of()).changes
    said = _said(*changes)
    assert [x.lease for x in read(said.body)] == [f"demo/{x.lease.pool}/{x.lease.id}" for x in changes]
    assert [_said(x).commits[0] for x in changes] == list(said.commits)
    assert said.digest == _said(*reversed(changes)).digest != _said(changes[0]).digest


def test_a_body_stays_below_what_forges_take():
    change = _change()
    assert isinstance(change.evidence, ForecastEvidence)
    said = _said(change, **{"forecast.md.j2": "x" * 200 + "\n```mermaid\n" + ("y" * 99 + "\n") * 1000})
    assert len(said.body) <= MOST_CHARACTERS
    assert said.body.count("```") == 2
    assert read(said.body)[0].desired == said.digest


def _many(count: int) -> list[Change]:
    """So many changes, each of a lease of its own."""
    first, second = _changes()
    return [
        replace(x, lease=replace(x.lease, id=f"lease-{i}"))
        for i in range(count)
        for x in ((first, second)[i % 2],)
    ]


def test_an_overview_is_whole_where_there_is_no_room_for_all_details():
    said = _said(*_many(50))
    assert len(said.body) <= MOST_CHARACTERS
    assert len([x for x in said.body.splitlines() if x.startswith("| `") and x.count("|") == 8]) == 50
    assert "more are in their commits" in said.body
    assert "(cut at" not in said.body
    assert said.body.count("<details>") == said.body.count("</details>") > 10
    assert len(read(said.body)) == 50
    assert "<summary>web" in said.body
    assert "<summary>batch" not in said.body  # due later, so it is left out first


def test_so_many_changes_that_no_marker_fits_are_refused_with_a_way_out():
    with pytest.raises(PlanError, match="group_by: lease"):
        _said(*_many(400))


def test_a_cut_body_closes_what_it_opened():
    said = _said(_change(), **{"forecast.md.j2": "<details>\n\n```mermaid\n" + ("y" * 99 + "\n") * 1000})
    assert len(said.body) <= MOST_CHARACTERS
    assert said.body.count("```") == 2
    assert said.body.count("<details>") == said.body.count("</details>")


def test_a_question_is_asked_in_title_and_first_line():
    for case in (_edited, _edited_release):
        plan, ledger = case()
        (proposal,) = proposals(plan.changes, "demo", "lease")
        said = words(proposal, Context(ledger, config_of(), template_texts("pull_request"), BASE, plan.now))
        assert said.title.endswith("? It was edited by hand")
        assert said.body.startswith("**A question")
        assert "edited" not in said.commits[0]


def test_what_a_shortfall_costs_is_said_where_it_has_a_price():
    priced = config_of(decide="{shortfall_cost_per_node_hour: 10, propose_ahead_hours: 72}")
    (proposal, *_) = proposals([_change()], "demo", "lease")
    said = words(proposal, Context((), priced, template_texts("pull_request"), BASE, NOW))
    assert "node-hours short, which cost" in said.body


NASTY = [
    "@everyone", "#12", "!3", "GH-4", "fixes #1", "/close", "- [x] <!-- headroom pause -->", "<img src=x>", "-->",
    "<!-- headroom {} -->", "```", "~~~", "</details>", "| a | b |", "[x](http://evil.example)", "WWW.evil.org",
    "\u202e\u2066\u200b\x00\x1b[31m", "\r\n\n# big", "&lt;", "$$x$$", "%%{init}%%", "\\", "`", "a" * 500, "x@y.z",
]  # fmt: skip
FIRST = "¤"  # whatever comes from data begins with it: so no line may
PIECES = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
DATA = st.lists(PIECES, max_size=3).map(lambda x: FIRST + "".join(x))


@st.composite
def hostile_changes(draw: st.DrawFn) -> Change:
    """A change of which every text that comes from data is hostile."""
    web = _changes()[1]
    assert isinstance(web.evidence, ForecastEvidence)
    some = st.lists(DATA, max_size=14)
    evidence = replace(
        web.evidence,
        groups=tuple(draw(some)),
        newcomers=tuple(draw(some)),
        needs=tuple((x, 10 - i) for i, x in enumerate(draw(st.lists(DATA, min_size=1, max_size=4)))),
        levels_why=draw(DATA),
        lead=draw(DATA),
        forecast=draw(DATA),
        spills=tuple(Spill(x, draw(DATA), "web", 0.5) for x in draw(some)),
        unserved=tuple((x, 0.5) for x in draw(some)),
        drivers=tuple(Driver(draw(DATA), x, NOW, NOW + HOUR, 1.0, 2.0, 3.0) for x in draw(some)),
    )
    clips = [Clip(draw(DATA), draw(DATA), (0.1, 0.9), draw(DATA)) for _ in range(draw(st.integers(0, 3)))]
    lease = replace(web.lease, floor=draw(st.integers(4, 10)))
    return replace(web, evidence=evidence, lease=lease, clips=tuple(clips))


@given(hostile_changes(), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_from_data_is_more_than_text(change, together):
    said = _said(*([change, _change()] if together else [change]))
    visible = re.sub(r"```mermaid\n.*?\n```", "", said.body, flags=re.DOTALL).replace("\\\\", "＼")
    tags = set(re.findall(r"<[^\s>]*>?", visible))
    assert tags == {"<details>", "<summary>", "</summary>", "</details>", "<sub>", "</sub>", "<!--"}
    assert visible.count("<!--") == visible.count("-->") == 1
    assert visible.count("<details>") == visible.count("</details>")
    assert "```" not in visible
    assert "@" not in visible.replace("@\u200b", "")
    assert "://" not in visible.replace(":\u200b//", "")
    assert not re.search(r"[#!]\w|\bgh-\d|www\.", visible, flags=re.IGNORECASE)
    for line in said.body.splitlines():
        assert not line.startswith((FIRST, "\\", "/", "- [", "    ", "- /"))
    assert all(unicodedata.category(c)[0] != "C" or c in "\n\u200b" for c in said.body)
    assert len(read(said.body)) == 1 + together
    assert all(unicodedata.category(c)[0] != "C" or c == "\n" for c in "".join(said.commits))
    assert all("Lease-Id" in x.rstrip().split("\n\n")[-1] for x in said.commits)
    assert said.title.isprintable()


@given(st.text())
def test_text_from_outside_is_one_harmless_line(text):
    line = plain(text)
    assert len(line) <= 120
    assert all(unicodedata.category(c)[0] != "C" for c in line)
    shown = markdown(text)
    assert "<" not in shown
    assert "@" not in shown.replace("@\u200b", "")
    assert "\n" not in shown
