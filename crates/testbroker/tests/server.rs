//! The cluster behind sockets and pipes.

mod rig;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_protocol::api::ApiKey;
use ottla_protocol::frame::{FrameBuf, decode_response_header, encode_request, split_frame};
use ottla_protocol::message::{Message, Request, Response};
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::types::NodeId;
use ottla_testbroker::TestBroker;
use rig::{batch, fetch_request, produce_request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

struct Client<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    async fn send<R: Request>(&mut self, version: i16, request: &R) {
        let mut out = FrameBuf::new();
        encode_request(&mut out, request, version, 1, None).expect("encodable");
        self.stream.write_all(&out.into_bytes()).await.expect("written");
    }

    async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).await;
        let frame = self.frame().await.expect("an answer");
        let (_, body) =
            decode_response_header(&frame, R::Response::header_version(version)).expect("a header");
        R::Response::decode(&body, version).expect("an answer")
    }

    /// The next frame; `None` once the other side has closed.
    async fn frame(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = split_frame(&mut self.buffer, 1 << 30).expect("a frame") {
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

async fn tcp(broker: &TestBroker) -> Client<TcpStream> {
    let servers = broker.bootstrap_servers();
    let first = servers.split(',').next().expect("a server");
    Client::new(TcpStream::connect(first).await.expect("listening"))
}

#[tokio::test]
async fn a_record_goes_through_a_port_and_back() {
    let broker = TestBroker::builder().start().await.expect("started");
    broker.create_topic("t", 1).expect("made");
    let mut client = tcp(&broker).await;
    let response = client.call(12, &produce_request("t", 0, -1, batch(&["v"]))).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    let response = client.call(12, &fetch_request("t", 0, 0, Duration::ZERO)).await;
    assert!(response.responses[0].partitions[0].records.as_ref().is_some_and(|records| !records.is_empty()));
    let records = broker.records("t", 0).expect("there");
    assert_eq!((records.len(), records[0].value.as_deref()), (1, Some(&b"v"[..])));
    assert_eq!(broker.records("t", 1), None);
    broker.shutdown().await;
    assert!(client.frame().await.is_none(), "closed");
}

#[tokio::test]
async fn a_node_that_is_killed_hangs_up_and_serves_again_when_it_is_back() {
    let broker = TestBroker::builder().start().await.expect("started");
    let mut idle = tcp(&broker).await;
    idle.call(12, &MetadataRequest::default()).await;
    let mut waiting = tcp(&broker).await;
    broker.create_topic("t", 1).expect("made");
    waiting.send(12, &fetch_request("t", 0, 0, Duration::from_secs(600))).await;
    broker.with_cluster(|cluster, now| cluster.kill_node(now, NodeId(1))).expect("a node");
    assert!(idle.frame().await.is_none() && waiting.frame().await.is_none(), "closed");
    let mut refused = tcp(&broker).await;
    assert!(refused.frame().await.is_none(), "closed as soon as it is accepted");
    broker.with_cluster(|cluster, now| cluster.start_node(now, NodeId(1))).expect("a node");
    let mut client = tcp(&broker).await;
    let response = client.call(12, &produce_request("t", 0, -1, batch(&["v"]))).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pipe_in_memory_needs_no_port_and_no_real_time() {
    let broker = TestBroker::builder().nodes(2).start_in_memory().expect("started");
    broker.create_topic("t", 1).expect("made");
    assert_eq!(broker.node_at("node-2", 9093), Some(NodeId(2)));
    let connect = |node| {
        let (near, far) = tokio::io::duplex(1 << 16);
        broker.handle_connection(NodeId(node), far);
        Client::new(near)
    };
    let (mut consumer, mut producer) = (connect(1), connect(1));
    // An hour, which passes at once: the cluster's timers are tokio's.
    let hour = Duration::from_secs(3600);
    let before = tokio::time::Instant::now();
    let response = consumer.call(12, &fetch_request("t", 0, 0, hour)).await;
    assert!(response.responses[0].partitions[0].records.as_ref().is_some_and(|records| records.is_empty()));
    assert!(before.elapsed() >= hour && before.elapsed() < hour + Duration::from_secs(1));

    consumer.send(12, &fetch_request("t", 0, 0, hour)).await;
    let before = tokio::time::Instant::now();
    producer.call(12, &produce_request("t", 0, -1, batch(&["v"]))).await;
    assert!(consumer.frame().await.is_some(), "woken by the append");
    assert_eq!(before.elapsed(), Duration::ZERO);
    broker.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_cut_and_a_connection_falls_silent_as_rules_say() {
    let broker = TestBroker::builder().start_in_memory().expect("started");
    let connect = || {
        let (near, far) = tokio::io::duplex(1 << 16);
        broker.handle_connection(NodeId(1), far);
        Client::new(near)
    };
    let cut = broker.faults().on(ApiKey::METADATA).times(1).cut(20).expect("a rule");
    let mut client = connect();
    client.send(12, &MetadataRequest::default()).await;
    assert!(client.frame().await.is_none(), "closed within the frame");
    assert_eq!((client.buffer.len(), cut.fired()), (20, 1));

    broker.faults().on(ApiKey::METADATA).times(1).hang().expect("a rule");
    let mut client = connect();
    for _ in 0..3 {
        client.send(12, &MetadataRequest::default()).await;
    }
    // The clock stands still until nobody has anything to do but to wait.
    let waited = tokio::time::timeout(Duration::from_secs(3600), client.frame()).await;
    assert!(waited.is_err(), "open, and mute");
    assert_eq!(connect().call(12, &MetadataRequest::default()).await.brokers.len(), 1);
    drop(client);
    broker.shutdown().await;
}

#[tokio::test]
async fn without_acks_the_next_request_is_served() {
    let broker = TestBroker::builder().start().await.expect("started");
    broker.create_topic("t", 1).expect("made");
    let mut client = tcp(&broker).await;
    client.send(12, &produce_request("t", 0, 0, batch(&["v"]))).await;
    let response = client.call(12, &MetadataRequest::default()).await;
    assert_eq!(response.brokers.len(), 1);
    assert_eq!(broker.records("t", 0).map(|records| records.len()), Some(1));
}

#[tokio::test]
async fn a_peer_that_sends_garbage_is_disconnected_and_the_others_are_served() {
    let broker = TestBroker::builder().max_frame_size(1 << 20).start().await.expect("started");
    let bad: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff, 0xff, 0xff, 0xff],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 3, 1, 2, 3],
        &[0, 0, 0, 0],
    ];
    for bytes in bad {
        let mut client = tcp(&broker).await;
        client.stream.write_all(bytes).await.expect("written");
        assert!(client.frame().await.is_none(), "{bytes:?}");
    }
    // A frame that is cut: the peer hangs up in the middle.
    let mut client = tcp(&broker).await;
    client.stream.write_all(&[0, 0, 0, 100, 0, 3]).await.expect("written");
    drop(client);
    let mut client = tcp(&broker).await;
    assert_eq!(client.call(0, &ApiVersionsRequest::default()).await.error_code, 0);
}

#[tokio::test]
async fn a_peer_that_hangs_up_while_it_waits_leaves_nothing_behind() {
    let broker = TestBroker::builder().start_in_memory().expect("started");
    broker.create_topic("t", 1).expect("made");
    let (near, far) = tokio::io::duplex(1 << 16);
    broker.handle_connection(NodeId(1), far);
    let mut client = Client::new(near);
    client.send(12, &fetch_request("t", 0, 0, Duration::from_millis(20))).await;
    drop(client);
    while broker.with_cluster(|cluster, _| cluster.next_timeout()).is_some() {
        tokio::task::yield_now().await;
    }
    broker.shutdown().await;
}

#[tokio::test]
async fn dropping_ends_everything_without_blocking() {
    let broker = TestBroker::builder().nodes(3).start().await.expect("started");
    let mut client = tcp(&broker).await;
    client.call(0, &ApiVersionsRequest::default()).await;
    let address = broker.bootstrap_servers().split(',').next().map(str::to_owned).expect("a server");
    drop(broker);
    assert!(client.frame().await.is_none(), "closed");
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    assert!(TestBroker::builder().nodes(0).start().await.is_err());
    assert!(TestBroker::builder().listen("nowhere").start().await.is_err());
    assert!(TestBroker::builder().listen("127.0.0.1:notaport").start().await.is_err());
    assert!(TestBroker::builder().nodes(2).listen("127.0.0.1:65535").start().await.is_err());
}
