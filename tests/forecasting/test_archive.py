"""Profiles that were acted on are kept for a while, and found again by the digest of their usage."""

from datetime import timedelta

import numpy as np
import pytest
import xarray as xr
from worlds import NOW

from forecasting.archive import KEPT_DAYS, MOST, keep, shelf
from forecasting.errors import ProfileError
from forecasting.profile import DemandProfile


def profile(issued=NOW, digest="ab" * 32):
    time = np.array([issued.replace(tzinfo=None)], dtype="datetime64[h]").astype("datetime64[ns]")
    return DemandProfile(
        xr.Dataset(
            {"demand": (("draw", "group", "resource", "time"), np.ones((2, 1, 1, 1), dtype=np.float32))},
            coords={
                "group": ["eu/shop"], "region": ("group", ["eu"]), "name": ("group", ["shop"]),
                "resource": ["cpu"], "unit": ("resource", ["cores"]), "time": time,
            },
            attrs={"issued": issued.isoformat(), "data_digest": digest},
        )
    )  # fmt: skip


def test_a_profile_is_found_by_its_usage_and_of_several_the_nearest(tmp_path):
    for hours in (0, 1, 5):
        keep(profile(NOW + timedelta(hours=hours)), tmp_path / "new/folder")
    kept = shelf(tmp_path / "new/folder")
    assert kept.find(NOW + timedelta(hours=4), "abab").issued == NOW + timedelta(hours=5)
    assert kept.find(NOW, "abac") is None
    assert kept.find(NOW, "") is None


def test_what_is_too_old_or_too_much_goes_and_what_others_wrote_stays(tmp_path):
    (tmp_path / "notes.nc").write_text("mine")
    first = keep(profile(), tmp_path)
    keep(profile(NOW + timedelta(days=KEPT_DAYS)), tmp_path)
    assert first.exists()
    keep(profile(NOW + timedelta(days=KEPT_DAYS, hours=1)), tmp_path)
    assert not first.exists()
    for number in range(MOST):
        (tmp_path / f"20200101T0000{number % 60:02d}Z-{number:04x}.nc").write_text("old")
    last = keep(profile(NOW + timedelta(days=KEPT_DAYS, hours=2)), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    assert last.exists()
    assert (tmp_path / "notes.nc").read_text() == "mine"
    assert len(shelf(tmp_path).told) == 1


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfileError, match="cannot be made"):
        keep(profile(), tmp_path / "file")
