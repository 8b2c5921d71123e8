"""Run as a script by `limbeck.evaluate.fresh`: a model as transformers loads it answers the text on stdin."""

import json
import os
import sys

import torch
import transformers

from limbeck.ground.machine import peak_bytes


def main() -> None:
    """Arguments: the folders of model and tokenizer, the number of threads, and the length limit in tokens."""
    folder, tokenizer_folder, threads, limit = *sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4])
    asked = json.load(sys.stdin)
    torch.set_num_threads(threads)
    config = transformers.AutoConfig.from_pretrained(folder)
    architectures = config.architectures or ["AutoModel"]
    model = getattr(transformers, architectures[0]).from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    given = tokenizer(asked["text"], asked["text_pair"], truncation=True, max_length=limit, return_tensors="pt")
    with torch.inference_mode():
        model(**given)
    sys.stdout.write(json.dumps({"peak_bytes": peak_bytes()}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what a process does when it ends is no part of its start


if __name__ == "__main__":
    main()
