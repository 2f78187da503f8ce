"""Profiles that were acted on, kept in a folder for a while: a file each, any of which may be deleted at any time.

Place in the line: after `profile`; `headroom run` keeps them, `headroom score` finds them again.

    keep(profile, Path("profiles"))
    found = shelf(Path("profiles")).find(lease.changed, "3f2a…")
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forecasting.errors import ProfileError
from forecasting.profile import DemandProfile

KEPT_DAYS, MOST = 35, 100
"""For how long, and how many profiles are kept."""

_FORM = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{0,12}\.nc")


@dataclass(frozen=True, slots=True)
class Kept:
    """A profile in a folder: when it was issued, and the digest of its usage."""

    path: Path
    issued: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Profiles of a folder, and what is to be told of files that are none."""

    kept: tuple[Kept, ...]
    told: tuple[str, ...]

    def find(self, moment: datetime, digest: str) -> DemandProfile | None:
        """Return the profile of a usage whose digest begins so; of several the one issued nearest to the moment.

        Raises
        ------
        ProfileError
            If its file is damaged.
        """
        fit = [x for x in self.kept if digest and x.digest.startswith(digest)]
        if not fit:
            return None
        return DemandProfile.load(min(fit, key=lambda x: (abs(x.issued - moment), x.path)).path)


def keep(profile: DemandProfile, folder: Path) -> Path:
    """Write a profile into the folder, and delete what `keep` wrote that is too old, or too much.

    Raises
    ------
    ProfileError
        If it cannot be written there.
    """
    digest = re.sub(r"[^0-9a-f]", "", str(profile.dataset.attrs.get("data_digest", "")))
    path = folder / f"{profile.issued.astimezone(UTC):{_FORM}}-{digest[:12]}.nc"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfileError(f"{folder}: the folder cannot be made: {error.strerror or error}") from error
    profile.save(path)
    named = {x: found[1] for x in folder.iterdir() if (found := _NAME.fullmatch(x.name))}
    oldest = f"{profile.issued.astimezone(UTC) - timedelta(days=KEPT_DAYS):{_FORM}}"
    newest_first = sorted(named, key=lambda x: (named[x], x.name), reverse=True)
    for number, other in enumerate(newest_first):
        if other != path and (named[other] < oldest or number >= MOST):
            with suppress(OSError):  # the next run finds it again
                other.unlink()
    return path


def shelf(folder: Path) -> Shelf:
    """Look into a folder; profiles of any name count, those that cannot be read are told."""
    kept, told = [], []
    for path in sorted(folder.glob("*.nc")):
        try:
            with DemandProfile.stream(path) as found:
                kept.append(Kept(path, found.issued, str(found.dataset.attrs.get("data_digest", ""))))
        except ProfileError as error:
            told.append(f"{error}; it is passed over")
    return Shelf(tuple(kept), tuple(told))
