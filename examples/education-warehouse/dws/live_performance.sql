-- DWS: operations a minute by student, classroom server, role and event (Blink), appended to MySQL.
CREATE TABLE timeline_analysis_student (
  messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  userId AS CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.userId') AS BIGINT),
  webserverId AS CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.roomId') AS BIGINT),
  `role` AS CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.role') AS TINYINT),
  event AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.event'),
  time_stamp AS TO_TIMESTAMP(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.timeStamp') AS BIGINT)),
  WATERMARK wk FOR time_stamp AS WITHOFFSET(time_stamp, 60000)
) WITH (type = 'kafka011', topic = 'timeline_analysis_student', `group.id` = 'dws_live_performance',
  bootstrap.servers = '${kafka}', startupMode = 'EARLIEST');

CREATE TABLE timeline_signal_analysis (
  start_time TIMESTAMP, end_time TIMESTAMP, webserver_id BIGINT, user_id BIGINT, `role` TINYINT,
  event VARCHAR, event_count BIGINT, create_time TIMESTAMP
) WITH (type = 'RDS', url = '${mysql}', tableName = 'timeline_signal_analysis',
  userName = '${mysql_user}', password = '${mysql_password}');

INSERT INTO timeline_signal_analysis
SELECT TUMBLE_START(time_stamp, INTERVAL '1' MINUTE), TUMBLE_END(time_stamp, INTERVAL '1' MINUTE),
  webserverId, userId, `role`, event, COUNT(event), CURRENT_TIMESTAMP
FROM timeline_analysis_student
GROUP BY TUMBLE(time_stamp, INTERVAL '1' MINUTE), userId, webserverId, `role`, event;
