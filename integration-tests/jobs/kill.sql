-- The job that is killed: a log and a table as targets, append and by key, windows and updating groups.
SET 'pipeline.name' = 'kill';
SET 'execution.checkpointing.interval' = '100 ms';
SET 'table.local-time-zone' = 'UTC';
SET 'tidegate.log-retention' = '0 s';

CREATE TABLE events (
  id BIGINT, who STRING, amount BIGINT, ms BIGINT,
  rowtime AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'embedded:9092',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE copies (id BIGINT, amount BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'copies', 'properties.bootstrap.servers' = 'embedded:9092', 'format' = 'json');
CREATE TABLE totals_log (who STRING, n BIGINT, total BIGINT, PRIMARY KEY (who) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'totals_log', 'properties.bootstrap.servers' = 'embedded:9092',
  'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE totals (who STRING, n BIGINT, total BIGINT, PRIMARY KEY (who) NOT ENFORCED) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:mysql://embedded/x', 'table-name' = 'totals');
CREATE TABLE minutes (start_time TIMESTAMP(3), who STRING, n BIGINT, total BIGINT) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:mysql://embedded/x', 'table-name' = 'minutes');

BEGIN STATEMENT SET;
INSERT INTO copies SELECT id, amount FROM events WHERE amount >= 0;
INSERT INTO totals_log SELECT who, COUNT(*), SUM(amount) FROM events GROUP BY who;
INSERT INTO totals SELECT who, COUNT(*), SUM(amount) FROM events GROUP BY who;
INSERT INTO minutes
SELECT window_start, who, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, who;
END;
