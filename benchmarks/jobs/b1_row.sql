-- B1 with ROW columns (Flink).
CREATE TABLE operation (
  messageKey STRING, createTime STRING,
  `data` ROW<userid BIGINT, roomid BIGINT, `timestamp` BIGINT, `role` TINYINT, msgid BIGINT,
    msg ROW<msgtype STRING, msg_data ROW<target_id STRING, target_type STRING, `action` STRING, sub_action STRING, page_index BIGINT>>>
) WITH ('connector' = 'kafka', 'topic' = '${in}', 'properties.bootstrap.servers' = '${brokers}',
  'scan.startup.mode' = 'earliest-offset', 'key.format' = 'raw', 'key.fields' = 'messageKey',
  'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY', 'value.json.ignore-parse-errors' = 'true');
CREATE VIEW flat AS
SELECT messageKey, createTime, `data`.userid AS userid, `data`.roomid AS roomid, `data`.`timestamp` AS time_stamp,
  `data`.`role` AS user_role, `data`.msgid AS msgid, `data`.msg.msgtype AS msgtype,
  `data`.msg.msg_data.target_id AS target_id, `data`.msg.msg_data.target_type AS target_type,
  `data`.msg.msg_data.`action` AS act, `data`.msg.msg_data.sub_action AS sub_act, `data`.msg.msg_data.page_index AS page_index
FROM operation;
CREATE TABLE result (messageKey STRING, message STRING) WITH (${sink});
BEGIN STATEMENT SET;
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_MOVE_PICTURE"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'shape' AND act = 'move';
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_HOVER_PICTURE"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'shape' AND act = 'mouse' AND sub_act = 'over';
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_LINE_DRAW"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'shape' AND act = 'add';
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_AUDIO_PLAY"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'template' AND act = 'audio' AND sub_act = 'start';
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_AUDIO_PAUSE"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'template' AND act = 'audio' AND sub_act = 'pause';
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_MATCH_WRONG"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'template' AND act = 'match' AND sub_act = 'drop:wrong' AND target_id = 'match';
INSERT INTO result
SELECT messageKey, CONCAT('{"messageCreateTime": "', createTime, '", "timeStamp": ', CAST(time_stamp AS STRING),
    ', "messageTimeStamp": "', CAST(TO_TIMESTAMP_LTZ(time_stamp, 3) AS STRING), '", "userId": ', CAST(userid AS STRING),
    ', "roomId": ', CAST(roomid AS STRING), ', "role": ', CAST(user_role AS STRING), ', "msgId": ', CAST(msgid AS STRING),
    ', "msgType": ', msgtype, ', "targetId": "', target_id, '", "targetType": "', target_type, '", "action": "', act,
    '", "subAction": "', sub_act, '", "pageIndex": ', CAST(page_index AS STRING), ', "event": "STUDENT_MATCH_CORRECT"}')
FROM flat
WHERE msgid = 305 AND msgtype = '116' AND user_role = 2 AND target_type = 'template' AND act = 'match' AND sub_act = 'drop:correct' AND target_id = 'match';
END;
