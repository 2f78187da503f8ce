"""Commits and branches by GitHub's Git-Data API: GitHub signs what it makes for an App's or a bot's token.

Place in the line: beside the dialect of ``github``; ``connect`` makes one, and ``workflow`` asks it only where
``repository.commits`` is ``api``.

    made = commits.commit_files({"a.json": "{}"}, "feat: a", parent=base, tree=tree)
    commits.point("headroom/demo/web/a", made.commit, None)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from controller.edge.forge import Made
from controller.edge.forge.answers import Record, commit, inner, text
from controller.edge.forge.patience import Patience
from controller.edge.forge.refusal import Lost, Refused
from controller.edge.forge.wire import Wire
from controller.errors import ForgeError, GitError

_LOOKS = 4


@dataclass(frozen=True, slots=True)
class GitHubCommits:
    """What GitHub commits itself; see :class:`controller.edge.forge.Commits`."""

    wire: Wire
    owner: str
    name: str
    patience: Patience

    def commit_files(self, files: Mapping[str, str | None], message: str, *, parent: str, tree: str) -> Made:
        """Make a tree and a commit, with neither author nor committer: then they are GitHub's to sign."""
        entries = [_entry(path, content) for path, content in sorted(files.items())]
        planted = self._post("trees", {"base_tree": tree, "tree": entries}, "making a tree")
        words = {"message": message, "tree": _id(planted, "a tree"), "parents": [parent]}
        made = self._post("commits", words, "making a commit")
        people = text(inner(made, "author"), "email"), text(inner(made, "committer"), "email")
        return Made(_id(made, "a commit"), commit(inner(made, "tree"), "sha") or "", people)

    def point(self, branch: str, commit: str, expected: str | None) -> None:
        """Set a branch, after a look where it is; GitHub takes no condition, but makes no branch twice."""
        for attempt in range(_LOOKS):
            if attempt or expected is not None:
                there = self._tip(branch)
                if there == commit:  # done before, and the answer was lost
                    return
                if there != expected:
                    raise GitError(f"stale: {branch} was moved by someone else; run the command again")
            try:
                self._set(branch, commit, new=expected is None)
                return
            except Lost:
                pass
            except Refused as error:
                if error.status != 422 or "exist" not in error.said.casefold():
                    raise
            self.patience.sleep(self.patience.backoff(attempt))
        raise ForgeError(f"GitHub does not say whether it has set {branch}; run the command again")

    def _set(self, branch: str, commit: str, *, new: bool) -> None:
        what = f"setting {branch}"
        if new:
            body = {"ref": f"refs/heads/{branch}", "sha": commit}
            self.wire.write("POST", self._at("refs"), body, what=what, repeatable=False)
        else:
            path, force = self._at(f"refs/heads/{quote(branch)}"), {"sha": commit, "force": True}
            self.wire.write("PATCH", path, force, what=what, repeatable=False)

    def _tip(self, branch: str) -> str | None:
        try:
            found = self.wire.get(self._at(f"ref/heads/{quote(branch)}"), what=f"reading where {branch} is")
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return commit(inner(found, "object"), "sha")

    def _post(self, kind: str, body: dict[str, Any], what: str) -> Record:
        """Make an object; one that was made twice and is reached from nowhere is no harm."""
        return self.wire.write("POST", self._at(kind), body, what=what)

    def _at(self, path: str) -> str:
        return f"/repos/{self.owner}/{self.name}/git/{path}"


def _entry(path: str, content: str | None) -> dict[str, str | None]:
    entry: dict[str, str | None] = {"path": path, "mode": "100644", "type": "blob"}
    return entry | ({"sha": None} if content is None else {"content": content})


def _id(of: Record, what: str) -> str:
    found = commit(of, "sha")
    if found is None:
        raise ForgeError(f"GitHub made {what} and does not say which; run the command again")
    return found
