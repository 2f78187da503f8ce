"""``--dask``: the address of a scheduler, looked at before any work.

Place in the line: under the commands `forecast`, `learn` and `explain`.
"""

from collections.abc import Mapping
from typing import Any

import click

from controller.cli.output import note


class Scheduler(click.ParamType[str]):
    """The address of a Dask scheduler."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Hold that it is one."""
        from forecasting.errors import ForecastingError
        from forecasting.scale import check_scheduler

        try:
            return check_scheduler(str(value))
        except ForecastingError as error:
            self.fail(str(error), param, ctx)


class _InsteadOfJobs(click.Option):
    """An option that says where ``--jobs`` beside it changes nothing."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        found = super().handle_parse_result(ctx, opts, args)
        if {self.name, "jobs"} <= opts.keys():
            note("--jobs is for processes of this machine: with --dask it changes nothing")
        return found


dask_option = click.option(
    "--dask",
    cls=_InsteadOfJobs,
    type=Scheduler(),
    metavar="ADDRESS",
    help="Dask scheduler to share the work over instead, such as tcp://10.0.0.1:8786.",
)
