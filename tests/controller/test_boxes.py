"""What people tick in the dashboard, and what it remembers."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from worlds import HOUR, NOW

from controller.boxes import Boxes, Short, box, memory, read, steady
from controller.plan import Shortfall

LEASE = "demo/web/20261125t1200-3c3265"
SHORT = Short("web", NOW, NOW + 5 * HOUR, 20, 14, "max", "raise it")


def short_of(starts: int = 0, ends: int = 5, needed: int = 20, granted: int = 14) -> Shortfall:
    return Shortfall(
        "web", NOW + starts * HOUR, NOW + ends * HOUR, needed, granted, 0.93, 4.2, "max", "raise it to that"
    )


def test_ticked_boxes_are_read_and_others_are_not():
    body = f"{box('pause')}Pause\n{box(f'reopen {LEASE}', ticked=True)}again\n"
    assert read(body) == Boxes(reopen=frozenset({LEASE}))
    assert read(body.replace("- [ ]", "- [X]").replace("\n", "\r\n")).paused
    assert read("- [x] Pause") == read("") == read(f"text {box('pause', ticked=True)}") == Boxes()


def test_what_is_remembered_comes_back():
    hidden = memory({LEASE: 3}, [SHORT])
    assert "\n" not in hidden
    assert read(f"words\n{hidden}\n") == Boxes(reopened={LEASE: 3}, short=(SHORT,))


@given(st.text(), st.text())
def test_no_text_ends_the_comment_or_ticks_a_box(cause, suggestion):
    kept = replace(SHORT, cause=f"-->\n{box('pause', ticked=True)}{cause}"[:200], suggestion=suggestion[:200])
    found = read(memory({}, [kept]))
    assert not found.paused
    assert found.short == (kept,)


@given(st.one_of(st.text(), st.text(alphabet='{}[]":,0123456789reopnshtv ')))
def test_a_memory_that_was_edited_remembers_nothing_and_breaks_nothing(text):
    for body in (
        text,
        f"<!-- headroom-dashboard {text} -->",
        f'<!-- headroom-dashboard {{"version": 1, {text}}} -->',
    ):
        assert read(body).short == ()
    assert read(memory({"../../x": 3, LEASE: -1}, [])).reopened == {}


def test_noise_leaves_what_is_short_as_it_was_written():
    assert steady([short_of(needed=21, ends=6)], [SHORT], 1, 2) == (SHORT,)
    assert steady([short_of(needed=24)], [SHORT], 1, 2)[0].needed == 24
    assert steady([short_of(starts=3)], [SHORT], 1, 2)[0].starts == NOW + 3 * HOUR
    assert steady([short_of(granted=13)], [SHORT], 1, 2)[0].granted == 13
    assert steady([], [SHORT], 1, 2) == ()
