"""The teacher: whatever knows the answers, asked once for every text; lazy, as some teachers need no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbeck.teacher.answering import Teacher
    from limbeck.teacher.labelling import chosen_precision, label, signals_key
    from limbeck.teacher.load import EncoderTeacher, computing_with, float32_logits, load_teacher, model_inputs
    from limbeck.teacher.opening import TeacherSource, open_teacher
    from limbeck.teacher.origin import origin_of
__all__ = ["EncoderTeacher", "Teacher", "TeacherSource", "chosen_precision", "computing_with", "float32_logits",
           "label", "load_teacher", "model_inputs", "open_teacher", "origin_of", "signals_key"]  # fmt: skip
_FILES = "load answering opening labelling load load labelling load load opening origin labelling"


def __getattr__(name: str) -> Any:  # noqa: ANN401  (loads a file when a name of it is first asked for)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES.split()[__all__.index(name)]}"), name)
