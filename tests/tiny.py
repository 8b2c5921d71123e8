"""Tiny models of every family, built from configs in a moment: what the tests use for teachers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

WORDS = (
    "the a my your please play stop alarm music timer set turn on off up down wake me at seven eight nine song weather "
    "rain today tomorrow call mum dad home work good bad film great awful love hate is was not very really and or but"
).split()

# Each family's smallest sensible shape; four layers, so that half of them is a choice.
SHAPE: dict[str, Any] = {"num_hidden_layers": 4, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": SHAPE,
    "distilbert": {"n_layers": 4, "dim": 32, "n_heads": 4, "hidden_dim": 64},
    "roberta": SHAPE | {"type_vocab_size": 1},
    "electra": SHAPE | {"embedding_size": 16},
    "mpnet": SHAPE,
    "albert": SHAPE | {"embedding_size": 16},
    "deberta-v2": SHAPE
    | {
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "type_vocab_size": 0,
        "max_relative_positions": -1,
    },
    "modernbert": SHAPE
    | {
        "global_attn_every_n_layers": 3,
        "local_attention": 8,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    },
}


def write_tokenizer(folder: Path, *, extra_words: Iterable[str] = ()) -> int:
    """Write a WordPiece tokenizer over `WORDS`, letters and `extra_words`; gives its vocabulary size."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,?!'"]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{c}" for c in letters),
        *WORDS,
        *extra_words,
    ]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)
    return len(vocabulary)


def write_teacher(
    folder: Path,
    *,
    family: str = "bert",
    labels: Sequence[str] = ("negative", "positive"),
    seed: int = 0,
    **changes: object,
) -> Path:
    """Write a random model of `family` with a classification head over `labels`, and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    folder.mkdir(parents=True, exist_ok=True)
    n_tokens = write_tokenizer(folder)
    config = AutoConfig.for_model(
        family,
        **{"vocab_size": n_tokens, "max_position_embeddings": 80, "pad_token_id": 0, **FAMILIES[family], **changes},
        id2label=dict(enumerate(labels)),
        label2id={name: index for index, name in enumerate(labels)},
    )
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():  # larger than at the usual start, so that answers differ between texts
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(5)
    model.save_pretrained(folder)
    return folder
