"""What is committed in a topic, a JSON object a line. Usage: consume.py BOOTSTRAP TOPIC"""
import json
import sys

from kafka import KafkaConsumer, TopicPartition

bootstrap, topic = sys.argv[1], sys.argv[2]
consumer = KafkaConsumer(
    bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, group_id=None
)
partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic))]
consumer.assign(partitions)
consumer.seek_to_beginning(*partitions)
ends = consumer.end_offsets(partitions)


def text(value):
    return None if value is None else value.decode()


while any(consumer.position(p) < ends[p] for p in partitions):
    for records in consumer.poll(timeout_ms=200).values():
        for r in records:
            headers = [[name, text(value)] for name, value in r.headers]
            line = {"p": r.partition, "k": text(r.key), "v": text(r.value), "t": r.timestamp, "h": headers}
            print(json.dumps(line, ensure_ascii=False))
consumer.close()
