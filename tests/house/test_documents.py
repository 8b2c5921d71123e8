"""The documents say each thing once, and nothing that the code does not."""

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from limbeck.recipe.knobs import Recipe, known_keys

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
SHORT = 60  # characters; a shorter paragraph may stand twice by chance
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def _blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in _FENCE.findall(text) if kind == language]


def _prose(text: str) -> list[str]:
    """Paragraphs outside code, each as one line of words."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", _FENCE.sub("\n\n", text)) if part.strip()]


def test_no_paragraph_stands_twice() -> None:
    """A thing said twice is mended once, and then the two disagree."""
    places = defaultdict(list)
    for name, path in zip(NAMES, DOCUMENTS, strict=True):
        for paragraph in _prose(path.read_text(encoding="utf-8")):
            # Tables may agree by chance, and every result names the machine that it was measured on.
            if len(paragraph) > SHORT and not paragraph.startswith(("|", "- processor: ")):
                places[paragraph.casefold()].append(name)
    assert {paragraph: where for paragraph, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("name", NAMES)
def test_links_within_the_project_lead_somewhere(name: str) -> None:
    """A dead link is the first thing that a reader of the documents meets."""
    path = ROOT / name
    for target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        if not target.startswith(("http://", "https://", "#", "mailto:")):
            assert (path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("name", NAMES)
def test_python_blocks_use_names_that_exist(name: str) -> None:
    """Code that is copied from a document and fails is worse than none; tests/test_documents_run.py runs it too."""
    import limbeck

    for block in _blocks((ROOT / name).read_text(encoding="utf-8"), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "limbeck":
                assert node.attr in limbeck.__all__, node.attr


def test_the_readme_tree_is_the_tree() -> None:
    """A tree that forgets a room sends a new reader the long way round."""
    block = next(
        body for body in _blocks((ROOT / "README.md").read_text(encoding="utf-8"), "text") if "src/limbeck/" in body
    )
    lines = block.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("src/limbeck/"))
    told = []
    for line in lines[start + 1 :]:
        if line and not line.startswith("  "):
            break
        if found := re.match(r"^  (\w+(?:\.py|/))  +\S", line):
            told.append(found.group(1))
    package = ROOT / "src" / "limbeck"
    there = [
        path.name + ("/" if path.is_dir() else "")
        for path in package.iterdir()
        if path.suffix == ".py" or path.is_dir()
    ]
    assert sorted(told) == sorted(set(there) - {"__pycache__/"})
    for line in lines[:start]:
        if found := re.match(r"^([\w.-]+(?:/[\w.-]*)*)  +\S", line):
            assert (ROOT / found.group(1)).exists(), line


def test_the_readme_names_the_two_commands() -> None:
    """What continuous integration runs and what a reader is told to run must be one thing."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("scripts/demo", "scripts/test"):
        assert command in readme
        assert (ROOT / command).stat().st_mode & 0o111
    assert re.search(r"^scripts/test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_changelog_knows_this_version() -> None:
    """A release without its entry leaves users to guess what changed."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_version_stands_in_one_place() -> None:
    """A second copy would be forgotten at the next release."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        assert "__version__ =" not in path.read_text(encoding="utf-8"), path


def test_the_recipe_reference_is_the_recipe() -> None:
    """A key that the reference does not know cannot be found; a default that it tells wrongly misleads."""
    reference = (ROOT / "docs" / "reference" / "recipe.md").read_text(encoding="utf-8")
    assert f"```toml\n{Recipe().to_toml()}```" in reference, "put what `limbeck recipe` prints into recipe.md"
    for key, table in known_keys().items():
        if table is None:
            assert re.search(rf"^(# )?{key.split('.')[-1]} =", reference, flags=re.MULTILINE), key
