"""The folder of a page: its own files, the libraries that it runs on, the packed model, icons, manifest.

The large files are packed by gzip and unpacked by the page, so that a server of plain files sends few bytes. Everything
lies in one folder and is asked for by relative addresses, so that it works at any place of any host.
"""

import gzip
import hashlib
import json
import math
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from limbeck.artifact.sealed import Artifact
from limbeck.ground import places, wording
from limbeck.ground.files import written_whole
from limbeck.ground.progress import Progress
from limbeck.tasks.rules import reading_rules
from limbeck.text.tokens import TOKENIZER_CONFIG_FILE, TOKENIZER_FILE, mask_token_of
from limbeck.web import icons
from limbeck.web.fields import fields_of, warm_up_of
from limbeck.web.licences import licences
from limbeck.web.page_tokenizer import for_the_page
from limbeck.web.runtime_files import ONNXRUNTIME, TOKENIZERS, runtime_files

PAGE_FILE = "page.json"
_TEMPLATES = ("index.html", "service-worker.js")
_MODULES = {
    f"{ONNXRUNTIME.name}/dist/ort.wasm.bundle.min.mjs": "onnxruntime.js",
    f"{TOKENIZERS.name}/dist/tokenizers.min.mjs": "tokenizers.js",
}
"""Under names that every server knows the type of."""
_WASM = f"{ONNXRUNTIME.name}/dist/ort-wasm-simd-threaded.wasm"
_RUNTIME_FILE = "ort-wasm-simd-threaded.wasm"
_MODEL_FILE = "model.onnx"
_ICON_SIZES = (192, 512)
_GZIP_LEVEL = 9
_VERSION_DIGITS = 12


def write_page(artifact: Artifact, folder: Path, *, name: str, runtime_folder: Path | None, progress: Progress) -> str:
    """Write a page that answers with an artifact's quantized graph.

    Args:
        artifact: The opened artifact.
        folder: An existing empty folder.
        name: The page's heading.
        runtime_folder: See `runtime_files`.
        progress: Told what goes on.

    Returns: The name of the packed model.

    Raises:
        RuntimeFilesError: The libraries cannot be had.
        SchemeError: See `for_the_page`.
        OutputError: The disk is full.
    """
    config = artifact.path(TOKENIZER_CONFIG_FILE)
    tokenizer = for_the_page(json.loads(artifact.path(TOKENIZER_FILE).read_text(encoding="utf-8")))
    libraries = runtime_files(runtime_folder, progress=progress)
    contents = {
        "runtime": (_RUNTIME_FILE, libraries[_WASM].read_bytes()),
        "model": (_MODEL_FILE, artifact.path(artifact.manifest.model_file).read_bytes()),
        "tokenizer": (TOKENIZER_FILE, json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()),
        "tokenizer_config": (TOKENIZER_CONFIG_FILE, config.read_bytes() if config.exists() else b"{}"),
    }
    packed = {}
    with progress.bar("Packing", total=len(contents), unit="files") as bar:
        for role, (file, content) in contents.items():
            packed[role] = _pack(content, folder, file, keep=role == "runtime")
            bar.advance(note=file)
    for library, module in _MODULES.items():
        shutil.copyfile(libraries[library], folder / module)
    settings = _settings(artifact, name, packed)
    (folder / PAGE_FILE).write_text(json.dumps(settings, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "LICENCES.txt").write_text(licences(libraries), encoding="utf-8")
    _write_app(folder, settings)
    _write_own(folder, settings, artifact)
    return str(packed["model"]["name"])


def _pack(content: bytes, folder: Path, name: str, *, keep: bool) -> dict[str, Any]:
    """Pack a file under a name that carries its version; gives its entry in page.json.

    Args:
        content: Of the file.
        folder: Where to.
        name: Of the file, unpacked.
        keep: Keep what came of it in the cache, as it is the same for every page and takes seconds.
    """
    hashed = hashlib.sha256(content).hexdigest()
    kept = places.home() / "web" / f"{hashed}.gz"
    is_kept = keep and kept.exists()
    packed = kept.read_bytes() if is_kept else gzip.compress(content, _GZIP_LEVEL, mtime=0)
    if keep and not is_kept:
        with written_whole(kept) as temporary:
            temporary.write_bytes(packed)
    version = hashed[:_VERSION_DIGITS]
    target = folder / f"{Path(name).stem}-{version}{Path(name).suffix}.gz"
    target.write_bytes(packed)
    return {
        "name": target.name,
        "version": version,
        "bytes": len(content),
        "packed_bytes": len(packed),
    }


def _settings(artifact: Artifact, name: str, packed: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """page.json: what the page must know of the model, and where the large files lie."""
    manifest = artifact.manifest
    rules = reading_rules(manifest.task, manifest.recipe.get("data", {}))
    mask = mask_token_of(artifact.folder)
    return {
        "name": name,
        "task": manifest.task,
        "label_names": list(manifest.label_names),
        "max_tokens": manifest.max_tokens,
        "window_overlap": rules.overlap,
        "no_answer_threshold": rules.threshold if math.isfinite(rules.threshold) else None,
        "mask_token": mask,
        "warm_up": warm_up_of(manifest.task, mask),
        "files": packed,
    }


def _write_app(folder: Path, settings: dict[str, Any]) -> None:
    """What makes a page an app: its icons, and the manifest that names them."""
    (folder / "icon.svg").write_text(icons.svg(), encoding="utf-8")
    shown = []
    for size in _ICON_SIZES:
        for purpose, file in (("any", f"icon-{size}.png"), ("maskable", f"icon-{size}-whole.png")):
            (folder / file).write_bytes(icons.png(size, is_whole=purpose == "maskable"))
            shown.append({"src": file, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose})
    app = {
        "name": settings["name"],
        "short_name": settings["name"],
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#1f4bc4",
        "icons": shown,
    }
    (folder / "app.webmanifest").write_text(json.dumps(app, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _write_own(folder: Path, settings: dict[str, Any], artifact: Artifact) -> None:
    """The page's own files; the service worker last, as its version is that of all small files together."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    source = resources.files("limbeck.web") / "page"
    own = {path.name: path.read_text(encoding="utf-8") for path in source.iterdir()}
    shown = {
        "name": settings["name"],
        "summary": _summary(artifact),
        "fields": fields_of(settings["task"], settings["mask_token"]),
    }
    own["index.html"] = environment.from_string(own["index.html"]).render(shown)
    worker = own.pop("service-worker.js")
    for file, content in own.items():
        (folder / file).write_text(content, encoding="utf-8")
    large = sorted(entry["name"] for entry in settings["files"].values())
    small = sorted(path.name for path in folder.iterdir() if path.name not in large)
    version = hashlib.sha256(b"".join((folder / file).read_bytes() for file in small)).hexdigest()[:_VERSION_DIGITS]
    listed = {"version": version, "small": ["./", *small], "large": large}
    (folder / "service-worker.js").write_text(worker.replace("{{ page }}", json.dumps(listed)), encoding="utf-8")


def _summary(artifact: Artifact) -> str:
    """What the model does, in one line."""
    manifest = artifact.manifest
    layers = manifest.shape.get("layers")
    parts = [
        manifest.task,
        *(
            [wording.counted(len(manifest.label_names), "label")]
            if manifest.task in {"classification", "multi-label"}
            else []
        ),
        *([wording.counted(int(layers), "layer")] if layers else ["no layers"]),
        wording.size(artifact.running_bytes),
    ]
    return ", ".join(parts)
