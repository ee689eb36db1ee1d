-- A (Flink): three counts, into black holes.
SET 'pipeline.name' = 'bench_a';

CREATE TABLE t_answer (
  student_id VARCHAR, textbook_id VARCHAR, grade_id VARCHAR, subject_id VARCHAR, chapter_id VARCHAR,
  question_id VARCHAR, score INT, answer_time VARCHAR, ts STRING
) WITH ('connector' = 'kafka', 'topic' = 'answer', 'properties.bootstrap.servers' = 'embedded:9092',
  'properties.group.id' = 'bench_a', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE t_frequency1 (question_id STRING, frequency INT, PRIMARY KEY (question_id) NOT ENFORCED) WITH ('connector' = 'blackhole');

CREATE TABLE t_frequency2 (grade_id STRING, frequency INT, PRIMARY KEY (grade_id) NOT ENFORCED) WITH ('connector' = 'blackhole');

CREATE TABLE t_frequency3 (subject_id STRING, question_id STRING, frequency INT, PRIMARY KEY (subject_id, question_id) NOT ENFORCED) WITH ('connector' = 'blackhole');

BEGIN STATEMENT SET;
INSERT INTO t_frequency1
SELECT question_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY question_id;

INSERT INTO t_frequency2
SELECT grade_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY grade_id;

INSERT INTO t_frequency3
SELECT subject_id, question_id, CAST(COUNT(1) AS INT) FROM t_answer GROUP BY subject_id, question_id;
END;
