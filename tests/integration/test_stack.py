"""The local stack: what it promises to those who start, kill and restart it."""

from clickhouse_driver import Client

from pipeline.endpoints import endpoints
from pipeline.topics import ALL_TOPICS, ensure_topics


def test_fixtures_reach_kafka_and_clickhouse(kafka: str, empty_database: str) -> None:
    assert endpoints() == (kafka, empty_database)
    assert set(ensure_topics()) <= set(ALL_TOPICS)
    assert ensure_topics() == []
    with Client.from_url(empty_database) as client:
        assert client.execute("SELECT currentDatabase()") == [(empty_database.rpartition("/")[2],)]
