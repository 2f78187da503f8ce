"""Pull request records ⇄ JSON, as the embedded forge keeps them.

Place in the line: below ``local``; pure.

>>> parse_all({}, "refs/headroom/pulls")
{}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import get_args

from controller.edge.forge import PullRequest, State
from controller.errors import ForgeError

Pulls = dict[int, PullRequest]
_FILE = re.compile(r"([1-9][0-9]{0,8})\.json")


def dump(pull: PullRequest) -> str:
    """Write a pull request as canonical JSON: sorted keys, two spaces, final newline."""
    moments = {"created": pull.created, "merged_at": pull.merged_at}
    written = {key: x.astimezone(UTC).isoformat() if x else None for key, x in moments.items()}
    record = {**asdict(pull), **written}
    return json.dumps(record, indent=2, sort_keys=True) + "\n"


def parse_all(files: Mapping[str, str], where: str) -> Pulls:
    """Read ``{<number>.json: text}``; ``where`` is named in errors.

    Raises
    ------
    ForgeError
        If a file is not a pull request of that number; the message names the file.
    """
    pulls = {}
    for name, text in files.items():
        number = _FILE.fullmatch(name)
        try:
            if not number:
                raise ValueError("its name is not <number>.json")
            pulls[int(number[1])] = _parse(json.loads(text), int(number[1]))
        except (ValueError, TypeError) as error:
            raise ForgeError(
                f"{where}: {name} is no pull request ({error}); mend it, or put back an older commit"
            ) from error
    return pulls


def _parse(record: object, number: int) -> PullRequest:
    known = {field.name for field in fields(PullRequest)}
    # What an earlier release wrote does not say when it was merged.
    if not isinstance(record, dict) or set(record) | {"merged_at"} != known:
        raise ValueError(f"it must be an object of {', '.join(sorted(known))}")
    record = {"merged_at": None, **record}
    optional = ("approved_by", "approved_commit", "merged_commit", "merged_at")
    for key in known - {"number", "labels"}:
        if not isinstance(record[key], str) and not (record[key] is None and key in optional):
            raise ValueError(f"{key} is {record[key]!r}")
    labels = record["labels"]
    if not isinstance(labels, list) or not all(isinstance(x, str) for x in labels):
        raise ValueError(f"labels is {labels!r}")
    if record["number"] != number or record["state"] not in get_args(State):
        raise ValueError(f"number is {record['number']!r}, state is {record['state']!r}")
    moments = {key: _moment(key, record[key]) for key in ("created", "merged_at") if record[key] is not None}
    return PullRequest(**{**record, "number": number, "labels": tuple(labels), **moments})


def _moment(key: str, text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{key} has no time zone")
    return moment
