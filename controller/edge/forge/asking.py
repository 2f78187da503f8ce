"""Who is still to be asked for a review, at forges that keep reviewers as GitHub does. Pure.

Place in the line: used by ``github`` and ``gitea``.

>>> item = {"user": {"login": "bot"}, "requested_reviewers": []}
>>> lacking(item, ("sre",), lambda: (), ("Bot", "ada"), ("acme/sre", "acme/db"))
(['ada'], ['db'])
"""

from collections.abc import Callable, Collection, Iterable

from controller.edge.forge.answers import Record, inner, text, texts


def lacking(
    item: Record,
    asked_teams: Collection[str],
    reviews: Callable[[], Iterable[Record]],
    reviewers: Iterable[str],
    teams: Iterable[str],
) -> tuple[list[str], list[str]]:
    """People and teams (by what follows the slash) who were not asked yet; the author and who reviewed are not."""
    done = {
        x.casefold() for x in (*texts(item, "requested_reviewers", "login"), text(inner(item, "user"), "login"))
    }
    people = [x for x in reviewers if x.casefold() not in done]
    if people:  # only then: it is a call of its own
        done |= {text(inner(x, "user"), "login").casefold() for x in reviews()}
        people = [x for x in people if x.casefold() not in done]
    return people, [x for x in (team.rpartition("/")[2] for team in teams) if x not in asked_teams]
