"""Golden directories: a decision → files, commit message, pull request; compared both ways.

``make golden`` writes them anew; read the diff before you commit it.
"""

import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import CONFIG, HOUR, NOW, config_of, lease_of, profile_of, surge, usage_of

from controller.configtext import parse
from controller.decay import decay
from controller.decide import decide
from controller.edge.files import template_texts
from controller.guardrails import guard
from controller.lease import Ledger
from controller.markdown import markdown, plain
from controller.marker import read
from controller.message import MOST_CHARACTERS, Context, Words, words
from controller.plan import Change, ForecastEvidence, Plan, Spill
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
    )
    return replace(plan, changes=(replace(web, evidence=evidence),)), ledger


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


def _change() -> Change:
    return guard(_opened()[0], config_of()).changes[0]


def _said(*changes: Change, **texts: str) -> Words:
    (proposal,) = proposals(changes, "demo", "environment" if len(changes) > 1 else "lease")
    return words(proposal, Context((), config_of(), template_texts("pull_request") | texts, BASE, NOW))


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


@given(st.text())
def test_text_from_outside_is_one_harmless_line(text):
    line = plain(text)
    assert len(line) <= 120
    assert all(unicodedata.category(c)[0] != "C" for c in line)
    shown = markdown(text)
    assert "<" not in shown
    assert "@" not in shown.replace("@\u200b", "")
    assert "\n" not in shown
