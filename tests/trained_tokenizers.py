"""Tokenizers of the three kinds, trained on the demo's texts in a moment, and teachers that have them."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data import pocket
from tiny import write_teacher

KINDS = ("WordPiece", "BPE", "Unigram")
FAMILY = {"WordPiece": "bert", "BPE": "roberta", "Unigram": "xlm-roberta"}
ODD = (
    "naïve café, 5 € – señor Müller",
    "日本 and \N{GRINNING FACE} in one line",
    "Привет, wie geht's?",
    "",
    "  two  blanks ",
)
"""Letters of other alphabets, an ideograph, an emoji, nothing at all."""
_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_SHAPE = {"num_hidden_layers": 4, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}


@cache
def texts_of(part: str) -> tuple[str, ...]:
    """The demo's texts of a part, in a mixed order."""
    lines = (pocket.folder() / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return tuple(texts[index] for index in np.random.default_rng(0).permutation(len(texts)))


@cache
def _tokenizer(kind: str, n_tokens: int) -> str:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    texts = (*texts_of("train"), *ODD)
    special: list[Any] = list(_BERT if kind == "WordPiece" else _ROBERTA)
    if kind == "WordPiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=n_tokens, special_tokens=special, show_progress=False)
    elif kind == "BPE":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=n_tokens,
            special_tokens=special,
            show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        )
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=n_tokens, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    tokenizer.train_from_iterator(texts, trainer)
    start, end = (special[2], special[3]) if kind == "WordPiece" else (special[0], special[2])
    tokenizer.post_processor = (
        processors.RobertaProcessing((end, tokenizer.token_to_id(end)), (start, tokenizer.token_to_id(start)))
        if kind == "BPE"
        else processors.TemplateProcessing(
            single=f"{start} $A {end}",
            pair=f"{start} $A {end} $B {end}",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in (start, end)],
        )
    )
    return str(tokenizer.to_str())


def write_trained_tokenizer(folder: Path, kind: str, *, n_tokens: int = 2000) -> int:
    """Write tokenizer.json and its companions as transformers does; gives the number of tokens."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    special = _BERT if kind == "WordPiece" else _ROBERTA
    roles = ("pad", "unk", "cls", "sep", "mask") if kind == "WordPiece" else ("cls", "pad", "sep", "unk", "mask")
    tokenizer = Tokenizer.from_str(_tokenizer(kind, n_tokens))
    names = {f"{role}_token": token for role, token in zip(roles, special, strict=True)}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def write_trained_teacher(folder: Path, kind: str, *, labels: Sequence[str] = ("a", "b", "c")) -> Path:
    """Write a random model of the family that has tokenizers of this kind."""
    family = FAMILY[kind]
    ids = {} if kind == "WordPiece" else {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    folder.mkdir(parents=True)
    n_tokens = write_trained_tokenizer(folder, kind)
    known = family if family != "xlm-roberta" else "roberta"
    write_teacher(folder, family=known, labels=labels, **{"vocab_size": n_tokens, **_SHAPE, **ids})
    if family != known:
        config = json.loads((folder / "config.json").read_text())
        config |= {"model_type": family, "architectures": ["XLMRobertaForSequenceClassification"]}
        (folder / "config.json").write_text(json.dumps(config))
    write_trained_tokenizer(folder, kind)
    return folder
