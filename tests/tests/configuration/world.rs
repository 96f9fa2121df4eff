//! A client on a broker in memory, and what a configuration makes of it.

use std::sync::Arc;
use std::time::Duration;

use ottla_client::Client;
use ottla_client::config::{Config, Properties, SecuritySettings};
use ottla_testbroker::TestBroker;
use ottla_tests::memory_network::MemoryNetwork;

/// What a configuration comes to: security settings, and the builders' settings as they show them.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub security: SecuritySettings,
    pub connector: String,
    pub client: Result<String, String>,
    pub producer: Result<String, String>,
    pub consumer: Result<String, String>,
    pub statistics_interval: Option<Duration>,
}

/// A client of which producers and consumers are made; its own settings are the defaults.
pub async fn client() -> (Arc<TestBroker>, Client) {
    let broker = Arc::new(TestBroker::builder().start_in_memory().expect("settings that can be"));
    let network = MemoryNetwork::new(Arc::clone(&broker));
    let client = Client::builder(broker.bootstrap_servers()).connector(network).connect().await;
    (broker, client.expect("a client"))
}

/// The outcome of `key=value` lines, or why they are refused.
pub fn outcome(client: &Client, lines: &[(String, String)]) -> Result<Outcome, String> {
    let properties = Properties::from_pairs(lines.iter().cloned()).expect("a few");
    let config = Config::new(&properties).map_err(|error| error.to_string())?;
    Ok(Outcome {
        security: config.security().clone(),
        statistics_interval: config.statistics_interval(),
        connector: format!("{:?}", config.connector()),
        client: config.client().map(|builder| format!("{builder:?}")).map_err(|error| error.to_string()),
        producer: config
            .producer(client)
            .map(|builder| format!("{builder:?}"))
            .map_err(|error| error.to_string()),
        consumer: config
            .consumer(client)
            .map(|builder| format!("{builder:?}"))
            .map_err(|error| error.to_string()),
    })
}
