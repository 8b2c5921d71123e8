"""What an install brings: pinned, complete, and nothing that the base install must not have."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return found.group().lower().replace("_", "-")


def test_every_requirement_is_pinned() -> None:
    """An install of next year would bring other versions, and the figures of today could not be had again."""
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    wanted += [requirement for requirements in extras.values() for requirement in requirements]
    assert {_name(requirement) for requirement in wanted} - {"limbeck"} <= set(PINS)


def test_pins_are_plain_versions() -> None:
    """A pin of one build, address or index installs on this machine and on no other."""
    for name, version in PINS.items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name), name
        assert re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?", version), name


def test_the_base_install_asks_for_nothing_of_torch() -> None:
    """A server that only answers would download gigabytes."""
    base = {_name(requirement) for requirement in PROJECT["project"]["dependencies"]}
    assert base & {"accelerate", "datasets", "onnx", "safetensors", "torch", "transformers"} == set()


def test_dev_holds_every_other_extra() -> None:
    """scripts/lock resolves `dev` and, as it is heavy and few tests need it, `executorch`; it would miss others."""
    extras = PROJECT["project"]["optional-dependencies"]
    held, waiting = set(), ["dev"]
    while waiting:
        extra = waiting.pop()
        held.add(extra)
        for requirement in extras[extra]:
            if found := re.fullmatch(r"limbeck\[([\w,]+)\]", requirement):
                waiting += found.group(1).split(",")
    assert held | {"executorch"} == set(extras)
    assert "[dev,executorch]" in (ROOT / "scripts" / "lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["scripts/install", "scripts/demo", "scripts/check", "scripts/test", ".ci/run"])
def test_scripts_are_bash(name: str) -> None:
    """A slip of syntax in a script would only show on the machine of somebody who wants to try limbeck."""
    path = ROOT / name
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n# ")
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)
