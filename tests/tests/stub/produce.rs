//! Producing: what is sent lies in the log as it was sent, in its order, where it belongs.

use ottla_client::{Compression, OffsetReset, Record};

use crate::world::{START_UNIX_MS, World, read, tp};

#[tokio::test(start_paused = true)]
async fn a_record_comes_back_with_everything_it_had() {
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for codec in codecs {
        let world = World::new(1);
        let client = world.client().await;
        let producer = client.producer().compression(codec).build().expect("a producer");
        let full = Record::to("t").key("k").value("v").timestamp(START_UNIX_MS + 5);
        let full = full.header("a", "1").header("b", "").header("a", "2").header("", "nameless");
        let sent = producer.send(full).await.expect("delivered");
        assert_eq!((sent.partition, sent.offset, sent.timestamp), (0, Some(0), START_UNIX_MS + 5));
        let tombstone = Record::to("t").key("k");
        assert_eq!(producer.send(tombstone).await.expect("delivered").offset, Some(1));
        let large = "ottla ".repeat(50_000);
        producer.send(Record::to("t").value(&large)).await.expect("delivered");

        let reader = client.consumer_without_group().assign([tp(0)]);
        let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
        let messages = read(&reader, 3).await;
        let first = messages[0].record();
        assert_eq!((first.topic(), first.partition(), first.offset()), ("t", 0, 0), "{codec:?}");
        assert_eq!((first.key(), first.value()), (Some(&b"k"[..]), Some(&b"v"[..])));
        assert_eq!(first.timestamp(), START_UNIX_MS + 5);
        let headers: Vec<_> =
            first.headers().map(|h| (h.key_bytes().to_vec(), h.value().map(<[u8]>::to_vec))).collect();
        let header = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        assert_eq!(headers, [header("a", "1"), header("b", ""), header("a", "2"), header("", "nameless")]);
        assert_eq!((messages[1].key().as_deref(), messages[1].value()), (Some(&b"k"[..]), None));
        assert_eq!((messages[2].key(), messages[2].value().as_deref()), (None, Some(large.as_bytes())));
    }
}
