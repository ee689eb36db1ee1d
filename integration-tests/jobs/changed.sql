-- Tables of a job that is changed between its runs; the INSERTs are the tests' own.
SET 'pipeline.name' = 'changed';
SET 'execution.checkpointing.interval' = '50 ms';

CREATE TABLE visits (id BIGINT, who STRING, room STRING) WITH ('connector' = 'kafka', 'topic' = 'visits',
  'properties.bootstrap.servers' = 'embedded:9092', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE first_log (id BIGINT, who STRING) WITH ('connector' = 'kafka', 'topic' = 'first_log',
  'properties.bootstrap.servers' = 'embedded:9092', 'format' = 'json');
CREATE TABLE second_log (id BIGINT, who STRING) WITH ('connector' = 'kafka', 'topic' = 'second_log',
  'properties.bootstrap.servers' = 'embedded:9092', 'format' = 'json');
CREATE TABLE per_who (who STRING, n BIGINT, PRIMARY KEY (who) NOT ENFORCED) WITH ('connector' = 'jdbc',
  'url' = 'jdbc:mysql://embedded/x', 'table-name' = 'per_who');
CREATE TABLE plain_table (id BIGINT, who STRING) WITH ('connector' = 'jdbc',
  'url' = 'jdbc:mysql://embedded/x', 'table-name' = 'plain_table');

