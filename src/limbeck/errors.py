"""Every error that limbeck raises on purpose, in one tree, each with a hint.

    LimbeckError                what was expected, what came, where; `hint` says what to do
    |- DataError                a file of texts cannot be used
    |  `- LabelError            labels and the teacher's label names do not fit together
    |- RecipeError              a recipe key or value is wrong (all faults in one message)
    |- SchemeError              a quantization scheme that does not exist or does not fit
    |- CalibrationError         a model cannot be calibrated: on these texts, or in these layers
    |- TeacherError             a teacher cannot be used
    |  `- UnsafeTeacherError    it could only be used by running code that came with it
    |- ArtifactError            an artifact is incomplete or was changed
    |- SignalsError             a signals folder is damaged or belongs to something else
    |- OutputError              the place to write to is taken, or full
    |- RuntimeFilesError        the libraries that an exported page runs on cannot be had
    |- MissingExtraError        an optional dependency is not installed
    `- ShapeError               tensors given by a caller do not fit together

The command line turns each of them into one message on stderr and exit code 2.
"""


class LimbeckError(Exception):
    """The root of the tree: a fault of the input, told once and clearly.

    Args:
        message: What was expected, what came, and where.
        hint: What to do about it, as a sentence.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message with its hint, as the command line prints it."""
        return f"{self.message}\nHint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        """What pickle and copy rebuild it from, so that it comes whole out of a worker process."""
        return _rebuilt, (type(self), self.args, vars(self))


class DataError(LimbeckError):
    """A file of texts cannot be used."""


class LabelError(DataError):
    """Labels in the data and label names of the teacher do not fit together."""


class RecipeError(LimbeckError):
    """A recipe holds an unknown key or an impossible value."""


class SchemeError(LimbeckError):
    """A quantization scheme does not exist, or does not fit a layer."""


class CalibrationError(LimbeckError):
    """A model cannot be calibrated: the texts, the layers, or what the texts drive the layers to are unfit for it."""


class TeacherError(LimbeckError):
    """A teacher cannot be used."""


class UnsafeTeacherError(TeacherError):
    """A teacher that could only be used by running code that came with it."""


class ArtifactError(LimbeckError):
    """An artifact is incomplete, was changed, or is of another version."""


class SignalsError(LimbeckError):
    """A signals folder is damaged or belongs to another teacher."""


class OutputError(LimbeckError):
    """The place to write to is taken by something else, or full."""


class RuntimeFilesError(LimbeckError):
    """Libraries that an export carries, and limbeck does not, are absent or not those that it was tested with."""


class ShapeError(LimbeckError):
    """Tensors or arrays that a caller gave do not fit together."""


class MissingExtraError(LimbeckError):
    """An optional dependency is not installed.

    Args:
        what: What the user wanted to do.
        extra: The extra of limbeck that brings the dependency, such as ``train``.
    """

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs packages that are not installed.",
            hint=f"pip install 'limbeck[{extra}]'",
        )
        self.extra = extra


def _rebuilt(kind: type[LimbeckError], args: tuple[object, ...], attributes: dict[str, object]) -> LimbeckError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error
