"""Files ⇄ git objects: read from and write to the object store, with no work tree between.

Place in the line: between ``Checkout`` and git. Nothing is ever checked out, so there are no links to follow,
no filters to run and no submodules to enter; commits are made by plumbing, which knows no hooks.

>>> Author("Headroom", "headroom@localhost").email
'headroom@localhost'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.edge.checkout import names
from controller.edge.checkout.command import Repository
from controller.errors import GitError, GuardError

MOST_FILES = 10_000
MOST_BYTES = 1_048_576
_REGULAR = ("100644", "100755")
_NO_FILE = ("000000", "100644")
_BROKEN = "The throw-away clone is broken; run the command again."


@dataclass(frozen=True, slots=True)
class Author:
    """Who signs the commits."""

    name: str
    email: str


def read_files(repository: Repository, commit: str, prefix: str | None) -> dict[str, str]:
    """Read the files of a directory, or one file, or all: ``{path from the root: text}``, sorted.

    Raises
    ------
    GitError
        If there is a link or a submodule at, above or below ``prefix``, or a text that is not UTF-8, or more
        than 10,000 files, or a file over 1 MiB.
    """
    if prefix is not None:
        _refuse_links_above(repository, commit, prefix)
    only = [] if prefix is None else ["--", prefix]
    listing = repository.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *only, advice=_BROKEN)
    entries: dict[str, str] = {}
    for line in listing.split(b"\0")[:-1]:
        about, _, raw = line.partition(b"\t")
        path = _text(raw, "a file name", prefix or commit)
        mode, _, oid, size = about.decode().split()
        if mode not in _REGULAR:
            raise GitError(f"{path}: is a link or a submodule; Headroom reads regular files only")
        if int(size) > MOST_BYTES:
            raise GitError(f"{path}: has {int(size):,} bytes; Headroom reads at most {MOST_BYTES:,}")
        entries[path] = oid
    if len(entries) > MOST_FILES:
        raise GitError(f"{prefix or commit}: has {len(entries):,} files; at most {MOST_FILES:,} are read")
    return dict(sorted(_contents(repository, entries).items()))


def write_tree(repository: Repository, base: str | None, changes: Mapping[str, str | None]) -> str:
    """Write the tree of ``base`` (None: an empty one) with ``changes`` made; None deletes a file."""
    repository.run("read-tree", *([base] if base else ["--empty"]), advice=_BROKEN)
    lines = []
    for path, text in sorted(changes.items()):
        names.path(path)
        if text is None:
            lines.append(f"0 {'0' * 40}\t{path}")
        else:
            blob = repository.line("hash-object", "-w", "--stdin", text=text.encode(), advice=_BROKEN)
            lines.append(f"100644 {blob}\t{path}")
    listing = "".join(line + "\0" for line in lines).encode()
    repository.run("update-index", "-z", "--index-info", text=listing, advice=_BROKEN)
    return repository.line("write-tree", advice=_BROKEN)


def merge_trees(repository: Repository, ours: str, theirs: str) -> str:
    """Merge two commits file by file into a tree; works without a work tree on every git since 2.29.

    Raises
    ------
    GitError
        If both sides changed the same file.
    """
    base = repository.line("merge-base", ours, theirs, advice="The branches share no history.")
    repository.run("read-tree", "--empty", advice=_BROKEN)
    repository.run("read-tree", "-i", "-m", "--aggressive", base, ours, theirs, advice=_BROKEN)
    unmerged = repository.run("ls-files", "-u", "-z", advice=_BROKEN).split(b"\0")[:-1]
    if unmerged:
        paths = sorted({line.partition(b"\t")[2].decode("utf-8", "replace") for line in unmerged})
        raise GitError(f"conflict: both branches changed {', '.join(paths)}; run `headroom propose` again")
    return repository.line("write-tree", advice=_BROKEN)


def write_commit(
    repository: Repository, tree: str, parents: Sequence[str], message: str, author: Author, when: datetime
) -> str:
    """Write a commit; the same arguments give the same commit, unless the user's git signs commits.

    ``when`` is timezone-aware and becomes the date of author and committer.
    """
    if when.tzinfo is None:
        raise GitError("the moment of a commit needs a time zone; give it in UTC")
    date = f"@{int(when.timestamp())} +0000"
    variables = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", date))
    }
    # Plumbing does not sign by itself: ask the user's git whether their repositories want it.
    wanted = repository.attempt("config", "--type=bool", "--get", "commit.gpgSign").output.strip() == b"true"
    options = [*(["-S"] if wanted else []), *(x for parent in parents for x in ("-p", parent))]
    return (
        repository.run(
            "commit-tree",
            tree,
            *options,
            text=(message.rstrip("\n") + "\n").encode(),
            variables=variables,
            advice="Check repository.author_name and author_email, and how your git signs commits.",
        )
        .decode()
        .strip()
    )


def guard(repository: Repository, base: str, commit: str, within: str) -> None:
    """Hold that a commit changes something, and nothing but regular files below ``within``.

    Raises
    ------
    GuardError
        If it is empty, or touches anything else, or a link, or the mode of a file.
    """
    found = repository.run(
        "diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", base, commit, advice=_BROKEN
    ).split(b"\0")[:-1]
    if not found:
        raise GuardError("the commit would change nothing; no pull request is needed")
    for about, raw in zip(found[::2], found[1::2], strict=True):
        before, after = about.decode().lstrip(":").split()[:2]
        path = raw.decode("utf-8", "replace")
        if not path.startswith(within.rstrip("/") + "/"):
            raise GuardError(f"{path}: lies outside {within}, where Headroom may write")
        if before not in _NO_FILE or after not in _NO_FILE:
            raise GuardError(f"{path}: is a link or no plain file ({before} → {after})")


def _refuse_links_above(repository: Repository, commit: str, prefix: str) -> None:
    parts = names.path(prefix).split("/")
    above = ["/".join(parts[:n]) for n in range(1, len(parts))]
    asked = "".join(f"{commit}:{path}\n" for path in above).encode()
    answers = repository.run("cat-file", "--batch-check=%(objecttype)", text=asked, advice=_BROKEN)
    for path, answer in zip(above, answers.splitlines(), strict=True):
        if not answer.endswith(b"missing") and answer != b"tree":
            raise GitError(f"{path}: is a link or a file, not a directory; Headroom follows no links")


def _contents(repository: Repository, entries: Mapping[str, str]) -> dict[str, str]:
    asked = "".join(f"{oid}\n" for oid in entries.values()).encode()
    answer = repository.run("cat-file", "--batch", text=asked, advice=_BROKEN)
    texts, at = {}, 0
    for path in entries:
        head, _, _ = answer[at:].partition(b"\n")
        start = at + len(head) + 1
        size = int(head.split()[2])
        texts[path] = _text(answer[start : start + size], "a text", path)
        at = start + size + 1
    return texts


def _text(raw: bytes, what: str, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GitError(f"{where}: holds {what} that is not UTF-8; write it in UTF-8") from error
