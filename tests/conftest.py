import os
import shutil

import pytest
from repositories import Origin, seeded


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory of the test's own, whose ``.gitconfig`` is the only configuration of git."""
    home = tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    for name in [x for x in os.environ if x.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(home / "tmp"))
    return home


@pytest.fixture(scope="session")
def seed(tmp_path_factory):
    """The bare repository that every ``origin`` is a copy of."""
    return seeded(tmp_path_factory.mktemp("seed") / "origin.git")


@pytest.fixture
def origin(seed, tmp_path, home):
    """A bare repository with an environment and one lease on ``main``."""
    return Origin(shutil.copytree(seed.directory, tmp_path / "origin.git"))
