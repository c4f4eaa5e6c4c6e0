"""Every reference to a rule of the contract, in code and documentation, leads to that rule."""

import re

import pytest

from checkout import TOP

CONTRACT = TOP / "docs" / "contract"
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
RULE = re.compile(r"#([a-z0-9]+(?:\.[0-9]+)*(?:-[a-z]+)*)")
REFERENCE = re.compile(r"contract/([\w.-]+?\.md)((?:#(?:(?!contract/)[^)\]`\"'])*)?)")
TEXTS = {".py", ".md", ".html", ".js", ".css"}


def _references(text: str) -> list[tuple[str, str]]:
    """List the (page, anchor) pairs that a text names, further `#ANCHOR`s in the same bracket included.

    An anchor is "" where a page is named as a whole. Line breaks count as blanks, for a reference may be wrapped.
    """
    references = []
    for page, rest in REFERENCE.findall(" ".join(text.split())):
        references += [(page, anchor) for anchor in RULE.findall(rest) or [""]]
    return references


def _unresolved(text: str) -> list[tuple[str, str]]:
    """List the references of a text that lead to no page, or to no anchor of their page."""
    return [
        (page, anchor)
        for page, anchor in _references(text)
        if not (CONTRACT / page).exists() or (anchor and anchor not in ANCHOR.findall((CONTRACT / page).read_text()))
    ]


@pytest.mark.parametrize("folder", ["src", "docs"])
def test_every_reference_to_the_contract_leads_to_a_rule(folder):
    files = [path for path in sorted((TOP / folder).rglob("*")) if path.suffix in TEXTS]
    unresolved = {str(path.relative_to(TOP)): _unresolved(path.read_text()) for path in files}

    assert sum(len(_references(path.read_text())) for path in files) > 0
    assert {path: references for path, references in unresolved.items() if references} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(contract/api-1.0.md#1.12)", []),
        ("(contract/formats.md#f1, #f2, #c1)", []),
        ("See contract/api-1.0.md#1.7.", []),
        ("(contract/operations.md)", []),
        ("(contract/api-1.0.md#1.99)", [("api-1.0.md", "1.99")]),
        ("(contract/formats.md#f1,\n    #f99, #c1)", [("formats.md", "f99")]),
        ("contract/formats.md#e1 and contract/api-1.0.md#g99", [("api-1.0.md", "g99")]),
        ("(contract/made-up.md#f1)", [("made-up.md", "f1")]),
        ("(contract/made-up.md)", [("made-up.md", "")]),
    ],
)
def test_a_reference_to_a_rule_that_is_not_there_is_found(text, expected):
    assert _unresolved(text) == expected


@pytest.mark.parametrize("page", ["api-1.0.md", "formats.md", "operations.md"])
def test_the_pages_of_the_contract_have_each_anchor_once_and_know_their_own(page):
    text = (CONTRACT / page).read_text()
    anchors = ANCHOR.findall(text)

    assert sorted(anchors) == sorted(set(anchors))
    assert [anchor for anchor in re.findall(r"\]\(#([^)]+)\)", text) if anchor not in anchors] == []
