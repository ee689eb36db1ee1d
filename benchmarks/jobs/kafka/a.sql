-- A (Flink): three counts of answers, each into a topic of its own that keeps the newest count of a key.
CREATE TABLE t_answer (
  student_id STRING, textbook_id STRING, grade_id STRING, subject_id STRING, chapter_id STRING,
  question_id STRING, score INT, answer_time STRING, ts STRING
) WITH ('connector' = 'kafka', 'topic' = '${in}', 'properties.bootstrap.servers' = '${brokers}',
  'properties.group.id' = 'bench-a', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE by_question (question_id STRING, frequency INT, PRIMARY KEY (question_id) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = '${out}-1', 'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'json', 'value.format' = 'json');

CREATE TABLE by_grade (grade_id STRING, frequency INT, PRIMARY KEY (grade_id) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = '${out}-2', 'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'json', 'value.format' = 'json');

CREATE TABLE by_subject (subject_id STRING, question_id STRING, frequency INT,
  PRIMARY KEY (subject_id, question_id) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = '${out}-3', 'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'json', 'value.format' = 'json');

BEGIN STATEMENT SET;
INSERT INTO by_question SELECT question_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY question_id;
INSERT INTO by_grade SELECT grade_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY grade_id;
INSERT INTO by_subject
SELECT subject_id, question_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY subject_id, question_id;
END;
