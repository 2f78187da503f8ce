"""Usage out of CloudWatch, as moto's server plays it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from botocore.stub import Stubber

from demo import cloud
from forecasting import dims
from forecasting.errors import UsageError
from forecasting.sources import cloudwatch, read
from forecasting.sources.answer import UnreachableError
from forecasting.sources.described import parse

END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=24)
START = (END - timedelta(days=3)).replace(hour=0)
HOURS = int((END - START) / timedelta(hours=1))
USE = 20 + 10 * np.sin(np.arange(HOURS))


@pytest.fixture(scope="module")
def endpoint():
    with cloud.cloud() as address:
        client = cloud.client(address, "cloudwatch")
        for first in range(0, HOURS, 100):
            client.put_metric_data(
                Namespace="Ours",
                MetricData=[
                    {
                        "MetricName": "Load",
                        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": name}],
                        "Timestamp": START + timedelta(hours=hour, minutes=minute),
                        "Value": value + minute / 30,
                    }
                    for name in ("web", "batch")
                    for hour, value in list(enumerate(USE))[first : first + 100]
                    for minute in (0, 30)
                    if not (name == "batch" and hour in {30, 31})
                ],
            )
        yield address


@pytest.fixture
def described(endpoint, tmp_path, monkeypatch):
    for name, value in cloud.CREDENTIALS.items():
        monkeypatch.setenv(name, value)

    def write(address=endpoint, top=""):
        path = tmp_path / "sources.yaml"
        metric = "resource: cpu, region: eu, namespace: Ours, metric: Load, scale: 0.1, capacity: 3.0"
        path.write_text(
            f"history_days: 3\n{top}\nsources:\n  - kind: cloudwatch\n    aws_region: {cloud.REGION}\n"
            f"    endpoint_url: {address}\n    step: 30m\n    timeout_seconds: 5\n    metrics:\n"
            f"      - {{{metric}, group: web, dimensions: {{AutoScalingGroupName: web}}}}\n"
            f"      - {{{metric}, group: batch, dimensions: {{AutoScalingGroupName: batch}}}}\n"
        )
        return path

    return write


def test_metrics_come_back_as_usage_with_gaps_and_marks(described):
    usage = read(described(top="cache: kept"), now=END)
    dims.check_usage(usage, "read")
    web = usage.demand.sel(group="eu/web", resource="cpu").values
    np.testing.assert_allclose(web, 0.1 * (USE + 0.5))
    assert np.isnan(usage.demand.sel(group="eu/batch", resource="cpu").values).nonzero()[0].tolist() == [30, 31]
    marked = usage[dims.CENSORED].sel(group="eu/web", resource="cpu").values
    assert (marked == (0.1 * (USE + 1) >= 0.98 * 3.0)).all()
    assert 0 < marked.sum() < HOURS
    assert read(described(top="cache: kept"), now=END).identical(usage)


def test_without_credentials_or_an_answer_it_is_told_what_to_do(described, endpoint, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(
        UnreachableError, match=r"CloudWatch in [a-z0-9-]+: no answer \(\w+Error\); can it be reached"
    ):
        read(described("http://127.0.0.1:9"), now=END)
    for name in cloud.CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(UsageError, match="there are no credentials; set AWS_PROFILE"):
        read(described(), now=END)


def stubbed(described, *pages):
    # moto gives all at once and whole; what real CloudWatch does to large answers is played by botocore's stubber,
    # which holds requests and answers against the published model of the service.
    settings = parse(described().read_text(), "x").sources[0]
    client = cloudwatch.connect(settings)
    stubber = Stubber(client)
    for page in pages:
        stubber.add_response("get_metric_data", page)
    stubber.activate()
    return settings, client, stubber


def page(values, code="Complete", token=None, messages=()):
    times = [START + timedelta(minutes=30 * place) for place in values]
    found = {
        "Id": "m0",
        "Label": "x",
        "Timestamps": times,
        "Values": [float(x) for x in values],
        "StatusCode": code,
    }
    more = {"NextToken": token} if token else {}
    return {"MetricDataResults": [found], "Messages": [{"Code": "x", "Value": x} for x in messages], **more}


def test_pages_are_put_together(described):
    pages = page([0, 1], "PartialData", "one"), page([2], "PartialData", "two"), page([3], messages=["be\x1bware"])
    settings, client, stubber = stubbed(described, *pages)
    answer = cloudwatch.read(settings, client, START, START + timedelta(hours=2))
    assert (answer.rows["value"] / 0.1).round(6).tolist() == [0, 1, 2, 3]
    assert answer.told == (f"CloudWatch in {cloud.REGION}: be ware",)
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["PartialData", "InternalError", "Forbidden"])
def test_a_part_of_an_answer_is_not_used(code, described):
    settings, client, _ = stubbed(described, page([0], code))
    with pytest.raises(
        UnreachableError, match=rf"only a part of Load came for web \({code}\); nothing of it is used"
    ):
        cloudwatch.read(settings, client, START, START + timedelta(hours=2))


def test_a_refusal_is_told_by_its_code(described):
    settings, client, stubber = stubbed(described)
    stubber.add_client_error("get_metric_data", "AccessDenied", "user arn:secret may not")
    with pytest.raises(UsageError, match=r"it refuses \(AccessDenied\)") as caught:
        cloudwatch.read(settings, client, START, START + timedelta(hours=2))
    assert "arn" not in str(caught.value)
