-- `SELECT *` from gap_minute, gap_hour, gap_day, chat_minute and chat_day returned aggregate states, which clients cannot read.
-- These views are now without them; the same with the states, to be merged over several rows, are *_states.
--
-- Distinct customers of several rows: uniqMerge(customers_state). Quantiles of several rows:
-- quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(first_response_state); means: sum(first_response_sum) / sum(answered).

CREATE OR REPLACE VIEW gap_minute_states {on_cluster} AS
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

CREATE OR REPLACE VIEW gap_minute {on_cluster} AS
SELECT * EXCEPT (customers_state) FROM gap_minute_states;

CREATE OR REPLACE VIEW gap_hour {on_cluster} AS
SELECT * EXCEPT (customers_state) FROM gap_hour_states;

CREATE OR REPLACE VIEW gap_day {on_cluster} AS
SELECT * EXCEPT (customers_state) FROM gap_day_states;

CREATE OR REPLACE VIEW chat_minute {on_cluster} AS
SELECT * EXCEPT (first_response_state, resolution_state, longest_wait_state) FROM chat_minute_states;

CREATE OR REPLACE VIEW chat_day {on_cluster} AS
SELECT * EXCEPT (first_response_state, resolution_state, longest_wait_state) FROM chat_day_states;
