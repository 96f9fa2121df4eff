//! What is there before the clock starts: a connected client, and a topic that is known.

use anyhow::Context;
use ottla_client::{Client, Producer};

use super::arguments::{Arguments, Operation};
use super::keys::Keys;
use super::meter::Meter;
use super::payload::Payload;
use super::setting::Setting;
use super::traffic::{CountingConnector, Traffic};
use crate::numbers::counted;

/// A client and its topic.
pub struct Session<'a> {
    pub arguments: &'a Arguments,
    setting: Setting,
    pub client: Client,
    pub partitions: i32,
    /// Empty for operations that send nothing.
    pub payload: Payload,
    /// Empty for records without keys.
    pub keys: Keys,
    traffic: Traffic,
}

impl<'a> Session<'a> {
    /// Reads the payload, connects, and asks for the topic, which may create it.
    pub async fn start(arguments: &'a Arguments, setting: Setting) -> anyhow::Result<Self> {
        let payload = match arguments.operation {
            Operation::Consume => Payload::default(),
            _ => Payload::load(arguments)?,
        };
        let keys = Keys::new(&arguments.producing);
        let traffic = Traffic::default();
        let client = Client::builder(&arguments.bootstrap_server)
            .client_id("ottla-bench")
            .connector(CountingConnector::new(traffic.clone()))
            .connect()
            .await?;
        let topic = client.topic(&arguments.topic).await?;
        let partitions = i32::try_from(topic.partitions.len()).context("too many partitions")?;
        if let Some(wanted) = arguments.partitions.filter(|wanted| *wanted != topic.partitions.len() as u64) {
            let (name, has) = (&arguments.topic, counted(topic.partitions.len() as u64, "partition"));
            anstream::eprintln!(
                "warning: topic {name} has {has}, not {wanted}: create it with that many before"
            );
        }
        Ok(Self { arguments, setting, client, partitions, payload, keys, traffic })
    }

    /// A producer with the settings asked for.
    pub fn producer(&self) -> anyhow::Result<Producer> {
        let builder = self.arguments.producing.apply(&self.setting, self.client.producer())?;
        Ok(builder.build()?)
    }

    /// The timed part starts now.
    pub fn meter(&self) -> Meter {
        Meter::start(&self.traffic)
    }
}
