"""Other spellings: what they do to a text, that they are the same in every run, and what is told of the answers."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from limbeck.errors import RecipeError
from limbeck.evaluate import Doubt, refuse_unaskable, robustness_of
from limbeck.evaluate.spellings import lower_case, respellings, upper_case, with_typos, without_punctuation
from limbeck.recipe.verify import VerifyTable
from limbeck.text.examples import Examples

DOUBT = Doubt(0.95, 200, 0)
TEXTS = tuple(f"Wake me at seven, please: number {index}!" for index in range(30))
EXAMPLES = Examples(TEXTS, None, None, ("no", "yes"))


def shouting(texts: Sequence[str], text_pairs: Sequence[str] | None) -> NDArray[np.float64]:
    """Says yes to texts in capitals, and else no."""
    return np.array([[0.0, 4.0] if text.isupper() else [4.0, 0.0] for text in texts])


def steady(texts: Sequence[str], text_pairs: Sequence[str] | None) -> NDArray[np.float64]:
    """Always says no."""
    return np.array([[4.0, 0.0]] * len(texts))


def test_spellings_by_hand() -> None:
    """What is asked must be what is told."""
    assert lower_case("Don't STOP, Straße") == "don't stop, straße"
    assert upper_case("Straße") == "STRAßE"  # as SS it would have one letter more
    assert without_punctuation("Don't stop, e.g. (now)!") == "Dont stop e g now"
    assert without_punctuation("?!") == "?!"
    assert with_typos("a b 12345", seed=0) == "a b 12345"


def test_typos_are_few_and_the_same_in_every_run() -> None:
    """Equal runs must give equal artifacts, so chance comes from text and seed alone."""
    found = [with_typos(text, seed=7) for text in TEXTS]
    assert found == [with_typos(text, seed=7) for text in reversed(TEXTS)][::-1]
    assert found != [with_typos(text, seed=8) for text in TEXTS]
    for text, other in zip(TEXTS, found, strict=True):
        words, others = text.split(), other.split()
        assert len(words) == len(others)
        assert sum(one != two for one, two in zip(words, others, strict=True)) <= 1


def test_words_keep_their_places() -> None:
    """A tag stands at the characters of its word: one letter less, and all tags behind it would count as changed."""
    for respell in respellings(seed=0, keeps_places=True).values():
        for text in (*TEXTS, "İstanbul ﬁne ŉ Straße"):
            assert len(respell(text)) == len(text)
    assert "no punctuation" not in respellings(seed=0, keeps_places=True)


def test_what_each_side_does_is_told_apart() -> None:
    """The artifact changes with capitals, the teacher does not: only the artifact is to be called unsteady."""
    found = robustness_of(
        (shouting, shouting(TEXTS, None)), (steady, steady(TEXTS, None)),
        examples=EXAMPLES, task="classification", settings=VerifyTable(), doubt=DOUBT,
    )  # fmt: skip
    assert found is not None
    assert found.agreement is not None
    assert (found.n, found.agreement.value, found.teacher_asked) == (30, 1.0, True)
    told = {
        one.name: (one.n, one.agreement and one.agreement.value, one.artifact_steady.value,
                   one.teacher_steady and one.teacher_steady.value)
        for one in found.perturbations
    }  # fmt: skip
    assert told == {
        "lower case": (30, 1.0, 1.0, 1.0),
        "upper case": (30, 0.0, 0.0, 1.0),
        "typos": (30, 1.0, 1.0, 1.0),
        "no punctuation": (30, 1.0, 1.0, 1.0),
    }


def test_without_a_teacher_the_artifact_alone_is_asked() -> None:
    """Agreement with answers that nobody gave must not be told."""
    found = robustness_of(
        (shouting, shouting(TEXTS, None)), None,
        examples=EXAMPLES, task="classification", settings=VerifyTable(robustness_texts=10), doubt=DOUBT,
    )  # fmt: skip
    assert found is not None
    assert (found.n, found.agreement, found.teacher_asked) == (10, None, False)
    assert all(one.agreement is None and one.teacher_steady is None for one in found.perturbations)


def test_unchanged_texts_do_not_count() -> None:
    """Texts that are in lower case already would make any model look steady."""
    small = Examples(("wake me", "call home"), None, None, ("no", "yes"))
    found = robustness_of(
        (shouting, shouting(small.texts, None)), None,
        examples=small, task="classification", settings=VerifyTable(), doubt=DOUBT,
    )  # fmt: skip
    assert found is not None
    assert [one.name for one in found.perturbations] == ["upper case", "typos"]


def test_not_measured() -> None:
    """What is switched off, or has no spelling that leaves the answer as it is, costs nothing."""

    def refuse(texts: Sequence[str], text_pairs: Sequence[str] | None) -> NDArray[np.float64]:
        raise AssertionError("asked")

    for task, settings in (("classification", VerifyTable(robustness=False)), ("fill-mask", VerifyTable())):
        given = (refuse, steady(TEXTS, None))
        assert robustness_of(given, None, examples=EXAMPLES, task=task, settings=settings, doubt=DOUBT) is None


def test_only_questions_are_respelled() -> None:
    """A typo in the context changes what is right to answer."""
    asked: list[str] = []

    def note(texts: Sequence[str], text_pairs: Sequence[str] | None) -> NDArray[np.float64]:
        asked.extend(text_pairs or ())
        return np.zeros((len(texts), 1)) + np.arange(len(texts))[:, None]

    pairs = Examples(("Who came here?",) * 4, ("Anna, they say!", "Bob.", "Nobody.", "Eve."), None, ("number",))
    robustness_of(
        (note, note(pairs.texts, None)), None,
        examples=pairs, task="reranking", settings=VerifyTable(), doubt=DOUBT,
    )  # fmt: skip
    assert asked
    assert set(asked) == set(pairs.text_pairs or ())


def test_a_teacher_that_must_be_asked_and_cannot_be() -> None:
    """Whoever wrote true must not read a report without it."""
    with pytest.raises(RecipeError, match="no teacher is at hand that runs on this machine"):
        refuse_unaskable(VerifyTable(robustness=True), runs_here=False)
    refuse_unaskable(VerifyTable(), runs_here=False)
    refuse_unaskable(VerifyTable(robustness=True), runs_here=True)
