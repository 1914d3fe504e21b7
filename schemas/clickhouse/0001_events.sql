-- Every version of every event, as read. Query the view `events`, which shows the version that stands.
--
-- An event is what has one type, channel, customer and event_id. One row stands for each event of a minute: of several the
-- greatest `version` wins, whatever the order of arrival. A correction that moves an event to another minute leaves a row with
-- is_deleted = 1 and its own version in the minute it came from.
-- The key is an expression of event_time, so that a filter on event_time reads only the minutes it names.
-- Granules are small because a live minute and the minutes of a correction are read one by one.
-- LowCardinality instead of Enum: few values, but a new channel or event type needs no migration.
CREATE TABLE IF NOT EXISTS event_versions{local} {on_cluster}
(
    event_id String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    event_time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    channel LowCardinality(String),
    customer_id String CODEC(ZSTD(1)),
    order_id String CODEC(ZSTD(1)),
    product_id LowCardinality(String),
    region LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    text String CODEC(ZSTD(3)),
    rating Nullable(UInt8),
    subject String CODEC(ZSTD(1)),
    promised_at Nullable(DateTime64(3, 'UTC')),
    delivered_at Nullable(DateTime64(3, 'UTC')),
    status LowCardinality(String),

    sentiment LowCardinality(String),
    sentiment_score Float32,
    gaps Array(LowCardinality(String)),
    primary_gap LowCardinality(String),
    dimension LowCardinality(String),
    stage LowCardinality(String),
    severity Float32,
    evidence Array(Tuple(gap LowCardinality(String), text String, start UInt32, end UInt32)),
    clauses Array(Tuple(start UInt32, end UInt32, aspect LowCardinality(String), score Float32)),
    rating_conflict Bool,
    model_version LowCardinality(String),

    conversation_id String CODEC(ZSTD(1)),
    agent_id LowCardinality(String),
    turns Array(Tuple(role LowCardinality(String), text String, at Nullable(DateTime64(3, 'UTC')), score Nullable(Float32))),
    ended_at Nullable(DateTime64(3, 'UTC')),
    first_response_seconds Nullable(Float64),
    bot_response_seconds Nullable(Float64),
    resolution_seconds Nullable(Float64),
    longest_wait_seconds Nullable(Float64),
    unanswered Bool,
    customer_spoke_last Bool,
    mood_start Nullable(Float32),
    mood_end Nullable(Float32),
    mood_low Nullable(Float32),

    -- Kafka timestamp in ms (48 bits), topic (8), partition (24), offset (48): which of two records was published later.
    version UInt128 CODEC(ZSTD(1)),
    is_deleted UInt8 DEFAULT 0,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    -- When the event was read last: as it was stored, or later, by `gapwatch reprocess`. Of two rows of one version the one
    -- inserted last stands, so a new reading replaces the old one and yields to any later version.
    read_at DateTime64(3, 'UTC') DEFAULT stored_at CODEC(Delta(8), ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(event_time)
ORDER BY (toStartOfMinute(event_time), event_type, channel, customer_id, event_id)
TTL toStartOfDay(event_time) + toIntervalDay({retention_days})
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, {deduplication_window} = 1000;

-- distributed: event_versions by halfMD5(event_id)

-- Every minute an event ever stood in, by the hash of type, channel, customer and event_id: how a correction finds the minute it
-- moves an event from. Hashes are looked up at random, a batch at a time: small granules keep such a look-up from reading the table.
CREATE TABLE IF NOT EXISTS event_places{local} {on_cluster}
(
    id_hash UInt64,
    minute DateTime('UTC') CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (id_hash, minute)
TTL toStartOfDay(minute) + toIntervalDay({retention_days})
SETTINGS index_granularity = 256, min_compress_block_size = 4096, max_compress_block_size = 65536;

-- distributed: event_places by id_hash

-- The events that stand, one row each. Empty string: not given; NULL: a number or time not given.
CREATE OR REPLACE VIEW events {on_cluster} AS
SELECT
    event_id, event_type, event_time, toStartOfMinute(event_time) AS minute,
    channel, customer_id, order_id, product_id, region, attributes,
    text, rating, subject, promised_at, delivered_at, status,
    sentiment, sentiment_score, gaps, primary_gap, dimension, stage, severity,
    evidence, clauses, rating_conflict, model_version,
    conversation_id, agent_id, turns, ended_at,
    first_response_seconds, bot_response_seconds, resolution_seconds, longest_wait_seconds,
    unanswered, customer_spoke_last,
    mood_start, mood_end, mood_low,
    concat(event_type, '.events') AS source_topic,
    toUInt32(bitAnd(bitShiftRight(version, 48), 0xFFFFFF)) AS source_partition,
    toUInt64(bitAnd(version, 0xFFFFFFFFFFFF)) AS source_offset,
    fromUnixTimestamp64Milli(toInt64(bitShiftRight(version, 80)), 'UTC') AS published_at,
    stored_at, read_at, version
FROM event_versions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
