"""The teacher: whatever knows the answers, asked once for every text; lazy, as some teachers need no torch."""

from typing import TYPE_CHECKING

from limbeck.ground.faces import lazy

if TYPE_CHECKING:
    from limbeck.teacher.answering import Teacher
    from limbeck.teacher.labelling import chosen_precision, label, signals_key
    from limbeck.teacher.load import EncoderTeacher, computing_with, float32_logits, load_teacher, model_inputs
    from limbeck.teacher.opening import TeacherSource, open_teacher
    from limbeck.teacher.origin import origin_of
__all__ = ["EncoderTeacher", "Teacher", "TeacherSource", "chosen_precision", "computing_with", "float32_logits",
           "label", "load_teacher", "model_inputs", "open_teacher", "origin_of", "signals_key"]  # fmt: skip
__getattr__ = lazy(
    __name__, __all__, "load answering opening labelling load load labelling load load opening origin labelling"
)
