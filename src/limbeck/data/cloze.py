"""More questions for the student: words of a context around a phrase, asked for as real questions begin.

A student that reads a few thousand questions again and again learns these by heart, and not how its teacher finds
answers. Made-up questions need no label and no grammar: the teacher answers them, and the student learns how. None of
them is ever a question of the validation or held-out part with its context, nor of training itself.

Sources: Lewis, Denoyer, Riedel 2019, "Unsupervised Question Answering by Cloze Translation", arXiv:1906.04980, sections
2.2 and 2.3 (a statement of the context whose answer is left out and asked for; dropped and swapped words). That
questions begin with the first words of real ones, so that no language is presumed, and that contexts are cut and joined
at sentences, is limbeck's own (figures in docs/lab-log.md).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from limbeck.data.augment import edited
from limbeck.text.examples import Examples

_CLOZE_SHARE = 0.6
_OTHERS_SHARE = 0.15
"""Of the questions, those of another context. The rest are a context's own with words dropped and swapped."""
_CHANGED_CONTEXTS = 0.5
_JOINED_CONTEXTS = 0.5
_MOST_OPENING_WORDS = 3
_MOST_PHRASE_WORDS = 4
_FEWEST_WORDS, _MOST_WORDS_ASIDE = 4, 8
_USUAL_LENGTHS = 0.99
"""No context that is put together is longer in words than this share of the given ones."""
_ATTEMPTS = 4
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？])")


def questioned(examples: Examples, *, n: int, seed: int, avoid: Collection[str]) -> Examples:
    """Make up to `n` different questions with their contexts.

    Of ten questions six are up to eight words on either side of a phrase of one to four, behind the first one to three
    words of some real question; the others are real ones, of that context or another. In three of five, words are
    dropped and swapped for words of all questions, one in twelve each. Half of the contexts are as given, the others
    some sentences on either side of the phrase, half of these beside some sentences of another context. No context is
    longer in words than 99 in 100 of the given ones.

    Args:
        examples: What to make them from: questions as texts, contexts as second texts; the training part.
        n: How many are wanted; fewer come back when so many different ones cannot be made.
        seed: Where chance comes from; the same seed gives the same questions.
        avoid: Content fingerprints that must not come back: validation and held-out questions.

    Returns: Examples without labels.
    """
    draw = np.random.default_rng([seed, 0xC102])
    contexts = examples.text_pairs or ()
    questions = [one for one in (text.split() for text in examples.texts) if one]
    maker = _Maker([_SENTENCE_END.split(context) for context in contexts], questions, draw)
    longest = np.quantile([len(context.split()) for context in contexts], _USUAL_LENGTHS) if contexts else 0

    def rows() -> Iterator[tuple[str, str]]:
        for _ in range(_ATTEMPTS * n if questions else 0):
            source = int(draw.integers(len(contexts)))
            row = maker.row(source, examples.texts[source], contexts[source])
            is_long = row[1] != contexts[source] and len(row[1].split()) > longest
            if all(row) and not is_long:
                yield row

    return examples.new_among(rows(), avoid=avoid, most=n)


@dataclass(frozen=True)
class _Maker:
    """Makes one row after the other.

    Args:
        contexts: Each in its sentences.
        questions: Each in its words, none of them empty.
        draw: Where chance comes from.
    """

    contexts: Sequence[Sequence[str]]
    questions: Sequence[Sequence[str]]
    draw: np.random.Generator

    def row(self, source: int, text: str, context: str) -> tuple[str, str]:
        """A question and its context, made of row `source` and others."""
        chance = self.draw.random()
        sentences = self.contexts[source]
        at = int(self.draw.integers(len(sentences)))
        words = sentences[at].split()
        if chance < _CLOZE_SHARE and len(words) >= _FEWEST_WORDS:
            question = self._cloze(words)
        elif chance < _CLOZE_SHARE + _OTHERS_SHARE:
            question = list(self._any(self.questions))
        else:
            question = text.split()
        question = edited(question, self.draw, any_word=self._word)
        if self.draw.random() < _CHANGED_CONTEXTS:
            context = self._context(source, at)
        return " ".join(question), context

    def _cloze(self, words: Sequence[str]) -> list[str]:
        """What stands around a phrase, asked for."""
        begin = int(self.draw.integers(len(words)))
        end = begin + int(self.draw.integers(1, _MOST_PHRASE_WORDS + 1))
        before, behind = self.draw.integers(1, _MOST_WORDS_ASIDE + 1, 2)
        like = self._any(self.questions)
        opening = like[: int(self.draw.integers(1, _MOST_OPENING_WORDS + 1))]
        asked = [*opening, *words[max(0, begin - int(before)) : begin], *words[end : end + int(behind)]]
        mark = like[-1][-1]
        return asked if mark.isalnum() else [*asked[:-1], asked[-1].rstrip(".,;:!?") + mark]

    def _context(self, source: int, at: int) -> str:
        """Some sentences of a context with the one at `at`, alone or beside some of another context."""
        kept = self._run(self.contexts[source], at)
        if self.draw.random() < _JOINED_CONTEXTS:
            other = self._any(self.contexts)
            more = self._run(other, int(self.draw.integers(len(other))))
            kept = [*kept, *more] if self.draw.random() < 0.5 else [*more, *kept]
        return " ".join(kept)

    def _run(self, sentences: Sequence[str], at: int) -> list[str]:
        first = int(self.draw.integers(at + 1))
        last = int(self.draw.integers(at, len(sentences)))
        return list(sentences[first : last + 1])

    def _word(self) -> str:
        question = self._any(self.questions)
        return question[int(self.draw.integers(len(question)))]

    def _any(self, entries: Sequence[Sequence[str]]) -> Sequence[str]:
        return entries[int(self.draw.integers(len(entries)))]
