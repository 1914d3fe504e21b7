-- Conversations by day, channel and product, and by day, channel and region: with one of the two chosen, a year of waiting
-- times in 160,000 or 33,000 rows, not in 1.6 million.
--
-- Conversations stored before are in neither until `gapwatch recount --repair`.

CREATE TABLE IF NOT EXISTS chat_product_day_generations{local} {on_cluster}
(
    day Date,
    generation UInt64,
    groups Nested(
        channel LowCardinality(String),
        product_id LowCardinality(String),
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
        mood_low_sum Int64,
        mood_lowest Float32
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 8;

-- distributed: chat_product_day_generations by toRelativeDayNum(day)

CREATE OR REPLACE VIEW chat_product_day {on_cluster} AS
SELECT
    day,
    groups.channel AS channel,
    groups.product_id AS product_id,
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
    groups.mood_low_sum / 1000 AS mood_low_sum,
    nullIf(groups.mood_lowest, 2) AS mood_lowest
FROM chat_product_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE TABLE IF NOT EXISTS chat_region_day_generations{local} {on_cluster}
(
    day Date,
    generation UInt64,
    groups Nested(
        channel LowCardinality(String),
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
        mood_low_sum Int64,
        mood_lowest Float32
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 8;

-- distributed: chat_region_day_generations by toRelativeDayNum(day)

CREATE OR REPLACE VIEW chat_region_day {on_cluster} AS
SELECT
    day,
    groups.channel AS channel,
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
    groups.mood_low_sum / 1000 AS mood_low_sum,
    nullIf(groups.mood_lowest, 2) AS mood_lowest
FROM chat_region_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;
