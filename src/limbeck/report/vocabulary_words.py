"""What a trimmed vocabulary means for texts that it was not trimmed for, in words."""

from limbeck.ground import wording
from limbeck.text.vocabulary import VocabularyRecord


def vocabulary_sentence(told: VocabularyRecord) -> str:
    """What was kept, and how held-out texts come apart with it and without."""
    gone = 1 - told.rows / told.rows_before
    before, after = told.before, told.after
    changed = wording.percent(told.n_changed / told.n_held_out)
    kept = f"{wording.count(told.rows)} of the teacher’s {wording.count(told.rows_before)} tokens"
    held_out = wording.counted(told.n_held_out, "held-out text")
    return (
        f"The student keeps {kept} ({wording.percent(gone)} are gone), among them all {wording.count(told.n_used)} "
        f"that its training texts use, so that these read as before. Of {held_out}, {changed} come apart otherwise: "
        f"{after.tokens_per_text:.2f} tokens a text instead of {before.tokens_per_text:.2f}, and "
        f"{wording.percent(after.unknown_share, decimals=2)} of them unknown instead of "
        f"{wording.percent(before.unknown_share, decimals=2)}."
    )
