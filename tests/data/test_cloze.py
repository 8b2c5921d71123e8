"""Made-up questions: alike for the same seed, asked of their own contexts, and never one that somebody is judged by."""

import re

import numpy as np

from limbeck.data import questioned
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged

CONTEXTS = (
    "The bridge over the river was built by Anna Weiss in 1904. It was closed after the great flood of that spring.",
    "Salt is won from the sea in shallow ponds; the sun does most of the work. Workers rake the salt at noon.",
    "Owls hunt at night because mice are out then. Their feathers make hardly any sound when they fly.",
    "The school has two doors. One of them is always locked on Sundays by old Mr Brandt.",
)
QUESTIONS = (
    "Who built the bridge?", "When was the bridge closed?", "Where is salt won?", "What does the sun do?",
    "When do owls hunt?", "Why can nobody hear an owl?", "How many doors has the school?", "Who locks the door?",
)  # fmt: skip
TRAIN = Examples(
    QUESTIONS,
    tuple(CONTEXTS[number // 2] for number in range(len(QUESTIONS))),
    Ragged(np.zeros((len(QUESTIONS), 2), np.int64), np.arange(len(QUESTIONS) + 1)),
    ("start", "end"),
)


def _made(n: int, *, seed: int = 0, avoid: tuple[str, ...] = ()) -> Examples:
    return questioned(TRAIN, n=n, seed=seed, avoid=avoid)


def test_the_same_seed_makes_the_same_questions() -> None:
    """A failure would ask the teacher for new answers in every run, and make no two runs alike."""
    assert _made(80, seed=3) == _made(80, seed=3)
    assert _made(80, seed=3).texts[:30] == _made(30, seed=3).texts
    assert _made(80, seed=4).texts != _made(80, seed=3).texts


def test_no_content_is_made_twice_or_taken_from_elsewhere() -> None:
    """A failure would train on held-out questions, and every figure of the verdict would be a lie."""
    held_out = _made(80)
    made = _made(80, avoid=held_out.content_fingerprints)
    contents = made.content_fingerprints
    assert len(made) == len(set(contents)) == 80
    assert not set(contents) & {*held_out.content_fingerprints, *TRAIN.content_fingerprints}
    assert made.labels is None


def test_contexts_are_whole_or_made_of_whole_sentences_of_one_or_two() -> None:
    """A failure would teach answers out of halves of sentences, or lose the sentence that is asked about."""
    ends = re.compile(r"(?<=[.;]) ")
    sentences = {sentence: number for number, context in enumerate(CONTEXTS) for sentence in ends.split(context)}
    kinds = set()
    for context in _made(200).text_pairs or ():
        left, sources = context, []
        while left:
            sentence = next(one for one in sentences if left.startswith(one))
            sources.append(sentences[sentence])
            left = left[len(sentence) :].strip()
        kinds.add((context in CONTEXTS, len(set(sources))))
        assert len(context.split()) <= max(len(whole.split()) for whole in CONTEXTS)
    assert kinds >= {(True, 1), (False, 1), (False, 2)}


def test_most_questions_ask_with_the_words_of_their_context() -> None:
    """A failure would ask for nothing that stands in the context, and the teacher's answers would be noise."""
    made = _made(200)
    known = {word for text in (*QUESTIONS, *CONTEXTS) for word in text.replace("?", " ? ").split()}
    known |= {word.rstrip(".,;?") for word in known}
    openings = {question.split()[0] for question in QUESTIONS}
    n_of_context = n_opened = 0
    for question, context in zip(made.texts, made.text_pairs or (), strict=True):
        words = question.replace("?", " ? ").split()
        assert set(words) <= known
        n_opened += words[0] in openings
        n_of_context += len({*words} & {word.rstrip(".,;") for word in context.split()}) >= 2
    assert n_opened > 140
    assert n_of_context > 120


def test_fewer_come_back_where_so_many_cannot_be_made() -> None:
    """A failure would search for ever for a question that does not exist, or fall over texts without words."""
    few = Examples(("Who",), ("Anna",), None, ("start", "end"))
    assert len(questioned(few, n=1000, seed=0, avoid=())) < 1000
    empty = Examples(("", " "), ("", ""), None, ("start", "end"))
    assert len(questioned(empty, n=10, seed=0, avoid=())) == 0
