"""Serving without the command line: its libraries are 15 MB that a server would hold for as long as it serves.

So the process, once it has read its options, starts itself anew (execve: the same command and process id) and hands
them to itself in a variable. Where there is no execve, and where another program calls the command, it serves as it is.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from limbeck.serve import Settings

_VARIABLE = "LIMBECK_HANDED_OVER"


class Work(NamedTuple):
    """What is to be served, and how."""

    artifacts: Sequence[str]
    settings: "Settings"


def hand_over(work: Work) -> None:
    """Start this process anew with nothing to do but this; return where that cannot be."""
    arguments = sys.argv[1:]
    is_own = sys.orig_argv[-len(arguments) :] == arguments and sys.argv[0] != "-"
    if os.name != "posix" or not sys.executable or not is_own:
        return
    handed = json.dumps({"artifacts": list(work.artifacts), "settings": asdict(work.settings)})
    variables = os.environ | {_VARIABLE: handed}
    if not sys.warnoptions:
        variables["PYTHONWARNINGS"] = "ignore"
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)  # noqa: S606  (the command that runs now)


def handed_over() -> Work | None:
    """What this process was started anew for, if it was."""
    handed = os.environ.pop(_VARIABLE, None)
    if handed is None:
        return None
    from limbeck.serve.settings import Limits, Settings

    read = json.loads(handed)
    limits = Limits(**read["settings"].pop("limits"))
    return Work(read["artifacts"], Settings(**read["settings"], limits=limits))


def serve(work: Work) -> None:
    """Serve until a signal to stop, in this process.

    Raises:
        ArtifactError: One of the artifacts cannot be loaded.
        OutputError: The address cannot be listened on.
    """
    from limbeck.serve import server
    from limbeck.serve.shelf import places_of

    server.serve(places_of(work.artifacts), work.settings)
