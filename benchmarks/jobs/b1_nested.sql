-- B1, nested JSON_VALUE spelling (Blink).
CREATE TABLE timeline_client (
  messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  createTime AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.createTime'),
  userid AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.userid') AS BIGINT),
  roomid AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.roomid') AS BIGINT),
  time_stamp AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.timestamp') AS BIGINT),
  `role` AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.role') AS TINYINT),
  msgid AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msgid') AS BIGINT),
  msg_msgType AS JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msg') AS VARCHAR), '$.msgtype'),
  msg_msgData_targetId AS JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msg') AS VARCHAR), '$.msg_data') AS VARCHAR), '$.target_id'),
  msg_msgData_targetType AS JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msg') AS VARCHAR), '$.msg_data') AS VARCHAR), '$.target_type'),
  msg_msgData_action AS JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msg') AS VARCHAR), '$.msg_data') AS VARCHAR), '$.action'),
  msg_msgData_subAction AS JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msg') AS VARCHAR), '$.msg_data') AS VARCHAR), '$.sub_action'),
  msg_msgData_pageIndex AS CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(JSON_VALUE(CAST(`message` AS VARCHAR), '$.data') AS VARCHAR), '$.msg') AS VARCHAR), '$.msg_data') AS VARCHAR), '$.page_index') AS BIGINT)
) WITH (type = 'kafka011', topic = '${in}', `group.id` = 'bench_b1',
  bootstrap.servers = '${brokers}', startupMode = 'EARLIEST');

CREATE TABLE timeline_analysis_student (
  messageKey VARBINARY, `message` VARBINARY
) WITH (${sink});

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_MOVE_PICTURE"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'shape' AND msg_msgData_action = 'move';

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_HOVER_PICTURE"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'shape' AND msg_msgData_action = 'mouse' AND msg_msgData_subAction = 'over';

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_LINE_DRAW"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'shape' AND msg_msgData_action = 'add';

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_AUDIO_PLAY"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'template' AND msg_msgData_action = 'audio' AND msg_msgData_subAction = 'start';

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_AUDIO_PAUSE"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'template' AND msg_msgData_action = 'audio' AND msg_msgData_subAction = 'pause';

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_MATCH_WRONG"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'template' AND msg_msgData_action = 'match' AND msg_msgData_subAction = 'drop:wrong' AND msg_msgData_targetId = 'match';

INSERT INTO timeline_analysis_student
SELECT messageKey, CAST(CONCAT(
    '{"messageCreateTime": "', createTime, '", "timeStamp": ', time_stamp,
    ', "messageTimeStamp": "', TO_TIMESTAMP(time_stamp), '", "userId": ', userid, ', "roomId": ', roomid,
    ', "role": ', `role`, ', "msgId": ', msgid, ', "msgType": ', msg_msgType,
    ', "targetId": "', msg_msgData_targetId, '", "targetType": "', msg_msgData_targetType,
    '", "action": "', msg_msgData_action, '", "subAction": "', msg_msgData_subAction,
    '", "pageIndex": ', msg_msgData_pageIndex, ', "event": "STUDENT_MATCH_CORRECT"}') AS VARBINARY)
FROM timeline_client
WHERE msgid = '305' AND msg_msgType = '116' AND `role` = '2'
  AND msg_msgData_targetType = 'template' AND msg_msgData_action = 'match' AND msg_msgData_subAction = 'drop:correct' AND msg_msgData_targetId = 'match';
