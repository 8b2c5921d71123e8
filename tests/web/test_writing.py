"""The folder of a page, without a browser: what is in it, addresses, icons, and where libraries come from."""

import gzip
import hashlib
import json
import re
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.artifact.sealed import open_artifact
from limbeck.errors import RecipeError, RuntimeFilesError
from limbeck.ground import places
from limbeck.ground.progress import SILENT
from limbeck.targets import export_artifact
from limbeck.tasks import TASKS
from limbeck.web import icons, runtime_files, write_page
from limbeck.web.fields import fields_of, warm_up_of
from limbeck.web.runtime_files import ONNXRUNTIME, PACKAGES, Package
from small_artifact import LABELS, write_artifact


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files in the place of the two libraries, laid out as npm installs them, with their hashes."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LIMBECK_RUNTIME_FILES", raising=False)
    root = tmp_path / "node_modules"
    stand_ins = []
    for package in PACKAGES:
        hashes = {}
        for name in package.files:
            path = root / package.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"stands for {name}".encode())
            hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        stand_ins.append(Package(package.name, package.version, package.license, package.size, hashes))
    monkeypatch.setattr(runtime_files, "PACKAGES", tuple(stand_ins))
    return root


def written(tmp_path: Path, libraries: Path | None, **changes: Any) -> Path:
    """A page of a small artifact."""
    artifact = open_artifact(write_artifact(tmp_path / "artifact", **changes))
    (tmp_path / "page").mkdir()
    write_page(artifact, tmp_path / "page", name='A "model" <1>', runtime_folder=libraries, progress=SILENT)
    return tmp_path / "page"


def packed_as_npm_does(libraries: Path, folder: Path) -> Path:
    """What `npm pack` leaves, for both libraries."""
    folder.mkdir(exist_ok=True)
    for package in PACKAGES:
        with tarfile.open(folder / package.pack, "w:gz") as archive:
            archive.add(libraries / package.name, arcname="package")
    return folder


def test_the_folder_holds_what_the_page_asks_for(tmp_path: Path, libraries: Path) -> None:
    """A file that is named and not there would be found by the first visitor."""
    page = written(tmp_path, libraries)
    named = set(re.findall(r'(?:href|src)="([^"]+)"', (page / "index.html").read_text("utf-8")))
    for script in page.glob("*.js"):
        named |= set(re.findall(r'(?:from|import\(|URL\(|register\()\s*"\./([\w.-]+)"', script.read_text("utf-8")))
    app = json.loads((page / "app.webmanifest").read_text("utf-8"))
    named |= {icon["src"] for icon in app["icons"]}
    settings = json.loads((page / "page.json").read_text("utf-8"))
    for role, entry in settings["files"].items():
        content = (page / entry["name"]).read_bytes()
        assert (len(content), len(gzip.decompress(content))) == (entry["packed_bytes"], entry["bytes"]), role
        named.add(entry["name"])
    assert named <= {path.name for path in page.iterdir()}
    assert settings["label_names"] == list(LABELS)
    graph = tmp_path / "artifact" / "onnx" / "model_quantized.onnx"
    assert gzip.decompress((page / settings["files"]["model"]["name"]).read_bytes()) == graph.read_bytes()
    kept = (page / "service-worker.js").read_text("utf-8")
    listed = json.loads(re.search(r"const PAGE = (\{.*\});", kept).group(1))  # type: ignore[union-attr]
    assert set(listed["small"]) - {"./"} <= {path.name for path in page.iterdir()}
    assert set(listed["large"]) == {entry["name"] for entry in settings["files"].values()}


def test_no_address_but_its_own(tmp_path: Path, libraries: Path) -> None:
    """A font or script from elsewhere would tell others who reads what, and end with the network."""
    page = written(tmp_path, libraries)
    for path in page.iterdir():
        if path.suffix in {".js", ".html", ".css", ".json", ".webmanifest"}:
            assert not re.search(r"(https?:)?//[\w-]+\.\w", path.read_text("utf-8")), path.name
    head = (page / "index.html").read_text("utf-8")
    assert "default-src 'none'" in head
    assert "<h1>A &#34;model&#34; &lt;1&gt;</h1>" in head


def test_equal_artifacts_give_equal_pages(tmp_path: Path, libraries: Path) -> None:
    """A page that differs without reason would be loaded anew by everybody."""
    one = written(tmp_path, libraries)
    first = {path.name: path.read_bytes() for path in one.iterdir()}
    (tmp_path / "second").mkdir()
    artifact = open_artifact(tmp_path / "artifact")
    write_page(artifact, tmp_path / "second", name='A "model" <1>', runtime_folder=libraries, progress=SILENT)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_has_fields_and_a_first_question(task: str) -> None:
    """A task without a field would be a page that nothing can be asked."""
    fields, question = fields_of(task, "[MASK]"), warm_up_of(task, "[MASK]")
    assert question["text"]
    assert bool(fields["others"]) == ("others" in question)
    assert ("[MASK]" in question["text"]) == (task == "fill-mask")


def test_icons_are_drawn_alike_in_every_size() -> None:
    """A broken PNG keeps a page from being installed, and says nothing."""
    means = []
    for size in (32, 64):
        content = icons.png(size)
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        width, height, depth, kind = struct.unpack(">IIBB", content[16:26])
        assert (width, height, depth, kind) == (size, size, 8, 6)
        start = content.index(b"IDAT") + 4
        (length,) = struct.unpack(">I", content[start - 8 : start - 4])
        rows = np.frombuffer(zlib.decompress(content[start : start + length]), np.uint8).reshape(size, 1 + 4 * size)
        pixels = rows[:, 1:].reshape(size, size, 4)
        assert not rows[:, 0].any()
        assert pixels[0, 0, 3] == 0  # a round corner
        assert tuple(pixels[int(0.64 * size), int(0.4 * size)]) == (*icons.INK, 255)  # the middle of the flask
        means.append(pixels.mean(axis=(0, 1)))
    np.testing.assert_allclose(*means, atol=2)
    assert icons.svg().count("<path") == 4


def test_the_cache_is_filled_once(tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that asks npm each time would need a network each time."""
    packs = packed_as_npm_does(libraries, tmp_path / "packs")
    calls: list[list[str]] = []

    def npm(command: list[str], *, cwd: str, **_unread: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        package = next(one for one in PACKAGES if one.named == command[-1])
        (Path(cwd) / package.pack).write_bytes((packs / package.pack).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(runtime_files.shutil, "which", lambda _name: "npm")
    monkeypatch.setattr(runtime_files.subprocess, "run", npm)
    for _ in range(2):
        found = runtime_files.runtime_files(None, progress=SILENT)
        assert all(path.is_relative_to(places.home() / "web") for path in found.values())
    assert [call[-1] for call in calls] == [package.named for package in PACKAGES]


def test_what_npm_packed_may_lie_in_a_folder(tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no network, the two files are carried there."""
    packs = packed_as_npm_does(libraries, tmp_path / "packs")
    found = runtime_files.runtime_files(packs, progress=SILENT)
    monkeypatch.setenv("LIMBECK_RUNTIME_FILES", str(packs))
    assert runtime_files.runtime_files(None, progress=SILENT) == found
    assert all(path.is_file() for path in found.values())


def test_other_libraries_are_refused(tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of an untested version, or of a file that was tampered with, would answer otherwise, or do worse."""
    with pytest.raises(RuntimeFilesError, match="holds neither onnxruntime-web/ nor onnxruntime-web-"):
        runtime_files.runtime_files(tmp_path, progress=SILENT)
    path = libraries / ONNXRUNTIME.name / next(iter(ONNXRUNTIME.files))
    path.write_bytes(b"another one")
    with pytest.raises(RuntimeFilesError, match="its SHA-256 is another"):
        runtime_files.runtime_files(libraries, progress=SILENT)
    path.unlink()
    with pytest.raises(RuntimeFilesError, match="is not there"):
        runtime_files.runtime_files(libraries, progress=SILENT)
    monkeypatch.setattr(runtime_files.shutil, "which", lambda _name: None)
    with pytest.raises(RuntimeFilesError, match="npm is not installed here") as told:
        runtime_files.runtime_files(None, progress=SILENT)
    assert f"npm pack {ONNXRUNTIME.named}" in told.value.hint


@pytest.mark.parametrize("code", [1, 0])
def test_a_network_that_is_away_is_told(libraries: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A page of log lines of npm helps nobody."""
    monkeypatch.setattr(runtime_files.shutil, "which", lambda _name: "npm")
    done = subprocess.CompletedProcess(["npm"], code, "", "npm error code ENOTFOUND\nnpm error network\n")
    monkeypatch.setattr(runtime_files.subprocess, "run", lambda *_unread, **_also: done)
    with pytest.raises(RuntimeFilesError, match=r"npm could not fetch onnxruntime-web@.*: npm error network"):
        runtime_files.runtime_files(None, progress=SILENT)
    assert not list(places.home().rglob("*.mjs"))


def test_it_is_a_target_of_export(tmp_path: Path, libraries: Path) -> None:
    """The page stands in its place once its graph, unpacked, answers as the artifact does; its name is the card's."""
    artifact = write_artifact(tmp_path / "artifact")
    found = export_artifact(artifact, to="web", out=tmp_path / "page", n_texts=20, runtime_files=libraries)
    assert found.folder is not None
    assert found.record.agreement.largest_difference == 0
    assert "<h1>A card</h1>" in (tmp_path / "page" / "index.html").read_text("utf-8")
    # Written once more into its own place, as any export.
    assert export_artifact(artifact, to="web", out=tmp_path / "page", n_texts=2, runtime_files=libraries).folder


def test_what_is_wrong_leaves_nothing_behind(tmp_path: Path, libraries: Path) -> None:
    """Half a page would be put on a host by the next script."""
    artifact = write_artifact(tmp_path / "artifact")
    with pytest.raises(RecipeError, match="ort-mobile carries no libraries"):
        export_artifact(artifact, to="ort-mobile", out=tmp_path / "page", runtime_files=libraries)
    with pytest.raises(RuntimeFilesError):
        export_artifact(artifact, to="web", out=tmp_path / "page", n_texts=2, runtime_files=tmp_path)
    assert not list(tmp_path.glob("page*"))
