//! Kills one node after the other and starts it again, each only when every replica is in sync again. Blocks: it wants a
//! thread of its own.

#[cfg(test)]
mod tests;

use super::plan::Plan;
use std::thread::sleep;
use std::time::Duration;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until every replica is in sync again after a node was started; longer is a cluster that tells nothing of us.
    pub refill_limit: Duration,
    /// How long a node is dead.
    pub down: Duration,
    /// How long all is well before the next is killed.
    pub calm: Duration,
    /// How often the nodes are asked.
    pub tick: Duration,
}

impl Times {
    /// For real nodes.
    pub const REAL: Self = Self {
        refill_limit: Duration::from_secs(60),
        down: Duration::from_secs(3),
        calm: Duration::from_secs(2),
        tick: Duration::from_millis(200),
    };
}

/// What is killed. Nodes are numbered from 1.
pub trait Nodes {
    /// How many there are.
    fn count(&self) -> usize;

    /// Kills one.
    ///
    /// # Errors
    /// Why that could not be done.
    fn kill(&mut self, node: usize) -> Result<(), String>;

    /// Starts one again, and waits until it serves.
    ///
    /// # Errors
    /// Why it does not.
    fn start(&mut self, node: usize) -> Result<(), String>;

    /// The leader of each partition.
    fn leaders(&mut self) -> Vec<usize>;

    /// Whether all nodes live, and have all replicas of all partitions in sync.
    fn are_in_sync(&mut self) -> bool;
}

/// A node that was killed and came back; times are since the load began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Which.
    pub node: usize,
    /// How many partitions it led.
    pub led: usize,
    /// When it was killed.
    pub killed: Duration,
    /// When it was started again.
    pub started: Duration,
    /// When every replica was in sync again.
    pub in_sync: Duration,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outages {
    /// Every node that was killed and came back in time.
    pub kills: Vec<Kill>,
    /// Why this run proves nothing, if so.
    pub inconclusive: Option<String>,
}

/// Kills until the plan is fulfilled, or a node does not come back. The clock shows the time since the load began.
pub fn run(nodes: &mut impl Nodes, plan: &Plan, times: &Times, clock: &dyn Fn() -> Duration) -> Outages {
    let mut outages = Outages::default();
    if let Err(reason) = wait_until_in_sync(nodes, times, clock, "before the first kill") {
        outages.inconclusive = Some(reason);
        return outages;
    }
    loop {
        sleep(times.calm);
        if outages.kills.len() >= plan.kills && clock() >= plan.duration {
            return outages;
        }
        let node = outages.kills.len() % nodes.count() + 1;
        match kill(nodes, node, times, clock) {
            Ok(kill) => outages.kills.push(kill),
            Err(reason) => {
                outages.inconclusive = Some(reason);
                return outages;
            }
        }
    }
}

fn kill(
    nodes: &mut impl Nodes,
    node: usize,
    times: &Times,
    clock: &dyn Fn() -> Duration,
) -> Result<Kill, String> {
    let led = nodes.leaders().into_iter().filter(|leader| *leader == node).count();
    nodes.kill(node)?;
    let killed = clock();
    sleep(times.down);
    let started = clock();
    // The limit is for both: a node that takes long to start has not come back either.
    let since = || clock().saturating_sub(started);
    nodes.start(node)?;
    wait_until_in_sync(nodes, times, &since, &format!("after node {node} was killed and started again"))?;
    Ok(Kill { node, led, killed, started, in_sync: clock() })
}

fn wait_until_in_sync(
    nodes: &mut impl Nodes,
    times: &Times,
    since: &dyn Fn() -> Duration,
    what: &str,
) -> Result<(), String> {
    while since() <= times.refill_limit {
        if nodes.are_in_sync() {
            return Ok(());
        }
        sleep(times.tick);
    }
    Err(format!("not every replica was in sync within {:?} {what}", times.refill_limit))
}
