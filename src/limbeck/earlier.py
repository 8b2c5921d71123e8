"""What an earlier verdict says that its artifact answered, for the artifact that is judged now."""

import json
from pathlib import Path

from pydantic import ValidationError

from limbeck.errors import DataError
from limbeck.evaluate import KEPT_TASKS
from limbeck.records import from_json
from limbeck.verdict_record import KeptAnswers


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
        if verdict.get("task") in KEPT_TASKS:
            raise DataError(f"{path} keeps no answers: an earlier limbeck wrote it.", hint=hint)
        raise DataError(
            f"{path} keeps no answers: those of the task {verdict.get('task')!r} are too large for a verdict.",
            hint="Compare the two artifacts themselves: limbeck compare OLD NEW --data texts.jsonl",
        )
    try:
        kept = from_json(KeptAnswers, verdict["answers"])
    except ValidationError as error:
        raise DataError(
            f"{path}: the answers that it keeps are damaged ({error.error_count()} faults).", hint=hint
        ) from None
    if kept.task not in KEPT_TASKS:
        raise DataError(f"{path} keeps answers of the unknown task {kept.task!r}.", hint=hint)
    return kept
