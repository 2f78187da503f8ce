"""Commits of the clone → a branch of the forge: pushed as they are, or made once more by the forge itself.

Place in the line: between the commits of ``publish`` and the pull request. Whoever makes them, they were made in
the clone first, with all its guards; what the forge makes must be the same files, or no branch sees it.
"""

from controller.edge.checkout import names
from controller.edge.forge import Commits
from controller.errors import ForgeError, GitError
from controller.workflow.place import FORGE_EMAIL, Workplace


def push(place: Workplace, branch: str, commit: str, expected: str | None) -> str:
    """Set a branch to commits on top of the base, if it is at ``expected`` (None: absent); give its new tip.

    Raises
    ------
    GitError
        Beginning with ``stale``, if somebody moved the branch meanwhile.
    ForgeError
        If the forge commits other files, or as somebody by whom the commits would not be known as our own.
    """
    checkout = place.checkout
    if place.commits is None:
        checkout.push(branch, commit, expected)
        return commit
    names.own_branch(branch)
    tip = _made(place, place.commits, commit)
    place.commits.point(branch, tip, expected)
    checkout.refresh()
    if checkout.remote_branches(branch).get(branch) != tip:
        raise GitError(f"stale: {branch} was moved by someone else; run the command again")
    _same(place, checkout.tree(tip), checkout.tree(commit), checkout.people(tip))
    return tip


def _made(place: Workplace, commits: Commits, commit: str) -> str:
    """Have the forge make each commit between the base and ``commit`` again; give the last."""
    checkout = place.checkout
    tip = checkout.base_commit
    tree = checkout.tree(tip)
    for step in checkout.steps(tip, commit):
        made = commits.commit_files(step.files, step.message, parent=tip, tree=tree)
        _same(place, made.tree, step.tree, made.people)
        tip, tree = made.commit, made.tree
    return tip


def _same(place: Workplace, tree: str, wanted: str, people: tuple[str, str]) -> None:
    """Hold what the forge made against what was made here, before anything is opened for it."""
    if tree != wanted:
        raise ForgeError(
            f"the forge committed other files than Headroom did (tree {tree[:12]}, not {wanted[:12]}); "
            "nothing was opened. Set repository.commits to git, and report it"
        )
    author, committer = people
    own = place.checkout.author.email
    if author.casefold() != own.casefold():
        raise ForgeError(
            f"the forge commits as {author!r}, by which Headroom would not know its own commits; "
            "set repository.author_email to that address"
        )
    if committer.casefold() not in (own.casefold(), FORGE_EMAIL):
        raise ForgeError(
            f"the forge names {committer!r} as the committer, by which Headroom would not know its own commits; "
            "set repository.commits to git"
        )
