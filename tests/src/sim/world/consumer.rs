//! A consumer of the workload.

use std::future::pending;
use std::sync::Arc;

use ottla_client::{
    Assignor, Batch, Client, ClientBuilder, ClientError, Consumer, ConsumerError, OffsetReset, RangeAssignor,
    RebalanceListener, RoundRobinAssignor, TopicPartition,
};
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep};

use super::super::history::{ClientEvent, Place};
use super::super::plan::{ConsumerPlan, Departure};
use super::notebook::{Notebook, id_of};
use super::producer::connect;
use crate::memory_network::MemoryNetwork;
use crate::random::Random;

/// How long an application takes to begin anew.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads until it is to go, or the world ends.
pub(super) async fn run(
    plan: ConsumerPlan,
    builder: ClientBuilder,
    network: MemoryNetwork,
    notebook: Notebook,
    ended: oneshot::Receiver<()>,
) {
    sleep(plan.joins).await;
    let stay = plan.leaves.map(|(at, _)| at.saturating_sub(plan.joins));
    let client = connect(builder.request_timeout(plan.request_timeout)).await;
    let end = async {
        tokio::select! {
            biased;
            _ = ended => {}
            () = async {
                match stay {
                    Some(stay) => sleep(stay).await,
                    None => pending().await,
                }
            } => {}
        }
    };
    tokio::pin!(end);
    loop {
        let consumer = match build(&plan, &client, &notebook) {
            Ok(consumer) => consumer,
            Err(error) => return notebook.trouble(format!("{}: {error}", plan.name)),
        };
        let comes_back = tokio::select! {
            biased;
            () = &mut end => false,
            () = read(&consumer, &plan, &notebook) => plan.comes_back,
        };
        let closed = ClientEvent::ConsumerClosed { consumer: plan.name.clone(), group: plan.group.clone() };
        notebook.note(closed);
        if comes_back {
            _ = consumer.close().await;
            sleep(PAUSE).await;
            continue;
        }
        match plan.leaves {
            Some((_, Departure::Drop)) => drop(consumer),
            Some((_, Departure::Vanish)) => {
                network.vanish();
                drop(consumer);
            }
            // Its last commit may fail: what it read is read again.
            _ => _ = consumer.close().await,
        }
        return;
    }
}

fn build(plan: &ConsumerPlan, client: &Client, notebook: &Notebook) -> Result<Consumer, ClientError> {
    let listener = Listener { plan: plan.clone(), notebook: notebook.clone() };
    let (range, round_robin): (Arc<dyn Assignor>, Arc<dyn Assignor>) =
        (Arc::new(RangeAssignor), Arc::new(RoundRobinAssignor));
    let assignors = if plan.prefers_round_robin { [round_robin, range] } else { [range, round_robin] };
    client
        .consumer(plan.group.as_str())
        .subscribe(notebook.topics().iter().map(|(topic, _)| topic.as_str()))
        .auto_offset_reset(OffsetReset::Earliest)
        .enable_auto_commit(plan.auto_commit.is_some())
        .auto_commit_interval(plan.auto_commit.unwrap_or(Duration::from_secs(5)))
        .session_timeout(plan.session_timeout)
        .heartbeat_interval(plan.session_timeout / 5)
        .max_poll_interval(plan.max_poll_interval)
        .assignors(assignors)
        .fetch_max_wait(plan.fetch_max_wait)
        .max_partition_fetch_bytes(plan.max_partition_fetch_bytes)
        .rebalance_listener(listener)
        .build()
}

/// Ends only when the consumer cannot go on.
async fn read(consumer: &Consumer, plan: &ConsumerPlan, notebook: &Notebook) {
    let mut random = Random(plan.seed);
    let mut batches = 0;
    loop {
        let batch = match consumer.next_batch().await {
            Ok(Some(batch)) => batch,
            Ok(None) => return notebook.trouble(format!("{}: closed by itself", plan.name)),
            Err(error) if error.is_fatal() && plan.comes_back => return,
            Err(ConsumerError::Client(error)) if notebook.may_lack(&error) => continue,
            Err(error) if error.is_fatal() => {
                return notebook.trouble(format!("{}: fatal: {error:?}", plan.name));
            }
            Err(_) => continue,
        };
        hand_out(&batch, plan, notebook);
        if !plan.work.is_zero() {
            sleep(plan.work.mul_f64(random.below(101) as f64 / 100.0)).await;
        }
        drop(batch);
        notebook.note(ClientEvent::GivenBack { consumer: plan.name.clone(), group: plan.group.clone() });
        batches += 1;
        if plan.auto_commit.is_none() && batches % plan.commit_every == 0 {
            // Refused commits are repeated with the next ones; a rebalance makes them void.
            _ = consumer.commit().await;
        }
    }
}

fn hand_out(batch: &Batch, plan: &ConsumerPlan, notebook: &Notebook) {
    for record in batch.iter() {
        notebook.note(ClientEvent::HandedOut {
            consumer: plan.name.clone(),
            group: plan.group.clone(),
            place: Place { topic: record.topic().to_owned(), partition: record.partition() },
            offset: record.offset(),
            id: id_of(record.value()),
        });
    }
}

struct Listener {
    plan: ConsumerPlan,
    notebook: Notebook,
}

impl Listener {
    fn note_revoked(&self, partitions: &[TopicPartition], lost: bool) {
        for partition in partitions {
            let (consumer, group) = (self.plan.name.clone(), self.plan.group.clone());
            self.notebook.note(ClientEvent::Revoked { consumer, group, place: place(partition), lost });
        }
    }
}

impl RebalanceListener for Listener {
    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let (consumer, group) = (self.plan.name.clone(), self.plan.group.clone());
            self.notebook.note(ClientEvent::Assigned { consumer, group, place: place(partition) });
        }
    }

    fn on_revoked(&mut self, partitions: &[TopicPartition]) {
        self.note_revoked(partitions, false);
    }

    fn on_lost(&mut self, partitions: &[TopicPartition]) {
        self.note_revoked(partitions, true);
    }
}

fn place(partition: &TopicPartition) -> Place {
    Place { topic: partition.topic.to_string(), partition: partition.partition }
}
