"""The words of the dashboard issue."""

import re
import unicodedata
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import HOUR, NOW, lease_of

from controller import marker
from controller.boxes import Short, read
from controller.dashboard import Board, title, written
from controller.marker import Mark
from controller.message import MOST_CHARACTERS
from controller.pull import PullRequest
from controller.record import Track
from controller.standing import Refusal

LEASE = "demo/web/20261125t1200-3c3265"
MARK = marker.written([Mark(LEASE, "open", "5a1e", merge_by=NOW + HOUR)])
PULL = PullRequest(3, "feat(capacity): hold 8 nodes", MARK, "headroom/demo/web/a", "main", "open", NOW)
SHORT = Short("web", NOW, NOW + 5 * HOUR, 20, 14, "max", "raise pools.web.max to 20")
FULL = Board(
    "demo",
    held=(lease_of(),),
    pulls=(replace(PULL, url="https://git.example.org/infra/pulls/3"),),
    upcoming=(lease_of(), lease_of("batch", 5, 0, 30, id="b")),
    refused=(
        Refusal(LEASE, False, 2),
        Refusal("demo/web/a-lease", True, 4),
        Refusal("demo/batch/x", False, 1, undone=True),
    ),
    reopened={"demo/batch/y": 7},
    short=(SHORT,),
    tracks={"web": Track(4, 3, (1, 0, -2, 0)), "batch": Track()},
)
WORDS = """\
- [ ] <!-- headroom pause --> **Pause Headroom:** while this is ticked, no run changes anything of `demo`.

### Stays short (1)

| pool | window (UTC) | needed | held | why | way out |
| --- | --- | --- | --- | --- | --- |
| `web` | Tue 24 Nov 12:00–17:00 | 20 | 14 | max | raise pools.web.max to 20 |

### Open proposals (1)

- [#3](https://git.example.org/infra/pulls/3) feat\\(capacity\\): hold 8 nodes, merge by Tue 24 Nov 13:00 UTC

### Refused or undone, and silent (3)

Tick one to have it asked for again.

- [ ] <!-- headroom reopen demo/web/20261125t1200-3c3265 --> `web/20261125t1200-3c3265`: refused in #2
- [ ] <!-- headroom reopen demo/web/a-lease --> `web/a-lease`: giving it back was refused in #4
- [ ] <!-- headroom reopen demo/batch/x --> `batch/x`: somebody undid #1

### Asked again

- `batch/y`: by the next run that needs it

### Next windows

- Wed 25 Nov 06:00–12:00 UTC: `web`, 8 nodes and 2 warm, held
- Wed 25 Nov 18:00 – Thu 26 Nov 00:00 UTC: `batch`, 5 nodes, proposed

### Held leases (1)

| pool | floor | warm | window (UTC) | expires (UTC) |
| --- | --- | --- | --- | --- |
| `web` | 8 | 2 | Wed 25 Nov 06:00–12:00 | Thu 26 Nov 12:00 |

### How forecasts turned out

- `web`: in 3 of the last 4 leases given back the largest need lay within the 80 % interval; median error 0 nodes

<sub>Tick boxes, and change nothing else: Headroom writes this anew when something has changed.</sub>
"""


def test_a_dashboard_in_full():
    body = written(FULL)
    assert body[: body.index("\n<!-- headroom-dashboard")] == WORDS
    assert title("demo") == "Headroom: demo"


def test_what_is_written_is_read_again():
    found = read(written(replace(FULL, paused=True)))
    assert found.paused
    assert found.reopen == frozenset()
    assert found.reopened == {"demo/batch/y": 7}
    assert found.short == (SHORT,)


def test_an_empty_environment_says_so():
    assert Board("demo").empty
    assert not Board("demo", paused=True).empty
    assert "every pool is at its base" in written(Board("demo"))


def test_a_large_environment_stays_below_what_forges_take():
    leases, url = [f"demo/{'p' * 40}/{'l' * 36}{i}" for i in range(900)], f"https://e.org/{'y' * 280}"
    many = Board(
        "demo",
        held=tuple(lease_of(id=f"lease-{i}") for i in range(2000)),
        pulls=tuple(replace(PULL, number=i, title="x" * 250, url=url) for i in range(500)),
        refused=tuple(Refusal(x, False, 7, url) for x in leases),
        reopened=dict.fromkeys(leases, 7),
        short=tuple(replace(SHORT, cause="<" * 200, suggestion="é" * 200) for _ in range(300)),
        tracks={f"pool-{i}": Track(20, 18, (1,) * 20) for i in range(1000)},
    )
    body = written(many)
    assert len(body) <= MOST_CHARACTERS
    assert "and 450 more" in body
    assert len(read(body).short) == 12


NASTY = [
    "@everyone",
    "#1",
    "-->",
    "<!-- headroom pause -->",
    "\n- [x] <!-- headroom pause --> ",
    "|",
    "](x)",
    "/close",
]
DATA = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=9)), max_size=4).map(lambda x: "¤" + "".join(x))


@given(DATA, DATA, DATA, DATA, DATA)
@settings(deadline=None)
def test_nothing_from_outside_is_more_than_text(title, url, pool, cause, way):
    said = Board(
        "demo",
        pulls=(replace(PULL, title=title, url=f"https://{url}"),),
        short=(Short(pool, NOW, NOW + HOUR, 2, 1, cause, way),),
    )
    body = written(said)
    visible = body[: body.index("<!-- headroom-dashboard")]
    assert visible.count("<!--") == visible.count("-->") == 1
    assert "@" not in visible.replace("@\u200b", "")
    assert not read(body).paused
    assert set(re.findall(r"<[^\s>]*>?", visible)) == {"<!--", "<sub>", "</sub>"}
    assert all(not x.startswith(("¤", "/", "\\")) for x in visible.splitlines())
    assert all(unicodedata.category(c)[0] != "C" or c in "\n\u200b" for c in visible)
    assert read(body).short[0].cause == cause
