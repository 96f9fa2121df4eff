//! Connections that break at any byte: an idempotent producer still writes every record once and in order, and a
//! consumer still reads every record once.

use ottla_client::{
    Client, Compression, Connecting, Connector, OffsetReset, Stream, TcpConnector, TopicPartition,
};
use ottla_tests::clients::{consume, produce};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{check, keyed};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn an_idempotent_producer_writes_every_record_once_over_connections_that_break() {
    let kafka = RealKafka::three();
    let topic = kafka.topic("broken-connections", 6);
    let breaking = Breaking::new(20_000);
    let client = Client::builder(kafka.bootstrap_servers())
        .connector(breaking.clone())
        .retry_backoff(Duration::from_millis(5), Duration::from_millis(50))
        .connect()
        .await;
    let client = client.expect("Kafka is up");
    let producer =
        client.producer().compression(Compression::Lz4).batch_size(4_000).build().expect("a producer");
    let sent = keyed(20_000);
    produce(&producer, &topic, &sent).await;
    let while_producing = breaking.made();
    // Answers that get through more often than not.
    let consumer = client
        .consumer_without_group()
        .assign((0..6).map(|number| TopicPartition::new(topic.as_str(), number)))
        .auto_offset_reset(OffsetReset::Earliest)
        .fetch_max_bytes(8_000)
        .max_partition_fetch_bytes(4_000)
        .build()
        .expect("a consumer");
    let received = consume(&consumer, sent.len()).await;
    println!("{while_producing} connections to produce, {} in all", breaking.made());
    assert!(while_producing > 20 && breaking.made() > while_producing + 20, "connections did break");
    check(&sent, &received);
    client.close().await;
}

/// Makes TCP streams that end after a number of bytes, different each time.
#[derive(Clone)]
struct Breaking {
    made: Arc<AtomicU64>,
    most_bytes: u64,
}

impl Breaking {
    fn new(most_bytes: u64) -> Self {
        Self { made: Arc::default(), most_bytes }
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

impl Connector for Breaking {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let stream = TcpConnector::default().connect(host, port).await?;
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            // Enough to get past the handshake, then anywhere.
            let bytes_left = 2_000 + number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % self.most_bytes;
            Ok(Box::new(Breakable { stream, bytes_left }) as Box<dyn Stream>)
        })
    }
}

struct Breakable {
    stream: Box<dyn Stream>,
    bytes_left: u64,
}

impl Breakable {
    fn spend(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes as u64);
    }

    fn broken<T>(&self) -> Option<Poll<io::Result<T>>> {
        let error = || io::Error::new(io::ErrorKind::ConnectionReset, "the test broke the connection");
        (self.bytes_left == 0).then(|| Poll::Ready(Err(error())))
    }
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(broken) = self.broken() {
            return broken;
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        self.spend(read);
        result
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(broken) = self.broken() {
            return broken;
        }
        // A request may be cut in its middle.
        let most = bytes.len().min(usize::try_from(self.bytes_left).unwrap_or(usize::MAX));
        let result = Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]);
        if let Poll::Ready(Ok(written)) = result {
            self.spend(written);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
