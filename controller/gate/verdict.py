"""What the gate found: findings that each name their rule, and the file they are about.

Place in the line: every judge of the gate gives a ``Verdict``; ``gate.forms`` prints one.

>>> verdict = Verdict(("1 lease file valid",)) + Verdict(found=(Finding("destroys", "web: destroyed"),))
>>> verdict.passed, verdict.failures
(False, ('web: destroyed',))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# Every rule, with the sentence that a code scanner shows for it.
RULES: Mapping[str, str] = MappingProxyType(
    {
        "outside-leases": "A proposal changes lease files of its environment, and nothing else.",
        "beyond-limits": "Leases stay within the pools and limits of the base branch's headroom.yaml.",
        "expired-lease": "A lease is live when it is added or changed, and released once it has expired.",
        "overlong-lease": "A lease expires within 92 days of its start.",
        "lease-identity": "A lease's id is made from its environment, its pool and its first start.",
        "broken-plan": "A plan that is applied is whole and free of errors and failed conditions.",
        "failed-check": "The checks of the Terraform code hold.",
        "destroys": "A plan that moves counts deletes, replaces and forgets nothing.",
        "no-effect": "The plan moves the counts to what the leases say.",
        "minimum-above-desired": "An EKS node group's minimum is not above its desired size: AWS refuses it.",
        "also-changes": "A plan changes the pools, and nothing beside them.",
        "not-shown": "headroom.yaml says where the plan shows a pool's counts.",
        "not-reviewed": "What is applied was in a reviewed plan.",
        "unreadable": "Settings, lease files and plans can be read.",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, in words; ``path`` is a file below the environment's directory, or from the root.

    ``rooted`` says which: a stray file lies outside of the environment.
    """

    rule: str
    text: str
    path: str | None = None
    level: Literal["failure", "warning"] = "failure"
    rooted: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What held, in words, and what did not; a failure is a reason not to apply."""

    checked: tuple[str, ...] = ()
    found: tuple[Finding, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """Reasons not to apply."""
        return tuple(x.text for x in self.found if x.level == "failure")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, and may pass."""
        return tuple(x.text for x in self.found if x.level == "warning")

    @property
    def passed(self) -> bool:
        """Whether the plan may be applied."""
        return not self.failures

    def __add__(self, other: "Verdict") -> "Verdict":
        """Both verdicts together."""
        return Verdict(self.checked + other.checked, self.found + other.found)
