"""What a forge keeps, whatever its kind, and what people do there; branches are those of a bare repository."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOT = "headroom-bot"


@dataclass
class Said:
    """A comment, or a note that the forge makes itself."""

    number: int
    author: str
    body: str
    when: datetime
    system: bool = False


@dataclass
class Review:
    """A word of a reviewer: ``APPROVED``, ``CHANGES_REQUESTED``, ``COMMENTED`` or ``DISMISSED``."""

    number: int
    author: str
    state: str
    commit: str
    when: datetime


@dataclass
class Pull:
    """A pull request, or with no ``head`` an issue."""

    number: int
    title: str
    body: str | None
    head: str
    base: str
    author: str
    created: datetime
    updated: datetime
    state: str = "open"
    draft: bool = False
    fork: bool = False
    labels: list[str] = field(default_factory=list)
    head_commit: str = "0" * 40
    pushed: datetime = START
    merged_commit: str | None = None
    merged_at: datetime | None = None
    method: str = ""
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    comments: list[Said] = field(default_factory=list)
    auto: str = ""


class ConflictError(Exception):
    """A merge that git cannot do."""


@dataclass
class World:
    """The state of one repository's forge.

    Without ``repository`` the branches are those of ``branches``. Each change is a second after the one before.
    """

    repository: Path | None = None
    branches: dict[str, str] = field(default_factory=dict)
    closes_without_branch: bool = True
    now: datetime = START
    pulls: dict[int, Pull] = field(default_factory=dict)
    issues: dict[int, Pull] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=lambda: {BOT: 1})
    strangers: set[str] = field(default_factory=set)  # whose reviews have no weight
    statuses: dict[str, str] = field(default_factory=dict)
    runs: dict[str, list[tuple[str, str, str | None]]] = field(default_factory=dict)
    allowed: list[str] = field(default_factory=lambda: ["merge", "squash", "rebase"])
    seen: dict[str, str] = field(default_factory=dict)  # branches at the last look
    shared_numbers: bool = True  # GitLab counts issues and merge requests apart

    # What people do.

    def approve(self, number: int, who: str) -> None:
        """Approve the head as it is now."""
        self._review(number, who, "APPROVED")

    def request_changes(self, number: int, who: str) -> None:
        """Object to the head."""
        self._review(number, who, "CHANGES_REQUESTED")

    def dismiss(self, number: int, who: str) -> None:
        """Take back the word of a reviewer."""
        for review in self.pulls[number].reviews:
            if review.author == who:
                review.state = "DISMISSED"

    def comment(self, number: int, who: str, body: str) -> Said:
        """Say something under a pull request."""
        said = Said(self._next_note(), who, body, self.tick())
        self.pulls[number].comments.append(said)
        return said

    def edit(self, number: int, *, title: str | None = None, body: str | None = None) -> None:
        """Change the words of a pull request."""
        pull = self.pulls[number]
        pull.title, pull.body, pull.updated = title or pull.title, pull.body if body is None else body, self.tick()

    def close(self, number: int) -> None:
        """Close a pull request unmerged."""
        self.pulls[number].state, self.pulls[number].updated = "closed", self.tick()

    def reopen(self, number: int) -> None:
        """Open a closed pull request again."""
        self.sync()
        assert self.pulls[number].head in self.tips(), "the branch is gone"
        self.pulls[number].state, self.pulls[number].updated = "open", self.tick()

    def merge(self, number: int, method: str = "merge", who: str = "ada") -> str:
        """Merge a pull request as the forge's button does: ``merge``, ``squash`` or ``rebase``.

        Raises
        ------
        ConflictError
            If git finds one.
        """
        self.sync()
        pull = self.pulls[number]
        assert pull.state == "open", pull.state
        commit = self._merged(pull, method, who)
        pull.state, pull.merged_commit, pull.method = "merged", commit, method
        pull.merged_at = pull.updated = self.tick()
        return commit

    def revert(self, number: int, who: str = "ada") -> Pull:
        """Open the pull request that the forge's revert button opens, from a branch of its own."""
        pull = self.pulls[number]
        assert pull.merged_commit
        parent = ("-m", "1") if pull.method == "merge" else ()
        with tempfile.TemporaryDirectory() as directory:
            here = ("-C", directory)
            self._git("clone", "-q", "-b", pull.base, str(self.repository), directory)
            identity = ("-c", f"user.name={who}", "-c", f"user.email={who}@example.org")
            self._git(*here, *identity, "revert", "--no-edit", *parent, pull.merged_commit)
            self._git(*here, "push", "-q", "origin", f"HEAD:refs/heads/revert-{number}-{pull.head}")
        return self.add(f'Revert "{pull.title}"', "", f"revert-{number}-{pull.head}", pull.base, who)

    def delete_branch(self, branch: str) -> None:
        """Delete a branch, as a person may after a merge."""
        if self.repository:
            self._git("update-ref", "-d", f"refs/heads/{branch}")
        self.branches.pop(branch, None)

    def check(self, commit: str, state: str) -> None:
        """Report a status (``success``, ``pending``, ``failure``) on a commit."""
        self.statuses[commit] = state

    def run(self, commit: str, name: str, status: str, conclusion: str | None) -> None:
        """Report a check run on a commit."""
        self.runs.setdefault(commit, []).append((name, status, conclusion))

    # What the forge does.

    def add(self, title: str, body: str | None, head: str, base: str, author: str, **more: object) -> Pull:
        """Open a pull request."""
        when = self.tick()
        number = self._next_number(self.pulls)
        pull = Pull(number, title, body, head, base, author, when, when, **more)  # type: ignore[arg-type]
        self.pulls[number] = pull
        self.sync()
        return pull

    def add_issue(self, title: str, body: str, author: str) -> Pull:
        """Open an issue."""
        when = self.tick()
        number = self._next_number(self.issues)
        self.issues[number] = Pull(number, title, body, "", "", author, when, when)
        return self.issues[number]

    def tips(self) -> dict[str, str]:
        """Give every branch and its tip."""
        if self.repository is None:
            return self.branches
        listing = self._git("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads")
        return {name: commit for commit, name in (line.split(" ", 1) for line in listing.splitlines())}

    def sync(self) -> dict[str, str]:
        """Let open pull requests see where their branches are."""
        tips = self.seen = self.tips()
        for pull in self.pulls.values():
            if pull.state != "open" or pull.fork:
                continue
            tip = tips.get(pull.head)
            if tip is None:
                if self.closes_without_branch:
                    pull.state = "closed"
            elif tip != pull.head_commit:
                pull.head_commit, pull.pushed = tip, self.tick()
                pull.updated = pull.pushed
        return tips

    def exists(self, branch: str) -> bool:
        """Whether a branch exists, as of the last look."""
        return branch in self.seen

    def ahead(self, base: str, head: str) -> bool:
        """Whether a branch holds a commit that the base lacks."""
        return self.repository is None or self._git("rev-list", "--count", f"{base}..{head}") != "0"

    def conflicts(self, pull: Pull) -> bool:
        """Whether a pull request cannot be merged."""
        if self.repository is None or pull.state != "open" or not {pull.head, pull.base} <= self.seen.keys():
            return False
        command = ["git", "merge-tree", "--write-tree", pull.base, pull.head]
        return subprocess.run(command, cwd=self.repository, capture_output=True, check=False).returncode != 0

    def user(self, name: str) -> int:
        """Number of a user, who is one from then on."""
        return self.users.setdefault(name, len(self.users) + 1)

    def label(self, name: str) -> int:
        """Number of a label, which is one from then on."""
        known = next((x for x in self.labels if x.casefold() == name.casefold()), name)
        return self.labels.setdefault(known, len(self.labels) + 1)

    def tick(self) -> datetime:
        """A second later."""
        self.now += timedelta(seconds=1)
        return self.now

    def _review(self, number: int, who: str, state: str) -> None:
        self.sync()
        pull = self.pulls[number]
        pull.reviews.append(Review(self._next_note(), who, state, pull.head_commit, self.tick()))
        if who in pull.reviewers and self.shared_numbers:
            pull.reviewers.remove(who)
        if state == "APPROVED":
            pull.comments.append(
                Said(self._next_note(), who, "approved this merge request", self.now, system=True)
            )

    def _next_number(self, kept: dict[int, Pull]) -> int:
        taken = [*self.pulls, *self.issues] if self.shared_numbers else list(kept)
        return max(taken, default=0) + 1

    def _next_note(self) -> int:
        kept = self.pulls.values()
        return 1000 + sum(len(x.comments) + len(x.reviews) for x in kept)

    def _merged(self, pull: Pull, method: str, who: str) -> str:
        if self.repository is None:
            commit = f"{pull.number:040x}"
            self.branches[pull.base] = commit
            return commit
        base = self._git("rev-parse", f"refs/heads/{pull.base}")
        head = self._git("rev-parse", f"refs/heads/{pull.head}")
        if method == "rebase":
            commit = self._rebased(base, head)
        else:
            try:
                tree = self._git("merge-tree", "--write-tree", base, head).splitlines()[0]
            except subprocess.CalledProcessError as error:
                raise ConflictError from error
            squash = f"{pull.title} (#{pull.number})"
            words = squash if method == "squash" else f"Merge pull request #{pull.number} from {pull.head}"
            parents = ("-p", base) if method == "squash" else ("-p", base, "-p", head)
            commit = self._git("commit-tree", tree, *parents, "-m", words, **self._people(who))
        self._git("update-ref", f"refs/heads/{pull.base}", commit, base)
        return commit

    def _rebased(self, base: str, head: str) -> str:
        commit = base
        with tempfile.TemporaryDirectory() as directory:
            index = {"GIT_INDEX_FILE": f"{directory}/index"}
            for step in self._git("rev-list", "--reverse", "--no-merges", f"{base}..{head}").splitlines():
                self._git("read-tree", commit, **index)
                patch = self._git("diff-tree", "-p", "--binary", f"{step}^", step)
                self._git("apply", "--cached", "-", text=f"{patch}\n", **index)
                told = self._git("log", "-1", "--format=%an%n%ae%n%B", step)
                name, email, words = told.split("\n", 2)
                author = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email}
                tree = self._git("write-tree", **index)
                commit = self._git("commit-tree", tree, "-p", commit, "-m", words, **self._people("ada") | author)
        return commit

    def _people(self, who: str) -> dict[str, str]:
        day = self.now.isoformat()
        return {
            **{f"GIT_{x}_NAME": who for x in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{x}_EMAIL": f"{who}@example.org" for x in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{x}_DATE": day for x in ("AUTHOR", "COMMITTER")},
        }

    def _git(self, *arguments: str, text: str = "", **variables: str) -> str:
        import os

        done = subprocess.run(
            ["git", *arguments],
            cwd=self.repository,
            check=True,
            capture_output=True,
            text=True,
            input=text,
            env={**os.environ, **variables},
        )
        return done.stdout.strip("\n")


@contextmanager
def at(world: World, when: datetime) -> Iterator[World]:
    """Let a moment be now."""
    world.now = when
    yield world
