-- B7 (Blink), into a black hole.
CREATE TABLE data_pack_order_info (
  messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  `id` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.id'),
  `cc_id` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.cc_id'),
  `student_id` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.student_id'),
  `confirm_date_time` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.confirm_date_time'),
  `create_time` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.create_time'),
  `update_time` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.update_time'),
  `order_create_time` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.order_create_time'),
  `canceled_date_time` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.canceled_date_time'),
  `apply_refund_date` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.apply_refund_date'),
  `status` AS JSON_VALUE(CAST(`message` AS VARCHAR), '$.status')
) WITH (type = 'kafka010', topic = 'order', `group.id` = 'bench_b7',
  bootstrap.servers = 'embedded:9092', startupMode = 'EARLIEST');

CREATE TABLE staff_index (
  cc_id bigint(20) NOT NULL, cc_index bigint(10) NOT NULL, `type` int(6) NOT NULL, attribution_time varchar NOT NULL,
  update_time timestamp NOT NULL, PRIMARY KEY (cc_id, `type`, attribution_time)
) WITH (type = 'blackhole');

CREATE VIEW newest_order AS
SELECT last_value(cc_id) AS cc_id, last_value(confirm_date_time) AS confirm_date_time, last_value(status) AS status
FROM data_pack_order_info
GROUP BY id;

INSERT INTO staff_index
SELECT CAST(cc_id AS BIGINT), COUNT(*), 1, date_format(confirm_date_time, 'yyyy-MM-dd'), CURRENT_TIMESTAMP
FROM newest_order
WHERE confirm_date_time IS NOT NULL AND status IS NOT NULL AND status = 3
GROUP BY date_format(confirm_date_time, 'yyyy-MM-dd'), cc_id;
