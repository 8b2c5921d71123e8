"""HTTP around artifacts that answer: batches of whoever asks at once, and never more waiting than was allowed."""

from limbeck.ground.faces import lazy

__all__ = ["Limits", "Settings", "serve"]

__getattr__ = lazy(__name__, __all__, "settings settings server")
