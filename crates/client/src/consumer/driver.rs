//! The task that performs what the consumer's machines decide.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_core::connection::{Answer, Encodable};
use ottla_core::consumer::{FetchAction, ResetAction};
use ottla_core::events::Role;
use ottla_core::groups::{
    Action, FindGroupCoordinator, GroupRequest, GroupResponse, LookupError, read_coordinator,
};
use ottla_core::metadata::LeaderHints;
use ottla_core::request::{RequestError, Token};
use ottla_core::time::{Instant, Now};
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::list_offsets_request::ListOffsetsRequest;
use ottla_protocol::types::{GroupId, NodeId, TopicName};
use ottla_transport::{Reply, SendOptions};
use tokio::time::sleep_until;

use super::Shared;
use super::engine::{CommitDone, Engine};
use super::error::ConsumerError;
use crate::client::{Lane, Peer};

/// What is left to do once the lock is released.
enum Todo {
    Fetch { token: Token, node_id: NodeId, request: FetchRequest, options: SendOptions },
    ListOffsets { token: Token, node_id: NodeId, request: ListOffsetsRequest, options: SendOptions },
    Group { token: Token, node_id: NodeId, request: GroupRequest, timeout: Duration },
    FindCoordinator { token: Token },
    RefreshMetadata,
    Want(BTreeSet<TopicName>),
    CommitDone(CommitDone),
}

pub(super) fn spawn(shared: Arc<Shared>) {
    tokio::spawn(async move {
        let _ending = Ending(&shared);
        run(&shared).await;
    });
}

/// The end of the driver, even if the application's listener panics.
struct Ending<'a>(&'a Arc<Shared>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let Self(shared) = self;
        if let Ok(mut engine) = shared.engine.lock() {
            engine.end();
        }
        shared.client.shared.pool.forget(shared.owner);
        // Whoever waits for something sees that it is over.
        shared.ready.notify_one();
    }
}

async fn run(shared: &Arc<Shared>) {
    let mut snapshots = shared.client.shared.metadata.watch();
    // Moves on to another broker when one does not answer.
    let mut attempt = 0;
    loop {
        let next = perform(shared, &mut attempt);
        if shared.lock().has_left {
            return;
        }
        let clock = shared.client.shared.pool.clock();
        let timer = sleep_until(clock.deadline(next.unwrap_or(Instant::from_start(Duration::MAX))));
        tokio::select! {
            biased;
            () = shared.work.notified() => {}
            changed = snapshots.changed() => {
                if changed.is_err() {
                    // The client is closed: nothing will come any more.
                    return;
                }
                let snapshot = snapshots.see();
                shared.lock().on_snapshot(shared.now(), snapshot);
            }
            () = timer => {}
        }
    }
}

/// Does everything that is due, and says when to come back.
fn perform(shared: &Arc<Shared>, attempt: &mut usize) -> Option<Instant> {
    loop {
        let now = shared.now();
        let mut engine = shared.lock();
        let released = shared.released.swap(0, Ordering::AcqRel);
        engine.fetcher.unpin(released);
        engine.handle_timeout(now);
        let todos = engine.decide(now);
        let waits = engine.has_news();
        let next = engine.next_timeout();
        let group_id = engine.group.as_ref().map(|group| group.group_id().clone());
        drop(engine);
        if waits {
            shared.ready.notify_one();
        }
        let has_told = shared.tell_at_the_end();
        if todos.is_empty() && !has_told {
            return next;
        }
        for todo in todos {
            carry_out(shared, todo, group_id.as_ref(), attempt);
        }
    }
}

impl Engine {
    /// Drains all machines.
    fn decide(&mut self, now: Now) -> Vec<Todo> {
        let mut todos = Vec::new();
        self.drain_group(now, &mut todos);
        self.look_up(now);
        self.take_starts();
        let snapshot = Arc::clone(&self.snapshot);
        while let Some(action) = self.reset.poll_action(now, &mut self.positions, &*snapshot) {
            match action {
                ResetAction::Send { token, node_id, request, versions, timeout } => {
                    todos.push(Todo::ListOffsets {
                        token,
                        node_id,
                        request,
                        options: options(versions, timeout),
                    });
                }
                ResetAction::RefreshMetadata => todos.push(Todo::RefreshMetadata),
                ResetAction::Failed(error) => self.errors.push(error),
                _ => {}
            }
        }
        self.take_starts();
        while let Some(action) = self.fetcher.poll_action(now, &mut self.positions, &*snapshot) {
            match action {
                FetchAction::Send { token, node_id, request, versions, timeout } => {
                    todos.push(Todo::Fetch { token, node_id, request, options: options(versions, timeout) });
                }
                FetchAction::Deliver(delivery) => self.on_delivery(delivery),
                FetchAction::RefreshMetadata => todos.push(Todo::RefreshMetadata),
                FetchAction::Failed(error) => self.errors.push(error),
                _ => {}
            }
        }
        // Lookups and commits that were just asked for go out at once.
        self.drain_group(now, &mut todos);
        todos
    }

    fn drain_group(&mut self, now: Now, todos: &mut Vec<Todo>) {
        while let Some(action) = self.group.as_mut().and_then(|group| group.poll_action(now)) {
            self.on_group_action(now, action, todos);
            self.let_go(now);
        }
    }

    fn on_group_action(&mut self, now: Now, action: Action, todos: &mut Vec<Todo>) {
        match action {
            Action::FindCoordinator { token } => todos.push(Todo::FindCoordinator { token }),
            Action::Send { token, node_id, request, timeout } => {
                todos.push(Todo::Group { token, node_id, request, timeout });
            }
            Action::NeedTopics { topics } => {
                todos.push(Todo::Want(topics.iter().cloned().collect()));
                self.topics_to_assign = Some(topics);
                self.tell_topics(now);
            }
            Action::Revoke { partitions } => {
                self.holdings.on_revoke(&partitions);
                self.revoking = partitions;
            }
            Action::Lost { partitions } => {
                self.revoking.clear();
                self.has_lost |= !self.is_polling && self.consumed.has_unfinished(&partitions);
                self.give_up(&partitions);
                self.holdings.on_lost(&partitions);
            }
            Action::Assigned { partitions, added, .. } => {
                self.positions.assign(&partitions);
                let topics = partitions.into_iter().map(|partition| partition.topic).collect();
                todos.push(Todo::Want(topics));
                self.holdings.on_assigned(added);
            }
            Action::Committed { token, result } => {
                todos.extend(self.on_committed(token, result).map(Todo::CommitDone));
            }
            Action::OffsetsFetched { token, result } => self.on_looked_up(now, token, result),
            Action::Left => self.has_left = true,
            Action::Failed(error) => {
                self.errors.push(ConsumerError::Group(error));
                self.has_failed = true;
                self.has_left |= self.is_closing;
            }
            _ => {}
        }
    }

    /// Whether there is something for whoever asks for a batch.
    fn has_news(&self) -> bool {
        !self.fetched.is_empty()
            || !self.errors.is_empty()
            || self.holdings.next().is_some()
            || self.has_failed
            || self.has_left
    }
}

fn options(versions: VersionRange, timeout: Duration) -> SendOptions {
    let mut options = SendOptions::new(versions, timeout);
    options.role = Role::Consumer;
    options
}

fn carry_out(shared: &Arc<Shared>, todo: Todo, group_id: Option<&GroupId>, attempt: &mut usize) {
    let client = &shared.client.shared;
    let keep = Arc::clone(shared);
    match todo {
        Todo::Fetch { token, node_id, request, options } => {
            let reply: Reply = Box::new(move |result| {
                let result = result.and_then(|answer| answer.decode::<FetchRequest>());
                let leaders = result.as_ref().map(LeaderHints::of_fetch).unwrap_or_default();
                let hinted = keep.client.shared.metadata.on_leader_hints(&leaders);
                keep.take_in(|engine, now| {
                    if let Some(snapshot) = hinted {
                        engine.on_snapshot(now, snapshot);
                    }
                    engine.tally.fetches += u64::from(result.is_ok());
                    engine.fetcher.on_response(now, token, result, &mut engine.positions);
                });
            });
            client.pool.send(
                Peer::Node(node_id),
                Lane::Fetch(shared.owner),
                Box::new(request),
                options,
                reply,
            );
        }
        Todo::ListOffsets { token, node_id, request, options } => {
            let reply: Reply = Box::new(move |result| {
                let result = result.and_then(|answer| answer.decode::<ListOffsetsRequest>());
                keep.take_in(|Engine { reset, positions, .. }, now| {
                    reset.on_response(now, token, result.as_ref().map_err(Clone::clone), positions);
                });
            });
            client.pool.send(Peer::Node(node_id), Lane::Control, Box::new(request), options, reply);
        }
        Todo::Group { token, node_id, request, timeout } => {
            let api = request.api_key();
            let reply: Reply = Box::new(move |result| {
                let result = result.and_then(|answer: Answer| {
                    GroupResponse::decode(api, &answer.body, answer.version)
                        .expect("group requests have group answers")
                        .map_err(RequestError::Decode)
                });
                // A coordinator may have come up after the picture of the cluster was taken.
                if matches!(result, Err(RequestError::UnknownNode)) {
                    keep.client.shared.metadata.refresh();
                }
                keep.take_in(|engine, now| {
                    if let Some(group) = &mut engine.group {
                        group.on_response(now, token, result);
                    }
                });
            });
            let options = options(request.versions(), timeout);
            let request: Box<dyn Encodable> = Box::new(request);
            client.pool.send(Peer::Node(node_id), Lane::Coordinator(shared.owner), request, options, reply);
        }
        Todo::FindCoordinator { token } => find_coordinator(shared, token, group_id, attempt),
        Todo::RefreshMetadata => client.metadata.refresh(),
        Todo::Want(topics) => client.metadata.want(&topics),
        // Whoever asked may have given up.
        Todo::CommitDone(CommitDone { waiter, outcome }) => _ = waiter.send(outcome),
    }
}

fn find_coordinator(shared: &Arc<Shared>, token: Token, group_id: Option<&GroupId>, attempt: &mut usize) {
    let Some(group_id) = group_id else { return };
    let keep = Arc::clone(shared);
    let reply: Reply = Box::new(move |result| {
        let result = match result {
            Ok(answer) => read_coordinator_answer(&answer),
            Err(error) => Err(LookupError::Request(error)),
        };
        keep.take_in(|engine, now| {
            if let Some(group) = &mut engine.group {
                group.on_coordinator(now, token, result);
            }
        });
    });
    let pool = &shared.client.shared.pool;
    let request = Box::new(FindGroupCoordinator(group_id.clone()));
    let options = options(FindCoordinatorRequest::VERSIONS, shared.client.shared.settings.request_timeout);
    pool.send(pool.any_peer(*attempt), Lane::Control, request, options, reply);
    *attempt += 1;
}

fn read_coordinator_answer(answer: &Answer) -> Result<NodeId, LookupError> {
    let response = answer.decode::<FindCoordinatorRequest>().map_err(LookupError::Request)?;
    read_coordinator(&response, answer.version).map_err(LookupError::Code)
}

impl Shared {
    /// Hands an answer to its machine, and has the driver look at what follows.
    fn take_in(&self, act: impl FnOnce(&mut Engine, Now)) {
        let now = self.now();
        act(&mut self.lock(), now);
        self.work.notify_one();
    }
}
