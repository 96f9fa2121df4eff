//! `ottla broker`: the test broker as a server, for clients in any language.

mod doors;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use doors::Doors;
use ottla_testbroker::TestBroker;

use crate::interrupt::Interrupts;

/// How long connections may take to close before the process ends all the same.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Run a test broker that clients in any language can use
///
/// A Kafka cluster for tests, in this process. It keeps everything in memory and forgets it when it ends. Topics are
/// created when a client asks for them, or with --topic.
///
/// Once it listens it prints `ready HOST:PORT[,HOST:PORT…]` to stdout: the bootstrap servers. Ctrl-C or SIGTERM ends
/// it.
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  ottla broker
  ottla broker --listen 127.0.0.1:0 --nodes 3 --topic orders:6 --topic payments:3
  ottla broker --user alice:secret")]
pub struct Arguments {
    /// Where to listen
    ///
    /// The first node takes this port, further nodes those behind it. With port 0 each takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    listen: String,

    /// How many nodes the cluster has
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    nodes: u16,

    /// A topic to create at the start; may be given several times
    #[arg(long = "topic", value_name = "NAME:PARTITIONS", value_parser = NewTopic::parse)]
    topics: Vec<NewTopic>,

    /// Partitions of topics that are created by asking for them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,

    #[command(flatten)]
    doors: Doors,
}

/// `NAME:PARTITIONS`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NewTopic {
    name: String,
    partitions: i32,
}

impl NewTopic {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, partitions) =
            text.rsplit_once(':').ok_or("a name and a number of partitions are needed, as in orders:6")?;
        match partitions.parse() {
            Ok(partitions) if partitions > 0 => Ok(Self { name: name.to_owned(), partitions }),
            _ => Err(format!("not a number of partitions: {partitions}")),
        }
    }
}

/// Serves until interrupted.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    crate::runtime(threads)?.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let mut interrupts = Interrupts::watch()?;
    let broker = TestBroker::builder()
        .nodes(arguments.nodes.into())
        .listen(&arguments.listen)
        .listener(arguments.doors.listener()?)
        .cluster(|cluster| cluster.num_partitions(arguments.partitions))
        .start()
        .await?;
    for topic in &arguments.topics {
        broker
            .create_topic(&topic.name, topic.partitions)
            .with_context(|| format!("cannot create topic {}", topic.name))?;
    }
    {
        let mut out = io::stdout().lock();
        writeln!(out, "ready {}", broker.bootstrap_servers())?;
        out.flush()?;
    }
    if io::stderr().is_terminal() {
        anstream::eprintln!("Ctrl-C ends it; nothing is kept.");
    }
    interrupts.next().await;
    tokio::select! {
        biased;
        () = broker.shutdown() => {}
        // A second one means now.
        () = interrupts.next() => {}
        () = tokio::time::sleep(SHUTDOWN_LIMIT) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_name_and_a_number_of_partitions() {
        let topic = NewTopic { name: "orders".to_owned(), partitions: 6 };
        assert_eq!(NewTopic::parse("orders:6"), Ok(topic));
        for text in ["orders", "orders:", "orders:0", "orders:-1", "orders:x"] {
            assert!(NewTopic::parse(text).is_err(), "{text}");
        }
    }
}
