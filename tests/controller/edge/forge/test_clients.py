"""Addresses as the libraries make them, wherever the API lies; what they would do with an answer is passed by."""

import pytest

from controller.edge.forge.clients import plainly, through_pygithub, through_python_gitlab
from controller.edge.forge.line import Answer, Line
from controller.errors import ForgeError

QUERY = {"head": "acme:headroom/ü&x", "page": 2}
ASKED = "head=acme%3Aheadroom%2F%C3%BC%26x&page=2"
GITHUBS = ["https://api.github.com", "https://ghe.example.org/sub/api/v3", "https://a.example.org:8443/api/v3"]
GITLABS = ["https://gitlab.com/api/v4", "https://git.example.org/gitlab/api/v4", "http://[::1]:80/api/v4"]


class Told(Line):
    """A line that sends nothing, and tells what it would have sent."""

    status = 200

    def send(self, method, url, *, headers, body=None):
        Line._within(self, url)
        assert "Authorization" not in headers
        sent.append((method, url, body))
        return Answer(self.status, {"location": "https://evil.example.org/"}, b"{}")


sent: list = []


@pytest.fixture(autouse=True)
def _empty():
    sent.clear()


@pytest.mark.parametrize(
    ("through", "api"),
    [
        *((through_pygithub, x) for x in GITHUBS),
        *((through_python_gitlab, x) for x in GITLABS),
        (plainly, "https://codeberg.org/api/v1"),
    ],
)
def test_paths_and_queries_go_as_they_are(through, api):
    send = through(Told(api, dict))
    send("GET", "/projects/acme%2Finfra/pulls", QUERY, None)
    send("POST", "/projects/acme%2Finfra/labels/a%2Fb", {}, {"title": "ü", "draft": False})
    assert sent[0] == ("GET", f"{api}/projects/acme%2Finfra/pulls?{ASKED}", None)
    assert sent[1][:2] == ("POST", f"{api}/projects/acme%2Finfra/labels/a%2Fb")
    assert sent[1][2].replace(b"\\u00fc", "ü".encode()).decode() == '{"title": "ü", "draft": false}'


@pytest.mark.parametrize("status", [202, 301, 302, 401, 403, 404, 422, 429, 500, 502])
@pytest.mark.parametrize("through", [through_pygithub, through_python_gitlab, plainly])
def test_an_answer_is_given_as_it_came_and_asked_for_once(through, status):
    line = Told("https://git.example.org/api/v4", dict)
    Told.status = status
    try:
        assert through(line)("GET", "/x", {}, None).status == status
    finally:
        Told.status = 200
    assert len(sent) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/api/v4/x",
        "http://git.example.org/api/v4/x",
        "https://git.example.org:8443/api/v4/x",
        "https://git.example.org@evil.example.org/api/v4/x",
        "https://a@git.example.org/api/v4/x",
        "//git.example.org/x",
    ],
)
def test_a_line_leads_to_one_host(url):
    def never():
        raise AssertionError("the token was asked for")

    with pytest.raises(ForgeError, match="one host"):
        Line("https://git.example.org/api/v4", never).send("GET", url, headers={})
