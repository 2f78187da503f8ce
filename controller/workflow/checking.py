"""``check``: the gate that CI runs over lease files and a Terraform plan.

Place in the line: after the pull request, in the user's CI; it reads a directory and writes nothing.
"""

from datetime import datetime
from pathlib import Path

from controller import planfile
from controller.gate import Verdict, folded_at, judge_ledger, judge_plan
from controller.workflow.place import read_directory


def check(directory: Path, document: planfile.PlanJson | None, now: datetime) -> Verdict:
    """Judge the lease files of a directory and, where there is one, the Terraform plan made from them."""
    config, ledger = read_directory(directory)
    if document is None:
        return judge_ledger(config, ledger, now)
    moment = folded_at(document)
    return judge_ledger(config, ledger, moment) + judge_plan(config, ledger, document, moment)
