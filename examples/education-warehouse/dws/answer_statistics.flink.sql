-- DWS: the same statistics in modern Flink SQL, into compacted topics by key.
SET 'pipeline.name' = 'dws_answer_statistics_flink';

CREATE TABLE t_answer (
  student_id VARCHAR, textbook_id VARCHAR, grade_id VARCHAR, subject_id VARCHAR, chapter_id VARCHAR,
  question_id VARCHAR, score INT, answer_time VARCHAR, ts STRING
) WITH ('connector' = 'kafka', 'topic' = 'test_topic_learning_1', 'properties.bootstrap.servers' = '${kafka}',
  'properties.group.id' = 'dws_answer_statistics_flink', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE t_frequency1 (question_id STRING, frequency INT, PRIMARY KEY (question_id) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'answer_frequency_1', 'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'json', 'value.format' = 'json');

CREATE TABLE t_frequency2 (grade_id STRING, frequency INT, PRIMARY KEY (grade_id) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'answer_frequency_2', 'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'json', 'value.format' = 'json');

CREATE TABLE t_frequency3 (subject_id STRING, question_id STRING, frequency INT, PRIMARY KEY (subject_id, question_id) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'answer_frequency_3', 'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'json', 'value.format' = 'json');

BEGIN STATEMENT SET;
INSERT INTO t_frequency1
SELECT question_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY question_id;

INSERT INTO t_frequency2
SELECT grade_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY grade_id;

INSERT INTO t_frequency3
SELECT subject_id, question_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY subject_id, question_id;
END;
