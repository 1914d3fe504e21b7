-- Voices by place, what dashboards read: a row per hour (day), channel, product and region, the gaps side by side.
-- Without the event's type, and with a column for each gap instead of a row, a day of 274,000 voices has 4,500 rows and not
-- 49,000; a year is read in a twentieth of the time. Hours are derived from gap_minute, days from hours; like there, a row of a
-- table holds a whole hour (day), and of several the greatest generation stands.
--
-- `voices`, the sentiments and the promises count each event once; `fulfillment` counts those that voice the gap,
-- `fulfillment_severity` sums their severities (in thousandths), and so on for the other gaps. `fulfillment_dimensions` and
-- `fulfillment_stages` say how many of these voices are of which dimension and stage: tuples, because summing them takes a
-- quarter of the processor time that maps take.

CREATE TABLE IF NOT EXISTS place_hour_generations{local} {on_cluster}
(
    hour DateTime('UTC'),
    generation UInt64,
    groups Nested(
        channel LowCardinality(String),
        product_id LowCardinality(String),
        region LowCardinality(String),
        voices UInt64,
        positive UInt64,
        neutral UInt64,
        negative UInt64,
        sentiment_sum Int64,
        promises_kept UInt64,
        promises_broken UInt64,
        information UInt64,
        information_severity Int64,
        design UInt64,
        design_severity Int64,
        communication UInt64,
        communication_severity Int64,
        fulfillment UInt64,
        fulfillment_severity Int64,
        information_dimensions Tuple(reliability UInt32, responsiveness UInt32, assurance UInt32, empathy UInt32, tangibles UInt32, none UInt32),
        information_stages Tuple(pre_sale UInt32, in_sale UInt32, after_sale UInt32),
        design_dimensions Tuple(reliability UInt32, responsiveness UInt32, assurance UInt32, empathy UInt32, tangibles UInt32, none UInt32),
        design_stages Tuple(pre_sale UInt32, in_sale UInt32, after_sale UInt32),
        communication_dimensions Tuple(reliability UInt32, responsiveness UInt32, assurance UInt32, empathy UInt32, tangibles UInt32, none UInt32),
        communication_stages Tuple(pre_sale UInt32, in_sale UInt32, after_sale UInt32),
        fulfillment_dimensions Tuple(reliability UInt32, responsiveness UInt32, assurance UInt32, empathy UInt32, tangibles UInt32, none UInt32),
        fulfillment_stages Tuple(pre_sale UInt32, in_sale UInt32, after_sale UInt32)
    )
)
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYYYYMM(hour)
ORDER BY hour
TTL toStartOfDay(hour) + toIntervalDay({retention_days})
SETTINGS index_granularity = 8, ttl_only_drop_parts = 1;

-- distributed: place_hour_generations by toUnixTimestamp(hour)

-- Calendar days of the time zone set (GAPWATCH_TIME_ZONE), kept for good.
CREATE TABLE IF NOT EXISTS place_day_generations{local} {on_cluster}
ENGINE = {replicated}ReplacingMergeTree(generation)
PARTITION BY toYear(day)
ORDER BY day
SETTINGS index_granularity = 1
EMPTY AS SELECT toDate(hour) AS day, * EXCEPT (hour) FROM place_hour_generations{local};

-- distributed: place_day_generations by toRelativeDayNum(day)

CREATE OR REPLACE VIEW place_hour {on_cluster} AS
SELECT
    hour,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.voices AS voices,
    groups.positive AS positive,
    groups.neutral AS neutral,
    groups.negative AS negative,
    groups.sentiment_sum / 1000 AS sentiment_sum,
    groups.promises_kept AS promises_kept,
    groups.promises_broken AS promises_broken,
    groups.information AS information,
    groups.information_severity / 1000 AS information_severity,
    groups.design AS design,
    groups.design_severity / 1000 AS design_severity,
    groups.communication AS communication,
    groups.communication_severity / 1000 AS communication_severity,
    groups.fulfillment AS fulfillment,
    groups.fulfillment_severity / 1000 AS fulfillment_severity,
    groups.information_dimensions AS information_dimensions,
    groups.information_stages AS information_stages,
    groups.design_dimensions AS design_dimensions,
    groups.design_stages AS design_stages,
    groups.communication_dimensions AS communication_dimensions,
    groups.communication_stages AS communication_stages,
    groups.fulfillment_dimensions AS fulfillment_dimensions,
    groups.fulfillment_stages AS fulfillment_stages
FROM place_hour_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW place_day {on_cluster} AS
SELECT
    day,
    groups.channel AS channel,
    groups.product_id AS product_id,
    groups.region AS region,
    groups.voices AS voices,
    groups.positive AS positive,
    groups.neutral AS neutral,
    groups.negative AS negative,
    groups.sentiment_sum / 1000 AS sentiment_sum,
    groups.promises_kept AS promises_kept,
    groups.promises_broken AS promises_broken,
    groups.information AS information,
    groups.information_severity / 1000 AS information_severity,
    groups.design AS design,
    groups.design_severity / 1000 AS design_severity,
    groups.communication AS communication,
    groups.communication_severity / 1000 AS communication_severity,
    groups.fulfillment AS fulfillment,
    groups.fulfillment_severity / 1000 AS fulfillment_severity,
    groups.information_dimensions AS information_dimensions,
    groups.information_stages AS information_stages,
    groups.design_dimensions AS design_dimensions,
    groups.design_stages AS design_stages,
    groups.communication_dimensions AS communication_dimensions,
    groups.communication_stages AS communication_stages,
    groups.fulfillment_dimensions AS fulfillment_dimensions,
    groups.fulfillment_stages AS fulfillment_stages
FROM place_day_generations FINAL
ARRAY JOIN groups
SETTINGS do_not_merge_across_partitions_select_final = 1;
