"""The clone as a record, and what can be done with it: read, commit, push, merge, and files kept on a ref.

Place in the line: ``workflow`` and the local forge hold one; see ``clone`` for how it comes to be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.edge.checkout import history, names, objects
from controller.edge.checkout.command import Repository, redact
from controller.errors import GitError, GuardError

_REACH = "Check the URL of origin, and that you may reach it without being asked for a password."
# What a server says when the ref moved between our look and our push; everything else is a refusal.
_STALE = (
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
    "already exists",
    "fetch first",
    "non-fast-forward",
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A throw-away clone of ``url``. Commits and branches in and out are full ids and full names.

    All methods raise GitError if git or the remote fails, and GitError or GuardError if a name is not
    harmless.
    """

    repository: Repository
    url: str
    base_branch: str
    author: objects.Author

    @property
    def base_commit(self) -> str:
        """Tip of the base branch, as it was cloned or last merged into."""
        return self._tip(self.base_branch)

    def remote_branches(self, prefix: str = names.OWN) -> dict[str, str]:
        """Headroom's own branches on the remote that begin with ``prefix``, and their tips."""
        start = "refs/remotes/origin/"
        listing = self.repository.run(
            "for-each-ref", "--format=%(objectname) %(refname)", f"{start}{names.OWN}", advice=_REACH
        )
        pairs = (line.split(" ", 1) for line in listing.decode().splitlines())
        branches = {ref.removeprefix(start): oid for oid, ref in pairs}
        return {branch: oid for branch, oid in sorted(branches.items()) if branch.startswith(prefix)}

    def read(self, prefix: str) -> dict[str, str]:
        """Read the files below ``prefix`` on the base branch; see :func:`read_at`."""
        return self.read_at(self.base_commit, prefix)

    def read_at(self, commit: str, prefix: str) -> dict[str, str]:
        """Read the files below ``prefix`` in a commit: ``{path from the root: text}``, empty if absent.

        Raises
        ------
        GitError
            If a link or a submodule lies in the way, or a file is too large, or not UTF-8.
        """
        return objects.read_files(self.repository, names.commit(commit), prefix)

    def commit_on(
        self, base: str, changes: Mapping[str, str | None], message: str, when: datetime, within: str
    ) -> str:
        """Commit ``changes`` (path from the root → text; None deletes) on top of ``base``; push nothing.

        ``when``, timezone-aware, is the date of author and committer, so the same arguments give the same
        commit.

        Raises
        ------
        GuardError
            If the commit would change nothing, or anything but plain files below ``within``.
        """
        names.path(within.rstrip("/"))
        if stray := [x for x in changes if not x.startswith(within.rstrip("/") + "/")]:
            raise GuardError(f"{stray[0]}: lies outside {within}, where Headroom may write")
        tree = objects.write_tree(self.repository, names.commit(base), changes)
        commit = objects.write_commit(self.repository, tree, [base], message, self.author, when)
        objects.guard(self.repository, base, commit, within)
        return commit

    def push(self, branch: str, commit: str, expected: str | None) -> None:
        """Set one of Headroom's branches to ``commit``, if it is still at ``expected`` (None: absent).

        Raises
        ------
        GitError
            Beginning with ``stale``, if somebody moved the branch meanwhile.
        """
        names.own_branch(branch)
        if not self._push(f"refs/heads/{branch}", names.commit(commit), expected):
            raise GitError(f"stale: {branch} was moved by someone else; run the command again")
        self._track(branch, commit)

    def delete_branch(self, branch: str, expected: str) -> None:
        """Delete one of Headroom's branches, if it is still at ``expected``; raises as :meth:`push`."""
        names.own_branch(branch)
        if not self._push(f"refs/heads/{branch}", "", names.commit(expected)):
            raise GitError(f"stale: {branch} was moved by someone else and is kept")
        self._track(branch, None)

    def merge(self, commit: str, base_branch: str, message: str, when: datetime) -> str:
        """Merge a commit into the base branch of the remote, never by fast-forward; give the merge commit.

        For the local forge, which has no server to merge for it. Where the base holds the commit already, the
        merge that brought it is given, so a merge that was cut short can be repeated.

        Raises
        ------
        GitError
            On a conflict, or beginning with ``stale`` if the base moved meanwhile.
        """
        if base_branch != self.base_branch:
            raise GitError(f"{base_branch}: this clone was made to merge into {self.base_branch}")
        base = self.base_commit
        if done := history.merged_by(self.repository, commit, base):
            return done
        tree = objects.merge_trees(self.repository, base, commit)
        merged = objects.write_commit(self.repository, tree, [base, commit], message, self.author, when)
        if not self._push(f"refs/heads/{base_branch}", merged, base):
            raise GitError(f"stale: {base_branch} was moved by someone else; run the command again")
        self._track(base_branch, merged)
        return merged

    def load_ref(self, ref: str) -> tuple[str | None, dict[str, str]]:
        """Fetch a ref below ``refs/headroom/``: its commit and files, or None and no files if it is absent.

        Headroom's branches are fetched with it, so that the two belong together.
        """
        self.refresh()
        query = ("for-each-ref", "--format=%(objectname)", names.own_ref(ref))
        commit = self.repository.line(*query, advice=_REACH)
        return (commit, objects.read_files(self.repository, commit, None)) if commit else (None, {})

    def save_ref(
        self, ref: str, files: Mapping[str, str], message: str, expected: str | None, when: datetime
    ) -> str | None:
        """Put files on a ref, beside those at ``expected``; None if it moved meanwhile: load it again."""
        names.own_ref(ref)
        parents = [names.commit(expected)] if expected else []
        tree = objects.write_tree(self.repository, expected, files)
        commit = objects.write_commit(self.repository, tree, parents, message, self.author, when)
        return commit if self._push(ref, commit, expected) else None

    def trailers(self, commit: str) -> dict[str, str]:
        """Trailers of a commit's message."""
        return history.trailers(self.repository, commit)

    def foreign_authors(self, base: str, commit: str, own_email: str, forge_email: str | None = None) -> list[str]:
        """E-mail addresses of others who authored or committed between ``base`` and ``commit``."""
        return history.foreign_authors(self.repository, base, commit, own_email, forge_email)

    def steps(self, base: str, commit: str) -> list[history.Step]:
        """Commits between ``base`` and ``commit``, each with what it changed, the first one first."""
        return history.steps(self.repository, base, commit)

    def tree(self, commit: str) -> str:
        """Tree of a commit."""
        return history.tree(self.repository, commit)

    def people(self, commit: str) -> tuple[str, str]:
        """E-mail addresses of a commit's author and committer."""
        return history.people(self.repository, commit)

    def merged(self, commit: str) -> bool:
        """Whether the base branch holds a commit already."""
        return history.merged_by(self.repository, names.commit(commit), self.base_commit) is not None

    def fork(self, commit: str) -> str | None:
        """Commit of the base branch that a branch was made on, None if they share no history."""
        return history.fork(self.repository, self.base_commit, commit)

    def digests(self, commit: str) -> list[str]:
        """What the commits of a branch ask for, by their trailers."""
        return history.digests(self.repository, self.base_commit, commit)

    def changed_paths(self, base: str, commit: str) -> list[str]:
        """Paths of the files that differ between two commits."""
        return history.changed_paths(self.repository, base, commit)

    def opening_commit(self, path: str) -> str | None:
        """Commit on the base branch that last added the file ``path``, None if there is none."""
        return history.opening_commit(self.repository, self.base_commit, path)

    def writings(self, prefix: str, most: int) -> list[tuple[str, str]]:
        """Commits of the base branch that wrote files below a directory, with the files, the newest first."""
        return history.writings(self.repository, self.base_commit, prefix, most)

    def diff(self, base: str, commit: str) -> str:
        """Difference of two commits, as a patch."""
        return history.patch(self.repository, base, commit)

    def refresh(self, base: bool = False) -> None:
        """Fetch Headroom's own branches and refs anew, and the base branch if asked to."""
        own = f"refs/heads/{names.OWN}*:refs/remotes/origin/{names.OWN}*"
        specs = [f"+{own}", "+refs/headroom/*:refs/headroom/*"]
        if base:
            specs.append(f"+refs/heads/{self.base_branch}:refs/remotes/origin/{self.base_branch}")
        options = ("--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        self.repository.run("fetch", *options, "--", self.url, *specs, advice=_REACH)

    def _tip(self, branch: str) -> str:
        ref = f"refs/remotes/origin/{branch}"
        return self.repository.line("rev-parse", "--verify", ref, advice=_REACH)

    def _track(self, branch: str, commit: str | None) -> None:
        ref = f"refs/remotes/origin/{branch}"
        self.repository.run("update-ref", *([ref, commit] if commit else ["-d", ref]), advice=_REACH)

    def _push(self, ref: str, commit: str, expected: str | None) -> bool:
        """Set a ref of the remote (an empty ``commit`` deletes it); False if it is not at ``expected``."""
        lease = f"--force-with-lease={ref}:{names.commit(expected) if expected else ''}"
        options = ("--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
        result = self.repository.attempt("push", *options, lease, "--", self.url, f"{commit}:{ref}")
        if not result.status:
            return True
        said = f"{result.output.decode('utf-8', 'replace')}\n{result.errors}"
        # Of the line that names our ref only: a hook may say anything, and a server may forbid what is not stale.
        refused = [line for line in said.splitlines() if line.startswith("!")]
        moved = [line for line in refused if any(x in line for x in _STALE)]
        if moved and not any(
            "remote rejected] (non-fast-forward" in line or "hook declined" in line for line in moved
        ):
            return False
        raise GitError(f"git push failed: {redact(said).strip()}\n{_REACH}")
