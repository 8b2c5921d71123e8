"""Texts, their tokens and their batches: the same code in training and in serving."""
