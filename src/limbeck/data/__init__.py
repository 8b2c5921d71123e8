"""Texts in: read from files, folders or the hub, matched with the teacher's labels, parted so that nothing leaks."""

from limbeck.data.apart import apart, one_by_one
from limbeck.data.augment import augmented
from limbeck.data.cloze import questioned
from limbeck.data.extra import read_extra
from limbeck.data.labelled import GivenExamples, to_examples
from limbeck.data.labels import label_names_in
from limbeck.data.parting import held_out_of, in_sentences, parts_from, refuse_unanswerable, split
from limbeck.data.queries import notes_on
from limbeck.data.reading import read_table
from limbeck.data.stored import read_examples, write_examples
from limbeck.data.tables import Table, Tables

__all__ = [
    "GivenExamples", "Table", "Tables", "apart", "augmented", "held_out_of", "in_sentences", "label_names_in",
    "notes_on", "one_by_one", "parts_from", "questioned", "read_examples", "read_extra", "read_table",
    "refuse_unanswerable", "split", "to_examples", "write_examples",
]  # fmt: skip
