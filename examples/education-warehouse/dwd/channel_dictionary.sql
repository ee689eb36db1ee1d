-- DWD: the channel dictionary as a dimension table in HBase (Blink); the row key is spread by MD5.
CREATE TABLE channel_dictionary_log (
  messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  id AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.id'),
  chinese_name AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.chinese_name'),
  english_name AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.english_name'),
  `level` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.level'),
  pid AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.pid'),
  create_time AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.create_time'),
  update_time AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.update_time'),
  dept_id AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.dept_id')
) WITH (type = 'kafka010', topic = 'blink_stg_activity__channel_name_dictionary_da', `group.id` = 'dwd_channel_dictionary',
  bootstrap.servers = '${kafka}', startupMode = 'EARLIEST');

CREATE TABLE channel_name_dictionary (
  rowkey VARCHAR, id VARCHAR, chinese_name VARCHAR, english_name VARCHAR, `level` VARCHAR, pid VARCHAR, create_time VARCHAR, update_time VARCHAR, dept_id VARCHAR, PRIMARY KEY (rowkey)
) WITH (type = 'cloudhbase', tableName = 'channel_name_dictionary', columnFamily = 'cf', zkQuorum = '${hbase}');

INSERT INTO channel_name_dictionary
SELECT MD5(id), id, chinese_name, english_name, `level`, pid, create_time, update_time, dept_id
FROM channel_dictionary_log;
