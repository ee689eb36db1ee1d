-- B3 (Flink): events a minute, user, room and role, by JSON_VALUE over the text of each message.
CREATE TABLE timeline_event (
  `message` STRING,
  userId AS TRY_CAST(JSON_VALUE(`message`, '$.userId') AS BIGINT),
  webserverId AS TRY_CAST(JSON_VALUE(`message`, '$.roomId') AS BIGINT),
  `role` AS TRY_CAST(JSON_VALUE(`message`, '$.role') AS TINYINT),
  event AS JSON_VALUE(`message`, '$.event'),
  time_stamp AS TO_TIMESTAMP_LTZ(TRY_CAST(JSON_VALUE(`message`, '$.timeStamp') AS BIGINT), 3),
  WATERMARK FOR time_stamp AS time_stamp - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = '${in}', 'properties.bootstrap.servers' = '${brokers}',
  'properties.group.id' = 'bench-b3', 'scan.startup.mode' = 'earliest-offset', 'format' = 'raw');

CREATE TABLE timeline_signal (
  start_time TIMESTAMP(3), end_time TIMESTAMP(3), webserver_id BIGINT, user_id BIGINT, `role` TINYINT,
  event STRING, event_count BIGINT
) WITH ('connector' = 'kafka', 'topic' = '${out}', 'properties.bootstrap.servers' = '${brokers}', 'format' = 'json');

INSERT INTO timeline_signal
SELECT CAST(TUMBLE_START(time_stamp, INTERVAL '1' MINUTE) AS TIMESTAMP(3)),
  CAST(TUMBLE_END(time_stamp, INTERVAL '1' MINUTE) AS TIMESTAMP(3)),
  webserverId, userId, `role`, event, COUNT(event)
FROM timeline_event
GROUP BY TUMBLE(time_stamp, INTERVAL '1' MINUTE), userId, webserverId, `role`, event;
