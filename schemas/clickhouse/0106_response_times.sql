-- Response times counted by bucket, and conversations by hour: quantiles of a year without merging 1.6 million states.
--
-- A time of t milliseconds counts in bucket round(40 * ln(t)), less than a millisecond as one: exp(bucket / 40) is within 1.3 % of t.
-- Quantiles of several rows, in seconds; exact to the bucket up to four years:
-- exp(quantileTimingWeightedArray(0.9)(mapKeys(first_response_buckets), mapValues(first_response_buckets)) / 40) / 1000.
--
-- Conversations stored before have no buckets until `gapwatch recount --repair`.

ALTER TABLE chat_minute_generations{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS groups.first_response_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.resolution_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.longest_wait_buckets Array(Map(UInt16, UInt32));

ALTER TABLE chat_minute_generations {on_cluster}
    ADD COLUMN IF NOT EXISTS groups.first_response_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.resolution_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.longest_wait_buckets Array(Map(UInt16, UInt32));

ALTER TABLE chat_day_generations{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS groups.first_response_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.resolution_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.longest_wait_buckets Array(Map(UInt16, UInt32));

ALTER TABLE chat_day_generations {on_cluster}
    ADD COLUMN IF NOT EXISTS groups.first_response_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.resolution_buckets Array(Map(UInt16, UInt32)),
    ADD COLUMN IF NOT EXISTS groups.longest_wait_buckets Array(Map(UInt16, UInt32));

CREATE TABLE IF NOT EXISTS chat_hour_generations{local} {on_cluster}
(
    hour DateTime('UTC'),
    generation UInt64,
    groups Nested(
        channel LowCardinality(String),
        product_id LowCardinality(String),
        region LowCardinality(String),
        conversations UInt64,
        answered UInt64,
        unanswered UInt64,
        resolved UInt64,
        first_response_sum Int64,
        first_response_buckets Map(UInt16, UInt32),
        resolution_sum Int64,
        resolution_buckets Map(UInt16, UInt32),
        waited UInt64,
        longest_wait_sum Int64,
        longest_wait_buckets Map(UInt16, UInt32),
        moods UInt64,
        mood_start_sum Int64,
        mood_end_sum Int64,
        mood_low_sum Int64
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYYYYMM(hour)
ORDER BY hour
TTL toStartOfDay(hour) + toIntervalDay({retention_days})
SETTINGS index_granularity = 8, ttl_only_drop_parts = 1;

-- distributed: chat_hour_generations by toUnixTimestamp(hour)

CREATE OR REPLACE VIEW chat_minute_states {on_cluster} AS
SELECT
    minute,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.conversations AS conversations,
    groups.answered AS answered,
    groups.unanswered AS unanswered,
    groups.resolved AS resolved,
    groups.first_response_sum / 1000 AS first_response_sum,
    groups.first_response_state AS first_response_state,
    groups.first_response_buckets AS first_response_buckets,
    groups.resolution_sum / 1000 AS resolution_sum,
    groups.resolution_state AS resolution_state,
    groups.resolution_buckets AS resolution_buckets,
    groups.waited AS waited,
    groups.longest_wait_sum / 1000 AS longest_wait_sum,
    groups.longest_wait_state AS longest_wait_state,
    groups.longest_wait_buckets AS longest_wait_buckets,
    groups.moods AS moods,
    groups.mood_start_sum / 1000 AS mood_start_sum,
    groups.mood_end_sum / 1000 AS mood_end_sum,
    groups.mood_low_sum / 1000 AS mood_low_sum
FROM chat_minute_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW chat_day_states {on_cluster} AS
SELECT
    day,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.conversations AS conversations,
    groups.answered AS answered,
    groups.unanswered AS unanswered,
    groups.resolved AS resolved,
    groups.first_response_sum / 1000 AS first_response_sum,
    groups.first_response_state AS first_response_state,
    groups.first_response_buckets AS first_response_buckets,
    groups.resolution_sum / 1000 AS resolution_sum,
    groups.resolution_state AS resolution_state,
    groups.resolution_buckets AS resolution_buckets,
    groups.waited AS waited,
    groups.longest_wait_sum / 1000 AS longest_wait_sum,
    groups.longest_wait_state AS longest_wait_state,
    groups.longest_wait_buckets AS longest_wait_buckets,
    groups.moods AS moods,
    groups.mood_start_sum / 1000 AS mood_start_sum,
    groups.mood_end_sum / 1000 AS mood_end_sum,
    groups.mood_low_sum / 1000 AS mood_low_sum
FROM chat_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW chat_hour {on_cluster} AS
SELECT
    hour,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.conversations AS conversations,
    groups.answered AS answered,
    groups.unanswered AS unanswered,
    groups.resolved AS resolved,
    groups.first_response_sum / 1000 AS first_response_sum,
    groups.first_response_buckets AS first_response_buckets,
    groups.resolution_sum / 1000 AS resolution_sum,
    groups.resolution_buckets AS resolution_buckets,
    groups.waited AS waited,
    groups.longest_wait_sum / 1000 AS longest_wait_sum,
    groups.longest_wait_buckets AS longest_wait_buckets,
    groups.moods AS moods,
    groups.mood_start_sum / 1000 AS mood_start_sum,
    groups.mood_end_sum / 1000 AS mood_end_sum,
    groups.mood_low_sum / 1000 AS mood_low_sum
FROM chat_hour_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW chat_minute {on_cluster} AS
SELECT * EXCEPT (first_response_state, resolution_state, longest_wait_state) FROM chat_minute_states;

CREATE OR REPLACE VIEW chat_day {on_cluster} AS
SELECT * EXCEPT (first_response_state, resolution_state, longest_wait_state) FROM chat_day_states;
