"""Gitea's and Forgejo's JSON → pull requests, notes and readiness. Pure.

Place in the line: below ``gitea``.

>>> plain("WIP: Hold 8 nodes"), checks({"state": "warning", "total_count": 1})
('Hold 8 nodes', 'passed')
"""

import re
from collections.abc import Iterable

from controller.edge.forge import Checks, PullRequest
from controller.edge.forge.answers import Record, commit, flag, inner, instant, integer, moment, text, texts
from controller.edge.forge.dialect import Note

DRAFT = "WIP: "
_DRAFT = re.compile(r"\s*(?:WIP:|\[WIP\])\s*", re.IGNORECASE)
_WORSE: dict[str, Checks] = {"success": "passed", "warning": "passed", "skipped": "passed", "pending": "pending"}


def pull_request(item: Record) -> PullRequest:
    """Read a pull request; where its branch is deleted, only ``label`` still names it."""
    merged = flag(item, "merged")
    title, head = text(item, "title"), inner(item, "head")
    ref = text(head, "ref")
    draft = flag(item, "draft") or _DRAFT.match(title) is not None
    return PullRequest(
        integer(item, "number"),
        plain(title) if draft else title,
        text(item, "body"),
        text(head, "label") if ref.startswith("refs/pull/") else ref,
        text(inner(item, "base"), "ref"),
        "merged" if merged else "open" if text(item, "state") == "open" else "closed",
        instant(item, "created_at"),
        texts(item, "labels", "name"),
        draft,
        commit(head, "sha"),
        commit(item, "merge_commit_sha") if merged else None,
        moment(item, "merged_at") if merged else None,
        text(item, "html_url"),
    )


def of_this_repository(item: Record) -> bool:
    """Whether the head branch lies in the repository itself, and in no fork."""
    head = inner(item, "head").get("repo_id")
    return head is not None and head == inner(item, "base").get("repo_id")


def plain(title: str) -> str:
    """Take the prefix that makes a draft off a title."""
    return _DRAFT.sub("", title, count=1) if _DRAFT.match(title) else title


def note(item: Record) -> Note:
    """Read a comment (by its id) or an issue (by its number)."""
    return Note(
        integer(item, "number" if "number" in item else "id"),
        text(item, "body"),
        text(item, "title"),
        text(inner(item, "user"), "login"),
        url=text(item, "html_url"),
    )


def reviews(items: Iterable[Record], head: str | None, author: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who approved the commit ``head``, and who asks for changes; the last word of each reviewer counts.

    Only official words do: those of people who may write.
    """
    words: dict[str, tuple[str, bool]] = {}
    for item in sorted(items, key=lambda x: integer(x, "id")):
        state, who = text(item, "state"), text(inner(item, "user"), "login")
        if flag(item, "official") and who and who != author and state in ("APPROVED", "REQUEST_CHANGES"):
            current = commit(item, "commit_id") == head and not flag(item, "stale")
            words[who] = ("" if flag(item, "dismissed") else state, current)
    approved = tuple(sorted(x for x, (state, current) in words.items() if state == "APPROVED" and current))
    return approved, tuple(sorted(x for x, (state, _) in words.items() if state == "REQUEST_CHANGES"))


def checks(status: Record) -> Checks:
    """What the combined status of a commit says."""
    if not status.get("total_count") and not status.get("statuses"):
        return "none"
    return _WORSE.get(text(status, "state"), "failed")
