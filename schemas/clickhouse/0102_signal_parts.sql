-- Signals that another one explains: `part_of` is its series, empty for a signal that stands by itself.
-- The first statement changes the table, on a cluster its part on each shard; the second, there, the table over the shards.
ALTER TABLE signal_verdicts{local} {on_cluster} ADD COLUMN IF NOT EXISTS part_of String CODEC(ZSTD(1)) AFTER reason;
ALTER TABLE signal_verdicts {on_cluster} ADD COLUMN IF NOT EXISTS part_of String AFTER reason;

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
