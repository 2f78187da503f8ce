"""Sessions in, groups out: consent, bad rows, k-anonymity and features, by a real DuckDB on real files."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from forecasting.behaviour.ingest import Rules, ingest
from forecasting.behaviour.noise import Budget
from forecasting.behaviour.pseudonyms import PseudonymKey
from forecasting.errors import ForecastingError, UsageError
from forecasting.usage import from_table

NOW = datetime(2026, 10, 9, tzinfo=UTC)
START = datetime(2026, 10, 1, tzinfo=UTC)
KEY = PseudonymKey(bytes(range(32)))
RULES = Rules(k=3, memory_gib=0.5)


def sessions(people=6, hours=96, **columns):
    """One session of half an hour per person and hour, all of one team, with consent."""
    rows = [
        {"user": f"user-{i}", "tenant": "acme", "team": "web", "application": "shop", "region": "eu",
         "started": START + timedelta(hours=h, minutes=10), "ended": START + timedelta(hours=h, minutes=40),
         "bytes_read": 1_000_000, "bytes_written": 0, "consent": True}
        for h in range(hours) for i in range(people)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def run(tmp_path, frame, consent=None, rules=RULES, name="events.parquet", now=NOW):
    path = tmp_path / name
    if name.endswith(".csv"):
        frame.to_csv(path, index=False)
    elif name.endswith(".jsonl"):
        frame.to_json(path, orient="records", lines=True, date_format="iso")
    else:
        frame.to_parquet(path, index=False)
    if consent is not None:
        consent.to_csv(tmp_path / "consent.csv", index=False)
    return ingest(path, None if consent is None else tmp_path / "consent.csv", KEY, now, rules)


def value(result, resource, hour=0, group="acme/web"):
    table = result.table
    at = pd.Timestamp(START) + pd.Timedelta(hours=hour)
    found = table[(table["resource"] == resource) & (table["timestamp"] == at) & (table["group"] == group)][
        "value"
    ]
    return float(found.iloc[0]) if len(found) else None


@pytest.mark.parametrize("name", ["events.parquet", "events.csv", "events.jsonl"])
def test_activity_is_what_the_sessions_say_in_every_form(tmp_path, name):
    result = run(tmp_path, sessions(), name=name)
    assert value(result, "active_users") == 6
    assert value(result, "sessions") == 3.0
    assert value(result, "sessions:shop") == 3.0
    assert value(result, "data") == pytest.approx(6e6 * 8 / 3600 / 1e6)
    assert (result.features["mean_session_minutes"] == 30).all()
    assert (result.features["regional_share"] == 1).all()
    assert from_table(result.table).sizes["time"] == 96


def test_a_session_over_hours_and_over_the_end_of_a_month_counts_in_each_hour_by_its_overlap(tmp_path):
    first = datetime(2026, 9, 30, 22, 30, tzinfo=UTC)
    frame = sessions(hours=1).assign(started=first, ended=first + timedelta(hours=3))
    result = run(tmp_path, pd.concat([frame, sessions()]))
    at = [value(result, "sessions", h) for h in (-2, -1, 0, 1)]
    assert at == [3.0, 6.0, 9.0, 6.0]
    assert value(result, "active_users", 0) == 6  # one person once, on both sides of the period's border
    assert value(result, "active_users", 1) == 6


WITHHELD = {
    "false": {"consent": "false"},
    "missing": {"consent": None},
    "unknown": {"consent": "maybe"},
    "withdrawn": {"consent": "withdrawn"},
    "purpose": {"consent_purpose": "marketing"},
    "expired": {"consent_expires": "2026-09-01T00:00:00Z"},
    "expiry unreadable": {"consent_expires": "soon"},
}


@pytest.mark.parametrize("how", WITHHELD)
@pytest.mark.parametrize("others", [1, 3])
def test_aggregates_with_and_without_a_person_who_withholds_are_the_same_byte_for_byte(tmp_path, how, others):
    kept = sessions().assign(consent="true", consent_purpose="capacity", consent_expires="2027-01-01T00:00:00Z")
    mine = sessions(people=others, hours=120).assign(
        user="nobody-" + sessions(people=others, hours=120)["user"], team="new", application="odd", consent="true",
        consent_purpose="capacity", consent_expires="2027-01-01T00:00:00Z", bytes_read=7,
    ).assign(**WITHHELD[how])  # fmt: skip
    without, both = tmp_path / "without.parquet", tmp_path / "with.parquet"
    first, second = run(tmp_path, kept), run(tmp_path, pd.concat([mine, kept]))
    first.table.to_parquet(without)
    second.table.to_parquet(both)
    assert without.read_bytes() == both.read_bytes()
    pd.testing.assert_frame_equal(first.features, second.features, check_exact=True)
    assert second.intake.rows == first.intake.rows + len(mine)
    assert sum(second.intake.without_consent.values()) == len(mine)


def test_one_withdrawn_row_takes_all_rows_of_the_person(tmp_path):
    frame = sessions().astype({"consent": str})
    frame.loc[len(frame) - 1, "consent"] = "withdrawn"
    result = run(tmp_path, frame)
    assert result.intake.without_consent == {"withdrawn": 96}
    assert value(result, "active_users") == 5


def consents(people=6, **columns):
    given = {"purpose": "capacity", "granted_at": "2026-01-01T00:00:00Z", "expires_at": None, "withdrawn_at": None}
    return pd.DataFrame([{"user": f"user-{i}", **given} for i in range(people)]).astype(object).assign(**columns)


def test_the_consent_file_decides_beside_the_rows(tmp_path):
    file = consents()
    file.loc[0, "withdrawn_at"] = "2026-10-08T00:00:00Z"  # later than the rows
    file.loc[1, "expires_at"] = "2026-10-02T00:00:00Z"
    file.loc[2, "granted_at"] = "2026-10-02T00:00:00Z"
    result = run(tmp_path, sessions(people=7).drop(columns="consent"), file)
    assert result.intake.without_consent == {"missing": 96, "withdrawn": 96, "expired": 72, "not_yet": 24}
    assert value(result, "active_users", 0) == 4
    refused = sessions().assign(consent=lambda x: x["user"] != "user-5")
    assert run(tmp_path, refused, consents()).intake.without_consent == {"refused": 96}


def test_between_two_grants_there_is_no_consent_and_where_they_overlap_there_is(tmp_path):
    days = [START + timedelta(days=x) for x in range(5)]
    first = consents().assign(granted_at=days[0].isoformat(), expires_at=days[1].isoformat())
    second = consents().assign(granted_at=days[2].isoformat(), expires_at=days[4].isoformat())
    inner = consents().assign(
        granted_at=(days[2] + timedelta(hours=2)).isoformat(), expires_at=days[3].isoformat()
    )
    other = consents(purpose="billing").assign(granted_at=days[0].isoformat())
    file = pd.concat([second, other, first, inner])
    result = run(tmp_path, sessions(people=6).drop(columns="consent"), file)
    assert result.intake.without_consent == {"expired": 6 * 24}
    assert value(result, "active_users", 23) == 6
    assert value(result, "active_users", 30) in (None, 0)
    assert value(result, "active_users", 80) == 6


def test_other_purposes_in_the_consent_file_are_no_consent(tmp_path):
    with pytest.raises(UsageError, match="0 of 576 rows may be used"):
        run(tmp_path, sessions(), consents(purpose="billing"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: x.drop(columns="withdrawn_at"),
        lambda x: x.assign(withdrawn_at="yesterday"),
        lambda x: x.assign(granted_at=None),
        lambda x: x.assign(user=None),
    ],
)
def test_a_consent_file_with_anything_odd_means_that_nothing_is_used(tmp_path, spoil):
    with pytest.raises(UsageError, match="nothing is used"):
        run(tmp_path, sessions(), spoil(consents()))


def test_a_consent_file_that_is_not_there_or_is_no_file_means_that_nothing_is_used(tmp_path):
    sessions().to_parquet(tmp_path / "events.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    for name in ("absent.csv", "broken.parquet"):
        with pytest.raises(ForecastingError, match="consent"):
            ingest(tmp_path / "events.parquet", tmp_path / name, KEY, NOW, RULES)


def test_events_that_say_nothing_of_consent_are_refused(tmp_path):
    with pytest.raises(UsageError, match="nobody has agreed"):
        run(tmp_path, sessions().drop(columns="consent"))


def test_bad_rows_are_counted_by_reason_and_change_nothing(tmp_path):
    clean = sessions().astype({"started": str, "ended": str})
    one = clean.iloc[:1]
    bad = pd.concat([
        one.assign(ended="2026-09-30T00:00:00Z"), one.assign(started="soon"), one.assign(ended=None),
        one.assign(started="2026-11-01T00:00:00Z", ended="2026-11-01T01:00:00Z"), one.assign(tenant=" "),
        one.assign(region="eu/west"), one.assign(team="a\x1b[2Jb"), one.assign(region="52.52, 13.40"),
        one.assign(bytes_read=-1),
    ])  # fmt: skip
    result = run(tmp_path, pd.concat([bad, clean]))
    assert result.intake.bad == {"time": 2, "backwards": 1, "ahead": 1, "bytes": 1, "unnamed": 1, "name": 2,
                                 "location": 1}  # fmt: skip
    pd.testing.assert_frame_equal(result.table, run(tmp_path, clean).table)


def test_exact_repeats_count_once(tmp_path):
    result = run(tmp_path, pd.concat([sessions()] * 2))
    assert (result.hours.sessions, result.hours.duplicates) == (576, 576)
    assert value(result, "sessions") == 3.0


def test_sessions_of_days_are_cut_and_open_ones_end_now(tmp_path):
    frame = sessions(hours=1).assign(ended=START + timedelta(days=5))
    result = run(tmp_path, pd.concat([frame, sessions()]))
    assert result.intake.cut_sessions == 6
    assert value(result, "sessions", 11) == 9.0
    assert value(result, "sessions", 13) == 3.0
    now = START + timedelta(hours=90, minutes=20)
    late = run(tmp_path, sessions(hours=91), now=now)
    assert late.intake.cut_at_now == 6
    assert late.table["timestamp"].max() == pd.Timestamp(START) + pd.Timedelta(hours=89)


def test_times_of_several_zones_are_one_instant(tmp_path):
    frame = sessions()
    texts = {"started": frame["started"].astype(str), "ended": frame["ended"].astype(str)}
    plus_two = {
        x: frame[x].dt.tz_convert("Etc/GMT-2").astype(str).where(frame.index % 2 == 0, texts[x]) for x in texts
    }
    naive = frame["started"].dt.tz_localize(None).astype(str)
    assert value(run(tmp_path, frame.assign(**plus_two)), "sessions") == 3.0
    result = run(tmp_path, frame.assign(**texts).assign(started=naive))
    assert result.intake.naive_times == 576
    assert value(result, "sessions") == 3.0


def test_missing_columns_empty_files_and_numbers_as_times_are_errors_in_words(tmp_path):
    with pytest.raises(UsageError, match="column region is missing"):
        run(tmp_path, sessions().drop(columns="region"))
    with pytest.raises(UsageError, match="holds numbers"):
        run(tmp_path, sessions(started=1_790_000_000))
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UsageError, match="is empty"):
        ingest(tmp_path / "empty.csv", None, KEY, NOW, RULES)
    with pytest.raises(UsageError, match="there are no rows"):
        run(tmp_path, sessions().iloc[:0])


def test_small_teams_are_merged_upwards_and_what_stays_small_is_not_shown(tmp_path):
    small = [sessions(people=2, team=f"t{i}").assign(user=lambda x, i=i: f"{i}" + x["user"]) for i in range(2)]
    alone = sessions(people=2, tenant="solo").assign(user=lambda x: "s" + x["user"])
    far = sessions(people=2, region="mars")
    result = run(tmp_path, pd.concat([sessions(), *small, alone, far]))
    groups = set(result.table["region"] + "/" + result.table["group"])
    assert groups == {
        "eu/acme/web",
        "eu/acme/other",
    }  # solo has 2 people: not in acme's group, and 2 in the region's
    assert value(result, "active_users", group="acme/other") == 4
    assert result.merging.suppressed_sessions == 4 * 96
    assert result.merging.suppressed_regions == 1


def test_one_person_in_two_groups_counts_in_each_and_once_where_they_merge(tmp_path):
    twice = pd.concat([sessions(people=2, team="a"), sessions(people=2, team="b")])
    with pytest.raises(UsageError, match="no group has 3 people"):
        run(tmp_path, twice)  # two people, in two teams: two people
    big = run(tmp_path, pd.concat([sessions(team="a"), sessions(team="b")]))
    assert value(big, "active_users", group="acme/a") == value(big, "active_users", group="acme/b") == 6


def test_hours_of_fewer_than_k_are_left_out_and_hours_of_nobody_are_zero(tmp_path):
    frame = sessions()
    hour = (frame["started"] - pd.Timestamp(START)).dt.total_seconds() // 3600
    frame = frame[(hour != 5) & ((hour != 7) | frame["user"].isin(["user-0", "user-1"]))]
    result = run(tmp_path, frame)
    assert value(result, "active_users", 5) == value(result, "sessions:shop", 5) == 0
    assert all(value(result, x, 7) is None for x in ("active_users", "sessions", "sessions:shop", "data"))
    assert result.hours.suppressed == 1


def test_an_application_of_few_cannot_be_had_as_the_difference_of_the_others(tmp_path):
    rare = sessions(people=2, application="secret")
    result = run(tmp_path, pd.concat([sessions(people=8), rare]))
    resources = set(result.table["resource"])
    assert "sessions:secret" not in resources
    # Two people alone in `other` would be the total less the shop: so all of it is in `other`.
    assert value(result, "sessions:shop") is None
    assert value(result, "sessions:other") == value(result, "sessions") == 5.0


def test_no_published_number_of_users_lies_between_one_and_k(tmp_path):
    rng = np.random.default_rng(3)
    frame = sessions(people=40, hours=60)
    frame = frame[rng.random(len(frame)) < 0.12].reset_index(drop=True)
    frame["team"] = "t" + pd.Series(rng.integers(0, 6, len(frame))).astype(str)
    users = run(tmp_path, frame).features["active_users"]
    assert len(users) > 50
    assert ((users == 0) | (users >= 3)).all()


def test_noise_keeps_its_budget_and_tells_it(tmp_path):
    for budget in (Budget(3.0), Budget(3.0, "gaussian", 1e-6)):
        result = run(tmp_path, sessions(), rules=Rules(k=3, memory_gib=0.5, budget=budget, cells_per_day=24))
        assert sum(x for _, x in result.spent.values()) <= 3.0 + 1e-6
        assert not result.table["resource"].str.contains(":").any()
        users = result.features["active_users"]
        assert users.std() > 1  # each of 96 hours had 6 people
        assert (users >= 0).all()


def test_what_one_person_adds_to_a_day_is_bounded_before_noise(tmp_path):
    exact = Rules(k=3, memory_gib=0.5, budget=Budget(99.0), cells_per_day=2)
    result = run(tmp_path, sessions(people=60), rules=exact)
    assert result.hours.bounded == 60 * 22 * 4
    assert result.features["active_users"].sum() == pytest.approx(60 * 2 * 4, rel=0.1)


def test_a_folder_and_hostile_names_of_files_are_read_as_names(tmp_path):
    folder = tmp_path / "it's; DROP TABLE x --[a]*"
    folder.mkdir()
    frame = sessions()
    frame.iloc[:100].to_parquet(folder / "a'b.parquet")
    frame.iloc[100:].to_parquet(folder / "[c]?.parquet")
    assert ingest(folder, None, KEY, NOW, RULES).intake.rows == 576


def test_a_query_of_a_duckdb_file(tmp_path):
    import duckdb

    frame = sessions()  # noqa: F841 - DuckDB finds it by its name
    with duckdb.connect(str(tmp_path / "d.duckdb")) as base:
        base.execute("CREATE TABLE s AS SELECT * FROM frame")
    result = ingest((tmp_path / "d.duckdb", "SELECT * FROM s WHERE tenant = 'acme';"), None, KEY, NOW, RULES)
    assert result.intake.rows == 576
    with pytest.raises(ForecastingError, match="ParserException"):
        ingest((tmp_path / "d.duckdb", "SELECT 1; DROP TABLE s"), None, KEY, NOW, RULES)


def test_another_column_than_the_team_can_divide_tenants(tmp_path):
    frame = sessions(people=8).assign(plan=lambda x: x["user"].isin(["user-0", "user-1", "user-2", "user-3"]))
    frame["plan"] = frame["plan"].map({True: "free", False: "paid"})
    result = run(tmp_path, frame, rules=Rules(k=3, memory_gib=0.5, split="plan"))
    assert set(result.features["group"]) == {"acme/free", "acme/paid"}
    with pytest.raises(UsageError, match="column tier is missing"):
        run(tmp_path, frame, rules=Rules(k=3, memory_gib=0.5, split="tier"))


def test_who_withdraws_is_out_however_the_id_is_spelt(tmp_path):
    frame = sessions().astype({"consent": str})
    spelt = frame.iloc[-1:].assign(user="USER-5 ", consent="withdrawn")
    assert value(run(tmp_path, pd.concat([frame, spelt])), "active_users") == 5
    file = pd.concat([consents(), consents(1, user=" User-3", withdrawn_at="2026-10-08T00:00:00Z")])
    assert value(run(tmp_path, sessions(), file), "active_users") == 5


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_precision_and_without_an_end(tmp_path, unit):
    frame = sessions()
    times = {x: frame[x].dt.tz_localize(None).astype(f"datetime64[{unit}]") for x in ("started", "ended")}
    frame = frame.assign(**times)
    frame.loc[0, "ended"] = pd.NaT
    result = run(tmp_path, frame)
    assert (result.intake.bad, result.intake.naive_times) == ({"time": 1}, 575)
    assert value(result, "sessions", 1) == 3.0


def test_a_person_is_one_within_a_period_and_counts_in_each_day_where_pseudonyms_last_a_day(tmp_path):
    monthly = run(tmp_path, sessions(hours=60))
    daily = run(tmp_path, sessions(hours=60), rules=Rules(k=3, memory_gib=0.5, period="day"))
    pd.testing.assert_frame_equal(monthly.table, daily.table)  # no hour lies in two periods
    assert (daily.hours.sessions, daily.hours.duplicates) == (360, 0)


def test_bytes_beyond_belief_are_left_out_and_do_not_overflow(tmp_path):
    frame = sessions().assign(bytes_read=2**46, bytes_written=2**46)
    frame.loc[0, "bytes_read"] = 2**63 - 1
    result = run(tmp_path, frame)
    assert result.intake.bad == {"bytes": 1}
    assert value(result, "data", 1) == pytest.approx(6 * 2**47 * 8 / 3600 / 1e6)
