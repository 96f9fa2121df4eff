//! Where the workload writes down what it does and is told, and sees whether all is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use ottla_client::{ClientError, ClientErrorKind};
use ottla_testbroker::TestBroker;
use tokio::time::Instant;

use super::super::history::{ClientEvent, History, Place, RecordId};
use super::super::plan::Plan;
use super::producer::FIRST_FAREWELL;

/// Clones write the same one.
#[derive(Clone, Debug)]
pub(super) struct Notebook {
    broker: Arc<TestBroker>,
    started: Instant,
    topics: Arc<[(String, i32)]>,
    /// Topics that are deleted: only what is said at the end has to arrive.
    mortal: Arc<BTreeSet<String>>,
    /// Producers whose records may be lost although they are acknowledged.
    careless: Arc<BTreeSet<String>>,
    history: History,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    unresolved: BTreeSet<RecordId>,
    /// What has to be handed out, with where it is.
    acknowledged: BTreeMap<RecordId, (Place, i64)>,
    handed_out: BTreeMap<String, BTreeSet<RecordId>>,
    /// Which groups have got something new of which partition of a topic that was deleted.
    farewells: BTreeSet<(String, Place)>,
    troubles: Vec<String>,
}

impl Notebook {
    pub(super) fn new(broker: Arc<TestBroker>, started: Instant, plan: &Plan) -> Self {
        Self {
            broker,
            started,
            topics: plan.cluster.topics.as_slice().into(),
            mortal: Arc::new(plan.mortal_topics()),
            careless: Arc::new(plan.careless_producers()),
            history: History::default(),
            progress: Arc::default(),
        }
    }

    /// The topics of the world with their numbers of partitions.
    pub(super) fn topics(&self) -> &[(String, i32)] {
        &self.topics
    }

    pub(super) fn note(&self, event: ClientEvent) {
        let mut progress = self.lock();
        match &event {
            ClientEvent::Sent { id, .. } => _ = progress.unresolved.insert(*id),
            ClientEvent::Acknowledged { producer, id, place, offset } => {
                progress.unresolved.remove(id);
                if !self.mortal.contains(&place.topic) && !self.careless.contains(producer) {
                    progress.acknowledged.insert(*id, (place.clone(), *offset));
                }
            }
            ClientEvent::Failed { id, .. } => _ = progress.unresolved.remove(id),
            ClientEvent::HandedOut { group, id, place, .. } if *id >= FIRST_FAREWELL => {
                progress.farewells.insert((group.clone(), place.clone()));
            }
            ClientEvent::HandedOut { group, id, .. } => match progress.handed_out.get_mut(group) {
                Some(handed_out) => _ = handed_out.insert(*id),
                None => _ = progress.handed_out.insert(group.clone(), BTreeSet::from([*id])),
            },
            _ => {}
        }
        drop(progress);
        let entries = |journal: &ottla_testbroker::journal::Journal| journal.entries().len() as u64;
        let journal_len = self.broker.with_cluster(|cluster, _| cluster.journal().map_or(0, entries));
        self.history.note(self.started.elapsed(), journal_len, event);
    }

    /// Notes what must not happen in any world.
    pub(super) fn trouble(&self, what: String) {
        self.lock().troubles.push(what);
    }

    /// Whether all sends are resolved and all that was acknowledged was handed out in each of `groups`.
    pub(super) fn has_converged(&self, groups: &BTreeSet<String>) -> bool {
        let progress = self.lock();
        progress.unresolved.is_empty()
            && self.missing_farewell(&progress, groups).is_none()
            && groups.iter().all(|group| progress.missing_in(group).all(|id| self.is_gone(&progress, id)))
    }

    /// Whether each of `groups` has got something new of every partition of the topics that were deleted.
    pub(super) fn have_heard(&self, groups: &BTreeSet<String>) -> bool {
        self.missing_farewell(&self.lock(), groups).is_none()
    }

    fn missing_farewell(&self, progress: &Progress, groups: &BTreeSet<String>) -> Option<(String, Place)> {
        let places: Vec<_> = self.mortal.iter().flat_map(|topic| self.places_of(topic)).collect();
        let mut all =
            groups.iter().flat_map(|group| places.iter().map(|place| (group.clone(), place.clone())));
        all.find(|of| !progress.farewells.contains(of))
    }

    /// The partitions of a topic.
    pub(super) fn places_of(&self, topic: &str) -> Vec<Place> {
        let partitions = self.topics.iter().find(|(name, _)| name == topic).map_or(0, |(_, count)| *count);
        (0..partitions).map(|partition| Place { topic: topic.to_owned(), partition }).collect()
    }

    /// Whether a record was deleted, as the oldest of its log.
    fn is_gone(&self, progress: &Progress, id: &RecordId) -> bool {
        let Some((place, offset)) = progress.acknowledged.get(id) else { return false };
        // Without an offset it may be anywhere.
        self.log_start(place).is_some_and(|start| start > 0 && *offset < start)
    }

    /// Whether an error says that a topic is missing that comes and goes.
    pub(super) fn may_lack(&self, error: &ClientError) -> bool {
        matches!(error.kind(), ClientErrorKind::UnknownTopic(topic) if self.mortal.contains(topic.as_str()))
    }

    /// The first offset of a partition's log, where its leader has it.
    pub(super) fn log_start(&self, place: &Place) -> Option<i64> {
        let status =
            self.broker.with_cluster(|cluster, _| cluster.partition_status(&place.topic, place.partition))?;
        Some(status.replica(status.leader?)?.log_start_offset)
    }

    /// The offset behind the last record of a partition that may be read.
    pub(super) fn log_end(&self, topic: &str, partition: i32) -> Option<i64> {
        let status = self.broker.with_cluster(|cluster, _| cluster.partition_status(topic, partition))?;
        status.high_watermark()
    }

    /// What is left to do, in words.
    pub(super) fn what_is_missing(&self, groups: &BTreeSet<String>) -> String {
        let progress = self.lock();
        let mut text = "no convergence:".to_owned();
        if let Some(first) = progress.unresolved.first() {
            text += &format!(" {} sends unresolved, the first {};", progress.unresolved.len(), first.0);
        }
        if let Some((group, place)) = self.missing_farewell(&progress, groups) {
            text += &format!(" {group} got nothing new of {}-{};", place.topic, place.partition);
        }
        for group in groups {
            let missing = || progress.missing_in(group).filter(|id| !self.is_gone(&progress, id));
            if let Some(first) = missing().next() {
                let count = missing().count();
                text += &format!(
                    " {count} acknowledged records not handed out in {group}, the first {};",
                    first.0
                );
            }
        }
        text
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn into_troubles(self) -> Vec<String> {
        std::mem::take(&mut self.lock().troubles)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("nothing panics while it holds the notebook")
    }
}

impl Progress {
    fn missing_in(&self, group: &str) -> impl Iterator<Item = &RecordId> {
        let handed_out = self.handed_out.get(group);
        self.acknowledged
            .keys()
            .filter(move |id| handed_out.is_none_or(|handed_out| !handed_out.contains(id)))
    }
}

/// A value that carries `id`, in `bytes` bytes or more.
pub(super) fn value_of(id: RecordId, bytes: usize) -> String {
    let mut value = format!("{} ", id.0);
    while value.len() < bytes {
        value.push(char::from(b'a' + (value.len() % 26) as u8));
    }
    value
}

/// The id that a value carries.
pub(super) fn id_of(value: Option<&[u8]>) -> RecordId {
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    let id = text.and_then(|text| text.split_once(' ')).and_then(|(id, _)| id.parse().ok());
    RecordId(id.expect("every value is one that the workload made"))
}
