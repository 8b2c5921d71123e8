"""What texts have about them that makes a damaged model fail: cut, in capitals, with unknown or rare tokens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder


@dataclass(frozen=True)
class Trait:
    """Something that a text has or has not.

    Args:
        kind: As in `Reason.kind`.
        words: What such texts are called: "texts that were cut to 16 tokens".
        has: (n,) which texts have it.
    """

    kind: str
    words: str
    has: NDArray[np.bool_]


def traits_of(
    encoder: TextEncoder, examples: Examples, truncated: Sequence[int], *, unknown: int | None
) -> tuple[Trait, ...]:
    """The traits that some of these texts have and some have not.

    Args:
        encoder: The artifact's.
        examples: The n texts.
        truncated: Numbers of those that its tokenizer cut.
        unknown: The token of what it does not know.
    """
    encoded = encoder.encode(examples.texts, examples.text_pairs)
    tokens: list[set[int]] = [set() for _ in range(len(examples))]
    for owner, ids in zip(encoded.owners.tolist(), encoded.ids, strict=True):
        tokens[owner].update(ids)
    counts = Counter(chain.from_iterable(tokens))
    both = [f"{text} {pair}" for text, pair in zip(examples.texts, examples.text_pairs or examples.texts, strict=True)]
    cut = np.zeros(len(examples), np.bool_)
    cut[list(truncated)] = True
    found = (
        Trait("cut", f"texts that were cut to {encoder.max_tokens} tokens", cut),
        Trait("capitals", "texts with capital letters", np.array([text.lower() != text for text in both])),
        Trait("unknown", "texts with unknown tokens", np.array([unknown in some for some in tokens])),
        Trait(
            "rare",
            "texts with a token that no other text has",
            np.array([any(counts[token] == 1 for token in some) for some in tokens]),
        ),
    )
    return tuple(trait for trait in found if trait.has.any() and not trait.has.all())
