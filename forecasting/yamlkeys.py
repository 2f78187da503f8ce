r"""What is wrong with YAML: where its grammar breaks; a key that stands twice, of which the last would win.

Place in the line: under all that is read from YAML.

>>> repeated(yaml.compose("a: 1\nb: {c: 1, c: 2}"))
(2, 'c')
"""

import yaml

MISREAD = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What loading a text raises that is no YAML, or has a tag that does not fit, such as ``!!timestamp x``."""


def not_yaml(path: str, error: Exception) -> str:
    """Return what to say of a text that is no YAML: where, and what is wrong there, but none of its values."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"{path}: not YAML"
    mark = error.problem_mark or error.context_mark
    return f"{path}{f':{mark.line + 1}' if mark else ''}: not YAML: {error.problem or error.context}"


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
