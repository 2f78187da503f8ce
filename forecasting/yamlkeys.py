r"""What is wrong with YAML beyond its grammar: a key that stands twice, of which the last would win; odd tags.

Place in the line: under all that is read from YAML.

>>> repeated(yaml.compose("a: 1\nb: {c: 1, c: 2}"))
(2, 'c')
"""

import yaml

MISREAD = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What loading a text raises that is no YAML, or has a tag that does not fit, such as ``!!timestamp x``."""


def repeated(node: yaml.Node | None) -> tuple[int, str] | None:
    """Return the line, from 1, and the name of the first key that stands a second time in its mapping."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                return key.start_mark.line + 1, str(key.value)
            seen.add(str(key.value))
            if found := repeated(value):
                return found
    elif isinstance(node, yaml.SequenceNode):
        return next((found for value in node.value if (found := repeated(value))), None)
    return None
