"""Two transactions: one is committed, one aborted. Usage: produce.py BOOTSTRAP TOPIC COUNT"""
import sys

from kafka import KafkaProducer

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="python-" + topic, enable_idempotence=True)
producer.init_transactions()
for committed in (True, False):
    producer.begin_transaction()
    for i in range(count):
        number = i if committed else -1 - i
        value = '{"id": %d, "name": "%s"}' % (number, "学生%d" % i)
        headers = [("lang", b"python"), ("number", str(number).encode())]
        producer.send(topic, key=("键%d" % (i % 7)).encode(), value=value.encode(), headers=headers)
    producer.flush()
    if committed:
        producer.commit_transaction()
    else:
        producer.abort_transaction()
producer.close()
