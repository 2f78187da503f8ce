"""What may be a URL, a branch, a ref, a commit or a path: everything is checked here before git sees it.

Place in the line: below the rest of ``edge/checkout``. Names come from settings and from data; git reads
options, revisions and remote helpers out of what it is given, so only what is harmless may pass.

>>> own_branch("headroom/demo/web/20261127t0600-1a2b3c")
'headroom/demo/web/20261127t0600-1a2b3c'
"""

import re
import unicodedata

from controller.edge.checkout.command import redact
from controller.errors import GitError, GuardError

OWN = "headroom/"
_PART = r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?"
_OWN_BRANCH = re.compile(rf"headroom(?:/{_PART}){{1,4}}")
_OWN_REF = re.compile(rf"refs/headroom(?:/{_PART}){{1,2}}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,7}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)")
_SCP = re.compile(r"([^/:]+):.+")


def url(text: str) -> str:
    """Pass an ``https``, ``ssh`` or ``file`` URL, ``user@host:path`` or an absolute path; refuse others."""
    shown = redact(text)
    if not text or not text.isprintable() or text.startswith("-") or _HELPER.match(text):
        raise GitError(f"{shown!r} is no URL of a git repository; set origin to an https, ssh or file URL")
    scheme, scp = _SCHEME.fullmatch(text), _SCP.fullmatch(text)
    if scheme and scheme[1].lower() not in ("https", "ssh", "file"):
        raise GitError(f"{shown}: {scheme[1]} is not allowed; use an https, ssh or file URL")
    host = scheme[2] if scheme else scp[1] if scp else ""
    if host.startswith("-") or host.partition("/")[0].rpartition("@")[2].startswith("-"):
        raise GitError(f"{shown}: a host cannot begin with a hyphen")
    if not scheme and not scp and not text.startswith("/"):
        raise GitError(f"{shown}: a path to a repository must be absolute")
    return text


def is_relative_path(text: str) -> bool:
    """Whether a remote is a path below the repository that names it, such as ``../origin.git``."""
    return not (text.startswith(("/", "-")) or _HELPER.match(text) or _SCHEME.match(text) or _SCP.match(text))


def base_branch(name: str) -> str:
    """Pass the name of a branch that people own; Headroom's own are refused."""
    if not _BRANCH.fullmatch(name) or ".." in name or any(x.endswith((".", ".lock")) for x in name.split("/")):
        raise GitError(f"{name!r} is no harmless branch name (letters, digits, . _ / -)")
    if name == "headroom" or name.startswith(OWN):
        raise GitError(f"{name}: branches below {OWN} are Headroom's own and cannot be a base")
    return name


def own_branch(name: str) -> str:
    """Pass the name of a branch that Headroom owns; every other is refused."""
    if not _OWN_BRANCH.fullmatch(name):
        raise GitError(
            f"{name!r} is not Headroom's to write; its branches are {OWN}<env>/<pool>/<lease> in a–z, 0–9, -"
        )
    return name


def own_ref(name: str) -> str:
    """Pass the name of a ref below ``refs/headroom/``."""
    if not _OWN_REF.fullmatch(name):
        raise GitError(f"{name!r} is not Headroom's to write; its refs begin with refs/headroom/")
    return name


def revision(text: str) -> str:
    """Pass what names a commit in the user's own repository: a branch, ``origin/main``, a tag, or a full id."""
    if not _BRANCH.fullmatch(text) or ".." in text or text.endswith(".lock"):
        raise GitError(f"{text!r} names no commit; give a branch such as origin/main, or 40 hexadecimal digits")
    return text


def commit(oid: str) -> str:
    """Pass the full id of an object."""
    if not _COMMIT.fullmatch(oid):
        raise GitError(f"{oid!r} is no commit; give its 40 hexadecimal digits")
    return oid


def path(text: str) -> str:
    """Pass a path below the root of a repository: no way out, none into ``.git``, nothing unprintable."""
    parts = text.split("/")
    wrong = any(x in ("", ".", "..") or x.lower() == ".git" for x in parts)
    if wrong or "\\" in text or any(unicodedata.category(c)[0] == "C" for c in text):
        raise GuardError(f"{text!r} is no path that Headroom may use; nothing was written")
    return text
