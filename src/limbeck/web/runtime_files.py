"""The two libraries that a page runs on: pinned by version and SHA-256, from the user's folder, the cache, or npm.

They are other people's and 14 MB large, so they are not among limbeck's own files. npm fetches them once, by whatever
registry and proxy the user's npm is set to; after that, and with a folder of one's own, no export needs a network.
"""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limbeck.errors import RuntimeFilesError
from limbeck.ground import files, fingerprint, places
from limbeck.ground.progress import Progress

_NPM_SECONDS = 900
_PACK_FOLDER = "package"


@dataclass(frozen=True)
class Package:
    """A package of npm, and what a page needs of it.

    Args:
        name: As npm knows it.
        version: The one that the page was tested with.
        license: Its SPDX name.
        size: Of what npm fetches, in words.
        files: Path in the package -> SHA-256.
    """

    name: str
    version: str
    license: str
    size: str
    files: Mapping[str, str]

    @property
    def named(self) -> str:
        """As npm is asked for it."""
        return f"{self.name}@{self.version}"

    @property
    def pack(self) -> str:
        """What `npm pack` calls its file."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


ONNXRUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "MIT",
    "33 MB",
    {
        "dist/ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
        "dist/ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    },
)
TOKENIZERS = Package(
    "@huggingface/tokenizers",
    "0.2.0",
    "Apache-2.0",
    "0.1 MB",
    {
        "dist/tokenizers.min.mjs": "258e46332101335ce8d95aed7745b19ac3b46d37f3e159a89cf894c2ea9b1d3a",
        "LICENSE": "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
    },
)
PACKAGES = (ONNXRUNTIME, TOKENIZERS)


def runtime_files(given: Path | None, *, progress: Progress) -> dict[str, Path]:
    """Where the files lie, by package and path: "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm".

    Args:
        given: A folder that holds them as node_modules does, or the .tgz files of `npm pack`; None takes
            LIMBECK_RUNTIME_FILES, else looks into the cache, and else asks npm.
        progress: Told when something is fetched.

    Raises:
        RuntimeFilesError: A file is not there, or another one than the page was tested with; or npm is not installed
            or cannot fetch.
    """
    given = given or places.runtime_files()
    kept = places.home() / "web"
    found = {}
    for package in PACKAGES:
        if given is not None:
            folder = _from_folder(package, given, kept)
        else:
            folder = _folder_of(package, kept)
            if not all((folder / name).is_file() for name in package.files):
                _fetch(package, folder, progress=progress)
        for name, expected in package.files.items():
            _check(folder / name, expected, package)
            found[f"{package.name}/{name}"] = folder / name
    return found


def _folder_of(package: Package, root: Path) -> Path:
    return root / f"{package.name}-{package.version}"


def _from_folder(package: Package, given: Path, kept: Path) -> Path:
    """The folder of a package below the user's; what is packed there is unpacked into the cache."""
    if (given / package.name).is_dir():
        return given / package.name
    if (given / package.pack).is_file():
        _unpack(given / package.pack, _folder_of(package, kept), package)
        return _folder_of(package, kept)
    raise RuntimeFilesError(
        f"{given} holds neither {package.name}/ nor {package.pack}.",
        hint=f"Give a node_modules folder with {package.named}, or one with what `npm pack {package.named}` wrote.",
    )


def _fetch(package: Package, folder: Path, *, progress: Progress) -> None:
    npm = shutil.which("npm")
    elsewhere = (
        f"On a machine that has npm and a network: npm pack {' '.join(one.named for one in PACKAGES)}; "
        "then give the folder of the two files as --runtime-files."
    )
    if npm is None:
        raise RuntimeFilesError(
            f"A page needs {package.named}, which npm fetches once, and npm is not installed here.", hint=elsewhere
        )
    progress.say(f"Fetching {package.named} ({package.size}) through npm, once")
    with tempfile.TemporaryDirectory() as place:
        command = [npm, "pack", "--silent", "--ignore-scripts", package.named]
        try:
            done = subprocess.run(  # noqa: S603  (npm, and our own words)
                command, cwd=place, capture_output=True, text=True, timeout=_NPM_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise RuntimeFilesError(
                f"npm did not fetch {package.named} within {_NPM_SECONDS // 60} minutes.", hint=elsewhere
            ) from None
        if done.returncode != 0 or not (Path(place) / package.pack).is_file():
            told = done.stderr.strip().splitlines() or ["it said nothing"]
            raise RuntimeFilesError(f"npm could not fetch {package.named}: {told[-1]}", hint=elsewhere)
        _unpack(Path(place) / package.pack, folder, package)


def _unpack(pack: Path, folder: Path, package: Package) -> None:
    """Take the needed files, and no others, out of what npm packed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with files.folder_written_whole(folder) as temporary:
        try:
            with tarfile.open(pack) as archive:
                for name in package.files:
                    content = archive.extractfile(f"{_PACK_FOLDER}/{name}")
                    assert content is not None
                    (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                    (temporary / name).write_bytes(content.read())
        except (tarfile.TarError, KeyError, OSError, EOFError) as error:
            raise RuntimeFilesError(
                f"{pack} is not what `npm pack {package.named}` writes ({error}).", hint="Fetch it again."
            ) from None


def _check(path: Path, expected: str, package: Package) -> None:
    if not path.is_file():
        raise RuntimeFilesError(
            f"{path} is not there.", hint=f"Give the whole of {package.named}, as npm installs or packs it."
        )
    if fingerprint.sha256_of_file(path) != expected:
        raise RuntimeFilesError(
            f"{path} is not that of {package.named}, which the page was tested with: its SHA-256 is another.",
            hint=f"Fetch that version: npm pack {package.named}; or remove the file, and it is fetched again.",
        )
