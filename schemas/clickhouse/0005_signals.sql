-- What the detector said, minute by minute. Query the views `signals` (one row per episode) and `signal_changes`.
--
-- One verdict per series and minute. Of several evaluations of a minute the first stands (`precedence` falls with time), so
-- that late events and repeated runs change no verdict that somebody may have acted on.
CREATE TABLE IF NOT EXISTS signal_verdicts{local} {on_cluster}
(
    series String CODEC(ZSTD(1)),
    minute DateTime('UTC'),
    opened DateTime('UTC'),
    since DateTime('UTC'),
    state LowCardinality(String),
    severity LowCardinality(String),
    reason LowCardinality(String),
    -- The series of the signal that explains this one; empty for a signal that stands by itself.
    part_of String CODEC(ZSTD(1)),
    measure LowCardinality(String),
    scope LowCardinality(String),
    channel LowCardinality(String),
    product_id String CODEC(ZSTD(1)),
    region String CODEC(ZSTD(1)),
    gap_index Float64,
    expected_index Float64,
    voices UInt64,
    events UInt64,
    customers UInt64,
    excess Float64,
    evidence Float64,
    limit Float64,
    companions Nested(measure LowCardinality(String), ratio Float64, evidence Float64, lead_minutes Int32),
    examples Array(String),
    detector LowCardinality(String),
    precedence UInt64
)
ENGINE = {replicated}ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(minute)
ORDER BY (series, minute)
TTL toStartOfDay(minute) + toIntervalDay({retention_days});

-- distributed: signal_verdicts by halfMD5(series)

-- Which minutes were evaluated, over how many series: tells a quiet minute from one that nobody looked at.
CREATE TABLE IF NOT EXISTS signal_evaluations{local} {on_cluster}
(
    minute DateTime('UTC'),
    series UInt32,
    evaluated_at DateTime64(3, 'UTC') DEFAULT now64(3),
    precedence UInt64
)
ENGINE = {replicated}ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(minute)
ORDER BY minute
TTL toStartOfDay(minute) + toIntervalDay({retention_days});

-- distributed: signal_evaluations by toUnixTimestamp(minute)

-- What the topic `signals` has acknowledged. A change without a row here is published again.
CREATE TABLE IF NOT EXISTS signal_publications{local} {on_cluster}
(
    series String,
    minute DateTime('UTC')
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (series, minute)
TTL toStartOfDay(minute) + toIntervalDay({retention_days});

-- distributed: signal_publications by halfMD5(series)

-- What was sent to whom: an alert with a row of outcome 'sent' or 'expired' is not sent again.
CREATE TABLE IF NOT EXISTS alert_deliveries{local} {on_cluster}
(
    series String,
    minute DateTime('UTC'),
    state LowCardinality(String),
    target LowCardinality(String),
    outcome LowCardinality(String),
    attempts UInt32,
    worker String,
    delivered_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {replicated}ReplacingMergeTree(delivered_at)
ORDER BY (series, minute, target)
TTL toStartOfDay(minute) + toIntervalDay({retention_days});

-- distributed: alert_deliveries by halfMD5(series)

-- One row per episode: where it stands, how bad it was at its worst, and when it ended (NULL while it lasts).
-- An episode is what lies between two recoveries of a series, so two workers that open it in neighbouring minutes open one.
CREATE OR REPLACE VIEW signals {on_cluster} AS
SELECT
    series,
    min(opened) AS opened,
    argMax(state, minute) AS state,
    argMax(severity, minute) AS severity,
    max(minute) AS updated,
    if(state = 'recovered', updated, NULL) AS recovered,
    argMax(reason, minute) AS reason,
    argMax(part_of, minute) AS part_of,
    any(measure) AS measure,
    any(scope) AS scope,
    any(channel) AS channel,
    any(product_id) AS product_id,
    any(region) AS region,
    min(since) AS since,
    argMax(gap_index, minute) AS gap_index,
    argMax(expected_index, minute) AS expected_index,
    max(verdicts.gap_index) AS peak_index,
    argMax(voices, minute) AS voices,
    argMax(events, minute) AS events,
    argMax(customers, minute) AS customers,
    argMax(excess, minute) AS excess,
    argMax(evidence, minute) AS evidence,
    argMax(limit, minute) AS limit,
    argMax(companions.measure, minute) AS `companions.measure`,
    argMax(companions.ratio, minute) AS `companions.ratio`,
    argMax(companions.evidence, minute) AS `companions.evidence`,
    argMax(companions.lead_minutes, minute) AS `companions.lead_minutes`,
    argMin(examples, minute) AS examples,
    any(detector) AS detector
FROM (
    SELECT *, countIf(state = 'recovered') OVER (
        PARTITION BY series ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS episode
    FROM signal_verdicts FINAL
) AS verdicts
GROUP BY series, episode;

-- The moments that people are told of: opened, escalated, recovered. Alerts pass over those that are part of another.
CREATE OR REPLACE VIEW signal_changes {on_cluster} AS
SELECT * EXCEPT (precedence)
FROM signal_verdicts FINAL
WHERE state IN ('opened', 'escalated', 'recovered');
