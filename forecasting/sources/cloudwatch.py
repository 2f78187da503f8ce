"""Usage from CloudWatch: GetMetricData, paged.

Place in the line: an edge before `usage`; `cache` asks it for the hours that it does not have. It needs the extra
``cloudwatch`` (boto3), whose way of finding credentials holds.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from forecasting.censoring import CAPACITY, CENSORED
from forecasting.errors import UsageError
from forecasting.sources.answer import Answer, UnreachableError, plain, rows_of
from forecasting.sources.described import Cloudwatch

QUERIES_A_CALL = 500
"""Most queries of one GetMetricData."""

MOST_PAGES = 10_000


def connect(settings: Cloudwatch) -> Any:
    """Give a boto3 client, which tries again by itself.

    Raises
    ------
    UsageError
        If boto3 is not installed.
    """
    try:
        import boto3  # noqa: PLC0415 - an extra
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        said = "a source of kind cloudwatch needs boto3: `pip install '.[cloudwatch]'` in a checkout of Headroom"
        raise UsageError(said) from error
    limits = Config(
        connect_timeout=settings.timeout_seconds,
        read_timeout=settings.timeout_seconds,
        retries={"mode": "standard", "max_attempts": 5},
    )
    return boto3.Session().client(
        "cloudwatch", region_name=settings.aws_region, endpoint_url=settings.endpoint_url, config=limits
    )


def read(settings: Cloudwatch, client: Any, start: datetime, end: datetime) -> Answer:
    """Read the rows of ``[start, end)``; CloudWatch stamps values with the start of their period, as rows are.

    Raises
    ------
    UnreachableError
        If it does not answer, or gives a part of the answer.
    UsageError
        If it refuses.
    """
    import botocore.exceptions as refused  # noqa: PLC0415 - an extra

    parts: list[dict[str, Any]] = []
    told: dict[str, None] = {}
    where = f"CloudWatch in {settings.aws_region}"
    try:
        for first in range(0, len(settings.metrics), QUERIES_A_CALL):
            found, said = _batch(
                settings, client, range(first, len(settings.metrics))[:QUERIES_A_CALL], start, end
            )
            parts += found
            told |= dict.fromkeys(said)
    except refused.ClientError as error:
        raise UsageError(f"{where}: it refuses ({plain(error.response['Error'].get('Code', error))})") from None
    except refused.NoCredentialsError:
        raise UsageError(
            f"{where}: there are no credentials; set AWS_PROFILE, or give the machine a role"
        ) from None
    except (refused.BotoCoreError, OSError) as error:
        raise UnreachableError(
            f"{where}: no answer ({type(error).__name__}); can it be reached from here?"
        ) from None
    return Answer(rows_of(parts), tuple(told))


def _batch(
    settings: Cloudwatch, client: Any, places: range, start: datetime, end: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    queries = [_query(settings, place) for place in places]
    points: dict[int, tuple[list[datetime], list[float]]] = {place: ([], []) for place in places}
    state: dict[int, str] = {}
    told = []
    for page in _pages(
        client, MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    ):
        told += [f"CloudWatch in {settings.aws_region}: {plain(x.get('Value'))}" for x in page.get("Messages", [])]
        for result in page["MetricDataResults"]:
            place = int(result["Id"][1:])
            points[place][0].extend(result["Timestamps"])
            points[place][1].extend(result["Values"])
            state[place] = result.get("StatusCode", "Complete")
    if broken := [place for place, code in state.items() if code != "Complete"]:
        metric = settings.metrics[broken[0]]
        raise UnreachableError(
            f"CloudWatch in {settings.aws_region}: only a part of {metric.metric} came for {metric.group} "
            f"({plain(state[broken[0]])}); nothing of it is used"
        )
    parts = []
    for place, (at, values) in points.items():
        metric = settings.metrics[place]
        parts.append(
            {
                "timestamp": pd.to_datetime(pd.Series(at, dtype="object"), utc=True),
                "region": metric.region,
                "group": metric.group,
                "resource": metric.resource,
                "value": np.array(values, dtype=np.float64) * metric.scale,
                CAPACITY: np.nan if metric.capacity is None else metric.capacity,
                CENSORED: False,
            }
        )
    return parts, told


def _pages(client: Any, **request: Any) -> Iterator[dict[str, Any]]:
    for _ in range(MOST_PAGES):
        page = client.get_metric_data(**request)
        yield page
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]
    raise UsageError(f"CloudWatch gives more than {MOST_PAGES:,} pages; ask for fewer metrics, or a larger step")


def _query(settings: Cloudwatch, place: int) -> dict[str, Any]:
    metric = settings.metrics[place]
    return {
        "Id": f"m{place}",
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.metric,
                "Dimensions": [{"Name": k, "Value": v} for k, v in sorted(metric.dimensions.items())],
            },
            "Period": settings.step,
            "Stat": metric.stat,
        },
        "ReturnData": True,
    }
