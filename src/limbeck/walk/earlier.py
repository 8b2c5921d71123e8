"""What an earlier verdict says that its artifact answered, for the artifact that is judged now."""

import json
from pathlib import Path

from pydantic import ValidationError

from limbeck.errors import DataError
from limbeck.records.run import from_json
from limbeck.records.verdict import KeptAnswers
from limbeck.tasks import TASKS


def earlier_answers(source: str | Path) -> KeptAnswers:
    """The answers that a verdict keeps.

    Args:
        source: What `limbeck verify --json` printed, a run.json, or the folder of a run.

    Raises:
        DataError: It is not there, is something else, or keeps no answers.
    """
    given = Path(source).expanduser()
    path = given / "run.json" if given.is_dir() else given
    hint = "Give what `limbeck verify OLD --data ... --json` printed, or the run.json of the earlier run."
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).", hint=hint) from None
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}).", hint=hint) from None
    verdict = told.get("verdict", told) if isinstance(told, dict) else None
    if not isinstance(verdict, dict) or "checks" not in verdict:
        raise DataError(f"{path} holds no verdict.", hint=hint)
    if verdict.get("answers") is None:
        raise DataError(
            f"{path} keeps no answers to pair with: a limbeck wrote it that kept none, or none of this task.",
            hint="Verify the earlier artifact anew, with --json, or compare the two: limbeck compare OLD NEW --data "
            "texts.jsonl",
        )
    try:
        kept = from_json(KeptAnswers, verdict["answers"])
    except ValidationError as error:
        raise DataError(
            f"{path}: the answers that it keeps are damaged ({error.error_count()} faults).", hint=hint
        ) from None
    if kept.task not in TASKS:
        raise DataError(f"{path} keeps answers of the unknown task {kept.task!r}.", hint=hint)
    return kept
