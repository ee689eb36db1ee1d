-- B5 (Flink): audio and video quality in half minutes, by JSON_VALUE over the text of each message.
CREATE TABLE agora_record (
  `message` STRING,
  classroomId AS JSON_VALUE(`message`, '$.classroom_id'),
  userType AS JSON_VALUE(`message`, '$.user_type'),
  userId AS TRY_CAST(JSON_VALUE(`message`, '$.user_id') AS BIGINT),
  agoraChannelId AS TRY_CAST(JSON_VALUE(`message`, '$.agora_channel_id') AS BIGINT),
  event AS JSON_VALUE(`message`, '$.event'),
  videoFr AS TRY_CAST(JSON_VALUE(`message`, '$.agora_videoState.fr') AS BIGINT),
  videoUid AS TRY_CAST(JSON_VALUE(`message`, '$.agora_videoState.uid') AS BIGINT),
  audioLost AS TRY_CAST(JSON_VALUE(`message`, '$.agora_audioState.lost') AS BIGINT),
  audioUid AS TRY_CAST(JSON_VALUE(`message`, '$.agora_audioState.uid') AS BIGINT),
  createTime AS TO_TIMESTAMP_LTZ(TRY_CAST(JSON_VALUE(`message`, '$.messageCreateTime') AS BIGINT), 3),
  WATERMARK FOR createTime AS createTime - INTERVAL '60' SECOND
) WITH ('connector' = 'kafka', 'topic' = '${in}', 'properties.bootstrap.servers' = '${brokers}',
  'properties.group.id' = 'bench-b5', 'scan.startup.mode' = 'earliest-offset', 'format' = 'raw');

CREATE TABLE user_av_record (
  start_time TIMESTAMP(3), end_time TIMESTAMP(3), user_id BIGINT, web_server_id BIGINT, classroom_id STRING,
  user_type STRING, extra_uid BIGINT, event STRING, event_sum BIGINT, event_avg DOUBLE, event_count BIGINT
) WITH ('connector' = 'kafka', 'topic' = '${out}', 'properties.bootstrap.servers' = '${brokers}', 'format' = 'json');

BEGIN STATEMENT SET;
INSERT INTO user_av_record
SELECT CAST(TUMBLE_START(createTime, INTERVAL '30' SECOND) AS TIMESTAMP(3)),
  CAST(TUMBLE_END(createTime, INTERVAL '30' SECOND) AS TIMESTAMP(3)),
  CASE WHEN userId IS NULL THEN -1 ELSE userId END,
  CASE WHEN agoraChannelId IS NULL THEN -1 ELSE agoraChannelId END,
  CASE WHEN classroomId IS NULL THEN '-1' ELSE classroomId END,
  userType, audioUid, CONCAT(event, '_AUDIO_STATE'), SUM(audioLost), AVG(audioLost), COUNT(event)
FROM agora_record
WHERE audioLost >= 0 AND userType = 'student'
GROUP BY TUMBLE(createTime, INTERVAL '30' SECOND), userId, agoraChannelId, classroomId, userType, event, audioUid;

INSERT INTO user_av_record
SELECT CAST(TUMBLE_START(createTime, INTERVAL '30' SECOND) AS TIMESTAMP(3)),
  CAST(TUMBLE_END(createTime, INTERVAL '30' SECOND) AS TIMESTAMP(3)),
  CASE WHEN userId IS NULL THEN -1 ELSE userId END,
  CASE WHEN agoraChannelId IS NULL THEN -1 ELSE agoraChannelId END,
  CASE WHEN classroomId IS NULL THEN '-1' ELSE classroomId END,
  userType, videoUid, CONCAT(event, '_VIDEO_STATE'), SUM(videoFr), AVG(videoFr), COUNT(event)
FROM agora_record
WHERE videoFr >= 0 AND userType = 'student'
GROUP BY TUMBLE(createTime, INTERVAL '30' SECOND), userId, agoraChannelId, classroomId, userType, event, videoUid;
END;
