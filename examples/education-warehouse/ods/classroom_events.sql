-- ODS: what the classroom clients, the quality probes and the order system send, made up by the
-- `classroom.*` generators and put into the topics that everything else reads.
SET 'pipeline.name' = 'ods_classroom_events';

CREATE TABLE timeline_generator (message_key STRING, message STRING) WITH (
  'connector' = 'datagen', 'generator' = 'classroom.timeline',
  'number-of-rows' = '${rows}', 'seed' = '${seed}', 'disorder' = '2 s');
CREATE TABLE timeline_client_topic (message_key STRING, message STRING) WITH (
  'connector' = 'kafka', 'topic' = 'timeline_client_topic', 'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw', 'key.fields' = 'message_key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY');

CREATE TABLE answer_generator (message STRING) WITH (
  'connector' = 'datagen', 'generator' = 'classroom.answer',
  'number-of-rows' = '${rows}', 'seed' = '${seed}');
CREATE TABLE test_topic_learning_1 (message STRING) WITH (
  'connector' = 'kafka', 'topic' = 'test_topic_learning_1', 'properties.bootstrap.servers' = '${kafka}', 'format' = 'raw');

CREATE TABLE qos_generator (message STRING) WITH (
  'connector' = 'datagen', 'generator' = 'classroom.qos',
  'number-of-rows' = '${rows}', 'seed' = '${seed}', 'disorder' = '20 s');
CREATE TABLE agora_record (message STRING) WITH (
  'connector' = 'kafka', 'topic' = 'agora_record', 'properties.bootstrap.servers' = '${kafka}', 'format' = 'raw');

CREATE TABLE order_generator (message_key STRING, message STRING) WITH (
  'connector' = 'datagen', 'generator' = 'classroom.order',
  'number-of-rows' = '${rows}', 'seed' = '${seed}');
CREATE TABLE data_pack_order_info (message_key STRING, message STRING) WITH (
  'connector' = 'kafka', 'topic' = 'data_pack_order_info', 'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw', 'key.fields' = 'message_key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY');

CREATE TABLE channel_generator (message STRING) WITH (
  'connector' = 'datagen', 'generator' = 'classroom.channel',
  'number-of-rows' = '3000', 'seed' = '${seed}');
CREATE TABLE channel_dictionary_log (message STRING) WITH (
  'connector' = 'kafka', 'topic' = 'blink_stg_activity__channel_name_dictionary_da',
  'properties.bootstrap.servers' = '${kafka}', 'format' = 'raw');

BEGIN STATEMENT SET;
INSERT INTO timeline_client_topic SELECT message_key, message FROM timeline_generator;
INSERT INTO test_topic_learning_1 SELECT message FROM answer_generator;
INSERT INTO agora_record SELECT message FROM qos_generator;
INSERT INTO data_pack_order_info SELECT message_key, message FROM order_generator;
INSERT INTO channel_dictionary_log SELECT message FROM channel_generator;
END;
