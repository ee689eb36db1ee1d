//! What `check` warns about.

use super::{FLINK, plan};

fn codes(sql: &str) -> Vec<String> {
    plan(&format!("{FLINK}{sql}")).warnings.into_iter().map(|w| w.code).collect()
}

const BLINK: &str = "
CREATE TABLE src (messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  id AS JSON_VALUE(`message`, '$.id'), level AS JSON_VALUE(`message`, '$.level'), t AS JSON_VALUE(`message`, '$.t'))
WITH (type = 'kafka011', topic = 'a', `group.id` = 'g', bootstrap.servers = 'b:9092');
CREATE TABLE es (uk VARCHAR, h BIGINT, n BIGINT, PRIMARY KEY (uk))
WITH (type = 'elasticsearch', endPoint = 'http://e:9200', accessId = 'a', accessKey = 'k', index = 'i', typeName = 't');
";

#[test]
fn a_sink_key_narrower_than_the_group_key() {
    let published = "INSERT INTO es SELECT level, CAST(date_format(t, 'yyyyMMddHH') AS BIGINT), COUNT(DISTINCT id) FROM src GROUP BY level, date_format(t, 'yyyyMMddHH')";
    let p = plan(&format!("{BLINK}{published}"));
    let found = p.warnings.iter().find(|w| w.code == "sink-key-narrower").unwrap();
    assert!(found.message.contains("(uk)"), "{}", found.message);
    assert!(found.span.is_known());
    let whole = "INSERT INTO es SELECT CONCAT(level, date_format(t, 'yyyyMMddHH')), 1, COUNT(*) FROM src GROUP BY level, date_format(t, 'yyyyMMddHH'), CONCAT(level, date_format(t, 'yyyyMMddHH'))";
    assert!(!plan(&format!("{BLINK}{whole}")).warnings.iter().any(|w| w.code == "sink-key-narrower"));
}

#[test]
fn state_without_an_end() {
    let sql = "INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY user_id";
    assert!(codes(sql).contains(&"unbounded-state".to_owned()));
    assert!(!codes(&format!("SET 'table.exec.state.ttl' = '1 h'; {sql}")).contains(&"unbounded-state".to_owned()));
}

#[test]
fn json_built_by_hand() {
    let risky = "INSERT INTO counts SELECT CONCAT('{\"u\": \"', user_id, '\"}'), id FROM orders";
    assert!(codes(risky).contains(&"unescaped-json".to_owned()));
    let safe = "INSERT INTO counts SELECT CONCAT('{\"n\": ', CAST(id AS STRING), ', \"h\": \"', MD5(user_id), '\"}'), id FROM orders";
    assert!(!codes(safe).contains(&"unescaped-json".to_owned()));
}

#[test]
fn keys_that_change_or_are_null() {
    let clock = "INSERT INTO totals SELECT CAST(NOW() AS STRING), 1 FROM orders";
    assert!(codes(clock).contains(&"non-deterministic-key".to_owned()));
    assert!(codes("INSERT INTO totals SELECT user_id, 1 FROM orders").contains(&"nullable-key".to_owned()));
    assert!(
        !codes("INSERT INTO totals SELECT COALESCE(user_id, ''), 1 FROM orders").contains(&"nullable-key".to_owned())
    );
}

#[test]
fn backslashes_in_like() {
    let sql = "INSERT INTO counts SELECT user_id, id FROM orders WHERE user_id NOT LIKE 'DM\\\\_%'";
    assert!(codes(sql).contains(&"like-backslash".to_owned()));
    let escaped = "INSERT INTO counts SELECT user_id, id FROM orders WHERE user_id NOT LIKE 'DM!_%' ESCAPE '!'";
    assert!(!codes(escaped).contains(&"like-backslash".to_owned()));
}

#[test]
fn json_over_bytes_in_flink() {
    let bytes = "CREATE TABLE m (message BYTES) WITH ('connector' = 'kafka', 'topic' = 'm', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'raw');
        INSERT INTO counts SELECT JSON_VALUE(message, '$.a'), 1 FROM m";
    assert!(codes(bytes).contains(&"json-over-bytes".to_owned()));
    assert!(!codes(&bytes.replace("BYTES", "STRING")).contains(&"json-over-bytes".to_owned()));
}
