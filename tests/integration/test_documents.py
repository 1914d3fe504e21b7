"""The queries and the programs of the documents run."""

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
PROGRAMS = [
    pytest.param(program, id=f"{document.parent.name}-{number}")
    for document in DOCUMENTS
    if document.name == "publish.md"
    for number, program in enumerate(re.findall(r"```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_runs(database, query):
    with connect(database) as client:
        client.execute(query)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_publishes(event_topics, program, capsys):
    exec(compile(program, "document", "exec"), {})  # noqa: S102 - the documents are ours
    assert not capsys.readouterr().out  # they print what went wrong
