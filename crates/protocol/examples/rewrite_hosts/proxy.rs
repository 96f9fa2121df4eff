//! The ports and threads of the proxy: for each broker a thread that accepts, for each connection two that copy frames.

use std::collections::BTreeMap;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::frame::{DEFAULT_MAX_FRAME_SIZE, FrameBuf};
use ottla_protocol::types::Str;

use super::hosts::Directory;
use super::session::{RequestStep, Session};

/// The most brokers that get a port.
const MAX_BROKERS: usize = 1000;
/// The most connections of clients, over all brokers; each takes two threads, and a frame each way with what is decoded of
/// it.
const MAX_CONNECTIONS: usize = 500;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A running proxy. It runs until the process ends.
#[derive(Clone, Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The address of the first port; the others have its IP address.
    first: SocketAddr,
    /// Told when a broker gets its port.
    on_port: fn(&str, i32, SocketAddr),
    ports: Mutex<BTreeMap<(String, i32), u16>>,
    connections: AtomicUsize,
}

impl Proxy {
    /// Listens for the broker at `host` and `port`; the others get their ports once an answer names them. Clients are told
    /// the IP address of `listen`, which therefore must be one, not `0.0.0.0`.
    pub fn start(
        listen: SocketAddr,
        host: &str,
        port: u16,
        on_port: fn(&str, i32, SocketAddr),
    ) -> io::Result<Self> {
        if listen.ip().is_unspecified() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "clients cannot be told this address"));
        }
        let listener = TcpListener::bind(listen)?;
        let (ports, connections) = (Mutex::default(), AtomicUsize::new(0));
        let shared = Shared { first: listener.local_addr()?, on_port, ports, connections };
        let proxy = Self { shared: Arc::new(shared) };
        proxy.serve(&mut proxy.lock_ports(), listener, host, i32::from(port))?;
        Ok(proxy)
    }

    /// The first address, for clients' `bootstrap.servers`.
    #[allow(dead_code, reason = "for programs that start it within themselves")]
    pub fn address(&self) -> SocketAddr {
        self.shared.first
    }

    /// The local ports so far, by the host and port of their broker.
    #[allow(dead_code, reason = "for programs that start it within themselves")]
    pub fn ports(&self) -> BTreeMap<(String, i32), u16> {
        self.lock_ports().clone()
    }

    fn lock_ports(&self) -> MutexGuard<'_, BTreeMap<(String, i32), u16>> {
        self.shared.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(
        &self,
        ports: &mut BTreeMap<(String, i32), u16>,
        listener: TcpListener,
        host: &str,
        port: i32,
    ) -> io::Result<u16> {
        let local = listener.local_addr()?;
        ports.insert((host.to_owned(), port), local.port());
        (self.shared.on_port)(host, port, local);
        let (proxy, host) = (self.clone(), host.to_owned());
        thread::spawn(move || proxy.accept(&listener, &host, port));
        Ok(local.port())
    }

    fn accept(&self, listener: &TcpListener, host: &str, port: i32) {
        for client in listener.incoming() {
            let Ok(client) = client else { continue };
            if self.shared.connections.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (proxy, host) = (self.clone(), host.to_owned());
            thread::spawn(move || {
                if let Err(error) = connect(&host, port).and_then(|broker| join(client, broker, &proxy)) {
                    eprintln!("{host}:{port}: {error}");
                }
                proxy.shared.connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

impl Directory for Proxy {
    fn local(&mut self, host: &str, port: i32) -> Option<(Str, i32)> {
        let ip = self.shared.first.ip();
        let mut ports = self.lock_ports();
        let known = ports.get(&(host.to_owned(), port)).copied();
        let local = match known {
            Some(local) => local,
            None if ports.len() >= MAX_BROKERS => return None,
            None => self.serve(&mut ports, TcpListener::bind((ip, 0)).ok()?, host, port).ok()?,
        };
        Some((Str::from(ip.to_string()), i32::from(local)))
    }
}

/// A client and its broker, as both of their threads see them.
struct Link {
    client: TcpStream,
    broker: TcpStream,
    /// `None` once no response will come any more.
    session: Mutex<Option<Session>>,
    room: Condvar,
}

/// Copies frames both ways until one side is done.
fn join(client: TcpStream, broker: TcpStream, proxy: &Proxy) -> io::Result<()> {
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let session = Mutex::new(Some(Session::default()));
    let link = Link { client, broker, session, room: Condvar::new() };
    thread::scope(|scope| {
        let requests = scope.spawn(|| {
            let result = link.copy_requests();
            // The broker may still answer what it has; then it closes. After an error there is nothing to wait for.
            _ = link.broker.shutdown(if result.is_ok() { Shutdown::Write } else { Shutdown::Both });
            result
        });
        let responses = link.copy_responses(&mut proxy.clone());
        *link.lock_session() = None;
        link.room.notify_all();
        _ = link.client.shutdown(Shutdown::Both);
        _ = link.broker.shutdown(Shutdown::Both);
        let requests = requests.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        requests.and(responses)
    })
}

impl Link {
    fn lock_session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy_requests(&self) -> io::Result<()> {
        let mut from = BufReader::new(&self.client);
        let mut to = BufWriter::new(&self.broker);
        while let Some(frame) = read_frame(&mut from)? {
            let session = self.lock_session();
            let is_full = |session: &mut Option<Session>| session.as_ref().is_some_and(Session::is_full);
            let mut session = self.room.wait_while(session, is_full).unwrap_or_else(PoisonError::into_inner);
            let Some(open) = session.as_mut() else { return Ok(()) };
            let step = open.on_request(&frame).map_err(io::Error::other)?;
            drop(session);
            match step {
                RequestStep::Forward => {
                    to.write_all(&(frame.len() as u32).to_be_bytes())?;
                    to.write_all(&frame)?;
                    to.flush()?;
                }
                RequestStep::Answer(answer) => write_pieces(&mut BufWriter::new(&self.client), &answer)?,
            }
        }
        Ok(())
    }

    fn copy_responses(&self, directory: &mut dyn Directory) -> io::Result<()> {
        let mut from = BufReader::new(&self.broker);
        let mut to = BufWriter::new(&self.client);
        while let Some(frame) = read_frame(&mut from)? {
            let mut session = self.lock_session();
            let Some(open) = session.as_mut() else { return Ok(()) };
            let answer = open.on_response(&frame, directory).map_err(io::Error::other)?;
            drop(session);
            self.room.notify_all();
            write_pieces(&mut to, &answer)?;
        }
        Ok(())
    }
}

/// Reads one frame without its size; `None` where the stream ends before one. Memory grows with what comes, not
/// with what the size claims.
fn read_frame(from: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut size = [0; 4];
    match from.read_exact(&mut size) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let size = usize::try_from(i32::from_be_bytes(size)).ok().filter(|size| *size <= DEFAULT_MAX_FRAME_SIZE);
    let size = size.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no frame has that size"))?;
    let mut frame = Vec::new();
    from.take(size as u64).read_to_end(&mut frame)?;
    if frame.len() < size {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame.into()))
}

/// Small pieces go out together; large ones, such as records, by themselves and without another copy.
fn write_pieces(to: &mut impl Write, frame: &FrameBuf) -> io::Result<()> {
    frame.pieces().try_for_each(|piece| to.write_all(piece))?;
    to.flush()
}

fn connect(host: &str, port: i32) -> io::Result<TcpStream> {
    let port = u16::try_from(port).map_err(|_| io::Error::new(ErrorKind::InvalidData, "no such port"))?;
    let mut failure = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
