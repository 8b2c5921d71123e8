"""A process that forks while the tokenizer's threads run: the child must not wait for them."""

import os

_PARALLELISM = "TOKENIZERS_PARALLELISM"


def fork_quietly() -> None:
    """Keep a forked child away from the tokenizer's threads, which do not live on in it.

    The tokenizers library does so itself, unless its variable says that threads are wanted: then the child waits for
    them for ever. Older versions also warn on stderr. So while forking the variable says no, and afterwards, in the
    parent, what it said before.
    """
    before: list[str | None] = []

    def switch_off() -> None:
        before.append(os.environ.get(_PARALLELISM))
        os.environ[_PARALLELISM] = "false"

    def put_back() -> None:
        value = before.pop()
        if value is None:
            del os.environ[_PARALLELISM]
        else:
            os.environ[_PARALLELISM] = value

    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(before=switch_off, after_in_parent=put_back)
