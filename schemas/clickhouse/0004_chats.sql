-- Conversations: `answered` have a first response, `resolved` a resolution, `waited` a longest wait, `moods` a customer who said
-- something. Sums are of seconds and of scores; means are sum(first_response_sum) / sum(answered).
--
-- Quantiles of several rows, from the views *_states: quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(first_response_state).
-- Times are counted by bucket as well, since merging the 1.6 million states of a year takes too long. A time of t milliseconds
-- counts in bucket round(40 * ln(t)), less than a millisecond as one: exp(bucket / 40) is within 1.3 % of t. Quantiles in
-- seconds, exact to the bucket:
-- exp(quantileTimingWeightedArray(0.9)(mapKeys(first_response_buckets), mapValues(first_response_buckets)) / 40) / 1000.
--
-- `mood_lowest` says where to look for the conversations with the lowest mood; 2, above all scores, where no customer said
-- anything.
--
-- As with gaps, a row of a table holds a whole minute (hour, day), and of several the greatest generation stands.

CREATE TABLE IF NOT EXISTS chat_minute_generations{local} {on_cluster}
(
    minute DateTime('UTC'),
    generation UInt64,
    groups Nested(
        channel LowCardinality(String),
        product_id LowCardinality(String),
        region LowCardinality(String),
        conversations UInt32,
        answered UInt32,
        unanswered UInt32,
        resolved UInt32,
        first_response_sum Int64,
        first_response_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        first_response_buckets Map(UInt16, UInt32),
        resolution_sum Int64,
        resolution_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        resolution_buckets Map(UInt16, UInt32),
        waited UInt32,
        longest_wait_sum Int64,
        longest_wait_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        longest_wait_buckets Map(UInt16, UInt32),
        moods UInt32,
        mood_start_sum Int64,
        mood_end_sum Int64,
        mood_low_sum Int64,
        mood_lowest Float32
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYYYYMM(minute)
ORDER BY minute
TTL toStartOfDay(minute) + toIntervalDay({retention_days})
SETTINGS index_granularity = 64, ttl_only_drop_parts = 1;

-- distributed: chat_minute_generations by toUnixTimestamp(minute)

CREATE TABLE IF NOT EXISTS chat_day_generations{local} {on_cluster}
(
    day Date,
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
        first_response_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        first_response_buckets Map(UInt16, UInt32),
        resolution_sum Int64,
        resolution_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        resolution_buckets Map(UInt16, UInt32),
        waited UInt64,
        longest_wait_sum Int64,
        longest_wait_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
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
SETTINGS index_granularity = 1;

-- distributed: chat_day_generations by toRelativeDayNum(day)

CREATE TABLE IF NOT EXISTS chat_hour_generations{local} {on_cluster}
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYYYYMM(hour)
ORDER BY hour
TTL toStartOfDay(hour) + toIntervalDay({retention_days})
SETTINGS index_granularity = 8, ttl_only_drop_parts = 1
EMPTY AS SELECT toDateTime(day, 'UTC') AS hour, * EXCEPT ('^day$|_state$') FROM chat_day_generations{local};

-- distributed: chat_hour_generations by toUnixTimestamp(hour)

-- Days by fewer dimensions: with a product, a region or neither chosen, a year of waiting times in 160,000, 33,000 or 3,000
-- rows, not in 1.6 million.
CREATE TABLE IF NOT EXISTS chat_product_day_generations{local} {on_cluster}
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 8
EMPTY AS SELECT * EXCEPT ('_state$|[.]region$') FROM chat_day_generations{local};

-- distributed: chat_product_day_generations by toRelativeDayNum(day)

CREATE TABLE IF NOT EXISTS chat_region_day_generations{local} {on_cluster}
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 8
EMPTY AS SELECT * EXCEPT ('_state$|[.]product_id$') FROM chat_day_generations{local};

-- distributed: chat_region_day_generations by toRelativeDayNum(day)

CREATE TABLE IF NOT EXISTS chat_channel_day_generations{local} {on_cluster}
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 8
EMPTY AS SELECT * EXCEPT ('[.]region$') FROM chat_region_day_generations{local};

-- distributed: chat_channel_day_generations by toRelativeDayNum(day)

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
    groups.mood_low_sum / 1000 AS mood_low_sum,
    nullIf(groups.mood_lowest, 2) AS mood_lowest
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
    groups.mood_low_sum / 1000 AS mood_low_sum,
    nullIf(groups.mood_lowest, 2) AS mood_lowest
FROM chat_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW chat_minute {on_cluster} AS
SELECT * EXCEPT (first_response_state, resolution_state, longest_wait_state) FROM chat_minute_states;

CREATE OR REPLACE VIEW chat_day {on_cluster} AS
SELECT * EXCEPT (first_response_state, resolution_state, longest_wait_state) FROM chat_day_states;

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
    groups.mood_low_sum / 1000 AS mood_low_sum,
    nullIf(groups.mood_lowest, 2) AS mood_lowest
FROM chat_hour_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

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

CREATE OR REPLACE VIEW chat_channel_day {on_cluster} AS
SELECT
    day,
    groups.channel AS channel,
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
FROM chat_channel_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;
