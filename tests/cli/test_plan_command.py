"""`limbeck plan` on the command line: tables that fit, JSON alone on stdout, refusals with exit code 2."""

import json

from command_line import limbeck

from small_run import FLAGS, SmallRun


def test_tables_fit_and_json_is_the_plan(walked: SmallRun) -> None:
    """A failure would break the tables of an ordinary terminal, or mix words into what a program reads."""
    words = ("plan", "--teacher", walked.teacher, "--data", walked.data, "--signals", walked.signals)
    found = limbeck(*words, "--layers", "1", "--json", *FLAGS)
    assert found.code == 0, found.err
    told = json.loads(found.out)
    assert [(shape["layers"], shape["is_recipes"]) for shape in told["shapes"]] == [(4, False), (2, True), (1, False)]
    lines = found.err.splitlines()
    for start in ("teacher, 4 layers ", "2 layers * ", "1 layer ", "training texts ", "distillation ", "artifact "):
        assert [len(line) <= 80 for line in lines if line.startswith(start)] == [True], start
    assert lines[-1].startswith("A student of 2 layers: ")
    assert "…" not in found.err


def test_bad_input_is_refused_with_its_reason(walked: SmallRun) -> None:
    """A failure would end in a stack trace, or with an exit code that a script takes for success."""
    words = ("plan", "--teacher", walked.teacher, "--data", walked.data)
    for flags, told in (
        (("--layers", "two"), "--layers takes whole numbers"),
        (("--target-size", "5"), "--target-size is '5', which has no unit."),
        (("--target-size", "1kB"), "cannot be reached"),
        (("--student.layer", "2"), "unknown option '--student.layer'; did you mean '--student.layers'?"),
    ):
        found = limbeck(*words, *flags)
        assert (found.code, found.out) == (2, "")
        assert told in found.err
