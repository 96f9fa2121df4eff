//! On our test broker: every client can use it, through every compression that it knows.

use super::relay::relay;
use ottla_client::Compression;
use ottla_testbroker::TestBroker;
use ottla_tests::broker::compressions;
use ottla_tests::clients::{Java, KafkaClient, KafkaJs, Kcat, Ottla};
use tokio::runtime::Runtime;

/// A test broker on loopback ports.
pub struct OnTestBroker {
    broker: TestBroker,
    /// Serves the broker while the test's own thread waits for programs.
    _runtime: Runtime,
}

impl OnTestBroker {
    /// Starts it.
    pub fn start(nodes: usize) -> Self {
        let runtime = Runtime::new().expect("threads for a runtime");
        let broker = runtime.block_on(TestBroker::builder().nodes(nodes).start()).expect("free ports");
        Self { broker, _runtime: runtime }
    }

    /// What clients take as `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.broker.bootstrap_servers()
    }

    /// Creates a topic.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        self.broker.create_topic(name, partitions).expect("a new topic");
        name.to_owned()
    }
}

fn check(client: &dyn KafkaClient, compressions_it_knows: &[Compression]) {
    let broker = OnTestBroker::start(3);
    let servers = broker.bootstrap_servers();
    let ottla = Ottla::new();
    for &compression in compressions_it_knows {
        let theirs = broker.topic(&format!("theirs-{compression}"), 6);
        relay(client, &[client, &ottla], &servers, &theirs, compression);
        let ours = broker.topic(&format!("ours-{compression}"), 6);
        relay(&ottla, &[client], &servers, &ours, compression);
        for topic in [theirs, ours] {
            let found = compressions(&servers, &topic);
            assert!(found.contains(&compression), "{topic}: {found:?}");
        }
    }
}

#[test]
#[ignore = "needs Java: cargo xtask test"]
fn java_sends_and_reads_with_every_compression() {
    check(&Java::default(), &Compression::ALL);
}

#[test]
#[ignore = "needs kcat: cargo xtask test"]
fn kcat_sends_and_reads_with_every_compression() {
    check(&Kcat::default(), &Compression::ALL);
}

#[test]
#[ignore = "needs Node: cargo xtask test"]
fn kafkajs_sends_and_reads_with_and_without_gzip() {
    check(&KafkaJs::default(), &[Compression::None, Compression::Gzip]);
}
