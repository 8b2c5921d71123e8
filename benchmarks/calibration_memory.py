"""Does the memory of calibration grow with its texts? Its peak above the model, at each tenth of the way.

    python benchmarks/calibration_memory.py [--texts 10000] [--layers 6] [--hidden 384] [--with-hessians]

An encoder of random weights reads made-up texts of about 20 tokens on one thread, with an observer at every linear
layer. Told are the peak of resident memory above the loaded model and texts, and what the observers hold. With
--with-hessians each layer's Hessian is gathered too. Linux only: it reads /proc/self/status.
"""

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification

from limbeck.quantization.calibration import observe_texts
from limbeck.quantization.hessian import HessianObserver
from limbeck.quantization.observing import ActivationObserver, layers_to_watch
from limbeck.quantization.ranges import RANGE_METHODS, range_of
from limbeck.text.examples import Examples
from limbeck.text.tokens import TOKENIZER_FILE, TextEncoder

_MEGABYTE = 1e6
_N_WORDS = 30_000
_TOKENS_OF_A_TEXT = 20


class _Both:
    """Histogram and Hessian of one layer."""

    def __init__(self, layer: str) -> None:
        self.activations, self.hessian = ActivationObserver(layer), HessianObserver(layer)

    def add(self, rows: torch.Tensor) -> None:
        self.activations.add(rows)
        self.hessian.add(rows)

    @property
    def nbytes(self) -> int:
        return self.activations.nbytes + self.hessian.nbytes


def main() -> None:
    """Calibrate once and print memory, time and what the observers hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--with-hessians", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=_N_WORDS,
        num_hidden_layers=options.layers,
        hidden_size=options.hidden,
        num_attention_heads=options.hidden // 32,
        intermediate_size=4 * options.hidden,
    )
    model = BertForSequenceClassification(config).eval()
    texts = _texts(options.texts)
    with tempfile.TemporaryDirectory() as folder:
        encoder = _encoder(Path(folder))
        model(input_ids=torch.ones(2, 4, dtype=torch.long))  # what the first answer of a process brings with it
        observers = {
            name: (_Both if options.with_hessians else ActivationObserver)(name) for name in layers_to_watch(model)
        }
        base = _resident("VmRSS")
        print(f"model, texts and libraries: {base:.0f} MB, {len(observers)} layers")
        start = time.monotonic()
        for tenth in np.array_split(np.arange(len(texts)), 10):
            observe_texts(model, texts.take(tenth), encoder=encoder, held_out=set(), observers=observers)
            print(f"{tenth[-1] + 1} texts: peak {_resident('VmHWM') - base:.0f} MB above the model", flush=True)
        seconds = time.monotonic() - start
    held = sum(observer.nbytes for observer in observers.values())
    start = time.monotonic()
    for observer in observers.values():
        seen = observer.activations if isinstance(observer, _Both) else observer
        for method in RANGE_METHODS:
            range_of(seen.histogram, method)
    print(f"{seconds:.0f} s for {len(texts)} texts; {time.monotonic() - start:.1f} s for all ranges of all methods")
    print(f"observers hold {held / _MEGABYTE:.1f} MB; peak {_resident('VmHWM') - base:.0f} MB above the model")


def _texts(n: int) -> Examples:
    generator = np.random.default_rng(0)
    lengths = generator.poisson(_TOKENS_OF_A_TEXT, n) + 1
    words = (generator.integers(1, _N_WORDS, length) for length in lengths)
    texts = tuple(" ".join(f"w{word}" for word in some) for some in words)
    return Examples(texts=texts, text_pairs=None, labels=None, label_names=("a", "b"))


def _encoder(folder: Path) -> TextEncoder:
    vocabulary = {"[PAD]": 0} | {f"w{number}": number for number in range(1, _N_WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / TOKENIZER_FILE))
    return TextEncoder(folder, max_tokens=128)


def _resident(field: str) -> float:
    """Resident memory in MB: now (VmRSS), or its peak (VmHWM)."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return int(found.group(1)) * 1024 / _MEGABYTE


if __name__ == "__main__":
    main()
