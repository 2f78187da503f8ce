"""The shells that commands call: one clone, one look at the forge, pure decisions, and their effects.

Place in the line: between ``cli`` and everything else; see :mod:`controller.workflow.rounds`.
"""

from controller.workflow.board import change as dashboard
from controller.workflow.checking import check
from controller.workflow.place import Workplace, reach, read_directory, read_environment, workplace
from controller.workflow.publish import Outcome
from controller.workflow.rounds import Round, plan, propose, release, run, settled
from controller.workflow.scoring import acted_on, latest

__all__ = [
    "Outcome", "Round", "Workplace", "acted_on", "check", "dashboard", "latest", "plan",
    "propose", "reach", "read_directory",
    "read_environment", "release", "run", "settled", "workplace",
]  # fmt: skip
