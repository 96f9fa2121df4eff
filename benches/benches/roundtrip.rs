//! What a request costs over what it must cost: round trips of ApiVersions on loopback, by `ottla-transport` and by a
//! bare blocking socket that sends the same bytes to the same server.
//!
//! The server is a thread that writes canned answers, so it costs both sides the same. Rounds of all sides alternate, so
//! that what else the machine does falls on all of them. `cpu` is what the side's own threads used, the kernel's part
//! included and the server's thread not. One side has a listener to its events, which only counts them.
//!
//! `cargo bench -p ottla-benches --bench roundtrip [-- SECONDS [SIDE]]`; Linux only, where threads say what they used.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ottla_core::connection::ConnectionConfig;
use ottla_core::events::{Event, Events};
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;
use ottla_protocol::frame::{FrameBuf, encode_request, encode_response};
use ottla_protocol::message::Message;
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_transport::{Clock, Connection, Dialer, SendOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

const CLIENT_ID: &str = "bench";
const VERSION: i16 = 4;
/// How many APIs the server offers: about what a broker does.
const APIS: i16 = 60;
const IN_FLIGHT: [usize; 2] = [1, 64];
const ROUNDS: u32 = 10;
const TIMEOUT: Duration = Duration::from_secs(30);

/// The server's threads, by their names in `/proc`.
static SERVERS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// One side's rounds.
#[derive(Default)]
struct Figures {
    nanos: Vec<u64>,
    cpu: u64,
}

impl Figures {
    fn at(&mut self, share: f64) -> f64 {
        self.nanos.sort_unstable();
        let at = (self.nanos.len() as f64 * share) as usize;
        self.nanos.get(at).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
    }
}

fn main() {
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(20.0);
    let only = std::env::args().skip(1).find(|arg| arg.starts_with(char::is_alphabetic)).unwrap_or_default();
    let server = serve();
    let bare = |writes| Side::Bare(TcpStream::connect(server).expect("the server"), writes);
    let ottla = |builder, events| Side::Ottla(Ottla::connect(server, builder, events));
    let mut sides = vec![
        ("bare socket, one write for all", bare(Writes::Together)),
        ("bare socket, a write for each", bare(Writes::Each)),
        ("ottla, current_thread", ottla(Builder::new_current_thread(), Events::default())),
        ("ottla, current_thread, a listener", ottla(Builder::new_current_thread(), listener())),
        ("ottla, multi_thread", ottla(Builder::new_multi_thread(), Events::default())),
    ];
    sides.retain(|(name, _)| name.contains(&only));
    let each = Duration::from_secs_f64(seconds / f64::from(ROUNDS) / (IN_FLIGHT.len() * sides.len()) as f64);
    println!(
        "{:>9} {:<33} {:>9} {:>9} {:>9} {:>10} {:>10}",
        "in flight", "", "p50 µs", "p99 µs", "p50 ratio", "cpu µs", "requests"
    );
    for in_flight in IN_FLIGHT {
        let mut figures: Vec<Figures> = sides.iter().map(|_| Figures::default()).collect();
        for _ in 0..ROUNDS {
            for ((_, side), figures) in sides.iter_mut().zip(&mut figures) {
                let before = cpu_nanos();
                side.run(in_flight, each, &mut figures.nanos);
                figures.cpu += cpu_nanos() - before;
            }
        }
        let bare = figures[0].at(0.5);
        for ((name, _), figures) in sides.iter().zip(&mut figures) {
            let (p50, p99) = (figures.at(0.5), figures.at(0.99));
            let count = figures.nanos.len();
            let cpu = figures.cpu as f64 / count as f64 / 1000.0;
            println!(
                "{in_flight:>9} {name:<33} {p50:>9.1} {p99:>9.1} {:>9.2} {cpu:>10.2} {count:>10}",
                p50 / bare
            );
        }
    }
}

enum Side {
    Bare(TcpStream, Writes),
    Ottla(Ottla),
}

impl Side {
    fn run(&mut self, in_flight: usize, time: Duration, nanos: &mut Vec<u64>) {
        match self {
            Self::Bare(stream, writes) => run_bare(stream, *writes, in_flight, time, nanos),
            Self::Ottla(ottla) => ottla.run(in_flight, time, nanos),
        }
    }
}

/// How a bare socket sends several requests.
#[derive(Clone, Copy, PartialEq)]
enum Writes {
    /// As callers who do not know of each other do.
    Each,
    /// All that can go out in one system call, which takes somebody who gathers them.
    Together,
}

struct Ottla {
    runtime: Runtime,
    connection: Connection,
}

impl Ottla {
    fn connect(server: SocketAddr, mut builder: Builder, events: Events) -> Self {
        let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
        let connection = runtime.block_on(async {
            let mut config = ConnectionConfig::new(CLIENT_ID);
            config.client_software_name = CLIENT_ID.into();
            config.client_software_version = "1".into();
            let mut dialer = Dialer::new(config, Clock::system());
            dialer.events = events;
            let host = server.ip().to_string();
            let connection = dialer.open(&host, server.port(), Attempt::now(TIMEOUT), Jitter::seeded(1));
            call(&connection).await;
            connection
        });
        Self { runtime, connection }
    }

    fn run(&self, in_flight: usize, time: Duration, nanos: &mut Vec<u64>) {
        let until = Instant::now() + time;
        self.runtime.block_on(async {
            let callers: Vec<_> = (0..in_flight)
                .map(|_| {
                    let connection = self.connection.clone();
                    tokio::spawn(async move {
                        let mut nanos = Vec::with_capacity(1 << 14);
                        while Instant::now() < until {
                            let start = Instant::now();
                            call(&connection).await;
                            nanos.push(start.elapsed().as_nanos() as u64);
                        }
                        nanos
                    })
                })
                .collect();
            for caller in callers {
                nanos.extend(caller.await.expect("no panic"));
            }
        });
    }
}

/// One that only counts, so that what is measured is the telling.
fn listener() -> Events {
    let count = AtomicU64::new(0);
    Events::to(Arc::new(move |_: &Event| _ = count.fetch_add(1, Ordering::Relaxed)))
}

async fn call(connection: &Connection) {
    let (sender, receiver) = oneshot::channel();
    let options = SendOptions::new(ApiVersionsRequest::VERSIONS, TIMEOUT);
    let reply = Box::new(move |answer| _ = sender.send(answer));
    connection.send(Box::new(request()), options, reply);
    let answer = receiver.await.expect("a reply").expect("an answer");
    assert!(answer.body.len() > APIS as usize);
}

fn request() -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    request.client_software_name = CLIENT_ID.into();
    request.client_software_version = "1".into();
    request
}

/// As many requests as fit at a time, each with the next correlation id.
fn run_bare(stream: &mut TcpStream, writes: Writes, in_flight: usize, time: Duration, nanos: &mut Vec<u64>) {
    stream.set_nodelay(true).expect("a socket");
    let mut frame = FrameBuf::new();
    encode_request(&mut frame, &request(), VERSION, 0, Some(&CLIENT_ID.into())).expect("a request");
    let frame = frame.into_bytes();
    let until = Instant::now() + time;
    let (mut correlation_id, mut free) = (0i32, in_flight);
    let mut sent = VecDeque::new();
    let (mut out, mut input) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; 64 * 1024];
    loop {
        if Instant::now() < until {
            out.clear();
            for _ in 0..std::mem::take(&mut free) {
                let start = out.len();
                out.extend_from_slice(&frame);
                out[start + 8..start + 12].copy_from_slice(&correlation_id.to_be_bytes());
                sent.push_back((correlation_id, Instant::now()));
                correlation_id = correlation_id.wrapping_add(1) & i32::MAX;
                if writes == Writes::Each {
                    stream.write_all(&out).expect("the server takes it");
                    out.clear();
                }
            }
            stream.write_all(&out).expect("the server takes it");
        } else if sent.is_empty() {
            return;
        }
        let count = stream.read(&mut chunk).expect("the server answers");
        assert_ne!(count, 0);
        input.extend_from_slice(&chunk[..count]);
        let mut at = 0;
        while let Some(answer) = frame_at(&input, at) {
            let (expected, start) = sent.pop_front().expect("something was sent");
            assert_eq!(answer[4..8], i32::to_be_bytes(expected));
            nanos.push(start.elapsed().as_nanos() as u64);
            at += answer.len();
            free += 1;
        }
        input.drain(..at);
    }
}

/// The frame that begins there, its size included, once it is complete.
fn frame_at(input: &[u8], at: usize) -> Option<&[u8]> {
    let size = input.get(at..)?.first_chunk::<4>()?;
    input.get(at..at + 4 + u32::from_be_bytes(*size) as usize)
}

/// Starts the server: a thread for each stream.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    let answer = Arc::new(canned());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                SERVERS.lock().expect("no panic").push(thread());
                answer_all(stream, &answer);
            });
        }
    });
    address
}

/// The calling thread's name in `/proc`.
fn thread() -> String {
    let link = fs::read_link("/proc/thread-self").expect("linux");
    link.file_name().expect("a number").to_string_lossy().into_owned()
}

fn answer_all(mut stream: TcpStream, answer: &[u8]) {
    stream.set_nodelay(true).ok();
    let (mut input, mut out) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        input.extend_from_slice(&chunk[..count]);
        out.clear();
        let mut at = 0;
        while let Some(request) = frame_at(&input, at) {
            let start = out.len();
            out.extend_from_slice(answer);
            out[start + 4..start + 8].copy_from_slice(&request[8..12]);
            at += request.len();
        }
        input.drain(..at);
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

fn canned() -> Vec<u8> {
    let mut response = ApiVersionsResponse::default();
    for key in 0..APIS {
        let mut api = ApiVersion::default();
        (api.api_key, api.max_version) = (key, VERSION);
        response.api_keys.push(api);
    }
    let mut out = FrameBuf::new();
    encode_response(&mut out, &response, VERSION, 0).expect("a response");
    out.into_bytes().to_vec()
}

/// What all threads but the server's have used.
fn cpu_nanos() -> u64 {
    let servers = SERVERS.lock().expect("no panic");
    let tasks = fs::read_dir("/proc/self/task").expect("linux").flatten();
    tasks
        .filter(|task| !servers.iter().any(|server| **server == *task.file_name()))
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}
