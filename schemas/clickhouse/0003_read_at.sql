-- When an event was read last: as it was stored, or later, by `gapwatch reprocess`. Of two rows of one version the one
-- inserted last stands, so a reading made anew replaces the old one and yields to any later version.
ALTER TABLE event_versions{local} {on_cluster} ADD COLUMN IF NOT EXISTS read_at DateTime64(3, 'UTC') DEFAULT stored_at CODEC(Delta(8), ZSTD(1));

-- On a cluster the table over the parts, on one server the same table once more.
ALTER TABLE event_versions {on_cluster} ADD COLUMN IF NOT EXISTS read_at DateTime64(3, 'UTC') DEFAULT stored_at;

-- The events that stand, one row each. Empty string: not given; NULL: a number or time not given.
CREATE OR REPLACE VIEW events {on_cluster} AS
SELECT
    event_id, event_type, event_time, toStartOfMinute(event_time) AS minute, channel, customer_id, order_id, product_id, region, attributes,
    text, rating, subject, promised_at, delivered_at, status,
    sentiment, sentiment_score, gaps, primary_gap, dimension, stage, severity,
    evidence, clauses, rating_conflict, model_version,
    conversation_id, agent_id, turns, ended_at,
    first_response_seconds, bot_response_seconds, resolution_seconds, longest_wait_seconds, unanswered, customer_spoke_last,
    mood_start, mood_end, mood_low,
    concat(event_type, '.events') AS source_topic,
    toUInt32(bitAnd(bitShiftRight(version, 48), 0xFFFFFF)) AS source_partition,
    toUInt64(bitAnd(version, 0xFFFFFFFFFFFF)) AS source_offset,
    fromUnixTimestamp64Milli(toInt64(bitShiftRight(version, 80)), 'UTC') AS published_at,
    stored_at, read_at, version
FROM event_versions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
