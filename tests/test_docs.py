"""The docs say what the code has."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from controller import config
from controller.cli import main
from controller.delay import Delay
from forecasting.sources import described

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
MODELS = (
    config.Config,
    config.Repository,
    config.Proposals,
    config.AutoMerge,
    config.Decide,
    config.LeadTimes,
    config.Decay,
    config.Pool,
    config.PlanAddress,
    config.Limits,
    config.Quota,
    config.Freeze,
    config.Preference,
    config.Region,
    Delay,
)

SOURCES = (
    described.Sources,
    described.Prometheus,
    described.Query,
    described.Cloudwatch,
    described.Metric,
    described.Files,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_setting_is_described_in_the_manual_and_in_the_schema(model):
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for name, field in model.model_fields.items():
        assert (
            f"`{name}`" in manual
            or f"{name}`**" in manual
            or f"`{name}.<name>`" in manual
            or f".{name}`" in manual
        ), name
        nested = isinstance(field.default, BaseModel) or name in {"pools", "currency"}
        assert field.description or nested, name


@pytest.mark.parametrize("model", SOURCES, ids=lambda m: m.__name__)
def test_every_setting_of_sources_is_described(model):
    manual = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for name in model.model_fields:
        assert re.search(rf"`([a-z_.<>]+\.)?{name}`|^ *-? *{name}:", manual, flags=re.MULTILINE), name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_the_docs_exist(page):
    known = set(main.commands)
    for used in re.findall(r"^\s*headroom ([a-z]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert used in known, f"{page.name}: headroom {used}"
