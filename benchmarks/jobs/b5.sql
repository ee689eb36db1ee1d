-- B5 (Blink), into a black hole.
CREATE TABLE agora_record (
  messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  classroomId AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.classroom_id'),
  userType AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.user_type'),
  userId AS CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.user_id') AS BIGINT),
  agoraChannelId AS CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.agora_channel_id') AS BIGINT),
  event AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.event'),
  agoraVideoStateFr AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.agora_videoState') AS VARCHAR), '$.fr') AS BIGINT),
  agoraVideoStateUid AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.agora_videoState') AS VARCHAR), '$.uid') AS BIGINT),
  agoraAudioStateLost AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.agora_audioState') AS VARCHAR), '$.lost') AS BIGINT),
  agoraAudioStateUid AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.agora_audioState') AS VARCHAR), '$.uid') AS BIGINT),
  messageCreateTime AS CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.messageCreateTime') AS BIGINT),
  WATERMARK wk FOR messageCreateTime AS WITHOFFSET(messageCreateTime, 60000)
) WITH (type = 'kafka011', topic = 'quality', `group.id` = 'bench_b5',
  bootstrap.servers = 'embedded:9092', startupMode = 'EARLIEST');

CREATE TABLE user_av_record (
  start_time TIMESTAMP, end_time TIMESTAMP, user_id BIGINT, web_server_id BIGINT, classroom_id VARCHAR,
  user_type VARCHAR, extra_uid BIGINT, event VARCHAR, event_sum BIGINT, event_avg DOUBLE, event_count BIGINT,
  create_time TIMESTAMP
) WITH (type = 'blackhole');

INSERT INTO user_av_record
SELECT TUMBLE_START(messageCreateTime, INTERVAL '30' SECOND), TUMBLE_END(messageCreateTime, INTERVAL '30' SECOND),
  CASE WHEN userId IS NULL THEN -1 ELSE userId END,
  CASE WHEN agoraChannelId IS NULL THEN -1 ELSE agoraChannelId END,
  CASE WHEN classroomId IS NULL THEN -1 ELSE classroomId END,
  userType, agoraAudioStateUid, CONCAT(event, '_AUDIO_STATE'), SUM(agoraAudioStateLost), AVG(agoraAudioStateLost), COUNT(event), CURRENT_TIMESTAMP
FROM agora_record
WHERE agoraAudioStateLost >= 0 AND userType = 'student'
GROUP BY TUMBLE(messageCreateTime, INTERVAL '30' SECOND), userId, agoraChannelId, classroomId, userType, event, agoraAudioStateUid;

INSERT INTO user_av_record
SELECT TUMBLE_START(messageCreateTime, INTERVAL '30' SECOND), TUMBLE_END(messageCreateTime, INTERVAL '30' SECOND),
  CASE WHEN userId IS NULL THEN -1 ELSE userId END,
  CASE WHEN agoraChannelId IS NULL THEN -1 ELSE agoraChannelId END,
  CASE WHEN classroomId IS NULL THEN -1 ELSE classroomId END,
  userType, agoraVideoStateUid, CONCAT(event, '_VIDEO_STATE'), SUM(agoraVideoStateFr), AVG(agoraVideoStateFr), COUNT(event), CURRENT_TIMESTAMP
FROM agora_record
WHERE agoraVideoStateFr >= 0 AND userType = 'student'
GROUP BY TUMBLE(messageCreateTime, INTERVAL '30' SECOND), userId, agoraChannelId, classroomId, userType, event, agoraVideoStateUid;
