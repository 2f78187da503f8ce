"""What a forge's refusals mean, in words that say what to do.

Place in the line: below ``wire``; the forges tell by the classes whether to look before they try again.

>>> print(explain("GitHub", 404, "", "opening a pull request", "Contents and pull requests, write."))
GitHub says 404 to opening a pull request: it is not there, or the token may not see it; check the project, and \
that the token reaches it. Contents and pull requests, write.
"""

from controller.errors import ForgeError

_MOST = 300
_ADVICE = {
    400: "it does not understand the request; is this the forge's kind and version?",
    401: "the token is wrong, expired or revoked; make a new one and set HEADROOM_TOKEN.",
    403: "the token may not do that; give it the permissions that docs/forges.md lists.",
    404: "it is not there, or the token may not see it; check the project, and that the token reaches it.",
    405: "it cannot be done as things are; look at the pull request.",
    409: "it contradicts how things are by now; run the command again.",
    410: "that part of the repository is switched off (issues, pull requests); switch it on in its settings.",
    422: "it finds the request invalid; does the branch exist, and hold a commit that the base lacks?",
    423: "the repository is locked; unlock it and run the command again.",
    451: "it is not given out for legal reasons.",
}


class Refused(ForgeError):  # noqa: N818 - named for what happened
    """The forge answered, and did not do it."""

    def __init__(self, message: str, status: int, said: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.said = said


class Lost(ForgeError):  # noqa: N818 - named for what happened
    """No answer came to a call that writes: it may have been carried out or not."""


def explain(forge: str, status: int, said: str, what: str, permissions: str) -> str:
    """Say what a status means, what the forge said itself, and what to do."""
    words = " ".join("".join(x if x.isprintable() else " " for x in said).split())[:_MOST]
    advice = _ADVICE.get(status, "try again later; if it goes on, ask who runs the forge.")
    tail = f" {permissions}" if status in (401, 403, 404) and permissions else ""
    return f"{forge} says {status} to {what}{f' ({words})' if words else ''}: {advice}{tail}"
