"""Which service gap a text speaks of, and in whose words."""

from typing import NamedTuple

import numpy as np

from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.models.gaps_evidence import find_evidence
from gapwatch.pipeline.language.models.gaps_lexicon import LexiconArrays, find_hits
from gapwatch.pipeline.language.models.gaps_model import (
    DIMENSION,
    GAPS,
    NONE,
    PRIMARY,
    STAGE,
    Floats,
    Table,
    gates_of,
    score_outputs,
)
from gapwatch.pipeline.language.models.ngrams import Integers, Layout
from gapwatch.pipeline.language.models.phrases import Phrases
from gapwatch.pipeline.language.reading import Dimension, Stage

DIMENSIONS: tuple[Dimension, ...] = ("reliability", "responsiveness", "assurance", "empathy", "tangibles")
STAGES: tuple[Stage, ...] = ("pre_sale", "in_sale", "after_sale")

MOST_GAPS = 3  # the guide's rule 5
_VOICED = 0.0  # log-odds from which a gap beside the primary one is clearly voiced
BEFORE_GAPS = 3  # columns of a complaint
COMPLAINT_COLUMNS = BEFORE_GAPS + 3 * MOST_GAPS


class GapTables(NamedTuple):
    """The tables that gaps are found by."""

    lexicon: LexiconArrays
    table: Table
    concessions: Phrases


@compiled
def find_complaints(layout: Layout, gap_tables: GapTables, clause_scores: Floats, none_odds: Floats) -> Integers:
    """What each text complains of, a row each.

    A row holds stage, dimension and number of gaps; then of each gap, most certain first, which it is and where its
    evidence starts and ends.
    """
    hits = find_hits(layout, gap_tables.lexicon)
    gates = gates_of(layout, clause_scores, gap_tables.concessions)
    clauses, texts = score_outputs(layout, gap_tables.table, hits, gates, none_odds)
    complaints = np.zeros((len(texts), COMPLAINT_COLUMNS), np.int64)
    for text in range(len(texts)):
        complaint = complaints[text]
        complaint[0] = texts[text, STAGE].argmax()
        complaint[1] = texts[text, DIMENSION].argmax()
        gaps = _gaps(texts[text])
        complaint[2] = len(gaps)
        for place in range(len(gaps)):
            column = BEFORE_GAPS + 3 * place
            complaint[column] = gaps[place]
            complaint[column + 1 : column + 3] = find_evidence(layout, gap_tables.table, clauses, text, gaps[place])
    return complaints


@compiled
def _gaps(outputs: Floats) -> Integers:
    """The gaps that a text voices, most certain first."""
    gaps = np.zeros(MOST_GAPS, np.int64)
    gaps[0] = outputs[PRIMARY].argmax()
    if gaps[0] == NONE:
        return gaps[:0]
    beside = outputs[GAPS].copy()
    beside[gaps[0]] = _VOICED
    count = 1
    while count < MOST_GAPS and beside.max() > _VOICED:
        gaps[count] = beside.argmax()
        beside[gaps[count]] = _VOICED
        count += 1
    return gaps[:count]
