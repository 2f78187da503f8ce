"""Configuration + ledger + Terraform plan → what CI must know before it applies.

Place in the line: after the pull request, in the user's CI. ``leases`` judges without a plan, ``plans`` with one,
``reviewed`` holds a plan against those that people saw, but for what ``expiry`` explains; ``forms`` prints what
they found.
"""

from controller.gate.expiry import LetGo, let_go
from controller.gate.leases import Touched, judge_change, judge_ledger
from controller.gate.plans import folded_at, judge_plan
from controller.gate.reviewed import beyond, digest, judge_reviewed
from controller.gate.verdict import RULES, Finding, Verdict

__all__ = [
    "RULES",
    "Finding",
    "LetGo",
    "Touched",
    "Verdict",
    "beyond",
    "digest",
    "folded_at",
    "judge_change",
    "judge_ledger",
    "judge_plan",
    "judge_reviewed",
    "let_go",
]
