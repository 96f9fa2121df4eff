//! Faults for tests: rules put together by calls, and handles that count how often they fired.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

use super::{FaultAction, FaultPlan, FaultRule, PlanError, When};
use crate::cluster::Cluster;
use crate::server::Shared;

/// The rules in force, to be added to and taken from. From `Cluster::faults` or `TestBroker::faults`.
///
/// ```
/// use ottla_protocol::api::ApiKey;
/// use ottla_protocol::error_code::ErrorCode;
/// use ottla_testbroker::Cluster;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut cluster = Cluster::builder().build()?;
/// let stale = cluster
///     .faults()
///     .on(ApiKey::PRODUCE)
///     .topic("orders")
///     .partition(0)
///     .times(2)
///     .error(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
/// assert_eq!(stale.fired(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Faults<'a>(Place<'a>);

/// Whose rules they are.
pub(crate) enum Place<'a> {
    Cluster(&'a mut Cluster),
    Server(&'a Shared),
}

/// A rule that is being put together: the requests it is for, then what happens to them.
#[derive(Debug)]
#[must_use = "a rule is in force once it has an action"]
pub struct FaultRuleBuilder<'a> {
    faults: Faults<'a>,
    seed: u64,
    /// Its action is set last.
    rule: FaultRule,
}

/// A rule that was put in force.
#[derive(Clone, Debug)]
pub struct Fault {
    id: u64,
    fired: Arc<AtomicU64>,
}

impl Fault {
    /// How often it has fired.
    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::Relaxed)
    }
}

impl<'a> Faults<'a> {
    pub(crate) fn new(place: Place<'a>) -> Self {
        Self(place)
    }

    /// A rule for requests of one API.
    pub fn on(self, api: ApiKey) -> FaultRuleBuilder<'a> {
        let mut builder = self.on_any();
        builder.rule.on.api = Some(api);
        builder
    }

    /// A rule for requests of all APIs.
    pub fn on_any(self) -> FaultRuleBuilder<'a> {
        FaultRuleBuilder {
            faults: self,
            seed: 0,
            rule: FaultRule::new(FaultAction::Hang { when: When::BeforeApply }),
        }
    }

    /// Puts a plan's rules in force, behind those that are. The handles are in the order of its rules.
    ///
    /// # Errors
    /// A rule that is out of bounds, or more rules than may be in force; then none is taken.
    pub fn load(&mut self, plan: &FaultPlan) -> Result<Vec<Fault>, PlanError> {
        let added = self.0.with(|cluster| cluster.armed_rules.add(plan))?;
        Ok(added.into_iter().map(|(id, fired)| Fault { id, fired }).collect())
    }

    /// Takes a rule out of force. What it has done already goes on: an answer that it delays stays delayed.
    pub fn remove(&mut self, fault: &Fault) {
        self.0.with(|cluster| cluster.armed_rules.remove(fault.id));
    }

    /// Takes all rules out of force.
    pub fn clear(&mut self) {
        self.0.with(|cluster| cluster.armed_rules.clear());
    }
}

impl Place<'_> {
    fn with<R>(&mut self, act: impl FnOnce(&mut Cluster) -> R) -> R {
        match self {
            Self::Cluster(cluster) => act(cluster),
            Self::Server(shared) => shared.with(|cluster, _| act(cluster)),
        }
    }
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster(_) => "Cluster",
            Self::Server(_) => "Server",
        })
    }
}

/// Which requests.
impl FaultRuleBuilder<'_> {
    /// Only requests of these versions.
    pub fn versions(mut self, min: i16, max: i16) -> Self {
        (self.rule.on.min_version, self.rule.on.max_version) = (Some(min), Some(max));
        self
    }

    /// Only requests to this node.
    pub fn node(mut self, node: NodeId) -> Self {
        self.rule.on.node = Some(node);
        self
    }

    /// Only requests about this topic; errors are for it alone.
    pub fn topic(mut self, topic: &str) -> Self {
        self.rule.on.topic = Some(topic.to_owned());
        self
    }

    /// Only requests about this partition of a topic; errors are for it alone.
    pub fn partition(mut self, partition: i32) -> Self {
        self.rule.on.partition = Some(partition);
        self
    }

    /// Only requests about this group; errors are for it alone.
    pub fn group(mut self, group: &str) -> Self {
        self.rule.on.group = Some(group.to_owned());
        self
    }

    /// Only requests with this `client.id`.
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.rule.on.client_id = Some(client_id.to_owned());
        self
    }

    /// Lets so many of them go by first.
    pub fn skip(mut self, requests: u32) -> Self {
        self.rule.skip = requests;
        self
    }

    /// At most so many times.
    pub fn times(mut self, times: u32) -> Self {
        self.rule.times = Some(times);
        self
    }

    /// Each of them with this probability, from 0 to 1, drawn from a generator with this seed.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.rule.probability = Some(probability);
        self.seed = seed;
        self
    }

    /// Only from this time on, by the cluster's clock.
    pub fn from(mut self, from: Duration) -> Self {
        self.rule.from = Some(from);
        self
    }

    /// Only before this time, by the cluster's clock.
    pub fn to(mut self, to: Duration) -> Self {
        self.rule.to = Some(to);
        self
    }
}

/// What happens to them. All of these put the rule in force; they fail if it is out of bounds.
#[allow(clippy::missing_errors_doc)]
impl FaultRuleBuilder<'_> {
    /// An error code, without the effect of what it is for.
    pub fn error(self, code: ErrorCode) -> Result<Fault, PlanError> {
        self.action(FaultAction::Error { code, when: When::BeforeApply })
    }

    /// An error code, although what it is for has its effect.
    pub fn error_after_apply(self, code: ErrorCode) -> Result<Fault, PlanError> {
        self.action(FaultAction::Error { code, when: When::AfterApply })
    }

    /// The request is taken up later.
    pub fn delay_request(self, by: Duration) -> Result<Fault, PlanError> {
        self.action(FaultAction::Delay { by, when: When::BeforeApply })
    }

    /// The answer is sent later.
    pub fn delay_response(self, by: Duration) -> Result<Fault, PlanError> {
        self.action(FaultAction::Delay { by, when: When::AfterApply })
    }

    /// The request is neither applied nor answered.
    pub fn drop_request(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Drop { when: When::BeforeApply })
    }

    /// The request is applied and not answered.
    pub fn drop_response(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Drop { when: When::AfterApply })
    }

    /// The connection is closed before the request is applied.
    pub fn close(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Close { when: When::BeforeApply })
    }

    /// The connection is closed instead of an answer.
    pub fn close_after_apply(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Close { when: When::AfterApply })
    }

    /// The connection is closed after so many bytes of the answer.
    pub fn cut(self, bytes: u32) -> Result<Fault, PlanError> {
        self.action(FaultAction::Cut { bytes })
    }

    /// The request is not applied, and the connection open and mute from then on.
    pub fn hang(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Hang { when: When::BeforeApply })
    }

    /// The request is applied, and the connection open and mute from then on.
    pub fn hang_after_apply(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Hang { when: When::AfterApply })
    }

    /// The answer is sent twice.
    pub fn repeat(self) -> Result<Fault, PlanError> {
        self.action(FaultAction::Repeat)
    }

    /// The answer says that the client is throttled, and the connection is not read for so long.
    pub fn throttle(self, by: Duration) -> Result<Fault, PlanError> {
        self.action(FaultAction::Throttle { by })
    }

    /// Partitions have another leader, it says. Only for Produce.
    pub fn misdirect(self, node: NodeId, epochs_back: u32) -> Result<Fault, PlanError> {
        self.action(FaultAction::Misdirect { node, epochs_back })
    }

    /// Any action.
    pub fn action(mut self, action: FaultAction) -> Result<Fault, PlanError> {
        self.rule.action = action;
        let plan = FaultPlan::new(self.seed, vec![self.rule]);
        let mut added = self.faults.load(&plan)?;
        Ok(added.remove(0))
    }
}
