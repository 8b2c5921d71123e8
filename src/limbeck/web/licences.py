"""The licences of what a page carries besides the model: every copy must bring them along."""

from collections.abc import Mapping
from pathlib import Path

from limbeck.web.runtime_files import ONNXRUNTIME, TOKENIZERS

_MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def licences(libraries: Mapping[str, Path]) -> str:
    """The text of LICENCES.txt.

    Args:
        libraries: As `runtime_files` gives them.
    """
    apache = libraries[f"{TOKENIZERS.name}/LICENSE"].read_text(encoding="utf-8")
    return (
        f"The page itself: limbeck, {TOKENIZERS.license}, as below. The model and its tokenizer: see who gave them.\n\n"
        f"onnxruntime.js and ort-wasm-simd-threaded.wasm: {ONNXRUNTIME.named}, {ONNXRUNTIME.license}\n"
        f"Copyright (c) Microsoft Corporation\n\n{_MIT}\n"
        f"tokenizers.js: {TOKENIZERS.named}, {TOKENIZERS.license}\n\n{apache}"
    )
