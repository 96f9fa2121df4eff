//! `rewrite_hosts`, the example proxy of the protocol crate, and the check that a client behind it never leaves it.

#[path = "../../crates/protocol/examples/rewrite_hosts/hosts.rs"]
pub mod hosts;
#[path = "../../crates/protocol/examples/rewrite_hosts/proxy.rs"]
mod proxy;
#[path = "../../crates/protocol/examples/rewrite_hosts/session.rs"]
pub mod session;

use crate::clients::{assigned, consume, produce};
use crate::workload::{check, keyed};
use ottla_client::{Client, Compression, Connecting, Connector, OffsetReset, TcpConnector};
pub use proxy::Proxy;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A proxy on loopback, in this process, before a cluster.
///
/// # Panics
/// If there is no free port.
#[must_use]
pub fn start(bootstrap_servers: &str) -> Proxy {
    let first = bootstrap_servers.split(',').next().expect("an address");
    let (host, port) = first.rsplit_once(':').expect("a host and a port");
    let listen = "127.0.0.1:0".parse().expect("an address");
    Proxy::start(listen, host, port.parse().expect("a port"), |_, _, _| ()).expect("a free port")
}

/// Writes records through a proxy, reads them as a member of a group and without one; then every connection of the
/// client was to the proxy, which has a port for each of `nodes` brokers.
///
/// # Panics
/// If records differ, or the client went elsewhere.
pub async fn check_round_trip(bootstrap_servers: &str, topic: &str, nodes: usize) {
    let proxy = start(bootstrap_servers);
    let noting = Noting::default();
    let client = Client::builder(proxy.address().to_string()).connector(noting.clone()).connect().await;
    let client = client.expect("the proxy is up");
    let sent = keyed(2_000);
    let producer = client.producer().compression(Compression::Lz4).build().expect("a producer");
    produce(&producer, topic, &sent).await;
    producer.close(Duration::MAX).await.expect("all is resolved");
    check(&sent, &consume(&assigned(&client, topic).await, sent.len()).await);
    let member = client.consumer(format!("{topic}-group")).subscribe([topic]);
    let member = member.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    check(&sent, &consume(&member, sent.len()).await);
    client.close().await;

    let (used, ports) = (noting.ports(), proxy.ports());
    let local: BTreeSet<u16> = ports.values().copied().collect();
    assert_eq!(ports.len(), nodes, "a port for each broker: {ports:?}");
    assert_eq!(used, local, "the client connects to every port of the proxy and to nothing else");
}

/// Connects by TCP and notes the ports.
#[derive(Clone, Debug, Default)]
struct Noting {
    ports: Arc<Mutex<BTreeSet<u16>>>,
}

impl Noting {
    fn ports(&self) -> BTreeSet<u16> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Connector for Noting {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
        Box::pin(async move { TcpConnector::default().connect(host, port).await })
    }
}
