"""The plate picture of `docs/model.md`, made from the PyMC model itself: `docs/images/model.svg`.

    python docs/plate.py        # in Headroom's environment, with Graphviz's `dot` on the path

Nodes, distributions, edges and dimensions are read off `forecasting.reference.build_reference`. Two things are
drawn otherwise than PyMC would, and neither changes the model: ``left``, a change of coordinates for NUTS, is part
of ``theta``; and the potential ``history``, a sum over hours and groups, stands for the scores inside that sum.
"""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np

from forecasting.basis import basis_of
from forecasting.reference import Panel, build_reference
from forecasting.sufficient import Frame

with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import pymc as pm

PICTURE = Path(__file__).parent / "images" / "model.svg"

FOLDED = {"left": "theta"}
HISTORY = "history"
PLATES = ("region", "series", "hour")  # each inside the one before: a group is in one region
PLATE_LABELS = {"region": "region q", "series": "group g", "hour": "hour t"}

SYMBOLS = {
    "noise": "s",
    "likeness": "a",
    "between_groups": "τ",
    "shared": "μ",
    "region_mean": "m",
    "variance": "σ²",
    "theta": "θ",
    "history": "z",
}
KINDS = {"theta": "Normal", "history": "Normal, weight w"}
NAMES = {"theta": "theta", "history": "scores, observed"}


def panel() -> Panel:
    """Return a panel without values: two regions of two groups with the features of the component ``ar``."""
    hours, groups, features = 1008, 4, basis_of("ar", 1008).size
    frame = Frame(np.eye(features), np.ones(features), np.zeros(features), np.zeros((groups, features)))
    return Panel(
        scores=np.zeros((hours, groups)),
        weight=np.ones((hours, groups)),
        features=np.zeros((hours, groups, features)),
        region=np.array([0, 0, 1, 1]),
        regions=2,
        frame=frame,
    )


def dot_of(model: pm.Model) -> str:
    """Return the graph of a model in Graphviz's language."""
    inputs = pm.model_graph.ModelGraph(model).make_compute_graph()
    if unknown := set(inputs) - set(SYMBOLS) - set(FOLDED):
        raise SystemExit(f"no symbol for {', '.join(sorted(unknown))}, which the model has; add one")
    edges = sorted(
        {
            (FOLDED.get(parent, parent), FOLDED.get(child, child))
            for child, parents in inputs.items()
            for parent in parents
        }
    )
    dims: dict[str, tuple[str, ...]] = {
        name: tuple(str(dim) for dim in found) for name, found in model.named_vars_to_dims.items()
    } | {HISTORY: ("series", "hour")}
    lines = [
        "digraph {",
        'bgcolor="white"; nodesep=0.35; ranksep=0.45; fontname="Helvetica,Arial,sans-serif"; fontsize=12',
        'node [shape=ellipse, fontname="Helvetica,Arial,sans-serif", fontsize=11, margin="0.06,0.03"]',
        'edge [arrowsize=0.7, color="#555555"]',
    ]
    for depth in range(len(PLATES) + 1):
        if depth:
            plate = PLATES[depth - 1]
            lines.append(f'subgraph cluster_{plate} {{ label="{PLATE_LABELS[plate]}"; labeljust=r; labelloc=b')
            lines.append('style=rounded; color="#888888"')
        for name in SYMBOLS:
            plates = [PLATES.index(dim) for dim in dims.get(name, ()) if dim in PLATES]
            if max(plates, default=-1) + 1 == depth:
                lines.append(_node(model, name, dims.get(name, ())))
    lines += ["}"] * len(PLATES)
    lines += [f"{parent} -> {child}" for parent, child in edges if parent != child]
    return "\n".join([*lines, "}"])


def _node(model: pm.Model, name: str, dims: tuple[str, ...]) -> str:
    kind = KINDS.get(name) or str(model[name].owner.op.name or type(model[name].owner.op).__name__)
    kind = {"lognormal": "LogNormal", "normal": "Normal", "invgamma": "InverseGamma"}.get(kind, kind)
    vector = ", one a feature" if "feature" in dims else ""
    fill = ', style=filled, fillcolor="#dddddd"' if name == HISTORY else ""
    return (
        f'{name} [label=<<font point-size="15">{SYMBOLS[name]}</font><br/>{NAMES.get(name, name)}{vector}'
        f'<br/><font color="#555555">{kind}</font>>{fill}]'
    )


if __name__ == "__main__":
    if shutil.which("dot") is None:
        raise SystemExit("`dot` is not on the path; install Graphviz (https://graphviz.org/download/)")
    subprocess.run(  # noqa: S603
        ["dot", "-Tsvg", "-o", str(PICTURE)],  # noqa: S607
        input=dot_of(build_reference(panel())),
        text=True,
        check=True,
    )
