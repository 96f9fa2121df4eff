//! The steps between connecting and the verdict: a topic, messages into it, and the same messages out of it.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context;
use ottla_client::{Client, ConsumerError, OffsetReset, Record};
use tokio::time::timeout;

use super::messages::{Sent, orders};
use super::narration::Narration;
use crate::numbers::{counted, elapsed};

/// For all messages to come back. A group's first rebalance takes 3 s in Kafka, elections on a busy cluster more.
const CONSUME_LIMIT: Duration = Duration::from_secs(30);

/// So many of the consumed messages are shown.
const SHOWN: usize = 3;

/// Does them, with topic and group called `name`; returns how many messages came back.
pub async fn run<W: Write>(
    client: &Client,
    name: &str,
    narration: &mut Narration<W>,
) -> anyhow::Result<usize> {
    narration.begin("topic", &format!("creating {name}"))?;
    let start = Instant::now();
    let topic = client.topic(name).await.context("cannot create a topic by asking for it")?;
    let partitions = counted(topic.partitions.len() as u64, "partition");
    narration.done(&format!("{name} with {partitions}, created in {}", elapsed(start.elapsed())))?;
    let mut sent = produce(client, name, narration).await?;
    consume(client, name, &mut sent, narration).await?;
    Ok(sent.returned())
}

async fn produce<W: Write>(
    client: &Client,
    topic: &str,
    narration: &mut Narration<W>,
) -> anyhow::Result<Sent> {
    narration.begin("produced", "sending")?;
    let start = Instant::now();
    let producer = client.producer().build()?;
    let mut deliveries = Vec::new();
    for order in orders() {
        let record = Record::to(topic).key(order.customer).value(&order.text);
        deliveries.push((producer.enqueue(record).await?, order));
    }
    let mut sent = Sent::default();
    for (delivery, order) in deliveries {
        let metadata = delivery.await?;
        let offset = metadata.offset.context("the broker acknowledged a message without an offset")?;
        sent.add(metadata.partition, offset, order);
    }
    producer.close(Duration::ZERO).await?;
    let (count, time) = (counted(sent.len() as u64, "message"), elapsed(start.elapsed()));
    narration.done(&format!("{count}, all acknowledged in {time}; same key, same partition"))?;
    for (partition, (first, last, customers)) in sent.by_partition() {
        let offsets = format!("offsets {first} to {last}");
        narration.detail(&format!("partition {partition}  {offsets:<17} {}", customers.join(", ")))?;
    }
    Ok(sent)
}

async fn consume<W: Write>(
    client: &Client,
    name: &str,
    sent: &mut Sent,
    narration: &mut Narration<W>,
) -> anyhow::Result<()> {
    narration.begin("consumed", &format!("joining group {name}"))?;
    let start = Instant::now();
    let consumer = client
        .consumer(name)
        .subscribe([name])
        .auto_offset_reset(OffsetReset::Earliest)
        .enable_auto_commit(false)
        .build()?;
    let mut shown = Vec::new();
    let mut last_error = None;
    let all = async {
        while sent.returned() < sent.len() {
            let batch = match consumer.next_batch().await {
                Ok(batch) => batch.context("the consumer ended early")?,
                Err(error) if error.is_fatal() => return Err(error.into()),
                // The consumer goes on by itself; if it leads nowhere, this is why.
                Err(error) => {
                    last_error = Some(error);
                    continue;
                }
            };
            for record in &batch {
                let (partition, offset) = (batch.partition(), record.offset());
                let order = sent.on_returned(partition, offset, record.key(), record.value())?;
                if shown.len() < SHOWN {
                    let (customer, text) = (order.customer, &order.text);
                    shown.push(format!("{customer:<6} {text:<27} partition {partition}, offset {offset}"));
                }
            }
        }
        anyhow::Ok(())
    };
    let in_time = timeout(CONSUME_LIMIT, all).await;
    if in_time.is_err() {
        return Err(too_late(sent, last_error));
    }
    in_time??;
    let (count, time) = (counted(sent.returned() as u64, "message"), elapsed(start.elapsed()));
    narration.done(&format!("{count} as group {name}, in {time}"))?;
    for line in shown {
        narration.detail(&line)?;
    }
    if sent.len() > SHOWN {
        narration.detail(&format!("... and {} more", sent.len() - SHOWN))?;
    }
    narration.step("compared", "keys, values, partitions, offsets and order are those that were sent")?;
    commit(&consumer, narration).await
}

async fn commit<W: Write>(
    consumer: &ottla_client::Consumer,
    narration: &mut Narration<W>,
) -> anyhow::Result<()> {
    narration.begin("committed", "committing offsets")?;
    let start = Instant::now();
    consumer.commit().await.context("cannot commit offsets")?;
    consumer.close().await.context("cannot leave the group")?;
    let time = elapsed(start.elapsed());
    narration.done(&format!("the group's offsets, and left the group, in {time}"))?;
    Ok(())
}

fn too_late(sent: &Sent, last_error: Option<ConsumerError>) -> anyhow::Error {
    let seconds = CONSUME_LIMIT.as_secs();
    let text = format!("{} of {} messages came back in {seconds} s", sent.returned(), sent.len());
    match last_error {
        Some(error) => anyhow::Error::from(error).context(text),
        None => anyhow::anyhow!(text),
    }
}
