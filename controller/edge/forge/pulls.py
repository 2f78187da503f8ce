"""Pull requests and issues ⇄ JSON, as the embedded forge keeps them.

Place in the line: below ``local``; pure.

>>> parse_all({}, "refs/headroom/pulls")
({}, {})
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from controller.edge.forge import Issue, PullRequest, State
from controller.errors import ForgeError

_FILE = re.compile(r"([1-9][0-9]{0,8})\.json")
_ISSUE = re.compile(r"issue-([a-z0-9-]{1,80})\.json")
_SEEN = ("head_commit", "url")  # known anew at every look, so not kept


@dataclass(frozen=True, slots=True)
class Kept:
    """A pull request and what was said of it.

    An approval is of one commit, ``approved_commit``; ``comments`` are pairs of key and text; ``when_ready`` says
    that it merges by itself once it is approved.
    """

    pull: PullRequest
    approved_by: str | None = None
    approved_commit: str | None = None
    when_ready: bool = False
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    comments: tuple[tuple[str, str], ...] = ()


Pulls = dict[int, Kept]
Issues = dict[str, Issue]


def dump(kept: Kept) -> str:
    """Write a pull request as canonical JSON: sorted keys, two spaces, final newline."""
    record = asdict(kept)
    pull = record.pop("pull")
    for key in _SEEN:
        del pull[key]
    for key in ("created", "merged_at"):
        pull[key] = pull[key].astimezone(UTC).isoformat() if pull[key] else None
    return _text({**pull, **record})


def dump_issue(issue: Issue) -> str:
    """Write an issue in the same way."""
    return _text({"number": issue.number, "title": issue.title, "body": issue.body})


def issue_file(name: str) -> str:
    """File of an issue; the name must be harmless in a path."""
    file = f"issue-{name}.json"
    if not _ISSUE.fullmatch(file):
        raise ForgeError(f"{name!r} is no name of an issue: 1–80 of a–z, 0–9 and hyphens")
    return file


def parse_all(files: Mapping[str, str], where: str) -> tuple[Pulls, Issues]:
    """Read ``{<number>.json or issue-<name>.json: text}``; ``where`` is named in errors.

    Raises
    ------
    ForgeError
        If a file is neither; the message names it.
    """
    pulls: Pulls = {}
    issues: Issues = {}
    for name, text in files.items():
        try:
            if number := _FILE.fullmatch(name):
                pulls[int(number[1])] = _pull(_record(text), int(number[1]))
            elif issue := _ISSUE.fullmatch(name):
                record = _record(text)
                issues[issue[1]] = Issue(record["number"], *(_string(record, x) for x in ("title", "body")))
            else:
                raise ValueError("its name is not <number>.json")
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise ForgeError(
                f"{where}: {name} is no pull request ({error}); mend it, or put back an older commit"
            ) from error
    return pulls, issues


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, sort_keys=True) + "\n"


def _record(text: str) -> dict[str, Any]:
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError("it must be an object")
    return record


def _pull(record: Mapping[str, Any], number: int) -> Kept:
    if record["number"] != number or record["state"] not in get_args(State):
        raise ValueError(f"number is {record['number']!r}, state is {record['state']!r}")
    created = _moment(record, "created")
    if created is None:
        raise ValueError("created is missing")
    pull = PullRequest(
        number=number,
        **{key: _string(record, key) for key in ("title", "body", "head", "base")},
        state=record["state"],
        created=created,
        labels=_tuple(record, "labels", _is_text),
        draft=record.get("draft", False) is True,
        merged_commit=_optional(record, "merged_commit"),
        merged_at=_moment(record, "merged_at"),  # what an early release wrote does not say it
    )
    return Kept(
        pull,
        _optional(record, "approved_by"),
        _optional(record, "approved_commit"),
        record.get("when_ready", False) is True,
        _tuple(record, "reviewers", _is_text),
        _tuple(record, "assignees", _is_text),
        tuple((key, said) for key, said in _tuple(record, "comments", _is_comment)),
    )


def _string(record: Mapping[str, Any], key: str) -> str:
    if not isinstance(record[key], str):
        raise ValueError(f"{key} is {record[key]!r}")
    return str(record[key])


def _optional(record: Mapping[str, Any], key: str) -> str | None:
    return None if record.get(key) is None else _string(record, key)


def _tuple(record: Mapping[str, Any], key: str, fits: Callable[[Any], bool]) -> tuple[Any, ...]:
    values = record.get(key, [])
    if not isinstance(values, list) or not all(map(fits, values)):
        raise ValueError(f"{key} is {values!r}")
    return tuple(values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_comment(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value))


def _moment(record: Mapping[str, Any], key: str) -> datetime | None:
    text = _optional(record, key)
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{key} has no time zone")
    return moment
