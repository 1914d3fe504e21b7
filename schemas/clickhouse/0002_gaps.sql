-- Voices by gap. Query the views gap_minute, gap_hour and gap_day: one row per group. The same with aggregate states, which
-- clients cannot read and several rows are merged by, are gap_*_states: distinct customers are uniqMerge(customers_state).
--
-- Aggregates are derived from `events` again for each dirty minute, hours from minutes, days from hours; never counted up.
-- A row of a table holds a whole minute (hour, day) with all its groups: a derivation replaces it at once, so no reader sees
-- half of one, and a group that has vanished leaves nothing behind. Of several derivations the one that began last
-- (`generation`, nanoseconds of the server's clock) stands.
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
        dimension LowCardinality(String),
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
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 1
EMPTY AS SELECT toDate(hour) AS day, * EXCEPT (hour) FROM gap_hour_generations{local};

-- distributed: gap_day_generations by toRelativeDayNum(day)

-- An event stands in the row of each gap it voices, or of gap 'none'.
-- events, customers, positive ... severity_sum count all events of that gap; primary_* and promises_* count an event once,
-- at its primary gap: sum those over the gaps to count events.
CREATE OR REPLACE VIEW gap_minute_states {on_cluster} AS
SELECT
    minute,
    groups.event_type AS event_type,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.stage AS stage,
    groups.dimension AS dimension,
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

CREATE OR REPLACE VIEW gap_hour_states {on_cluster} AS
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

CREATE OR REPLACE VIEW gap_day_states {on_cluster} AS
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

CREATE OR REPLACE VIEW gap_minute {on_cluster} AS
SELECT * EXCEPT (customers_state) FROM gap_minute_states;

CREATE OR REPLACE VIEW gap_hour {on_cluster} AS
SELECT * EXCEPT (customers_state) FROM gap_hour_states;

CREATE OR REPLACE VIEW gap_day {on_cluster} AS
SELECT * EXCEPT (customers_state) FROM gap_day_states;

