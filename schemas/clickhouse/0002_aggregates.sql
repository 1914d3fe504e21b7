-- Aggregates, derived from `events` again for each minute touched, never counted up. Query the views gap_minute, gap_hour,
-- gap_day, chat_minute and chat_day: one row per group.
--
-- The tables below them keep one row per minute (hour, day) with all its groups: a derivation replaces the whole minute at
-- once, so no reader sees half of one and a group that has vanished leaves nothing behind. Of several derivations the one
-- that began last (`generation`, nanoseconds of the server's clock) stands.
-- Scores are summed in thousandths, so that no sum depends on the order of the events.

CREATE TABLE IF NOT EXISTS gap_minute_generations{local} {on_cluster}
(
    minute DateTime('UTC'),
    generation UInt64,
    groups Nested(
        event_type LowCardinality(String),
        channel LowCardinality(String),
        product_id LowCardinality(String),
        region LowCardinality(String),
        stage LowCardinality(String),
        gap LowCardinality(String),
        events UInt32,
        primary_events UInt32,
        customers_state AggregateFunction(uniq, String),
        positive UInt32,
        neutral UInt32,
        negative UInt32,
        sentiment_sum Int64,
        severity_sum Int64,
        primary_positive UInt32,
        primary_neutral UInt32,
        primary_negative UInt32,
        primary_sentiment_sum Int64,
        promises_kept UInt32,
        promises_broken UInt32,
        evidence Array(String)
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYYYYMM(minute)
ORDER BY minute
TTL toStartOfDay(minute) + toIntervalDay({retention_days})
SETTINGS index_granularity = 64, ttl_only_drop_parts = 1;

-- distributed: gap_minute_generations by toUnixTimestamp(minute)

CREATE TABLE IF NOT EXISTS gap_hour_generations{local} {on_cluster}
(
    hour DateTime('UTC'),
    generation UInt64,
    groups Nested(
        event_type LowCardinality(String),
        channel LowCardinality(String),
        product_id LowCardinality(String),
        region LowCardinality(String),
        gap LowCardinality(String),
        events UInt64,
        primary_events UInt64,
        customers_state AggregateFunction(uniq, String),
        positive UInt64,
        neutral UInt64,
        negative UInt64,
        sentiment_sum Int64,
        severity_sum Int64,
        primary_positive UInt64,
        primary_neutral UInt64,
        primary_negative UInt64,
        primary_sentiment_sum Int64,
        promises_kept UInt64,
        promises_broken UInt64
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYYYYMM(hour)
ORDER BY hour
TTL toStartOfDay(hour) + toIntervalDay({retention_days})
SETTINGS index_granularity = 8, ttl_only_drop_parts = 1;

-- distributed: gap_hour_generations by toUnixTimestamp(hour)

-- Calendar days of the time zone set (GAPWATCH_TIME_ZONE), kept for good: a few hundred rows a year.
CREATE TABLE IF NOT EXISTS gap_day_generations{local} {on_cluster}
(
    day Date,
    generation UInt64,
    groups Nested(
        event_type LowCardinality(String),
        channel LowCardinality(String),
        product_id LowCardinality(String),
        region LowCardinality(String),
        gap LowCardinality(String),
        events UInt64,
        primary_events UInt64,
        customers_state AggregateFunction(uniq, String),
        positive UInt64,
        neutral UInt64,
        negative UInt64,
        sentiment_sum Int64,
        severity_sum Int64,
        primary_positive UInt64,
        primary_neutral UInt64,
        primary_negative UInt64,
        primary_sentiment_sum Int64,
        promises_kept UInt64,
        promises_broken UInt64
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 1;

-- distributed: gap_day_generations by toRelativeDayNum(day)

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
        resolution_sum Int64,
        resolution_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        waited UInt32,
        longest_wait_sum Int64,
        longest_wait_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        moods UInt32,
        mood_start_sum Int64,
        mood_end_sum Int64,
        mood_low_sum Int64
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
        resolution_sum Int64,
        resolution_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        waited UInt64,
        longest_wait_sum Int64,
        longest_wait_state AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64),
        moods UInt64,
        mood_start_sum Int64,
        mood_end_sum Int64,
        mood_low_sum Int64
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 1;

-- distributed: chat_day_generations by toRelativeDayNum(day)

-- Voices per minute and group. An event stands in the row of each gap it voices, or of gap 'none'.
-- events, customers, positive ... severity_sum count all events of that gap; primary_* and promises_* count an event once,
-- at its primary gap: sum those over the gaps to count events. Distinct customers of several rows: uniqMerge(customers_state).
CREATE OR REPLACE VIEW gap_minute {on_cluster} AS
SELECT
    minute,
    groups.event_type AS event_type,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.stage AS stage,
    groups.gap AS gap,
    groups.events AS events,
    groups.primary_events AS primary_events,
    finalizeAggregation(groups.customers_state) AS customers,
    groups.customers_state AS customers_state,
    groups.positive AS positive,
    groups.neutral AS neutral,
    groups.negative AS negative,
    groups.sentiment_sum / 1000 AS sentiment_sum,
    groups.severity_sum / 1000 AS severity_sum,
    groups.primary_positive AS primary_positive,
    groups.primary_neutral AS primary_neutral,
    groups.primary_negative AS primary_negative,
    groups.primary_sentiment_sum / 1000 AS primary_sentiment_sum,
    groups.promises_kept AS promises_kept,
    groups.promises_broken AS promises_broken,
    groups.evidence AS evidence
FROM gap_minute_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW gap_hour {on_cluster} AS
SELECT
    hour,
    groups.event_type AS event_type,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.gap AS gap,
    groups.events AS events,
    groups.primary_events AS primary_events,
    finalizeAggregation(groups.customers_state) AS customers,
    groups.customers_state AS customers_state,
    groups.positive AS positive,
    groups.neutral AS neutral,
    groups.negative AS negative,
    groups.sentiment_sum / 1000 AS sentiment_sum,
    groups.severity_sum / 1000 AS severity_sum,
    groups.primary_positive AS primary_positive,
    groups.primary_neutral AS primary_neutral,
    groups.primary_negative AS primary_negative,
    groups.primary_sentiment_sum / 1000 AS primary_sentiment_sum,
    groups.promises_kept AS promises_kept,
    groups.promises_broken AS promises_broken
FROM gap_hour_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW gap_day {on_cluster} AS
SELECT
    day,
    groups.event_type AS event_type,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.gap AS gap,
    groups.events AS events,
    groups.primary_events AS primary_events,
    finalizeAggregation(groups.customers_state) AS customers,
    groups.customers_state AS customers_state,
    groups.positive AS positive,
    groups.neutral AS neutral,
    groups.negative AS negative,
    groups.sentiment_sum / 1000 AS sentiment_sum,
    groups.severity_sum / 1000 AS severity_sum,
    groups.primary_positive AS primary_positive,
    groups.primary_neutral AS primary_neutral,
    groups.primary_negative AS primary_negative,
    groups.primary_sentiment_sum / 1000 AS primary_sentiment_sum,
    groups.promises_kept AS promises_kept,
    groups.promises_broken AS promises_broken
FROM gap_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Conversations per minute and group: `answered` have a first response, `resolved` a resolution, `waited` a longest wait, `moods`
-- a customer who said something. Sums are of seconds and of scores. Quantiles of several rows:
-- quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(first_response_state); means: sum(first_response_sum) / sum(answered).
CREATE OR REPLACE VIEW chat_minute {on_cluster} AS
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
    groups.resolution_sum / 1000 AS resolution_sum,
    groups.resolution_state AS resolution_state,
    groups.waited AS waited,
    groups.longest_wait_sum / 1000 AS longest_wait_sum,
    groups.longest_wait_state AS longest_wait_state,
    groups.moods AS moods,
    groups.mood_start_sum / 1000 AS mood_start_sum,
    groups.mood_end_sum / 1000 AS mood_end_sum,
    groups.mood_low_sum / 1000 AS mood_low_sum
FROM chat_minute_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW chat_day {on_cluster} AS
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
    groups.resolution_sum / 1000 AS resolution_sum,
    groups.resolution_state AS resolution_state,
    groups.waited AS waited,
    groups.longest_wait_sum / 1000 AS longest_wait_sum,
    groups.longest_wait_state AS longest_wait_state,
    groups.moods AS moods,
    groups.mood_start_sum / 1000 AS mood_start_sum,
    groups.mood_end_sum / 1000 AS mood_end_sum,
    groups.mood_low_sum / 1000 AS mood_low_sum
FROM chat_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;
