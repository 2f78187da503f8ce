"""Scores and leases → one HTML page that needs nothing else: no script, no network.

Place in the line: ``headroom score --page`` writes it. Names are data from outside: everything is escaped.

    page({"score.html.j2": text}, "score.html.j2", {"title": "prod", …}, picture="<svg …>")
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup


def page(templates: Mapping[str, str], name: str, facts: Mapping[str, Any], picture: str) -> str:
    """Render a page.

    Parameters
    ----------
    templates, name : texts of ``templates/report``, and which of them
    facts : what it shows; strings are escaped
    picture : SVG that we drew ourselves, put in as it is
    """
    jinja = ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(templates)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = jinja.get_template(name).render(facts, picture=Markup(picture))  # noqa: S704 - drawn here
    return text.rstrip() + "\n"
