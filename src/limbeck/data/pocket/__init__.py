"""Pocket: 1,728 utterances to a phone assistant, 24 intents, written for this project (CC0-1.0)."""

from limbeck.data.pocket.place import folder

__all__ = ["folder"]
