"""Texts made up by a masked language model: words of a text are hidden, and others that fit stand in their place.

Sources: Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, section 4.1 (words replaced by what a BERT puts there); Wu et
al. 2019, "Conditional BERT Contextual Augmentation", arXiv:1812.06705.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from limbeck.encoder import families
from limbeck.errors import TeacherError
from limbeck.ground import fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import TeacherTable
from limbeck.teacher import folder as folders
from limbeck.teacher.load import loading_faults_told, model_inputs, quiet, ready_tokenizer
from limbeck.text.examples import Examples
from limbeck.text.tokens import TOKENIZER_FILE, TextEncoder, mask_token_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_WORD = re.compile(r"\w[\w'’-]*")
_HIDDEN_SHARE = 0.2
_CHOICES = 12
"""A word is drawn from so many of the likeliest, by what the model gives them."""
_BATCH_TEXTS = 32
_WORD_MARKS = ("\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}", "\N{LOWER ONE EIGHTH BLOCK}")
"""What byte-level and sentencepiece vocabularies put before the first token of a word."""


@dataclass(frozen=True)
class Masker:
    """A masked language model.

    Args:
        model: In evaluation mode, without gradients.
        encoder: Texts -> tokens.
        tokenizer: The same tokenizer, for decoding.
        mask_token: As it is written in a text.
        fingerprint: Names its weights, config and tokenizer.
    """

    model: "PreTrainedModel"
    encoder: TextEncoder
    tokenizer: Tokenizer
    mask_token: str
    fingerprint: str

    def rewritten(self, texts: Sequence[str], draw: np.random.Generator) -> list[str]:
        """Each text with a fifth of its words, at least one, replaced; a text without words stays as it is.

        Args:
            texts: (n,) the texts.
            draw: Where chance comes from.
        """
        chosen = [self._chosen(text, draw) for text in texts]
        hidden = [_with(text, spans, [self.mask_token] * len(spans)) for text, spans in zip(texts, chosen, strict=True)]
        encoded = self.encoder.encode(hidden, parallel=False)
        batch = self.encoder.pad(encoded, range(len(texts)))
        with torch.inference_mode():
            logits = self.model(**model_inputs(self.model, batch)).logits.float().cpu().numpy()
        mask_id = self.tokenizer.token_to_id(self.mask_token)
        found = []
        for row, (text, spans) in enumerate(zip(texts, chosen, strict=True)):
            places = np.flatnonzero(batch.input_ids[row] == mask_id)[: len(spans)]  # those behind the cut stay
            kept = spans[: len(places)]
            words = [
                self._drawn(logits[row, place], text[start:end], draw)
                for place, (start, end) in zip(places, kept, strict=True)
            ]
            found.append(_with(text, kept, words))
        return found

    def _chosen(self, text: str, draw: np.random.Generator) -> list[tuple[int, int]]:
        spans = [match.span() for match in _WORD.finditer(text)]
        if not spans:
            return []
        n_hidden = max(1, round(_HIDDEN_SHARE * len(spans)))
        return [spans[index] for index in sorted(draw.choice(len(spans), n_hidden, replace=False))]

    def _drawn(self, logits: NDArray[np.float32], word: str, draw: np.random.Generator) -> str:
        """A word that fits where another one stood; that one again where nothing else fits."""
        is_word = self._words()
        allowed = np.where(is_word, logits[: len(is_word)], -np.inf)
        likeliest = np.argsort(-allowed, kind="stable")[: _CHOICES + 1]
        names = {int(index): self.tokenizer.decode([int(index)]).strip() for index in likeliest if is_word[index]}
        others = [index for index, name in names.items() if name and name.casefold() != word.casefold()][:_CHOICES]
        if not others:
            return word
        shares = np.exp(allowed[others] - allowed[others].max())
        return names[others[int(draw.choice(len(others), p=shares / shares.sum()))]]

    def _words(self) -> NDArray[np.bool_]:
        """(vocabulary,) which tokens stand for a whole word, or the beginning of one."""
        return _word_tokens(self.tokenizer)


def load_masker(source: str | Path, *, settings: TeacherTable, max_tokens: int, work: Path) -> Masker:
    """Find a masked language model and load it.

    Args:
        source: A local folder or a hub id.
        settings: The recipe's teacher table; its revision does not count, as it names one of the teacher.
        max_tokens: Length limit; the model's own limit holds when it is smaller.
        work: Where a converted tokenizer may be put.

    Raises:
        UnsafeTeacherError: It would run code, or is pickled only.
        TeacherError: Not found, of an unknown family, without the head of a masked language model or a mask.
    """
    from transformers import AutoModelForMaskedLM

    folder = folders.find_folder(source)
    config = folders.read_config(folder)
    trusted = folders.refuse_unsafe(folder, config, name=str(source), allow_code=settings.allow_code)
    architectures = [str(kind) for kind in config.get("architectures") or []]
    why = families.refusal(config)
    if why is not None or not any(kind.endswith("ForMaskedLM") for kind in architectures):
        named = ", ".join(architectures) or "not named"
        raise TeacherError(
            f"distill.masker = {str(source)!r} is no masked language model: "
            f"{why or f'its architecture is {named}, not one that ends with ForMaskedLM'}.",
            hint="Give the pretrained model that the teacher was fine-tuned from, with its head.",
        )
    tokenizer_folder = ready_tokenizer(folder, work=work)
    with quiet(), loading_faults_told(folder):
        model = AutoModelForMaskedLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=trusted
        )
    encoder = TextEncoder(tokenizer_folder, max_tokens=min(max_tokens, folders.token_limit(config)))
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / TOKENIZER_FILE))
    mask = mask_token_of(tokenizer_folder)
    if mask is None or tokenizer.token_to_id(mask) is None:
        raise TeacherError(
            f"The tokenizer of {source} names no mask_token.", hint="Give a model with its own tokenizer files."
        )
    weights = sorted(folder.glob("*.safetensors"))
    named_files = [fingerprint.of_file(path) for path in (folder / "config.json", *weights)]
    return Masker(
        model.eval().requires_grad_(requires_grad=False),
        encoder,
        tokenizer,
        mask,
        fingerprint.of_many([*named_files, encoder.fingerprint]),
    )


def masked_texts(
    masker: Masker,
    examples: Examples,
    n: int,
    avoid: Collection[str],
    *,
    seed: int,
    work: Path,
    keeps_first: bool = False,
    progress: Progress = SILENT,
) -> Examples:
    """Up to `n` different texts, each one of `examples` with some words replaced.

    What was made lies in `work`, a line a batch, so that a killed run goes on where it was.

    Args:
        masker: The model.
        examples: What to make them from; of a pair the first text is rewritten.
        n: How many are wanted.
        avoid: Content fingerprints that must not come back: validation and held-out texts, and those made already.
        seed: Where chance comes from.
        work: Where the lines lie.
        keeps_first: Whether a pair keeps its first text, a query, and its second one, a passage, is rewritten.
        progress: Told how far it is.

    Returns: Examples without labels.

    Raises:
        OutputError: The disk is full.
    """
    order = np.random.default_rng([seed, 0x3A5C]).permutation(np.resize(np.arange(len(examples)), n))
    named = fingerprint.of_many(
        [masker.fingerprint, examples.fingerprint, str(n), str(seed), *(["second"] * keeps_first)]
    )
    varied = examples.text_pairs if keeps_first and examples.text_pairs is not None else examples.texts
    made = _lines(masker, varied, order, work / f"masked-{named[:16]}.jsonl", seed=seed, progress=progress)

    def rows() -> Iterator[tuple[str, str | None]]:
        for source, text in zip(order, made, strict=True):
            if keeps_first:
                yield examples.texts[source], text
            else:
                yield text, None if examples.text_pairs is None else examples.text_pairs[source]

    return examples.new_among(rows(), avoid=avoid)


def _lines(
    masker: Masker, texts: Sequence[str], order: NDArray[np.int64], path: Path, *, seed: int, progress: Progress
) -> Iterator[str]:
    """The rewritten texts in their order: those that stand on disk, then the rest, each batch by its own chance."""
    known = _whole_lines(path)
    batches = [order[start : start + _BATCH_TEXTS] for start in range(0, len(order), _BATCH_TEXTS)]
    n_known = sum(map(len, known))
    with (
        path.open("a", encoding="utf-8") as stream,
        progress.bar("texts made up by the masked language model", total=len(order), unit="texts", done=n_known) as bar,
    ):
        for number, rows in enumerate(batches):
            if number < len(known):
                yield from known[number]
                continue
            draw = np.random.default_rng([seed, 0x3A5D, number])
            found = masker.rewritten([texts[row] for row in rows], draw)
            stream.write(json.dumps(found, ensure_ascii=False) + "\n")
            stream.flush()
            bar.advance(len(rows))
            yield from found


def _whole_lines(path: Path) -> list[list[str]]:
    """The batches that stand on disk; a line that a kill tore is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
    return [json.loads(line) for line in whole.decode("utf-8").splitlines()]


def _with(text: str, spans: Sequence[tuple[int, int]], words: Sequence[str]) -> str:
    """The text with other words at these places."""
    parts, last = [], 0
    for (start, end), word in zip(spans, words, strict=True):
        parts += [text[last:start], word]
        last = end
    return "".join([*parts, text[last:]])


def _word_tokens(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    vocabulary = tokenizer.get_vocab()
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    mark = next((mark for mark in _WORD_MARKS if any(name.startswith(mark) for name in vocabulary)), "")
    found = np.zeros(max(vocabulary.values()) + 1, np.bool_)
    for name, index in vocabulary.items():
        word = name.removeprefix(mark)
        begins_word = name.startswith(mark) and not name.startswith("##")
        found[index] = begins_word and name not in special and bool(_WORD.fullmatch(word))
    return found
