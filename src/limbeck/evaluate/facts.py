"""What files say about an artifact before any answer is looked at: its tokenizer, its weights, its teacher."""

from limbeck.records.reason import Reason, WeightFidelity
from limbeck.runtime import Model
from limbeck.teacher.folder import read_config, token_limit


def facts_of(model: Model, weights: WeightFidelity | None, *, teacher_fingerprint: str | None = None) -> list[Reason]:
    """What would explain changed answers, and is certain.

    Args:
        model: The artifact.
        weights: As `Model.weight_fidelity` gives it.
        teacher_fingerprint: Of the teacher whose answers it is held against, where that was asked just now.
    """
    return [*_reading(model), *_weights(weights), *_teacher(model, teacher_fingerprint)]


def _reading(model: Model) -> list[Reason]:
    """A tokenizer with another fingerprint than the one that the student learned with; a trimmed one is its own."""
    manifest = model.manifest
    wanted, recipe = manifest.fingerprints.get("tokenizer"), manifest.recipe
    if wanted in {None, model.encoder.fingerprint} or recipe.get("student", {}).get("vocabulary") == "trimmed":
        return []
    usual = min(recipe.get("data", {}).get("max_tokens") or 0, token_limit(read_config(model.folder)))
    if manifest.max_tokens < usual:
        return [Reason("cut", f"texts are cut to {manifest.max_tokens} tokens, and the student learned with {usual}")]
    return [Reason("tokenizer", "the tokenizer is not the one that the student learned with")]


def _weights(found: WeightFidelity | None) -> list[Reason]:
    return [] if found is None else [Reason("weights", fault) for fault in found.faults]


def _teacher(model: Model, fingerprint: str | None) -> list[Reason]:
    if fingerprint in {None, model.manifest.fingerprints.get("teacher")}:
        return []
    return [Reason("teacher", "the teacher is not the one that the artifact was made from")]
