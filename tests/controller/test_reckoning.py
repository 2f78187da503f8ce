"""What became of leases: needed or not, used or not, and what that cost."""

from dataclasses import replace

import pytest
from worlds import HOUR, NOW, config_of, lease_of, usage_of

from controller.page import page
from controller.reckoning import reckon

TEMPLATE = "{{ title }}|{{ picture }}"


def lease_with(held=4, floor=8, **kw):
    lease = lease_of(floor=floor, warm=0, start=0, hours=4, **kw)
    known = {"held": held, "lower80": 5, "median": 7, "upper80": 9, "probability": 0.9}
    return replace(lease, evidence=tuple(sorted(known.items())))


def used(cores):
    return usage_of({"eu/shop": [*[1.0] * 100, *cores], "us/etl": [1.0] * (100 + len(cores))}, NOW - 100 * HOUR)[
        "demand"
    ]


@pytest.mark.parametrize(
    ("cores", "outcome", "most"),
    [
        ([1.0] * 4, "waste", 1),
        ([1.0, 40.0, 1.0, 1.0], "hit", None),
        ([1.0, 400.0, 1.0, 1.0], "short", None),
    ],
)
def test_a_lease_is_judged_by_what_was_used_in_its_window(cores, outcome, most):
    (found,) = reckon([lease_with()], used(cores), config_of(), NOW + 10 * HOUR)
    assert found.outcome == outcome
    assert found.hours == 4
    assert found.foreseen == (5, 7, 9)
    assert most is None or found.most_used == most
    assert found.node_hours == 4 * 4
    assert (found.used_node_hours == 0) == (outcome == "waste")
    price = config_of().pools["web"].price_per_hour
    assert found.cost == pytest.approx(4 * 4 * price)


def test_before_its_end_it_is_open_and_without_usage_unknown():
    early = used([1.0, 1.0])
    assert reckon([lease_with()], early, config_of(), NOW + 2 * HOUR)[0].outcome == "open"
    (late,) = reckon([lease_with()], used([]), config_of(), NOW + 10 * HOUR)
    assert (late.outcome, late.most_used, late.cost) == ("unknown", None, 0)


def test_evidence_written_by_hand_and_pools_that_are_gone_do_no_harm():
    odd = replace(lease_with(), evidence=(("held", "many"), ("probability", "likely")))
    gone = lease_with(pool="gone")
    (found,) = reckon([odd, gone], used([1.0] * 4), config_of(), NOW + 10 * HOUR)
    assert (found.probability, found.foreseen, found.before) == (None, None, config_of().pools["web"].base)


def test_names_on_the_page_are_escaped_and_our_picture_is_not():
    made = page({"a.j2": TEMPLATE}, "a.j2", {"title": "<script>x</script>"}, "<svg></svg>")
    assert made == "&lt;script&gt;x&lt;/script&gt;|<svg></svg>\n"
