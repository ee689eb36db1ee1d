-- Each message as it is, for measuring how long it is on its way.
CREATE TABLE arriving (`message` STRING) WITH ('connector' = 'kafka', 'topic' = '${in}',
  'properties.bootstrap.servers' = '${brokers}', 'properties.group.id' = 'bench-copy',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'raw');

CREATE TABLE leaving (`message` STRING) WITH ('connector' = 'kafka', 'topic' = '${out}',
  'properties.bootstrap.servers' = '${brokers}', 'format' = 'raw');

INSERT INTO leaving SELECT `message` FROM arriving;
