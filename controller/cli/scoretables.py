"""Tables of ``headroom score``: cells as text, for the terminal and for the page.

Place in the line: under ``scoring``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from controller.cli.output import Column, table

if TYPE_CHECKING:
    import pandas as pd

    from controller.reckoning import Reckoned


def rows_of(part: "pd.DataFrame") -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a summary of scores, shares in per cent; PIT is its mean, half where all is well."""
    keys = [x for x in ("scope", "resource", "lead") if x in part]
    shares = [x for x in part.columns if x.startswith("within")]
    heads = [*keys, "hours", "CRPS", "pinball", "bias", "PIT", *(x.removeprefix("within ") for x in shares)]
    rows = [
        [
            *(row[x] if isinstance(row[x], str) else f"{row[x]:.0f}" for x in keys),
            f"{row['hours']:,.0f}",
            *(_percent(row[x]) for x in ("crps", "pinball")),
            _percent(row["bias"], "+"),
            f"{row['pit']:.2f}",
            *(_percent(row[x]) for x in shares),
        ]
        for _, row in part.iterrows()
    ]
    return heads, rows


def lease_rows(reckoned: "Sequence[Reckoned]") -> tuple[list[str], list[list[str]]]:
    """Headings and cells of what became of leases."""
    heads = ["lease", "held", "used", "outcome", "used of it", "cost"]
    rows = [
        [
            f"{x.lease.pool}/{x.lease.id}",
            f"{x.before}→{x.lease.floor}",
            "–" if x.most_used is None else str(x.most_used),
            x.outcome,
            "–" if not x.node_hours else f"{x.used_node_hours / x.node_hours:.0%}",
            f"{x.cost:,.2f}",
        ]
        for x in reckoned
    ]
    return heads, rows


def said(reckoned: "Sequence[Reckoned]", currency: str) -> str:
    """Say how many leases were needed, and how many the forecasts said would be."""
    over = [x for x in reckoned if x.outcome in ("hit", "short", "waste")]
    needed = sum(x.outcome != "waste" for x in over)
    cost = sum(x.cost for x in reckoned)
    promised = [x.probability for x in over if x.probability is not None]
    foreseen = f"; foreseen was {sum(promised) / len(promised):.0%}" if promised else ""
    unknown = not cost and any(x.node_hours for x in reckoned)
    paid = "No price of theirs is known." if unknown else f"They cost {cost:,.2f} {currency}."
    return f"{needed} of {len(over)} leases were needed{foreseen}. {paid}"


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; of one by scope and resource a line for each scope, which fits 80 columns with long names."""
    texts = {"scope", "resource", "lease", "outcome", "lead"}
    if heads[:2] == ["scope", "resource"]:
        told, last = [], ""
        for scope, resource, *rest in rows:
            if scope != last:
                told.append([scope, *[""] * len(rest)])
            told.append([f"  {resource}", *rest])
            last = scope
        heads, rows = ["scope", *heads[2:]], told
    table([Column(x, number=x not in texts) for x in heads], rows)
    click.echo()


def _percent(value: Any, sign: str = "") -> str:
    return "–" if value != value else f"{100 * value:{sign}.1f}"  # noqa: PLR0124 - NaN


def plain_lease(x: "Reckoned") -> dict[str, Any]:
    """What became of a lease, as JSON has it."""
    return {
        "pool": x.lease.pool,
        "id": x.lease.id,
        "starts": x.lease.starts,
        "ends": x.lease.ends,
        "floor": x.lease.floor,
        "warm": x.lease.warm,
        "held_before": x.before,
        "probability": x.probability,
        "foreseen": x.foreseen,
        "most_used": x.most_used,
        "hours": x.hours,
        "node_hours": x.node_hours,
        "used_node_hours": x.used_node_hours,
        "cost": round(x.cost, 2),
        "outcome": x.outcome,
    }
