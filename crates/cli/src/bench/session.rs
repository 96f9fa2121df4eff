//! What is there before the clock starts: a connected client, and a topic that is known.

use std::time::Duration;

use anyhow::Context;
use ottla_client::{Client, Producer};

use super::arguments::{Arguments, Operation};
use super::meter::Meter;
use super::payload::Payload;
use super::traffic::{CountingConnector, Traffic};
use crate::numbers::counted;

/// A client and its topic.
pub struct Session<'a> {
    pub arguments: &'a Arguments,
    pub client: Client,
    pub partitions: i32,
    /// Empty for operations that send nothing.
    pub payload: Payload,
    traffic: Traffic,
}

impl<'a> Session<'a> {
    /// Reads the payload, connects, and asks for the topic, which may create it.
    pub async fn start(arguments: &'a Arguments) -> anyhow::Result<Self> {
        let payload = match arguments.operation {
            Operation::Consume => Payload::default(),
            _ => Payload::load(arguments)?,
        };
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
        Ok(Self { arguments, client, partitions, payload, traffic })
    }

    /// A producer with the settings asked for.
    pub fn producer(&self) -> anyhow::Result<Producer> {
        let mut builder = self.client.producer().compression(self.arguments.compression);
        if let Some(ms) = self.arguments.linger_ms {
            builder = builder.linger(Duration::from_millis(ms));
        }
        if let Some(bytes) = self.arguments.batch_size {
            builder = builder.batch_size(usize::try_from(bytes)?);
        }
        Ok(builder.build()?)
    }

    /// The timed part starts now.
    pub fn meter(&self) -> Meter {
        Meter::start(&self.traffic)
    }
}
