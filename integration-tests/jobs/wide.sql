-- Rows that are wide enough to fill epochs and the log, copied into a log and a table.
SET 'pipeline.name' = 'wide';
SET 'execution.checkpointing.interval' = '${interval}';
SET 'tidegate.epoch-bytes' = '${epoch_bytes}';
SET 'tidegate.pending-bytes' = '${pending_bytes}';

CREATE TABLE wide (id BIGINT, pad STRING) WITH ('connector' = 'kafka', 'topic' = 'wide',
  'properties.bootstrap.servers' = 'embedded:9092', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE wide_log (id BIGINT, pad STRING) WITH ('connector' = 'kafka', 'topic' = 'wide_log',
  'properties.bootstrap.servers' = 'embedded:9092', 'format' = 'json');
CREATE TABLE wide_table (id BIGINT, pad STRING) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://embedded/x',
  'table-name' = 'wide_table');

INSERT INTO wide_log SELECT id, pad FROM wide;
INSERT INTO wide_table SELECT id, pad FROM wide;
