import pytest
from repositories import BRANCH, commit_on_base

from controller.edge.checkout import locate
from controller.errors import GitError


def test_an_environment_is_located_in_the_users_checkout(origin):
    ada = origin.person("ada")
    where = locate(ada.directory / "environments/demo")
    assert (where.root, where.url, where.path) == (ada.directory, origin.url, "environments/demo")


def test_a_relative_origin_becomes_absolute(origin):
    ada = origin.person("ada")
    ada.git("remote", "set-url", "origin", "../origin.git")
    assert locate(ada.directory / "environments/demo").url == str(origin.directory)


@pytest.mark.parametrize(
    ("directory", "advice"),
    [
        ("ada/environments/none", "--env"),
        ("ada/README.md", "--env"),
        ("ada", "a directory below it"),
        ("plain", "git init"),
        ("ada/link", "name the directory that it leads to"),
        ("ada/linked/demo", "name the directory that it leads to"),
        ("link", "name the directory that it leads to"),
    ],
)
def test_what_is_no_environment_is_refused_with_advice(origin, tmp_path, directory, advice):
    ada = origin.person("ada").directory
    (tmp_path / "plain").mkdir()
    (ada / "link").symlink_to("environments/demo")
    (ada / "linked").symlink_to("environments")
    (tmp_path / "link").symlink_to("ada/environments/demo")
    with pytest.raises(GitError, match=advice):
        locate(tmp_path / directory)


def test_a_link_above_the_repository_is_the_users_own_affair(origin, tmp_path):
    origin.person("ada")
    (tmp_path / "short").symlink_to(tmp_path / "ada")
    assert locate(tmp_path / "short/environments/demo").path == "environments/demo"


def test_a_repository_without_origin_is_told_how_to_get_one(origin):
    ada = origin.person("ada")
    ada.git("remote", "remove", "origin")
    with pytest.raises(GitError, match="git remote add origin"):
        locate(ada.directory / "environments/demo")


def test_the_clone_is_gone_afterwards_whatever_happens(origin, home):
    with origin.clone() as checkout:
        directory = checkout.repository.directory
        assert directory.is_relative_to(home / "tmp")
    assert not directory.exists()
    with pytest.raises(ZeroDivisionError), origin.clone() as checkout:
        assert 1 / 0
    with pytest.raises(GitError), origin.clone(base_branch="none"):
        pass
    assert list((home / "tmp").iterdir()) == []


def test_the_users_checkout_is_left_alone(origin):
    ada = origin.person("ada")
    (ada.directory / "README.md").write_text("half done")
    before = {x: x.stat().st_mtime_ns for x in ada.directory.rglob("*") if x.is_file()}
    where = locate(ada.directory / "environments/demo")
    with origin.clone(url=where.url) as checkout:
        checkout.push(BRANCH, commit_on_base(checkout), None)
    assert {x: x.stat().st_mtime_ns for x in ada.directory.rglob("*") if x.is_file()} == before


def test_a_missing_base_branch_is_named(origin):
    with pytest.raises(GitError, match="trunk"), origin.clone(base_branch="trunk"):
        pass
