"""The queries of the documents run."""

import re

import pytest
from support.repository import ROOT

from gapwatch.pipeline.store import connect

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
QUERIES = [
    pytest.param(query, id=f"{document.name}-{number}")
    for document in DOCUMENTS
    for block in re.findall(r"```sql\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    for number, query in enumerate(part for part in block.split(";\n") if part.strip())
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_runs(database, query):
    with connect(database) as client:
        client.execute(query)
