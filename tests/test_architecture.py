"""Holds the layering that ARCHITECTURE.md promises, by parsing the imports."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Rows in import order: a module imports only from rows above it in its own table.
ROWS = {
    "forecasting": [
        "errors", "lookup", "target", "netcdf", "yamlkeys",
        "settings", "dims", "table", "censoring", "coarseness", "unitjumps", "grid", "usage", "repairs",
        "sources",
        "sessions", "simulate", "eventtable", "eventfile", "icsfile", "places", "events", "basis", "occasions",
        "uplift", "effects", "eventlayer", "occurring", "newcomers", "transform", "shifts", "outages",
        "sufficient", "uncapped", "history", "past", "trust", "model", "nuts", "marginal", "density", "inference",
        "conditionals", "chance", "network", "components", "sequential", "state", "continuing", "stacking",
        "own_weights", "ranks", "calibrate", "roughness", "lasting", "feedback", "mixture", "reference",
        "plausible", "hierarchy", "fitting", "blocks", "scale", "pooling", "representatives",
        "rehearsal", "appraisal", "statefile", "training", "teaching", "learn", "profile", "archive",
        "behaviour", "forecast", "score", "judging", "retrain", "rolling", "naive", "coverage", "scorecard",
        "score_chart", "contestants", "replay", "verdict", "accuracy_chart", "panel", "chart", "belief",
        "attribution", "explain", "explain_chart", "backtest",
    ],
    "controller": [
        "errors", "lease", "delay", "config", "configtext", "leadtimes", "drivers", "plan", "capacity", "need",
        "cover", "dealing", "evidence", "matching", "rises", "outlook", "decide", "outage", "realised",
        "foreseen", "decay", "reckoning", "autonomy", "guardrails", "replay", "render", "pull", "proposal",
        "marker", "standing", "record", "fate", "markdown", "mermaid", "message", "boxes", "dashboard", "page",
        "scaffold", "plandiff", "planfile", "planmoves", "gate", "edge", "workflow", "service", "cli",
        "entry",
    ],
}  # fmt: skip
PURE = {
    "forecasting": {
        "lookup",
        "settings",
        "dims",
        "table",
        "censoring",
        "grid",
        "usage",
        "coarseness",
        "unitjumps",
        "repairs",
        "eventtable",
        "eventfile",
        "icsfile",
        "places",
        "occasions",
        "uplift",
        "events",
        "basis",
        "score",
        "naive",
        "coverage",
        "scorecard",
        "verdict",
        "stacking",
        "own_weights",
        "ranks",
        "calibrate",
        "lasting",
    },
    "controller": set(ROWS["controller"]) - {"edge", "workflow", "service", "cli", "entry"},
}
HOMES = {
    "git": {"controller/edge/checkout", "demo"},
    "python_terraform": {"controller/edge/terraform"},
    "pulumi": {"templates/pulumi"},
    "pulumi_aws": {"templates/pulumi"},
    "jinja2": {"controller/message", "controller/scaffold", "controller/page"},
    "click": {"controller/cli", "demo"},
    "rich": {"controller/cli", "demo"},
    "duckdb": {"forecasting/behaviour"},
    "opendp": {"forecasting/behaviour/noise"},
    "adbc_driver_postgresql": {"forecasting/behaviour/postgresql"},
    "pymc": {"forecasting/behaviour/learning", "forecasting/model", "forecasting/nuts", "forecasting/reference"},
    "pytensor": {
        "forecasting/behaviour/learning",
        "forecasting/model",
        "forecasting/reference",
    },
    "arviz": {"forecasting/nuts", "forecasting/density"},
    "arviz_stats": {"forecasting/density"},
    "distributed": {"forecasting/scale"},
    "jax": {"forecasting/training"},
    "equinox": {"forecasting/training"},
    "optax": {"forecasting/training"},
    "holidays": {"forecasting/places"},
    "matplotlib": {
        "forecasting/chart",
        "forecasting/panel",
        "forecasting/accuracy_chart",
        "forecasting/score_chart",
        "forecasting/explain_chart",
        "controller/cli/frontier_chart",
        "demo",
    },
    "yaml": {
        "controller/configtext",
        "forecasting/behaviour/footprints",
        "forecasting/eventfile",
        "forecasting/sources/described",
        "forecasting/yamlkeys",
    },
    "pydantic": {
        "controller/config",
        "controller/configtext",
        "controller/delay",
        "forecasting/eventfile",
        "forecasting/sources/described",
    },
    "icalendar": {"forecasting/icsfile"},
    "recurring_ical_events": {"forecasting/icsfile"},
    "cronsim": {"controller/config"},
    "github": {"controller/edge/forge/clients", "controller/edge/forge/keyring"},
    "gitlab": {"controller/edge/forge/clients"},
    "requests": {"controller/edge/forge/line", "forecasting/sources/web"},
    "boto3": {"demo", "forecasting/sources/cloudwatch"},
    "botocore": {"demo", "forecasting/sources/cloudwatch"},
    "fsspec": {"forecasting/sources/files"},
    "moto": {"demo"},
}
NO_NAMES = {"utils", "helpers", "common", "base", "manager"}
MODULES = sorted(
    p for folder in ("forecasting", "controller", "demo", "templates") for p in (ROOT / folder).rglob("*.py")
)


def name_of(path: Path) -> str:
    """Module as a path below the root without ending: ``controller/edge/checkout``."""
    return path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__")


def imports(path: Path) -> list[tuple[str, bool]]:
    """Dotted names a module imports, each with whether it is imported inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        id(x) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for x in ast.walk(f)
    }
    typing_only = {
        id(x)
        for f in ast.walk(tree)
        if isinstance(f, ast.If) and isinstance(f.test, ast.Name) and f.test.id == "TYPE_CHECKING"
        for x in ast.walk(f)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inner) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found += [(f"{node.module}.{alias.name}", id(node) in inner) for alias in node.names]
    return found


def row(dotted: str, package: str) -> int | None:
    """Row of a dotted name of a package's own modules, None for anything else."""
    parts = dotted.split(".")
    if parts[0] != package or len(parts) < 2:
        return None
    return ROWS[package].index(parts[1]) if parts[1] in ROWS[package] else None


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_from_rows_above(path):
    package, _, rest = name_of(path).partition("/")
    if package not in ROWS or not rest:
        return
    own = ROWS[package].index(rest.split("/")[0])  # a module in no row fails here: give it a row
    for dotted, _ in imports(path):
        other = row(dotted, package)
        assert other is None or other <= own, f"{name_of(path)} imports {dotted}"
        if other == own:
            assert "/" in rest or path.name == "__init__.py", f"{name_of(path)} imports itself"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_third_party_libraries_stay_in_their_homes(path):
    for dotted, _ in imports(path):
        homes = HOMES.get(dotted.split(".")[0])
        if homes is not None:
            assert any(name_of(path) == h or name_of(path).startswith(f"{h}/") for h in homes), dotted


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_two_packages_meet_only_where_they_should(path):
    module = name_of(path)
    for dotted, inside in imports(path):
        if module.startswith("forecasting"):
            assert not dotted.startswith(("controller", "demo")), dotted
        if module.startswith("controller") and dotted.startswith("forecasting"):
            light = dotted.startswith("forecasting.profile")
            assert light or (inside and module.startswith(("controller/cli", "controller/workflow"))), dotted
        assert module.startswith("demo") or not dotted.startswith("demo"), dotted


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_an_edge_imports_no_other_edge(path):
    module = name_of(path)
    if not module.startswith("controller/edge/"):
        return
    own = module.split("/")[2]
    for dotted, _ in imports(path):
        parts = dotted.split(".")
        if parts[:2] == ["controller", "edge"]:
            assert len(parts) > 2, dotted
            assert parts[2] == own, dotted


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_pure_rooms_touch_nothing(path):
    package, _, rest = name_of(path).partition("/")
    if rest.split("/")[0] not in PURE.get(package, ()):
        return
    for dotted, _ in imports(path):
        assert dotted.split(".")[0] not in {
            "os",
            "pathlib",
            "subprocess",
            "time",
            "random",
            "secrets",
            "socket",
        }, dotted
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\bopen\(|\.now\(|utcnow\(|today\(|np\.random\.|environ\b", source), name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_are_small_and_named(path):
    assert path.stem not in NO_NAMES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 260, "split the room"
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "say what the room is for"
