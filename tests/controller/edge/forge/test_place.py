import subprocess
import sys

import pytest

from controller.edge.forge.place import find
from controller.errors import ForgeError

GITHUB = "https://api.github.com"


@pytest.mark.parametrize(
    ("kind", "origin", "api", "project"),
    [
        ("github", "https://github.com/acme/infra.git", GITHUB, "acme/infra"),
        ("github", "https://bot:secret@GitHub.com/acme/infra", GITHUB, "acme/infra"),
        ("github", "git@github.com:acme/infra.git", GITHUB, "acme/infra"),
        ("github", "ssh://git@ssh.github.com:443/acme/infra.git", GITHUB, "acme/infra"),
        ("github", "https://ghe.example.org/acme/infra", "https://ghe.example.org/api/v3", "acme/infra"),
        ("github", "https://acme.ghe.com/acme/infra", "https://api.acme.ghe.com", "acme/infra"),
        ("gitlab", "git@gitlab.com:acme/platform/infra.git", "https://gitlab.com/api/v4", "acme/platform/infra"),
        ("gitlab", "https://git.example.org:8443/a/b/c/", "https://git.example.org:8443/api/v4", "a/b/c"),
        ("gitea", "ssh://git@codeberg.org:2222/acme/infra.js", "https://codeberg.org/api/v1", "acme/infra.js"),
    ],
)
def test_host_and_project_are_those_of_origin(kind, origin, api, project):
    place = find(kind, origin)
    assert (place.api, place.project) == (api, project)
    assert "secret" not in repr(place)


@pytest.mark.parametrize(
    ("api", "graphql"),
    [
        (GITHUB, "https://api.github.com/graphql"),
        ("https://ghe.example.org/api/v3", "https://ghe.example.org/api/graphql"),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql"),
    ],
)
def test_graphql_is_beside_rest(api, graphql):
    host = api.split("/")[2]
    assert find("github", "/srv/x", api=api, project="a/b", token_host=host).graphql == graphql


@pytest.mark.parametrize(
    "api",
    [
        "https://evil.example.org/api/v3",
        "https://github.com.evil.example.org",
        "https://api.github.com.evil.example.org",
        "https://evil-api.github.com",
        "https://api.github.com:8443",
        "https://github.com",
    ],
)
def test_another_host_must_be_named_by_whoever_gives_the_token(api):
    origin = "https://github.com/acme/infra"
    host = api.split("/")[2]
    with pytest.raises(ForgeError, match="HEADROOM_TOKEN_HOST"):
        find("github", origin, api=api)
    with pytest.raises(ForgeError, match="HEADROOM_TOKEN_HOST"):
        find("github", origin, api=api, token_host=f"{host}x")
    assert find("github", origin, api=api, token_host=host).api.startswith(api)


@pytest.mark.parametrize(
    "api",
    [
        "http://github.com",
        "https://user@api.github.com",
        "https://api.github.com?x=1",
        "https://api.github.com#x",
        "https://api.github.com@evil.example.org",
        "https://api.github.com\\@evil.example.org",
        "https://api.github.com/\n",
        "https://[::1",
        "https://api.github.com:x",
        "ftp://api.github.com",
        "api.github.com",
        "https://",
        "https://api.github.com/a b",
    ],
)
def test_odd_addresses_are_refused(api):
    with pytest.raises(ForgeError):
        find("github", "https://github.com/acme/infra", api=api, token_host="api.github.com")  # noqa: S106 - a host


@pytest.mark.parametrize(
    ("kind", "given", "api"),
    [
        ("github", "https://ghe.example.org/", "https://ghe.example.org/api/v3"),
        ("github", "https://api.github.com", "https://api.github.com"),
        ("gitlab", "https://git.example.org", "https://git.example.org/api/v4"),
        ("gitlab", "https://git.example.org/gitlab/api/v4/", "https://git.example.org/gitlab/api/v4"),
        ("gitea", "HTTPS://Git.Example.org", "https://git.example.org/api/v1"),
    ],
)
def test_a_host_alone_gets_the_usual_path(kind, given, api):
    host = api.split("/")[2]
    assert find(kind, "git@git.example.org:a/b.git", api=given, token_host=host).api == api


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "localhost"])
def test_http_is_for_this_machine_only(host):
    api = f"http://{host}/api/v1"
    assert find("gitea", "/srv/x.git", api=api, project="a/b", token_host=host).api == api


@pytest.mark.parametrize(
    "project", ["", "a", "a/b/c", "a/..", "../b", "a/b?x", "a/b#x", "a//b", "a/b%2Fc", "-a/b", "a/b c", "a/ü"]
)
def test_odd_projects_are_refused(project):
    with pytest.raises(ForgeError, match="owner/name"):
        find("github", "https://github.com/acme/infra", project=project)


@pytest.mark.parametrize("origin", ["https://git_hub.com/a/b", "https://[::1/a/b", "git@-x:a/b", "https:///a/b"])
def test_origins_that_name_no_host_are_refused(origin):
    with pytest.raises(ForgeError):
        find("github", origin)


def test_other_kinds_are_refused():
    with pytest.raises(ForgeError, match="github, gitlab, gitea"):
        find("svn", "https://github.com/a/b")


def test_a_run_with_the_local_forge_does_not_pay_for_the_others():
    code = "import sys, controller.edge.forge.connect; print({'github', 'gitlab', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
