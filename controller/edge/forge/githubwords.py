"""GitHub's JSON → pull requests, notes and readiness. Pure.

Place in the line: below ``github``.

>>> checks({"state": "pending", "total_count": 0}, [])
'none'
>>> checks({"state": "success", "total_count": 1}, [{"status": "in_progress", "conclusion": None}])
'pending'
"""

from collections.abc import Iterable

from controller.edge.forge import Checks, PullRequest
from controller.edge.forge.answers import Record, commit, flag, inner, instant, integer, moment, text, texts
from controller.edge.forge.dialect import Note

_OF_THE_HOUSE = ("OWNER", "MEMBER", "COLLABORATOR")
_FINE = ("success", "neutral", "skipped")


def pull_request(item: Record) -> PullRequest:
    """Read a pull request."""
    merged = moment(item, "merged_at")
    head = inner(item, "head")
    return PullRequest(
        integer(item, "number"),
        text(item, "title"),
        text(item, "body"),
        text(head, "ref"),
        text(inner(item, "base"), "ref"),
        "merged" if merged else "open" if text(item, "state") == "open" else "closed",
        instant(item, "created_at"),
        texts(item, "labels", "name"),
        flag(item, "draft"),
        commit(head, "sha"),
        commit(item, "merge_commit_sha") if merged else None,
        merged,
        text(item, "html_url"),
    )


def of_this_repository(item: Record) -> bool:
    """Whether the head branch lies in the repository itself, and in no fork (a deleted fork is null)."""
    head = inner(inner(item, "head"), "repo").get("id")
    return head is not None and head == inner(inner(item, "base"), "repo").get("id")


def note(item: Record) -> Note:
    """Read a comment (by its id) or an issue (by its number)."""
    author = inner(item, "user")
    return Note(
        integer(item, "number" if "number" in item else "id"),
        text(item, "body"),
        text(item, "title"),
        text(author, "login"),
        text(author, "type"),
        text(item, "html_url"),
    )


def reviews(items: Iterable[Record], head: str | None, author: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who approved the commit ``head``, and who asks for changes: people of the repository, not strangers.

    The last word of each reviewer counts; a comment is none, a dismissal takes the word back. An approval is of
    one commit, a request for changes stands until it is taken back.
    """
    words: dict[str, tuple[str, str | None]] = {}
    for item in items:
        state, who = text(item, "state").upper(), text(inner(item, "user"), "login")
        known = text(item, "author_association") in _OF_THE_HOUSE
        if who and known and who != author and state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            words[who] = (state, commit(item, "commit_id"))
    approved = tuple(sorted(x for x, (state, at) in words.items() if state == "APPROVED" and at == head))
    return approved, tuple(sorted(x for x, (state, _) in words.items() if state == "CHANGES_REQUESTED"))


def checks(status: Record, runs: Iterable[Record]) -> Checks:
    """Put commit statuses and check runs together; the worst counts."""
    found: set[Checks] = set()
    if status.get("total_count"):
        state = text(status, "state")
        found.add("passed" if state == "success" else "pending" if state == "pending" else "failed")
    for run in runs:
        done = text(run, "status") == "completed"
        found.add(("passed" if text(run, "conclusion") in _FINE else "failed") if done else "pending")
    return worst(found)


def worst(found: set[Checks]) -> Checks:
    """Give the worst of several outcomes."""
    order: tuple[Checks, ...] = ("failed", "pending", "passed")
    return next((x for x in order if x in found), "none")
