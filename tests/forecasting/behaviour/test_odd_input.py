"""Input that is odd in ways that could hide a withdrawal, an expiry or a person: nothing of it opens the gate."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from forecasting.behaviour.ingest import Rules, ingest
from forecasting.behaviour.pseudonyms import PseudonymKey
from forecasting.errors import ForecastingError, UsageError

NOW = datetime(2026, 10, 9, tzinfo=UTC)
START = datetime(2026, 10, 1, tzinfo=UTC)
KEY = PseudonymKey(bytes(range(32)))
RULES = Rules(k=3, memory_gib=0.5)


def sessions(people=6, hours=24, **columns):
    """One session of half an hour per person and hour, of one team, with consent."""
    rows = [
        {"user": f"user-{i}", "tenant": "acme", "team": "web", "application": "shop", "region": "eu",
         "started": (START + timedelta(hours=h, minutes=10)).isoformat(),
         "ended": (START + timedelta(hours=h, minutes=40)).isoformat(), "bytes_read": 1, "bytes_written": 0,
         "consent": "true"}
        for h in range(hours) for i in range(people)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def consents(people=6, **columns):
    given = {"purpose": "capacity", "granted_at": "2026-01-01T00:00:00Z", "expires_at": None, "withdrawn_at": None}
    return pd.DataFrame([{"user": f"user-{i}", **given} for i in range(people)]).assign(**columns)


def write(frame, path):
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path, index=False)
    return path


def run(path, consent=None):
    return ingest(path, consent, KEY, NOW, RULES)


def test_in_json_lines_of_truth_values_and_words_a_withdrawal_is_heard(tmp_path):
    rows = [row | {"consent": True} for row in sessions().to_dict("records")]
    rows[0]["consent"] = "withdrawn"
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run(tmp_path / "e.jsonl")
    assert result.intake.without_consent == {"withdrawn": 24}
    assert result.features["active_users"].max() == 5


def test_in_json_lines_numbers_and_words_as_ids_are_those_of_the_consent_file(tmp_path):
    rows = sessions().to_dict("records")
    rows = [row | {"user": int(row["user"][-1]) if row["user"] < "user-3" else row["user"]} for row in rows]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file = write(consents().assign(user=["0", "1", "2", "user-3", "user-4", "user-5"]), tmp_path / "c.csv")
    assert run(tmp_path / "e.jsonl", file).intake.used == 144


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_column_that_only_later_files_of_a_folder_have_counts_in_those(tmp_path, form):
    folder = tmp_path / "events"
    folder.mkdir()
    write(sessions(), folder / f"00.{form}")
    for i in range(1, 35):  # DuckDB looks at 32 JSON files before it settles on columns
        write(sessions(hours=1, people=1), folder / f"{i:02}.{form}")
    expired = sessions(consent_expires="2026-01-01T00:00:00Z").assign(user=lambda x: "late-" + x["user"])
    write(expired, folder / f"99.{form}")
    result = run(folder)
    assert result.intake.without_consent == {"expired": 144}
    assert result.features["active_users"].max() == 6


def test_a_folder_of_consents_with_a_file_that_lacks_withdrawals_is_refused(tmp_path):
    events = write(sessions(), tmp_path / "e.csv")
    folder = tmp_path / "consents"
    folder.mkdir()
    write(consents(), folder / "a.csv")
    write(consents().drop(columns="withdrawn_at"), folder / "b.csv")
    with pytest.raises(ForecastingError, match="nothing is used"):
        run(events, folder)


def test_a_column_that_stands_twice_is_refused(tmp_path):
    text = sessions(other="false").to_csv(index=False).replace(",other\n", ",consent\n", 1)
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(UsageError, match="the same name, consent"):
        run(tmp_path / "e.csv")


@pytest.mark.parametrize("word", ["withdrawn\t", "Withdrawn.", "consent withdrawn", "\u00a0REVOKED by mail"])
def test_whatever_speaks_of_a_withdrawal_is_one(tmp_path, word):
    frame = sessions()
    frame.loc[0, "consent"] = word
    assert run(write(frame, tmp_path / "e.csv")).intake.without_consent == {"withdrawn": 24}


SPELT = [
    ("user-5", "user-5\t"),
    ("user-5", "USER-5\u200b"),
    ("us\u00e9r", "use\u0301r"),
    ("user-5", "\u2003user-5\n"),
    ("user-5", "\uff35\uff33\uff25\uff32\uff0d\uff15"),  # full-width letters
    ("stra\u00dfe", "STRASSE"),
    ("\ufb01ona", "Fiona"),  # a ligature
    ("\u0130da", "i\u0307DA"),
    ("\u03b1\u0345\u0342", "\u1fb7"),  # Greek, whose marks change places with the case
    ("us\u00e9r\u3000", "USE\u0301R"),
]


@pytest.mark.parametrize(("usual", "other"), SPELT)
def test_who_withdraws_is_out_however_blanks_and_accents_are_written(tmp_path, usual, other):
    frame = sessions().replace({"user": {"user-5": usual}})
    spelt = frame.iloc[:1].assign(user=other, consent="withdrawn")
    assert run(write(pd.concat([frame, spelt]), tmp_path / "e.csv")).intake.without_consent == {"withdrawn": 25}
    file = consents().replace({"user": {"user-5": usual}})
    gone = consents(1, user=other, withdrawn_at="2026-10-08T00:00:00Z")
    events = write(frame, tmp_path / "e.parquet")
    assert run(events, write(pd.concat([file, gone]), tmp_path / "c.csv")).intake.used == 120


@pytest.mark.parametrize("blank", ["\t", "\n", "\u00a0", "\u200b", "\ufeff", " \u2003"])
def test_an_id_of_blanks_alone_is_nobody(tmp_path, blank):
    events = write(pd.concat([sessions(), sessions(1, user=blank)]), tmp_path / "e.parquet")
    assert run(events).intake.without_consent == {"no_user": 24}


def test_a_consent_file_that_ends_within_a_row_is_refused_whole(tmp_path):
    events = write(sessions(), tmp_path / "e.csv")
    text = consents(withdrawn_at="2026-10-08T00:00:00Z").to_csv(index=False)
    cut = tmp_path / "c.csv"
    for count in (1, 5, 21):  # all of the withdrawal, and the row still has its columns
        cut.write_text(text[:-count])
        with pytest.raises(UsageError, match="half written: nothing is used"):
            run(events, cut)


def test_ids_that_are_padded_are_found_in_the_consent_file(tmp_path):
    events = write(sessions().assign(user=lambda x: x["user"] + "    "), tmp_path / "e.parquet")
    assert run(events, write(consents(), tmp_path / "c.csv")).intake.used == 144


def test_an_id_in_quotes_far_down_a_csv_is_read(tmp_path):
    rows = [f"u{i},capacity,2026-01-01,," for i in range(25_000)]
    head = "user,purpose,granted_at,expires_at,withdrawn_at"
    (tmp_path / "c.csv").write_text("\n".join([head, *rows, '"user-0, Ann",capacity,2026-01-01,,', ""]))
    events = write(sessions().replace({"user": {"user-0": "user-0, Ann"}}), tmp_path / "e.csv")
    with pytest.raises(UsageError, match="24 of 144 rows"):
        run(events, tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("given", "bad"), [("99999999999999999999", 1), ("-1e30", 1), ("inf", 1), ("nan", 0), ("abc", 0), ("1e3", 0)]
)
def test_bytes_that_64_bits_do_not_hold_are_left_out_not_counted_as_none(tmp_path, given, bad):
    frame = sessions().astype({"bytes_read": str})
    frame.loc[0, "bytes_read"] = given
    assert run(write(frame, tmp_path / "e.csv")).intake.bad == ({"bytes": 1} if bad else {})


def test_days_without_a_time_have_no_offset(tmp_path):
    frame = pd.concat([sessions(), sessions(hours=1, started="2026-10-01")])
    assert run(write(frame, tmp_path / "e.csv")).intake.naive_times == 6


def test_a_path_that_cannot_be_is_told_in_words(tmp_path):
    with pytest.raises(UsageError, match="events: .*File name too long"):
        run(tmp_path / ("x" * 300 + ".csv"))


def test_one_person_is_not_k_people_by_spelling_the_id_in_k_ways(tmp_path):
    ways = ["user-0", "USER-0", "User-0", " user-0", "user-0 ", "user-0\t"]
    one = pd.concat([sessions(1, user=way) for way in ways])
    with pytest.raises(UsageError, match="no group has 3 people"):
        run(write(one, tmp_path / "e.parquet"))


def test_names_that_a_database_pads_are_those_without_blanks(tmp_path):
    frame = sessions()
    blanks = {"tenant": 1, "team": 2, "application": 120, "region": 3}
    padded = frame.assign(user=frame["user"] + "b", **{x: frame[x] + " " * n for x, n in blanks.items()})
    result = run(write(pd.concat([frame, padded]), tmp_path / "e.parquet"))
    assert set(result.table["group"]) == {"acme/web"}
    assert set(result.table["region"]) == {"eu"}
    assert "sessions:shop" in set(result.table["resource"])
    assert result.features["active_users"].max() == 12


@pytest.mark.parametrize(
    "region", ["50.1N 8.6E", "POINT(50.1 8.6)", "50° north", "00-1b-63-84-45-e6", "DE-10115", "10.0.0.1"]
)
def test_where_a_person_is_to_the_street_is_no_region(tmp_path, region):
    bad = sessions(hours=1).assign(region=region).iloc[:1]
    assert run(write(pd.concat([bad, sessions()]), tmp_path / "e.csv")).intake.bad == {"location": 1}


@pytest.mark.parametrize("region", ["eu-west-1", "DE-BY", "us-east4", "ap-southeast-2a", "zone 12", "Köln"])
def test_coarse_regions_are_regions(tmp_path, region):
    result = run(write(sessions().assign(region=region), tmp_path / "e.csv"))
    assert set(result.table["region"]) == {region}


def test_where_nothing_is_published_the_reasons_are_told(tmp_path):
    frame = sessions()
    with pytest.raises(UsageError, match=r"left out: refused 144\)"):
        run(write(frame.assign(consent=False), tmp_path / "e.csv"))
