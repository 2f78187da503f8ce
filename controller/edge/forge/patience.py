"""When a forge is asked again, and for how long: the one policy for all of them.

Place in the line: between ``wire`` and ``line``. Waits are as long as the forge asks for, else drawn from 0 to a
bound that doubles ("full jitter", M. Brooker, AWS Architecture Blog, 2015), so that many controllers do not come
back at once.

>>> asked(Answer(429, {"retry-after": "7"}, b""), 0.0)
7.0
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from controller.edge.forge.line import Answer, Silence
from controller.edge.forge.refusal import Lost
from controller.errors import ForgeError

_PERMANENT = (501, 505, 511)
_SECONDARY_SECONDS = 60.0  # GitHub: "wait for at least one minute" if it does not say how long


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long, in seconds, a call is tried; the clock and chance are given for tests."""

    attempts: int = 6
    total_seconds: float = 180.0
    first_seconds: float = 1.0
    most_seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random

    def persist(self, send: Callable[[], Answer | Silence], *, repeatable: bool, what: str) -> Answer:
        """Send until there is an answer that is not "later".

        Raises
        ------
        Lost
            If it is unknown whether a call that must not be repeated was carried out.
        ForgeError
            If the forge is not to be had within the limits; the message says until when.
        """
        began = self.clock()
        for attempt in range(self.attempts):
            answer = send()
            now = self.clock()
            if isinstance(answer, Answer) and not later(answer):
                return answer
            if isinstance(answer, Silence) and answer.advice:
                raise ForgeError(f"{what}: {answer.why}; {answer.advice}")
            if not repeatable and carried_out_perhaps(answer):
                raise Lost(f"{what}: no answer ({_words(answer)}); whether it was done is unknown, run it again")
            wanted = asked(answer, now) if isinstance(answer, Answer) else None
            wait = self.backoff(attempt) if wanted is None else wanted + self.chance()
            if now - began + wait > self.total_seconds:
                until = datetime.fromtimestamp(now + wait, UTC)
                raise ForgeError(
                    f"{what}: {_words(answer)}; it asks for patience until {until:%Y-%m-%d %H:%M} UTC. "
                    "Run the command again then"
                    if wanted is not None
                    else f"{what}: {_words(answer)}, {attempt + 1} times; is the forge up, and can it be reached?"
                )
            if attempt + 1 < self.attempts:
                self.sleep(wait)
        raise ForgeError(
            f"{what}: {_words(answer)}, {self.attempts} times; is the forge up, and can it be reached?"
        )

    def backoff(self, attempt: int) -> float:
        """Seconds before the next try, where the forge names none."""
        bound: float = min(self.most_seconds, self.first_seconds * 2**attempt)
        return self.chance() * bound


def later(answer: Answer) -> bool:
    """Whether an answer means: try again later."""
    return answer.status == 429 or _broken(answer) or _limited(answer)


def carried_out_perhaps(answer: Answer | Silence) -> bool:
    """Whether a request without a proper answer may have been carried out all the same."""
    return answer.sent if isinstance(answer, Silence) else _broken(answer)


def asked(answer: Answer, now: float) -> float | None:
    """Seconds that the forge asks to wait for, None where it says nothing.

    ``Retry-After`` in seconds or as an HTTP date, else the moment at which a spent rate limit begins anew.
    """
    if (text := answer.headers.get("retry-after", "").strip()) and (wait := _retry_after(text, now)) is not None:
        return wait
    if not (answer.status == 429 or _limited(answer)):
        return None
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        reset = answer.headers.get(name, "")
        spent = answer.headers.get(name.replace("reset", "remaining"), "0").strip() == "0"
        if spent and reset.strip().isdecimal():
            return max(0.0, float(reset) - now)
    return _SECONDARY_SECONDS if answer.status == 403 else None


def _retry_after(text: str, now: float) -> float | None:
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def _broken(answer: Answer) -> bool:
    """Whether the forge, or what is before it, failed for a while: 408 and most of 5xx."""
    return answer.status == 408 or (500 <= answer.status < 600 and answer.status not in _PERMANENT)


def _limited(answer: Answer) -> bool:
    """Whether a 403 is GitHub's way to say that a rate limit is spent."""
    if answer.status != 403:
        return False
    spent = answer.headers.get("x-ratelimit-remaining", "").strip() == "0"
    return spent or "retry-after" in answer.headers or b"secondary rate limit" in answer.body[:4096].lower()


def _words(answer: Answer | Silence) -> str:
    if isinstance(answer, Silence):
        return answer.why
    return "the rate limit is spent" if answer.status in (403, 429) else f"the forge says {answer.status}"
