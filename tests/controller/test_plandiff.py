import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plandiff import differences, parsed, spelled

trees = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(attributes)
def test_a_tree_does_not_differ_from_itself(tree):
    assert list(differences({"before": tree, "after": tree})) == []


@given(attributes, attributes)
def test_there_and_back_are_mirror_images(before, after):
    there = list(differences({"before": before, "after": after}))
    back = list(differences({"before": after, "after": before}))
    assert [(x.path, x.before, x.after) for x in there] == [(x.path, x.after, x.before) for x in back]


@given(attributes)
def test_a_mask_over_everything_shows_nothing(tree):
    found = differences({"before": tree, "after": {}, "before_sensitive": True, "after_sensitive": True})
    assert {text for x in found for text in (x.before, x.after)} <= {"(sensitive)"}


@given(st.lists(st.text() | st.integers(0, 99), min_size=1).filter(lambda path: isinstance(path[0], str)))
def test_a_path_is_read_as_it_was_written(path):
    assert parsed(spelled(tuple(path))) == tuple(path)


@pytest.mark.parametrize("path", ["a", "a.b", "a[0]", 'a["b.c"][1].d', '["a b"]'])
def test_paths_are_written_as_they_were_read(path):
    assert spelled(parsed(path)) == path
