import json

import jsonschema
import pytest
from markdown_it import MarkdownIt

from controller.gate import RULES, Finding, Verdict
from controller.gate.counts import Count
from controller.gate.forms import Report, annotation, annotations, comment, sarif
from controller.message import MOST_CHARACTERS
from controller.planfile import ResourceChange, Summary

WHERE = "environments/prod"
HOSTILE = "a%0A::set-env::\r\n<script>@team [x](javascript:1) |`*_\u202e"
FOUND = (
    Finding("lease-identity", f"leases/a.json: {HOSTILE}", "leases/a,b:c%.json"),
    Finding("outside-leases", "main.tf: lies outside", "main.tf", rooted=True),
    Finding("not-shown", "web", level="warning"),
)


def report_of(**more):
    changes = (
        ResourceChange("module.web.aws_autoscaling_group.pool", "update"),
        ResourceChange(f"x[{HOSTILE}]", "replace"),
        ResourceChange("y", "create"),
        ResourceChange("z", "delete"),
    )
    counts = (Count("web", "floor", "4", "9"), Count("web", "warm", "1", "1"))
    fields = {"summary": Summary(changes, 2, 1, 2), "counts": counts, "digest": "0123456789abcdef"} | more
    return Report(WHERE, Verdict(("held | this",), FOUND), **fields)


def test_annotations_cannot_be_broken_out_of():
    lines = annotations(report_of()).split("\n")
    assert len(lines) == len(FOUND)
    assert lines[0].startswith(f"::error file={WHERE}/leases/a%2Cb%3Ac%25.json,line=1,title=headroom ")
    assert "a%250A::set-env::%0D%0A<script>" in lines[0]
    assert lines[1].startswith("::error file=main.tf,")
    assert lines[2].startswith(f"::warning file={WHERE}/headroom.yaml,")
    assert annotations(Report(WHERE, Verdict(("fine",)))) == ""


def test_sarif_is_whole():
    log = json.loads(json.dumps(sarif(report_of())))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    rules = [x["id"] for x in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] == 1
    uris = [x["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for x in run["results"]]
    assert uris == [f"{WHERE}/leases/a%2Cb%3Ac%25.json", "main.tf", f"{WHERE}/headroom.yaml"]


def test_every_rule_has_a_sentence():
    assert {x.rule for x in FOUND} <= set(RULES)
    assert all(x.endswith(".") for x in RULES.values())


def test_the_comment_says_what_changes_and_holds_no_markup_of_others():
    text = comment(report_of())
    assert "**2 reasons not to apply.** 1 to create, 1 to update, 1 to delete, 1 to replace." in text
    assert "| web | floor | 4 → **9** |" in text
    assert "| web | warm | 1 → 1 |" in text
    assert "<script" not in text
    assert "@team" not in text
    assert "\u202e" not in text
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "href" not in html
    assert html.count("<details>") == 1


def test_a_comment_on_a_plan_of_nothing():
    empty = Report(WHERE, Verdict(("fine",)), Summary((), 0, 0, 0))
    assert "**May be applied.** The plan changes nothing." in comment(empty)
    assert "May be applied" in comment(Report(WHERE, Verdict()))


@pytest.mark.parametrize("many", [61, 5000])
def test_a_comment_is_never_too_long(many):
    long = Verdict(found=tuple(Finding("destroys", f"{i}: " + "x" * 400) for i in range(many)))
    text = comment(Report(WHERE, long))
    assert len(text) <= MOST_CHARACTERS + 20
    assert f"and {many - 60} more" in text


def test_one_annotation():
    assert annotation(Finding("destroys", "a: gone"), "e") == (
        "::error file=e/headroom.yaml,line=1,title=headroom destroys::a: gone"
    )


def closed(required=(), **properties):
    """An object of these keys alone: what SARIF 2.1.0 allows of them, and asks for."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


def listed(items, **more):
    return {"type": "array", "items": items} | more


TEXT = {"type": "string", "minLength": 1}
MESSAGE = closed(["text"], text=TEXT)
NUMBER = {"type": "integer", "minimum": 0}
URI = {"type": "string", "pattern": r"^[A-Za-z0-9._~/%!$&'()*+,;=@-]+$"}
RULE = closed(["id"], id=TEXT, shortDescription=MESSAGE)
LOCATION = closed(
    physicalLocation=closed(
        artifactLocation=closed(uri=URI), region=closed(startLine={"type": "integer", "minimum": 1})
    )
)
RESULT = closed(
    ["message"],
    ruleId=TEXT,
    ruleIndex=NUMBER,
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations=listed(LOCATION),
)
DRIVER = closed(["name"], name=TEXT, rules=listed(RULE, uniqueItems=True))
SARIF = closed(
    ["version", "runs"],
    **{"$schema": URI | {"pattern": "^https://"}},
    version={"const": "2.1.0"},
    runs=listed(closed(["tool"], tool=closed(["driver"], driver=DRIVER), results=listed(RESULT))),
)


@pytest.mark.parametrize("report", [report_of(), Report(WHERE, Verdict()), Report("a b/ü", Verdict(found=FOUND))])
def test_sarif_keeps_to_its_schema(report):
    jsonschema.validate(sarif(report), SARIF)
