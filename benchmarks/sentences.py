"""Sentences of documents, as texts to learn from: a row of JSON for each, different ones, in an order drawn by a seed.

python benchmarks/sentences.py wikinews/train.jsonl.gz --out sentences.jsonl --n 20000
"""

import argparse
import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[A-Z\"“])")
FEWEST_WORDS, MOST_WORDS = 4, 50


def main() -> None:
    """Read the documents, write the sentences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", type=Path, help="JSON lines with a column text, perhaps packed with gzip")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = list(dict.fromkeys(sentences(options.documents)))
    random.Random(options.seed).shuffle(found)
    rows = [json.dumps({"text": text}, ensure_ascii=False) for text in found[: options.n]]
    options.out.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows)} of {len(found)} sentences")


def sentences(documents: Path) -> Iterator[str]:
    """Every sentence of usual length, document after document."""
    with gzip.open(documents, "rt", encoding="utf-8") if documents.suffix == ".gz" else documents.open() as stream:
        for line in stream:
            for paragraph in json.loads(line)["text"].split("\n"):
                for sentence in END.split(paragraph):
                    if FEWEST_WORDS <= len(sentence.split()) <= MOST_WORDS:
                        yield sentence.strip()


if __name__ == "__main__":
    main()
