from pathlib import Path

import pytest

from controller.edge.mirror import VARIABLE, cli_config, mirror
from controller.errors import EngineError

REGISTRY = "registry.terraform.io"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "shared"))


def provider(folder: Path, registry: str = REGISTRY) -> Path:
    (folder / registry / "hashicorp" / "aws" / "5.100.0").mkdir(parents=True)
    return folder


def test_the_variable_names_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider(tmp_path / "data" / "terraform" / "plugins")
    named = provider(tmp_path / "named")
    monkeypatch.setenv(VARIABLE, str(named))
    assert mirror(REGISTRY) == named


def test_a_variable_that_names_no_mirror_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(EngineError, match=r"HEADROOM_PROVIDER_MIRROR names .* unset HEADROOM_PROVIDER_MIRROR"):
        mirror(REGISTRY)


@pytest.mark.parametrize("place", ["home/.terraform.d", "data/terraform", "shared/terraform", "data/opentofu"])
def test_implied_folders_come_before_added_software(tmp_path: Path, place: str) -> None:
    expected = provider(tmp_path / place / "plugins")
    assert mirror(REGISTRY) == expected


def test_a_mirror_of_another_registry_is_none(tmp_path: Path) -> None:
    provider(tmp_path / "data" / "terraform" / "plugins", "registry.example.org")
    found = mirror("registry.headroom.invalid")
    assert found is None


def test_configuration_takes_what_the_mirror_has_from_the_mirror_only(tmp_path: Path) -> None:
    text = cli_config(provider(tmp_path / 'a "mirror"'), REGISTRY)
    assert f'path    = "{tmp_path}/a \\"mirror\\""' in text
    assert 'include = ["registry.terraform.io/hashicorp/aws"]' in text
    assert 'exclude = ["registry.terraform.io/hashicorp/aws"]' in text


def test_without_a_mirror_the_registry_is_used_and_what_it_gives_kept(tmp_path: Path) -> None:
    text = cli_config(None, REGISTRY, cache=tmp_path)
    assert "provider_installation" not in text
    assert f'plugin_cache_dir = "{tmp_path}"' in text
