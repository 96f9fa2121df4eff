//! `ottla quickstart`: messages to Kafka and back, told step by step for someone who sees this for the first time.

mod messages;
mod narration;
mod round_trip;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use ottla_client::{Client, ClientError};
use ottla_testbroker::TestBroker;

use crate::numbers::{counted, elapsed};
use narration::Narration;

/// Partitions of the topic on the broker of our own; elsewhere the cluster's num.partitions decides.
const PARTITIONS: i32 = 3;

/// First steps answer soon, or say soon that nobody does.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Send messages to Kafka and read them back
///
/// Starts a test broker in this process, unless --bootstrap-server names a cluster; creates a topic, produces messages
/// with keys, consumes them with a group, compares, and tells what happened. Succeeds only if every message came back.
#[derive(clap::Args)]
#[command(
    after_long_help = "On a cluster of yours the topic and the group stay there; their name starts with \
                             quickstart- and is new in every run."
)]
pub struct Arguments {
    /// A Kafka cluster to use instead of a test broker in this process; several addresses by comma
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,
}

/// Runs it on stdout.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let is_live = io::stdout().is_terminal();
    let mut narration = Narration::new(anstream::stdout(), is_live);
    let result = crate::runtime(1)?.block_on(tell(arguments, &mut narration));
    if result.is_err() {
        narration.give_up()?;
    }
    result
}

async fn tell<W: Write>(arguments: &Arguments, narration: &mut Narration<W>) -> anyhow::Result<()> {
    narration.title("ottla quickstart: messages to Kafka and back")?;
    match &arguments.bootstrap_server {
        Some(servers) => tell_on(servers, false, narration).await,
        None => {
            let cluster = TestBroker::builder().cluster(|cluster| cluster.num_partitions(PARTITIONS));
            let broker = cluster.start().await.context("cannot start the test broker")?;
            let result = tell_on(&broker.bootstrap_servers(), true, narration).await;
            broker.shutdown().await;
            result
        }
    }
}

async fn tell_on<W: Write>(servers: &str, is_ours: bool, narration: &mut Narration<W>) -> anyhow::Result<()> {
    narration.begin("broker", &format!("connecting to {servers}"))?;
    let start = Instant::now();
    let client = match connect(servers).await {
        Ok(client) => client,
        Err(error) => {
            narration.give_up()?;
            narration.line("Is it the address of a Kafka listener, without TLS and SASL?")?;
            narration.line(&format!("To start a broker for tests: {} broker\n", command()))?;
            return Err(error).with_context(|| format!("cannot use {servers} as a kafka cluster"));
        }
    };
    let connected = elapsed(start.elapsed());
    match is_ours {
        true => {
            narration.done(&format!("a test broker in this process, at {servers}; it keeps all in memory"))?
        }
        false => {
            let snapshot = client.snapshot();
            let brokers = counted(snapshot.brokers.len() as u64, "broker");
            let id = snapshot.cluster_id.as_deref().unwrap_or("without an id");
            narration.done(&format!("{servers}: cluster {id}, {brokers}; connected in {connected}"))?;
        }
    }
    let name = fresh_name();
    let count = round_trip::run(&client, &name, narration).await?;
    client.close().await;
    narration.verdict(&format!("All {count} messages came back."))?;
    if !is_ours {
        narration.line(&format!("The topic and the group {name} stay in the cluster."))?;
    }
    what_next(is_ours, servers, narration)?;
    Ok(())
}

async fn connect(servers: &str) -> Result<Client, ClientError> {
    let builder = Client::builder(servers).client_id("ottla-quickstart");
    let client = builder.connection_timeout(CONNECTION_TIMEOUT).default_api_timeout(3 * CONNECTION_TIMEOUT);
    client.connect().await
}

/// A name that no topic or group has yet.
fn fresh_name() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("quickstart-{:x}", since_1970.as_millis() & 0xffff_ffff)
}

/// How to call this program: under cargo it is probably not on the path.
fn command() -> &'static str {
    match std::env::var_os("CARGO") {
        Some(_) => "cargo run --release -p ottla-cli --",
        None => "ottla",
    }
}

fn what_next<W: Write>(is_ours: bool, servers: &str, narration: &mut Narration<W>) -> io::Result<()> {
    let ottla = command();
    let server = if is_ours { "127.0.0.1:9092" } else { servers };
    narration.next_title("Try next")?;
    if is_ours {
        narration.next(
            "the same on a Kafka of yours",
            &format!("{ottla} quickstart --bootstrap-server HOST:PORT"),
        )?;
    }
    narration.next(
        "a broker for your own programs, in any language",
        &format!("{ottla} broker --listen 127.0.0.1:9092"),
    )?;
    narration.next(
        "how fast this client is on it",
        &format!("{ottla} bench produce --bootstrap-server {server} --topic speed"),
    )
}
