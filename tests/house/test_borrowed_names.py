"""Scripts that no test runs (benchmarks, CI) import only what is there; read from the sources, nothing is executed."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "limbeck"
TYPES_ALONE = "TYPE_CHECKING"
BORROWED_FROM = (ROOT / "tests", ROOT / "tests" / "web")
SCRIPTS = [
    *sorted((ROOT / "benchmarks").glob("*.py")),
    *sorted((ROOT / ".ci").glob("*.py")),
    ROOT / "scripts" / "lock",
]


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """All that a module executes at its top, whichever way its conditions go; not what is for types alone."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            is_for_types = isinstance(statement, ast.If) and TYPES_ALONE in ast.unparse(statement.test)
            for field in ("orelse",) if is_for_types else ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, field, []))


@cache
def _names_in(path: Path) -> frozenset[str]:
    """What a file can be asked for: what it defines, assigns and imports, and what a lazy face fetches."""
    found: set[str] = set()
    for statement in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {(one.asname or one.name).split(".")[0] for one in names}
            case ast.Assign(targets=targets):
                found |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
                if ast.unparse(targets[0]) == "__all__":
                    found |= set(ast.literal_eval(statement.value))
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return frozenset(found)


def _file_of(module: str, script: Path) -> Path | None:
    """Where a module of the package, or one beside the script, lies; None for what others wrote, and for none."""
    parts = module.split(".")
    roots = [ROOT / "src"] if parts[0] == PACKAGE else [script.parent, *BORROWED_FROM]
    places = [root.joinpath(*parts) for root in roots]
    return next(
        (path for place in places for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None
    )


def _missing(script: Path) -> list[str]:
    """What a script imports that is not there, anywhere in it."""
    missing = []
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names if one.name.split(".")[0] == PACKAGE]
            missing += [name for name in names if _file_of(name, script) is None]
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None, "benchmarks are no package"
            file = _file_of(node.module, script)
            if file is None and node.module.split(".")[0] == PACKAGE:
                missing.append(node.module)
            elif file is not None:
                wanted = [one.name for one in node.names if one.name not in _names_in(file)]
                missing += [
                    f"{node.module}.{name}" for name in wanted if _file_of(f"{node.module}.{name}", script) is None
                ]
    return missing


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.relative_to(ROOT)))
def test_what_scripts_import_is_there(script: Path) -> None:
    """A benchmark that does not start any more gives nobody the figures that the documents say it gives."""
    assert _missing(script) == []


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("from limbeck import data, pipelines", ["limbeck.pipelines"]),
        ("from limbeck.student.origin import with_rows", ["limbeck.student.origin"]),
        ("from limbeck.teacher.load import Teacher, load_model", ["limbeck.teacher.load.Teacher"]),
        ("from limbeck.teacher import Teacher, origin_of, Origin", ["limbeck.teacher.Origin"]),
        ("from asked_and_told import flags, tells", ["asked_and_told.tells"]),
        ("def main():\n    import limbeck.nothing", ["limbeck.nothing"]),
        ("from limbeck.teacher.load import PreTrainedModel", ["limbeck.teacher.load.PreTrainedModel"]),
        ("import nncf\nfrom executorch.exir import anything\nfrom limbeck.distill.losses import soft_labels", []),
    ],
)
def test_what_is_missing_is_found(line: str, missing: list[str], tmp_path: Path) -> None:
    """A test that finds nothing whatever is missing would be worse than none."""
    script = tmp_path / "script.py"
    script.write_text(line, encoding="utf-8")
    (tmp_path / "asked_and_told.py").write_text("def flags(): ...", encoding="utf-8")
    assert _missing(script) == missing
