//! A proxy between Kafka's clients and a cluster that clients cannot reach themselves. It listens on one local port for
//! each broker, and rewrites the hosts and ports in what brokers answer, so that clients only ever connect to it.
//!
//! ```sh
//! cargo run --release -p ottla-protocol --features any --example rewrite_hosts -- 127.0.0.1:19092 kafka:9092
//! kcat -L -b 127.0.0.1:19092
//! ```
//!
//! `session.rs` is what happens to the frames of one connection, without IO; `hosts.rs` the fields that are rewritten;
//! `proxy.rs` the ports and threads. `docs/proxies.md` explains what a proxy has to know of the protocol.
//!
//! Not here: TLS, and `SaslHandshake` of version 0 (clients before Kafka 1.0), after which tokens come without a header.

mod hosts;
mod proxy;
mod session;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream] = &arguments[..] else {
        eprintln!("usage: rewrite_hosts LISTEN_ADDRESS:PORT BROKER_HOST:PORT");
        return ExitCode::FAILURE;
    };
    let upstream_parts = upstream.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (Ok(listen), Some((host, port))) = (listen.parse(), upstream_parts) else {
        eprintln!("not an IP address and a port, or not a host and a port: {listen} {upstream}");
        return ExitCode::FAILURE;
    };
    match proxy::Proxy::start(listen, host, port, |host, port, local| println!("{local} is {host}:{port}")) {
        Ok(_proxy) => loop {
            std::thread::park();
        },
        Err(error) => {
            eprintln!("cannot listen on {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}
