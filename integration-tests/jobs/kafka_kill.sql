-- The job that is killed between Kafka and Kafka: append and by key, windows and updating groups.
-- ${p} goes before every name, so that runs on one broker do not meet; ${out} goes before the topics
-- that are written, so that two jobs of one name can write to different ones. ${fence}: topic or group.
-- ${source} is the broker that is read from, ${kafka} the one that is written to.
SET 'pipeline.name' = '${p}kill';
SET 'execution.checkpointing.interval' = '100 ms';
SET 'table.local-time-zone' = 'UTC';
SET 'tidegate.log-retention' = '0 s';

CREATE TABLE events (
  id BIGINT, who STRING, amount BIGINT, ms BIGINT,
  rowtime AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = '${p}events', 'properties.bootstrap.servers' = '${source}',
  'properties.group.id' = '${p}group', 'scan.startup.mode' = 'earliest-offset',
  'scan.topic-partition-discovery.interval' = '500 ms', 'properties.default.api.timeout.ms' = '10000',
  'properties.request.timeout.ms' = '${request}', 'properties.client.id' = '${client}', 'format' = 'json');

CREATE TABLE copies (id BIGINT, amount BIGINT) WITH (
  'connector' = 'kafka', 'topic' = '${out}copies', 'properties.bootstrap.servers' = '${kafka}',
  'sink.transactional-id-prefix' = '${ids}', 'tidegate.fence' = '${fence}', 'properties.transaction.timeout.ms' = '${timeout}',
  'properties.max.block.ms' = '10000', 'properties.request.timeout.ms' = '${request}',
  'properties.metadata.max.age.ms' = '${age}', 'properties.client.id' = '${client}', 'format' = 'json');
CREATE TABLE totals_log (who STRING, n BIGINT, total BIGINT, PRIMARY KEY (who) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = '${out}totals', 'properties.bootstrap.servers' = '${kafka}',
  'sink.transactional-id-prefix' = '${ids}', 'tidegate.fence' = '${fence}', 'properties.transaction.timeout.ms' = '${timeout}',
  'properties.max.block.ms' = '10000', 'properties.request.timeout.ms' = '${request}',
  'properties.metadata.max.age.ms' = '${age}', 'properties.client.id' = '${client}', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE minutes (start_time TIMESTAMP(3), who STRING, n BIGINT, total BIGINT) WITH (
  'connector' = 'kafka', 'topic' = '${out}minutes', 'properties.bootstrap.servers' = '${kafka}',
  'sink.transactional-id-prefix' = '${ids}', 'tidegate.fence' = '${fence}', 'properties.transaction.timeout.ms' = '${timeout}',
  'properties.max.block.ms' = '10000', 'properties.request.timeout.ms' = '${request}',
  'properties.metadata.max.age.ms' = '${age}', 'properties.client.id' = '${client}', 'format' = 'json');

BEGIN STATEMENT SET;
INSERT INTO copies SELECT id, amount FROM events WHERE amount >= 0;
INSERT INTO totals_log SELECT who, COUNT(*), SUM(amount) FROM events GROUP BY who;
INSERT INTO minutes
SELECT window_start, who, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, who;
END;
