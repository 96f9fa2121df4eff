//! A network within the process: streams between clients and the nodes of a test broker are pipes in memory, so that
//! tests run on tokio's paused clock and repeat to the byte.
//!
//! What can happen to it is set from outside: nodes that refuse connections, streams that are cut now or after some
//! bytes, silence, latency. Every client may have a network of its own to the same broker.
//!
//! Not here: faults of the broker itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ottla_protocol::types::NodeId;
use ottla_testbroker::TestBroker;
use ottla_transport::{Connecting, Connector, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::random::Random;

/// What a pipe holds before whoever writes has to wait, in bytes: about what sockets do.
const PIPE_BYTES: usize = 64 * 1024;

/// Streams to the nodes of a broker; clones are the same network.
#[derive(Clone, Debug)]
pub struct MemoryNetwork {
    broker: Arc<TestBroker>,
    weather: Sky,
    record: Arc<Mutex<Record>>,
}

/// What holds for all streams; clones are the same. A watch channel would wake streams in random order.
#[derive(Clone, Debug, Default)]
struct Sky {
    weather: Arc<Mutex<Weather>>,
    changed: Arc<Notify>,
}

impl Sky {
    fn now(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().expect("nothing panics while it holds the weather")
    }

    fn send_modify(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.now());
        self.changed.notify_waiters();
    }

    async fn wait_for(&self, holds: impl Fn(&Weather) -> bool) {
        loop {
            // Made before the look, it hears of all that comes after.
            let changed = self.changed.notified();
            if holds(&self.now()) {
                return;
            }
            changed.await;
        }
    }
}

/// What holds for all streams.
#[derive(Clone, Debug, Default)]
struct Weather {
    down: BTreeSet<NodeId>,
    /// How often the streams of a node were cut.
    cuts: BTreeMap<NodeId, u64>,
    silent: bool,
    /// Nodes that alone are silent.
    unheard: BTreeSet<NodeId>,
    /// Silent for good.
    vanished: bool,
    latency: Duration,
}

/// What happened, and what is to happen to the streams to come.
#[derive(Debug, Default)]
struct Record {
    streams: u64,
    /// A hash of all that went through, in its order.
    trace: u64,
    fates: Option<Fates>,
    /// Text that does not arrive at clients as it was sent.
    garbled: Option<String>,
    mutations: Option<Mutations>,
}

#[derive(Debug)]
struct Fates {
    random: Random,
    left: u32,
    most_bytes: u64,
}

#[derive(Debug)]
struct Mutations {
    random: Random,
    one_in: u64,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    ToBroker,
    ToClient,
}

impl Weather {
    fn is_silent(&self, node: NodeId) -> bool {
        self.silent || self.vanished || self.unheard.contains(&node)
    }
}

impl MemoryNetwork {
    /// A network to `broker` on which all is well.
    pub fn new(broker: Arc<TestBroker>) -> Self {
        Self { broker, weather: Sky::default(), record: Arc::default() }
    }

    /// From now on a node refuses connections, and those that it has end.
    pub fn take_down(&self, node: NodeId) {
        self.weather.send_modify(|weather| _ = weather.down.insert(node));
        self.cut(node);
    }

    /// A node is there again.
    pub fn bring_up(&self, node: NodeId) {
        self.weather.send_modify(|weather| _ = weather.down.remove(&node));
    }

    /// Ends all streams to a node; it takes new ones.
    pub fn cut(&self, node: NodeId) {
        self.weather.send_modify(|weather| *weather.cuts.entry(node).or_default() += 1);
    }

    /// Each of the next `streams` streams ends after at most `most_bytes` bytes in one of its directions, drawn from
    /// `seed`: in the middle of a frame, mostly.
    pub fn cut_next(&self, streams: u32, most_bytes: u64, seed: u64) {
        self.lock().fates = Some(Fates { random: Random(seed), left: streams, most_bytes });
    }

    /// Nothing goes through, not even the end of a stream, until silence ends.
    pub fn silence(&self, silent: bool) {
        self.weather.send_modify(|weather| weather.silent = silent);
    }

    /// Nothing goes through any more, whatever is said of silence later: whoever is on it is gone.
    pub fn vanish(&self) {
        self.weather.send_modify(|weather| weather.vanished = true);
    }

    /// Nothing goes to a node or comes from it, not even the end of a stream, until that ends.
    pub fn isolate(&self, node: NodeId, isolated: bool) {
        self.weather.send_modify(|weather| {
            if isolated {
                weather.unheard.insert(node);
            } else {
                weather.unheard.remove(&node);
            }
        });
    }

    /// How long bytes take, each way.
    pub fn delay(&self, latency: Duration) {
        self.weather.send_modify(|weather| weather.latency = latency);
    }

    /// From now on `text` arrives at clients with its first byte changed, wherever it comes; `None` ends it.
    pub fn garble(&self, text: Option<&str>) {
        self.lock().garbled = text.map(str::to_owned);
    }

    /// From now on one byte in so many arrives at clients as another one, drawn from `seed`.
    pub fn mutate(&self, one_in: u64, seed: u64) {
        self.lock().mutations = Some(Mutations { random: Random(seed), one_in });
    }

    /// From now on bytes arrive as they were sent.
    pub fn mend(&self) {
        self.lock().mutations = None;
    }

    /// How many streams were made so far.
    pub fn streams(&self) -> u64 {
        self.lock().streams
    }

    /// A hash of all bytes that went through, in their order: two runs with the same one did the same.
    pub fn trace(&self) -> u64 {
        self.lock().trace
    }

    fn open(&self, node: NodeId) -> io::Result<DuplexStream> {
        if self.weather.now().down.contains(&node) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, near) = duplex(PIPE_BYTES);
        let (far, broker) = duplex(PIPE_BYTES);
        self.broker.handle_connection(node, broker);
        let link = Link { weather: self.weather.clone(), record: Arc::clone(&self.record), node };
        let limits = self.lock().next_limits();
        tokio::spawn(link.carry(near, far, limits));
        Ok(client)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().expect("nothing panics while it holds the record")
    }
}

impl Connector for MemoryNetwork {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let node = self.broker.node_at(host, port).ok_or(io::ErrorKind::NotFound)?;
            self.weather.wait_for(|weather| !weather.is_silent(node)).await;
            Ok(Box::new(self.open(node)?) as Box<dyn Stream>)
        })
    }
}

impl Record {
    /// Bytes after which the next stream ends, to the broker and to the client.
    fn next_limits(&mut self) -> [u64; 2] {
        self.streams += 1;
        let mut limits = [u64::MAX; 2];
        if let Some(fates) = self.fates.as_mut().filter(|fates| fates.left > 0) {
            fates.left -= 1;
            let drawn = fates.random.bits();
            limits[(drawn & 1) as usize] = (drawn >> 1) % (fates.most_bytes + 1);
        }
        limits
    }

    /// What goes through, as it arrives.
    fn note(&mut self, node: NodeId, direction: Direction, bytes: &mut [u8]) {
        if let (Direction::ToClient, Some(text)) = (direction, &self.garbled) {
            for at in 0..bytes.len() {
                if bytes[at..].starts_with(text.as_bytes()) {
                    bytes[at] ^= 1;
                }
            }
        }
        if let (Direction::ToClient, Some(mutations)) = (direction, &mut self.mutations) {
            for byte in bytes.iter_mut() {
                let drawn = mutations.random.bits();
                if drawn % mutations.one_in == 0 {
                    *byte = (drawn >> 56) as u8;
                }
            }
        }
        let mut hash = self.trace ^ (node.0 as u64) << 8 ^ direction as u64;
        // FNV-1a.
        for byte in bytes.iter() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.trace = hash;
    }
}

/// One stream.
struct Link {
    weather: Sky,
    record: Arc<Mutex<Record>>,
    node: NodeId,
}

impl Link {
    /// Carries bytes until one end is closed or the stream is cut, and then closes both.
    async fn carry(self, client: DuplexStream, broker: DuplexStream, [up, down]: [u64; 2]) {
        let (mut from_client, mut to_client) = split(client);
        let (mut from_broker, mut to_broker) = split(broker);
        tokio::select! {
            biased;
            () = self.cut() => {}
            () = self.pump(Direction::ToBroker, &mut from_client, &mut to_broker, up) => {}
            () = self.pump(Direction::ToClient, &mut from_broker, &mut to_client, down) => {}
        }
    }

    async fn cut(&self) {
        let before = self.weather.now().cuts.get(&self.node).copied();
        self.weather.wait_for(|weather| weather.cuts.get(&self.node).copied() != before).await;
    }

    async fn pump(
        &self,
        direction: Direction,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        mut limit: u64,
    ) {
        let mut buffer = vec![0; PIPE_BYTES];
        loop {
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let latency = self.weather.now().latency;
            sleep(latency).await;
            self.weather.wait_for(|weather| !weather.is_silent(self.node)).await;
            let carried = &mut buffer[..read.min(usize::try_from(limit).unwrap_or(usize::MAX))];
            limit -= carried.len() as u64;
            self.record
                .lock()
                .expect("nothing panics while it holds the record")
                .note(self.node, direction, carried);
            if to.write_all(carried).await.is_err() || carried.len() < read || read == 0 {
                return;
            }
        }
    }
}
