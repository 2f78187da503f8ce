"""GitLab's JSON → pull requests, notes and readiness. Pure.

Place in the line: below ``gitlab``.

>>> plain("Draft: Hold 8 nodes"), pipeline({"status": "running"}, "")
('Hold 8 nodes', 'pending')
"""

import re
from collections.abc import Iterable
from datetime import datetime

from controller.edge.forge import Checks, PullRequest, State
from controller.edge.forge.answers import Record, commit, flag, inner, instant, integer, moment, text, texts
from controller.edge.forge.dialect import Note

DRAFT = "Draft: "
_DRAFT = re.compile(r"(?:\s*(?:\[draft\]|\(draft\)|draft:))+\s*", re.IGNORECASE)
_STATES: dict[str, State] = {"opened": "open", "locked": "open", "merged": "merged"}
_DONE: dict[str, Checks] = {"success": "passed", "skipped": "passed", "failed": "failed", "canceled": "failed"}
_COMMAND = re.compile(r"^([ \t]*)/(?=[A-Za-z])", re.MULTILINE)
_ESCAPED = re.compile(r"^([ \t]*)\\/(?=[A-Za-z])", re.MULTILINE)
_APPROVED = "approved this merge request"


def pull_request(item: Record) -> PullRequest:
    """Read a merge request."""
    state = _STATES.get(text(item, "state"), "closed")
    draft = flag(item, "draft") or flag(item, "work_in_progress")
    merged = commit(item, "merge_commit_sha") or commit(item, "squash_commit_sha") or commit(item, "sha")
    return PullRequest(
        integer(item, "iid"),
        plain(text(item, "title")) if draft else text(item, "title"),
        told(item, "description"),
        text(item, "source_branch"),
        text(item, "target_branch"),
        state,
        instant(item, "created_at"),
        texts(item, "labels", "name"),
        draft,
        commit(item, "sha"),
        merged if state == "merged" else None,
        moment(item, "merged_at"),
        text(item, "web_url"),
    )


def of_this_repository(item: Record) -> bool:
    """Whether the source branch lies in the project itself, and in no fork."""
    source = item.get("source_project_id")
    return source is not None and source == item.get("target_project_id")


def plain(title: str) -> str:
    """Take the prefix that makes a draft off a title."""
    return _DRAFT.sub("", title, count=1) if _DRAFT.match(title) else title


def inert(body: str) -> str:
    r"""Escape what GitLab would do: a line that begins with a slash and a word, such as ``/merge``, is a command.

    >>> print(inert("/merge"))
    \/merge
    """
    return _COMMAND.sub(r"\1\\/", body)


def told(item: Record, name: str) -> str:
    """Give a text as it was before :func:`inert`."""
    return _ESCAPED.sub(r"\1/", text(item, name))


def note(item: Record) -> Note:
    """Read a comment."""
    return Note(integer(item, "id"), told(item, "body"), author=text(inner(item, "author"), "username"))


def issue(item: Record) -> Note:
    """Read an issue."""
    author, url = text(inner(item, "author"), "username"), text(item, "web_url")
    return Note(integer(item, "iid"), told(item, "description"), text(item, "title"), author, url=url)


def pipeline(item: Record, mergeable: str) -> Checks:
    """What the pipeline of the head says; a pipeline that is demanded but not there yet is pending."""
    if not item:
        return "pending" if mergeable in ("ci_must_pass", "ci_still_running") else "none"
    return _DONE.get(text(item, "status"), "pending")


def approvers(approvals: Iterable[Record], notes: Iterable[Record], pushed: datetime | None) -> tuple[str, ...]:
    """Who approved since the head was pushed.

    GitLab may keep approvals over a push (a setting of the project), so their moments are compared: where the
    approval does not tell its own, with the moment of the note that GitLab leaves.
    """
    said: dict[str, datetime] = {}
    for item in notes:
        if flag(item, "system") and text(item, "body").startswith(_APPROVED):
            who, when = text(inner(item, "author"), "username"), instant(item, "created_at")
            said[who] = max(when, said.get(who, when))
    found = set()
    for item in approvals:
        who = text(inner(item, "user"), "username")
        at = moment(item, "approved_at") or said.get(who)
        if who and pushed is not None and at is not None and at >= pushed:
            found.add(who)
    return tuple(sorted(found))
