-- What each worker did and how far it is behind, a row every ten seconds. A row that is lost is missed by nobody, so there
-- is nothing to replace, and four weeks are kept (in weeks: GAPWATCH_RETENTION_DAYS is for what customers said).
CREATE TABLE IF NOT EXISTS worker_reports{local} {on_cluster}
(
    at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    worker LowCardinality(String),
    seconds Float32,
    topics Nested(
        topic LowCardinality(String),
        partitions UInt32,
        lag UInt64,
        records UInt64,
        dead_letters UInt64
    ),
    stored UInt64,
    flushes UInt64,
    flush_seconds Float64,
    delay_seconds Float64,
    derived_minutes UInt64,
    derive_seconds Float64,
    waiting_seconds Float64
)
ENGINE = {replicated}MergeTree
PARTITION BY toMonday(at)
ORDER BY (at, worker)
TTL toDateTime(at) + toIntervalWeek(4)
SETTINGS ttl_only_drop_parts = 1;

-- distributed: worker_reports by halfMD5(worker)

-- Over all workers, by minute and topic. `minutes_behind`: how long the lag takes at the pace of that minute, at least ten
-- records a minute, so that a handful of records that just came is no delay and any that stay are.
CREATE OR REPLACE VIEW worker_minute {on_cluster} AS
SELECT
    minute,
    topic,
    sum(of_worker.lag) AS lag,
    sum(of_worker.records) AS records,
    sum(of_worker.dead_letters) AS dead_letters,
    lag / greatest(records, 10) AS minutes_behind
FROM (
    SELECT
        toStartOfMinute(at) AS minute,
        worker,
        topics.topic AS topic,
        argMax(topics.lag, at) AS lag,
        sum(topics.records) AS records,
        sum(topics.dead_letters) AS dead_letters
    FROM worker_reports
    ARRAY JOIN topics
    GROUP BY minute, worker, topic
) AS of_worker
GROUP BY minute, topic;
