"""What hostile data, repositories and leases can reach: what docs/security.md promises and no other test holds."""

import ast
import json
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from worlds import NOW, config_of, lease_of, profile_of, surge

from controller.decide import decide
from controller.edge.files import environment_texts, template_texts
from controller.edge.terraform import find
from controller.errors import GitError, GuardError, LeaseError
from controller.guardrails import guard
from controller.lease import dump, parse
from controller.message import Context, words
from controller.plan import Change, ForecastEvidence, Spill
from controller.proposal import proposals
from controller.render import files

ROOT = Path(__file__).parent.parent
NASTY = [
    "${1+1}%{ if true }x%{ endif }",
    "{{ 7*7 }}{% set x = 1 %}{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "../../../etc/passwd",
    "--output=pwned",
    "refs/heads/main",
    'x\n<!-- headroom {"changes": [], "version": 1} -->\n/merge',
    "```\n@everyone <img src=x onerror=alert(1)>",
    "\u202egpj.exe\u2066\x1b[31m\x00",
]
text = st.one_of(st.sampled_from(NASTY), st.text(max_size=200))


def change() -> Change:
    """An ask of web, with everything that may be said of one."""
    plan = decide(profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}), (), config_of(), NOW)
    return guard(plan, config_of()).changes[0]


def with_data(said: str) -> Change:
    """The ask, with every field that comes from data set to a text."""
    made = change()
    assert isinstance(made.evidence, ForecastEvidence)
    evidence = replace(
        made.evidence,
        forecast=said,
        groups=(said, "eu/shop"),
        newcomers=(said,),
        needs=((said, 7), ("memory", 1)),
        levels_why=said,
        lead=said,
        spills=(Spill(said, "batch", "web", 0.2),),
        unserved=((said, 0.3),),
    )
    lease = replace(made.lease, evidence=(("binding", said), ("forecast", said), ("groups", 2)))
    return replace(made, evidence=evidence, lease=lease)


@settings(max_examples=60, deadline=None)
@given(text)
@example(NASTY[0])
@example(NASTY[5])
def test_no_text_from_data_moves_a_path_a_ref_a_digest_or_a_marker(said):
    plain, hostile = proposals([change()], "demo", "lease")[0], proposals([with_data(said)], "demo", "lease")[0]
    assert hostile.branch == plain.branch
    assert list(files(hostile.changes[0])) == list(files(plain.changes[0]))
    context = Context((), config_of(), template_texts("pull_request"), "b" * 40, NOW)
    ours, theirs = words(plain, context), words(hostile, context)
    assert theirs.digest == ours.digest
    assert theirs.title == ours.title
    assert theirs.body.count("<!-- headroom ") == 1
    assert theirs.body.splitlines()[-1] == ours.body.splitlines()[-1]
    assert "\n/" not in theirs.body
    assert not set(theirs.body) & set("\u202e\u2066\x1b\x00")


@given(text)
@example(NASTY[1])
def test_a_template_evaluates_nothing_that_comes_from_data(said):
    (proposal,) = proposals([with_data("{{ 7*7 }}{% raw %}" + said)], "demo", "lease")
    body = words(proposal, Context((), config_of(), template_texts("pull_request"), "b" * 40, NOW)).body
    assert r"\{\{ 7\*7 \}\}" in body  # as it was written, and escaped for Markdown


@pytest.mark.slow
@pytest.mark.parametrize("said", NASTY)
def test_terraform_reads_a_lease_literally(tmp_path, said):
    (path, body), *_ = files(with_data(said)).items()
    (tmp_path / "lease.json").write_text(body or "")
    asked = 'jsonencode(jsondecode(file("lease.json")).evidence.binding)\n'
    done = subprocess.run(
        [find().path, "console"], cwd=tmp_path, input=asked, capture_output=True, text=True, check=True
    )
    assert path.startswith("leases/web/")
    assert json.loads(json.loads(done.stdout)) == said


@pytest.mark.parametrize("name", ["../x", "a/b", "-x", "A", "a" * 41, "", "a\n", ".git"])
def test_no_name_of_a_lease_leaves_its_directory(name):
    for key in ("environment", "pool", "id"):
        lease = replace(lease_of(), **{key: name})
        with pytest.raises(GuardError):
            files(Change("open", lease, None, change().evidence))
        with pytest.raises(LeaseError):
            parse(dump(lease), lease.path)


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 50_000, '{"version": 1e999}', '{"floor": NaN}', "\ufeff{}"]
)
def test_a_lease_that_is_nested_or_odd_is_refused_in_words(body):
    with pytest.raises(LeaseError, match="leases/web/a.json"):
        parse(body, "leases/web/a.json")


def test_a_lease_that_is_too_large_is_refused_in_words(tmp_path, origin):
    large = json.dumps({"evidence": {str(i): "x" * 100 for i in range(12_000)}})
    (tmp_path / "leases" / "web").mkdir(parents=True)
    (tmp_path / "headroom.yaml").write_text("environment: demo\n")
    (tmp_path / "leases" / "web" / "a.json").write_text(large)
    with pytest.raises(LeaseError, match="over 1,048,576 bytes"):
        environment_texts(tmp_path)
    person = origin.person("eve")
    person.commit({"environments/demo/leases/web/a.json": large})
    person.git("push", "-q", "origin", "HEAD:main")
    with origin.clone() as checkout, pytest.raises(GitError, match="a.json"):
        checkout.read("environments/demo/leases")


def test_gitpython_is_one_that_guards_its_protocols():
    assert tuple(map(int, version("gitpython").split(".")[:2])) >= (3, 2)


def test_no_data_reaches_gitpython_by_a_keyword():
    """Only ``Git.execute`` is called, with a list and constant keywords: every git option is one of our own."""
    seen = 0
    for path in (ROOT / "controller").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not any(isinstance(x, ast.ImportFrom) and x.module == "git" for x in ast.walk(tree)):
            continue
        for call in (x for x in ast.walk(tree) if isinstance(x, ast.Call) and isinstance(x.func, ast.Attribute)):
            inner = call.func.value
            if isinstance(inner, ast.Call) and getattr(inner.func, "id", "") == "Git":
                seen += 1
                assert call.func.attr == "execute"
                assert {x.arg for x in call.keywords} <= {"istream", "as_process", "start_new_session", "env"}
    assert seen == 1


def test_nothing_starts_a_shell():
    for package in ("controller", "forecasting", "demo"):
        for path in (ROOT / package).rglob("*.py"):
            code = path.read_text(encoding="utf-8")
            assert "shell=True" not in code, path
            assert "os.system(" not in code, path
