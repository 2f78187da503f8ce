from datetime import timedelta

import pytest
from worlds import HOUR, NOW, config_of

from controller.leadtimes import reviewed, taught


def test_only_what_was_merged_after_it_was_opened_counts_and_the_newest_of_it():
    many = [(NOW + i * HOUR, NOW + i * HOUR + timedelta(minutes=i)) for i in range(80)]
    assert reviewed(many) == [float(i) for i in range(30, 80)]
    assert reviewed([(NOW, None), (NOW, NOW - HOUR)]) == []


def test_slow_reviews_make_proposals_earlier():
    config = config_of(decide="{service_level: 0.9}")
    slow = taught(config, [900.0, 1200.0, 700.0, 1500.0, 1000.0, 800.0])
    assert slow.lead_times.review_minutes.median > 200
    assert str(slow.lead_times.review_minutes).endswith(", learnt from 6 merged pull requests")
    assert slow.lead_in("web") > config.lead_in("web")
    assert slow.look_ahead("web") - slow.lead_in("web") == config.look_ahead("web") - config.lead_in("web")
    assert slow.ready_in("web") == config.ready_in("web")


@pytest.mark.parametrize(("learn", "minutes"), [("false", [900.0]), ("true", [])])
def test_nothing_is_learnt_where_it_may_not_or_cannot(learn, minutes):
    config = config_of(lead_times=f"{{review_minutes: 60, learn: {learn}}}")
    assert taught(config, minutes) is config
