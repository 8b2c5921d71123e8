"""limbeck: distil, quantize, verify and package NLP transformers."""
