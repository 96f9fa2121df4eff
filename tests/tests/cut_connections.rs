//! Connections over real sockets that are cut in the middle of a frame again and again, and a broker that goes away and
//! comes back: every request ends, and in the end no task and no socket is left.
//!
//! For seconds here, for minutes under `cargo xtask soak` (`OTTLA_SOAK_MINUTES`). Linux only, where open files are
//! counted.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ottla_client::{Client, Connecting, Connector, OffsetReset, Producer, Record, Stream, TcpConnector};
use ottla_protocol::types::NodeId;
use ottla_testbroker::TestBroker;
use ottla_tests::real_kafka::RealKafka;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How often all connections are cut.
const CUT_EVERY: Duration = Duration::from_millis(200);
const SHORT: Duration = Duration::from_secs(4);

fn length() -> Duration {
    let minutes = std::env::var("OTTLA_SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok());
    minutes.map_or(SHORT, |minutes| Duration::from_secs(30 * minutes))
}

/// What a test leaves behind, if it is too much.
struct Leaks {
    tasks: usize,
    files: usize,
}

impl Leaks {
    fn now() -> Self {
        Self { tasks: Handle::current().metrics().num_alive_tasks(), files: open_files() }
    }

    /// Waits until there is no more than before.
    async fn check(self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let Self { tasks, files } = Self::now();
            if tasks <= self.tasks && files <= self.files {
                return println!(
                    "left: {tasks} tasks (before: {}), {files} files ({})",
                    self.tasks, self.files
                );
            }
            assert!(
                Instant::now() < deadline,
                "{tasks} tasks of {}, {files} files of {}",
                self.tasks,
                self.files
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Leads every connection through a proxy, whatever the address: clusters here have one node.
#[derive(Clone)]
struct Through(SocketAddr);

impl Connector for Through {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let stream = TcpConnector::default().connect("127.0.0.1", self.0.port()).await?;
            Ok(stream as Box<dyn Stream>)
        })
    }
}

/// A proxy that cuts all its connections when told to.
#[derive(Clone, Default)]
struct Proxy {
    cut: Arc<Notify>,
    cuts: Arc<AtomicU64>,
    mid_frame: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens, and takes connections as a task in `tasks`.
    async fn start(&self, to: SocketAddr, tasks: &mut JoinSet<()>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let proxy = self.clone();
        tasks.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let proxy = proxy.clone();
                pairs.spawn(async move { proxy.carry(near, to).await.unwrap_or(()) });
                while pairs.try_join_next().is_some() {}
            }
        });
        address
    }

    async fn carry(&self, near: TcpStream, to: SocketAddr) -> io::Result<()> {
        let far = TcpStream::connect(to).await?;
        let (mut from_client, mut to_client) = near.into_split();
        let (mut from_broker, mut to_broker) = far.into_split();
        let cut = self.cut.notified();
        tokio::pin!(cut);
        cut.as_mut().enable();
        let is_cut = AtomicBool::new(false);
        tokio::select! {
            biased;
            () = async { cut.await; is_cut.store(true, Ordering::Relaxed); sleep(CUT_EVERY / 2).await } => {}
            _ = self.pump(&mut from_client, &mut to_broker, &is_cut) => {}
            _ = self.pump(&mut from_broker, &mut to_client, &is_cut) => {}
        }
        self.cuts.fetch_add(u64::from(is_cut.load(Ordering::Relaxed)), Ordering::Relaxed);
        Ok(())
    }

    /// Once it is cut, half of what comes next still goes through.
    async fn pump(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        is_cut: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            if is_cut.load(Ordering::Relaxed) {
                self.mid_frame.fetch_add(1, Ordering::Relaxed);
                return to.write_all(&buffer[..count / 2]).await;
            }
            to.write_all(&buffer[..count]).await?;
        }
    }
}

/// Sends without end until told to stop; counts those that were delivered and those that were not.
async fn send_on(producer: Producer, topic: String, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut delivered, mut failed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let record = Record::to(&topic).value(&[b'x'; 300]);
        let end = timeout(Duration::from_secs(30), producer.send(record)).await;
        match end.expect("every record ends") {
            Ok(_) => delivered += 1,
            Err(_) => failed += 1,
        }
    }
    (delivered, failed)
}

struct Load {
    client: Client,
    stop: Arc<AtomicBool>,
    senders: JoinSet<(u64, u64)>,
    reader: tokio::task::JoinHandle<usize>,
}

impl Load {
    async fn start(servers: &str, topic: &str, connector: impl Connector + 'static) -> Self {
        let client = Client::builder(servers)
            .connector(connector)
            .retry_backoff(Duration::from_millis(5), Duration::from_millis(50))
            .reconnect_backoff(Duration::from_millis(5), Duration::from_millis(100))
            .request_timeout(Duration::from_secs(5))
            .connect()
            .await
            .expect("a client");
        let producer =
            client.producer().delivery_timeout(Duration::from_secs(10)).build().expect("a producer");
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        for _ in 0..20 {
            senders.spawn(send_on(producer.clone(), topic.to_owned(), Arc::clone(&stop)));
        }
        let consumer = client.consumer(topic).subscribe([topic]).auto_offset_reset(OffsetReset::Earliest);
        let consumer = consumer.build().expect("a consumer");
        let ended = Arc::clone(&stop);
        let reader = tokio::spawn(async move {
            let mut count = 0;
            while !ended.load(Ordering::Relaxed) {
                if let Ok(Ok(Some(batch))) = timeout(Duration::from_millis(100), consumer.next_batch()).await
                {
                    count += batch.iter().count();
                }
            }
            _ = timeout(Duration::from_secs(20), consumer.close()).await;
            count
        });
        Self { client, stop, senders, reader }
    }

    /// Ends it; how many records were delivered, failed and read.
    async fn end(self) -> (u64, u64, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let counts = timeout(Duration::from_secs(60), self.senders.join_all()).await.expect("all end");
        let read = timeout(Duration::from_secs(60), self.reader).await.expect("an end").expect("no panic");
        self.client.close().await;
        let (delivered, failed) = counts.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (delivered, failed, read)
    }
}

/// One test, not two side by side: what is open is counted for the whole process.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_task_or_socket_is_left_behind() {
    connections_are_cut_mid_frame().await;
    a_broker_is_killed_and_comes_back().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn nothing_is_left_behind_where_connections_to_kafka_are_cut() {
    let before = Leaks::now();
    let kafka = RealKafka::one();
    cut_mid_frame(kafka.bootstrap_servers(), &kafka.topic("cut", 3)).await;
    before.check().await;
}

async fn connections_are_cut_mid_frame() {
    let before = Leaks::now();
    let broker = TestBroker::builder().start().await.expect("a broker");
    broker.create_topic("t", 3).expect("a topic");
    cut_mid_frame(&broker.bootstrap_servers(), "t").await;
    broker.shutdown().await;
    before.check().await;
}

/// Works through a proxy that cuts, for as long as the test is to take.
async fn cut_mid_frame(servers: &str, topic: &str) {
    let address = servers.parse().expect("an address");
    let (proxy, mut tasks) = (Proxy::default(), JoinSet::new());
    let entrance = proxy.start(address, &mut tasks).await;
    let load = Load::start(servers, topic, Through(entrance)).await;
    let end = Instant::now() + length();
    while Instant::now() < end {
        sleep(CUT_EVERY).await;
        proxy.cut.notify_waiters();
    }
    let (delivered, failed, read) = load.end().await;
    let (cuts, mid_frame) = (proxy.cuts.load(Ordering::Relaxed), proxy.mid_frame.load(Ordering::Relaxed));
    println!(
        "{delivered} delivered, {failed} failed, {read} read; {cuts} cuts, {mid_frame} of them mid-frame"
    );
    assert!(cuts > 10 && mid_frame > 5 && delivered > 100 && read > 100);
    tasks.shutdown().await;
}

async fn a_broker_is_killed_and_comes_back() {
    let before = Leaks::now();
    let broker = TestBroker::builder().nodes(1).start().await.expect("a broker");
    broker.create_topic("t", 3).expect("a topic");
    let load = Load::start(&broker.bootstrap_servers(), "t", TcpConnector::default()).await;
    let end = Instant::now() + length();
    let mut kills = 0;
    while Instant::now() < end {
        sleep(Duration::from_millis(400)).await;
        broker.with_cluster(|cluster, now| cluster.kill_node(now, NodeId(1))).expect("it ran");
        kills += 1;
        sleep(Duration::from_millis(200)).await;
        broker.with_cluster(|cluster, now| cluster.start_node(now, NodeId(1))).expect("it was dead");
    }
    let (delivered, failed, read) = load.end().await;
    println!("{delivered} delivered, {failed} failed, {read} read; {kills} kills");
    assert!(kills > 3 && delivered > 100);
    broker.shutdown().await;
    before.check().await;
}
