-- B7 (Flink): orders won a day and consultant; an order that changes is taken back.
CREATE TABLE order_info (
  `message` STRING,
  `id` AS JSON_VALUE(`message`, '$.id'),
  cc_id AS JSON_VALUE(`message`, '$.cc_id'),
  student_id AS JSON_VALUE(`message`, '$.student_id'),
  confirm_date_time AS JSON_VALUE(`message`, '$.confirm_date_time'),
  create_time AS JSON_VALUE(`message`, '$.create_time'),
  update_time AS JSON_VALUE(`message`, '$.update_time'),
  `status` AS JSON_VALUE(`message`, '$.status')
) WITH ('connector' = 'kafka', 'topic' = '${in}', 'properties.bootstrap.servers' = '${brokers}',
  'properties.group.id' = 'bench-b7', 'scan.startup.mode' = 'earliest-offset', 'format' = 'raw');

CREATE TABLE staff_index (
  cc_id BIGINT NOT NULL, cc_index BIGINT NOT NULL, `type` INT NOT NULL, attribution_time STRING NOT NULL,
  PRIMARY KEY (cc_id, `type`, attribution_time) NOT ENFORCED
) WITH ('connector' = 'upsert-kafka', 'topic' = '${out}', 'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'json', 'value.format' = 'json');

CREATE VIEW newest_order AS
SELECT LAST_VALUE(cc_id) AS cc_id, LAST_VALUE(confirm_date_time) AS confirm_date_time, LAST_VALUE(`status`) AS `status`
FROM order_info
GROUP BY `id`;

INSERT INTO staff_index
SELECT CAST(cc_id AS BIGINT), COUNT(*), CAST(1 AS INT), DATE_FORMAT(confirm_date_time, 'yyyy-MM-dd')
FROM newest_order
WHERE confirm_date_time IS NOT NULL AND `status` IS NOT NULL AND `status` = '3'
GROUP BY DATE_FORMAT(confirm_date_time, 'yyyy-MM-dd'), cc_id;
