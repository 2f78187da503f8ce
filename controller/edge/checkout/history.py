r"""Questions to history: who wrote on a branch, which commit opened a lease, what a commit says of itself.

Place in the line: ``workflow`` asks before it writes over a branch, and before it reverts.

>>> parse_trailers("Lease-Id: demo/web/a\nLease-Action: open\n")
{'Lease-Id': 'demo/web/a', 'Lease-Action': 'open'}
"""

from dataclasses import dataclass

from controller.edge.checkout import names, objects
from controller.edge.checkout.command import Repository

_ABSENT = "The commit is not in the clone; run the command again."


@dataclass(frozen=True, slots=True)
class Step:
    """One commit by itself: its message, its tree, and what it changed (path → text; None deletes)."""

    message: str
    tree: str
    files: dict[str, str | None]


def trailers(repository: Repository, commit: str) -> dict[str, str]:
    """Trailers of a commit's message; of a key that occurs twice, the last."""
    output = repository.run("log", "-1", "--format=%(trailers:only,unfold)", names.commit(commit), advice=_ABSENT)
    return parse_trailers(output.decode("utf-8", "replace"))


def parse_trailers(text: str) -> dict[str, str]:
    """Read ``Key: value`` lines."""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def foreign_authors(
    repository: Repository, base: str, commit: str, own_email: str, forge_email: str | None = None
) -> list[str]:
    """E-mail addresses, other than our own, that authored or committed between ``base`` and ``commit``.

    ``forge_email`` is whom a forge names as the committer of what it makes itself: ours where we are the author.
    A merge that says nothing of its own, as the forge's button to update a branch makes, is nobody's edit.
    """
    span = f"{names.commit(base)}..{names.commit(commit)}"
    output = repository.run("log", "--format=%H %P%x00%ae%x00%ce", span, advice=_ABSENT)
    own, forge = own_email.casefold(), (forge_email or own_email).casefold()
    people = set()
    for line in output.decode("utf-8", "replace").splitlines():
        told, author, committer = line.split("\0")
        commits = told.split()
        if len(commits) > 2 and not _says_something(repository, commits[0]):
            continue
        ours = (own, forge) if author.casefold() == own else (own,)
        people |= {x for x, known in ((author, (own,)), (committer, ours)) if x.casefold() not in known}
    return sorted(people)


def steps(repository: Repository, base: str, commit: str) -> list[Step]:
    """Commits between ``base`` and ``commit``, the first one first; each has one parent."""
    listing = repository.run(
        "rev-list", "--reverse", "--parents", f"{names.commit(base)}..{names.commit(commit)}", advice=_ABSENT
    )
    found = []
    for line in listing.decode().splitlines():
        step, parent = line.split()
        message = repository.run("log", "-1", "--encoding=UTF-8", "--format=%B", step, advice=_ABSENT)
        files = {
            path: objects.read_files(repository, step, path).get(path)
            for path in changed_paths(repository, parent, step)
        }
        found.append(Step(message.decode().strip("\n") + "\n", tree(repository, step), files))
    return found


def tree(repository: Repository, commit: str) -> str:
    """Tree of a commit."""
    return repository.line("rev-parse", "--verify", f"{names.commit(commit)}^{{tree}}", advice=_ABSENT)


def people(repository: Repository, commit: str) -> tuple[str, str]:
    """E-mail addresses of a commit's author and committer."""
    output = repository.line("log", "-1", "--format=%ae%x00%ce", names.commit(commit), advice=_ABSENT)
    author, _, committer = output.partition("\0")
    return author, committer


def _says_something(repository: Repository, merge: str) -> bool:
    """Whether a merge has a file that is as on none of its sides."""
    return bool(repository.run("diff-tree", "-r", "--cc", "--no-commit-id", "--name-only", merge, advice=_ABSENT))


def digests(repository: Repository, base: str, commit: str) -> list[str]:
    """What the commits between ``base`` and ``commit`` ask for, by their trailers; empty for one that has none."""
    output = repository.run(
        "log",
        "--no-merges",
        "--format=%(trailers:key=Desired-Digest,valueonly,separator=%x2C)",
        f"{names.commit(base)}..{names.commit(commit)}",
        advice=_ABSENT,
    )
    return output.decode("utf-8", "replace").splitlines()


def fork(repository: Repository, base: str, commit: str) -> str | None:
    """Commit at which a branch left ``base``, None if they share no history."""
    found = repository.attempt("merge-base", names.commit(base), names.commit(commit))
    return found.output.decode().strip() or None if not found.status else None


def changed_paths(repository: Repository, base: str, commit: str) -> list[str]:
    """Paths of the files that differ between two commits."""
    output = repository.run(
        "diff-tree",
        "-r",
        "-z",
        "--name-only",
        "--no-renames",
        names.commit(base),
        names.commit(commit),
        advice=_ABSENT,
    )
    return [x.decode("utf-8", "replace") for x in output.split(b"\0")[:-1]]


def opening_commit(repository: Repository, base: str, path: str) -> str | None:
    """Commit, reachable from ``base``, that last added a file.

    Of a merged branch it is the branch's own commit rather than the merge, so ``git revert`` takes it as it
    is; of a squash or a rebase it is the commit that came out of it.
    """
    output = repository.run(
        "log",
        "-1",
        "--no-renames",
        "--diff-filter=A",
        "--format=%H",
        names.commit(base),
        "--",
        f":(literal){names.path(path)}",
        advice=_ABSENT,
    )
    return output.decode().strip() or None


def writings(repository: Repository, base: str, prefix: str, most: int) -> list[tuple[str, str]]:
    """Commits reachable from ``base`` that wrote files below a directory: pairs (commit, path), the newest first.

    At most so many; what a commit deletes is not among them.
    """
    output = repository.run(
        "log",
        "-z",
        "--full-history",  # else what was merged and given back since is simplified away
        "--no-renames",
        "--no-merges",
        "--diff-filter=AM",
        "--name-only",
        "--format=%x01%H",
        names.commit(base),
        "--",
        f":(literal){names.path(prefix)}",
        advice=_ABSENT,
    )
    found: list[tuple[str, str]] = []
    for part in output.split(b"\x01")[1:]:
        commit, *paths = [x.strip(b"\n").decode("utf-8", "replace") for x in part.split(b"\0")]
        found += [(commit, path) for path in paths if path]
    return found[:most]


def merged_by(repository: Repository, commit: str, base: str) -> str | None:
    """Commit that brought ``commit`` into ``base``, or None where ``base`` does not hold it.

    Where the branch was fast-forwarded, it is ``commit`` itself.
    """
    if repository.attempt("merge-base", "--is-ancestor", names.commit(commit), names.commit(base)).status:
        return None
    output = repository.run("rev-list", "--merges", "--parents", f"{commit}..{base}", advice=_ABSENT)
    for line in output.decode().splitlines():
        merge, _, *others = line.split()
        if commit in others:
            return merge
    return commit


def patch(repository: Repository, base: str, commit: str) -> str:
    """Difference of two commits as a patch, free of the user's own taste in diffs."""
    output = repository.run(
        "diff-tree",
        "-p",
        "--no-renames",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        names.commit(base),
        names.commit(commit),
        advice=_ABSENT,
    )
    return output.decode("utf-8", "replace")
