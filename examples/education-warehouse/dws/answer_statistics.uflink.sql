-- DWS: how often each question, grade and (subject, question) was answered (UFlink). The result topics
-- hold the newest value of every key.
CREATE TABLE t_answer (
  student_id VARCHAR, textbook_id VARCHAR, grade_id VARCHAR, subject_id VARCHAR, chapter_id VARCHAR,
  question_id VARCHAR, score INT, answer_time VARCHAR, ts TIMESTAMP
) WITH (type = 'kafka11', bootstrapServers = '${kafka}', zookeeperQuorum = '${zookeeper}',
  topic = 'test_topic_learning_1', groupId = 'dws_answer_statistics', offsetReset = 'earliest', parallelism = '3');

CREATE TABLE t_result1 (question_id VARCHAR, frequency INT) WITH (
  type = 'kafka11', bootstrapServers = '${kafka}', zookeeperQuorum = '${zookeeper}',
  topic = 'answer_result_1', parallelism = '3');

CREATE TABLE t_result2 (grade_id VARCHAR, frequency INT) WITH (
  type = 'kafka11', bootstrapServers = '${kafka}', zookeeperQuorum = '${zookeeper}',
  topic = 'answer_result_2', parallelism = '3');

CREATE TABLE t_result3 (subject_id VARCHAR, question_id VARCHAR, frequency INT) WITH (
  type = 'kafka11', bootstrapServers = '${kafka}', zookeeperQuorum = '${zookeeper}',
  topic = 'answer_result_3', parallelism = '3');

INSERT INTO t_result1
SELECT question_id, COUNT(1) AS frequency FROM t_answer GROUP BY question_id;

INSERT INTO t_result2
SELECT grade_id, COUNT(1) AS frequency FROM t_answer GROUP BY grade_id;

INSERT INTO t_result3
SELECT subject_id, question_id, COUNT(1) AS frequency FROM t_answer GROUP BY subject_id, question_id;
