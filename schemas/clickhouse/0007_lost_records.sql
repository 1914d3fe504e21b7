-- Records that left their topic before a worker of the group read them: retention was shorter than the workers were away.
-- Each row is noted before the worker goes on, from where it would have read to where the log begins. Four weeks are kept (in
-- weeks: GAPWATCH_RETENTION_DAYS is for what customers said), as long as topics keep what a recount reads.
CREATE TABLE IF NOT EXISTS lost_records{local} {on_cluster}
(
    consumer_group LowCardinality(String),
    topic LowCardinality(String),
    partition UInt32,
    first_offset UInt64,
    next_offset UInt64,
    noticed_at DateTime('UTC') DEFAULT now()
)
ENGINE = {replicated}ReplacingMergeTree(next_offset)
ORDER BY (consumer_group, topic, partition, first_offset)
TTL noticed_at + toIntervalWeek(4);

-- distributed: lost_records by halfMD5(topic)
