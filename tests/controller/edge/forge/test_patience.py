import pytest
from forges.fixtures import Clock

from controller.edge.forge.line import Answer, Silence
from controller.edge.forge.patience import asked, later
from controller.edge.forge.refusal import Lost
from controller.errors import ForgeError

FINE = Answer(200, {}, b"[]")
RESET = "1795521640"  # 40 seconds past noon


def persist(answers, clock, repeatable=True, **changes):
    left = list(answers)
    return clock.patience(**changes).persist(lambda: left.pop(0), repeatable=repeatable, what="asking")


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30.0),
        (429, {"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0.0),
        (429, {"retry-after": "soon", "ratelimit-reset": RESET, "ratelimit-remaining": "0"}, 40.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, 40.0),
        (403, {"retry-after": "60", "x-ratelimit-remaining": "4999"}, 60.0),
        (429, {"x-ratelimit-remaining": "17", "x-ratelimit-reset": RESET}, None),
        (502, {}, None),
        (429, {}, None),
    ],
)
def test_the_forge_says_how_long(clock, status, headers, seconds):
    answer = Answer(status, headers, b"")
    assert later(answer)
    assert asked(answer, clock.now) == seconds
    assert persist([answer, FINE], clock) == FINE
    assert clock.slept == [1.0 if seconds is None else seconds + 1.0]


def test_a_secondary_limit_without_a_time_waits_a_minute(clock):
    limited = Answer(
        403, {"x-ratelimit-remaining": "4000"}, b'{"message": "You have exceeded a secondary rate limit"}'
    )
    assert persist([limited, FINE], clock) == FINE
    assert clock.slept == [61.0]


def test_a_403_that_is_no_limit_is_an_answer(clock):
    answer = Answer(403, {"x-ratelimit-remaining": "4000"}, b"no")
    assert persist([answer], clock) == answer


def test_an_hour_is_not_slept_but_told(clock):
    with pytest.raises(ForgeError, match="until 2026-11-24 12:40 UTC"):
        persist([Answer(429, {"retry-after": "2400"}, b"")], clock)
    assert clock.slept == []


def test_waits_double_up_to_a_bound_and_end(clock):
    with pytest.raises(ForgeError, match=r"asking: the forge says 502, 6 times"):
        persist([Answer(502, {}, b"")] * 6, clock)
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0]
    with pytest.raises(ForgeError, match="times"):
        persist([Answer(502, {}, b"")] * 99, clock, attempts=50, total_seconds=100.0)
    assert sum(clock.slept[5:]) <= 100.0


@pytest.mark.parametrize("status", [408, 500, 503, 504, 520, 524])
def test_what_fails_for_a_while_is_tried_again(clock, status):
    assert persist([Answer(status, {}, b""), FINE], clock) == FINE


@pytest.mark.parametrize("status", [400, 404, 422, 501])
def test_what_will_not_change_is_not(clock, status):
    assert persist([Answer(status, {}, b"")], clock).status == status


@pytest.mark.parametrize("answer", [Answer(502, {}, b""), Silence("reset", sent=True)])
def test_what_may_have_been_done_is_not_repeated_blindly(clock, answer):
    with pytest.raises(Lost, match="unknown"):
        persist([answer], clock, repeatable=False)
    assert persist([answer, FINE], clock) == FINE


@pytest.mark.parametrize("answer", [Answer(429, {}, b""), Silence("refused", sent=False)])
def test_what_was_not_done_is_repeated(clock, answer):
    assert persist([answer, FINE], clock, repeatable=False) == FINE


def test_a_vain_try_is_not_repeated(clock):
    with pytest.raises(ForgeError, match="trusts"):
        persist([Silence("SSLError", sent=False, advice="a certificate that this machine trusts?")], clock)
    assert clock.slept == []
