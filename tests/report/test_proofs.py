"""The proof on the page: its words, its drawing, and nothing where there is none."""

from page_reading import read_page
from sample_record import passed_record, unlabelled_record

from limbeck.report import render


def test_the_proof_is_told_and_drawn() -> None:
    """A proof that only run.json holds is one that no manager reads; and a 90 % line beside 95 % needs its reason."""
    html = render(passed_record())
    words = " ".join(read_page(html).words.split())
    proof = passed_record().verdict.non_inferiority
    assert proof is not None
    assert proof.mcnemar is not None
    assert f"{proof.sentence} " in words
    assert proof.mcnemar.sentence in words
    assert "A loss of up to 0.5 points was taken as the margin." in words
    assert "The line is a 90 % interval, as only one of its ends decides, so that each answer is sure at 95 %." in words
    assert "accuracy −0.57 points, from −1.81 to +0.66; margin −0.50 points." in html
    assert "As good as the teacher?" not in read_page(render(unlabelled_record())).words
