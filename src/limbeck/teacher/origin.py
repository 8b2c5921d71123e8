"""What a student of this teacher starts from: the teacher itself, or the encoder that the recipe names."""

from pathlib import Path

import torch

from limbeck.encoder.origin import Origin
from limbeck.errors import RecipeError
from limbeck.recipe.knobs import Recipe
from limbeck.tasks import TASKS
from limbeck.teacher import folder as folders
from limbeck.teacher.answering import Teacher
from limbeck.teacher.encoder import load_encoder
from limbeck.teacher.load import EncoderTeacher


def origin_of(master: Teacher, recipe: Recipe, *, work: Path) -> Origin:
    """The origin that the recipe names, else the teacher itself.

    The head over the teacher's classes starts from noise, by the seed, where the named encoder has none that fits.

    Args:
        master: The teacher.
        recipe: `student.encoder`, the length limit and the seed.
        work: Where a converted tokenizer may be put.

    Raises:
        RecipeError: No encoder is named, and the teacher is none that a student could start from.
        TeacherError: The encoder cannot be used; see `load_encoder`.
    """
    source = recipe.student.encoder
    if source is None:
        if isinstance(master, EncoderTeacher):
            return Origin(
                master.model, master.encoder, master.tokenizer_folder, master.fingerprint, master.told, is_teacher=True
            )
        raise RecipeError(
            f"student.encoder is not given, and the teacher {master.name} has no weights that a student could start "
            "from.",
            hint="Name a pretrained encoder of a known family, as a folder or hub id: --student.encoder "
            "sentence-transformers/all-MiniLM-L6-v2",
        )
    if TASKS[master.task].taught_live:
        raise RecipeError(
            f"student.encoder = {str(source)!r}, but a student of the task {master.task!r} starts from its teacher, "
            "which answers beside it as training goes.",
            hint="Leave student.encoder out, and give the teacher as a folder or hub id.",
        )
    settings = recipe.teacher.model_copy(update={"revision": None})  # it names a version of the teacher
    found = load_encoder(source, settings=settings, work=work / "encoder", task=master.task, data=recipe.data)
    if master.task == "embeddings" and found.hidden_size != len(master.label_names):
        raise RecipeError(
            f"{source} gives vectors of {found.hidden_size} numbers, the teacher's have {len(master.label_names)}.",
            hint="Name an encoder whose hidden size is that of the teacher's vectors.",
        )
    torch.manual_seed(recipe.seed)
    model = found.with_head(master.label_names, task=master.task).eval().requires_grad_(requires_grad=False)
    told = folders.told_of(source) | {"fingerprint": found.fingerprint}
    return Origin(model, found.tokens, found.tokenizer_folder, found.fingerprint, told, is_teacher=False)
