//! Java reads the numbers, UUIDs, nulls and headers that ottla writes.

use ottla_client::serdes::{
    DoubleSerde, FloatSerde, IntegerSerde, LongSerde, Serializer, ShortSerde, StringSerde, UuidSerde,
    VoidSerde,
};
use ottla_client::{Client, Record, TypedRecord};
use ottla_protocol::types::Uuid;
use ottla_tests::clients::Java;
use ottla_tests::real_kafka::RealKafka;
use tokio::runtime::Runtime;

/// Sends one record, and returns what Java prints of it.
fn sent<K: Sync + ?Sized, V: Sync + ?Sized>(
    key: (impl Serializer<K> + 'static, &K, &str),
    value: (impl Serializer<V> + 'static, &V, &str),
) -> String {
    let kafka = RealKafka::one();
    let topic = kafka.topic("serdes", 1);
    Runtime::new().expect("threads").block_on(async {
        let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
        let producer = client.producer().build().expect("a producer").typed::<K, V>(key.0, value.0);
        producer.send(&topic, key.1, value.1).await.expect("delivered");
        client.close().await;
    });
    let class = |name: &str| format!("org.apache.kafka.common.serialization.{name}Deserializer");
    let properties = [
        String::from("print.key=true"),
        format!("key.deserializer={}", class(key.2)),
        format!("value.deserializer={}", class(value.2)),
    ];
    Java::default().print(kafka.bootstrap_servers(), &topic, 1, &properties)
}

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn java_reads_numbers_and_uuids() {
    let uuid = Uuid(0x123e_4567_e89b_12d3_a456_4266_1417_4000_u128.to_be_bytes());
    let printed = sent((IntegerSerde, &-1_000_000, "Integer"), (UuidSerde, &uuid, "UUID"));
    assert_eq!(printed, "-1000000\t123e4567-e89b-12d3-a456-426614174000\n");
    let printed = sent((LongSerde, &i64::MIN, "Long"), (DoubleSerde, &-2.5, "Double"));
    assert_eq!(printed, "-9223372036854775808\t-2.5\n");
    let printed = sent((ShortSerde, &-2, "Short"), (FloatSerde, &1.25, "Float"));
    assert_eq!(printed, "-2\t1.25\n");
    // The console consumer puts the text "null" before the deserializer, and Java's of this name takes only null.
    let printed = sent::<(), str>((VoidSerde, &(), "String"), (StringSerde, "žluť", "String"));
    assert_eq!(printed, "null\tžluť\n");
}

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn java_shows_duplicate_and_null_headers_and_tombstones() {
    let kafka = RealKafka::one();
    let topic = kafka.topic("null-headers", 1);
    Runtime::new().expect("threads").block_on(async {
        let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
        let producer = client.producer().build().expect("a producer");
        let record = Record::tombstone(&topic, "k").header("a", "1").header_null("a").header("a", "");
        producer.send(record).await.expect("delivered");
        let typed = producer.typed::<str, i32>(StringSerde, IntegerSerde);
        let record = TypedRecord::tombstone(&topic, "l").header_null("b").header("b", "2");
        typed.send_record(record).await.expect("delivered");
        client.close().await;
    });
    let properties = ["print.key=true", "print.headers=true", "null.literal=<null>"].map(String::from);
    let printed = Java::default().print(kafka.bootstrap_servers(), &topic, 2, &properties);
    assert_eq!(printed, "a:1,a:<null>,a:\tk\t<null>\nb:<null>,b:2\tl\t<null>\n");
}
