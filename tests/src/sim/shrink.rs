//! Takes things out of a world for as long as it fails in the same way: what is left is what the failure needs.

use super::judge::{Failure, judge};
use super::plan::Plan;

/// A world that fails, and how.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The world.
    pub plan: Plan,
    /// What is wrong with it.
    pub failure: Failure,
    /// How many worlds were tried.
    pub tried: usize,
}

/// Shrinks `plan`, which fails with `failure`, by trying at most `most` worlds.
pub fn shrink(plan: &Plan, failure: &Failure, most: usize) -> Shrunk {
    let mut best = Shrunk { plan: plan.clone(), failure: failure.clone(), tried: 0 };
    best.attempt(most, |plan| plan.spare.rules.clear());
    loop {
        let before = size(&best.plan);
        best.try_without_many(most);
        best.try_one_by_one(most);
        if size(&best.plan) == before || best.tried >= most {
            return best;
        }
    }
}

fn size(plan: &Plan) -> u64 {
    let records: u64 = plan.producers.iter().map(|producer| producer.records).sum();
    (plan.faults() + plan.producers.len() + plan.consumers.len()) as u64 + records
}

impl Shrunk {
    /// Halves what comes in lists.
    fn try_without_many(&mut self, most: usize) {
        let mut part = self.plan.faults.rules.len() / 2;
        while part > 1 {
            let mut at = 0;
            while at < self.plan.faults.rules.len() {
                let end = (at + part).min(self.plan.faults.rules.len());
                if !self.attempt(most, |plan| drop(plan.faults.rules.drain(at..end))) {
                    at = end;
                }
            }
            part /= 2;
        }
        for nth in 0..self.plan.producers.len() {
            while self.plan.producers[nth].records > 1
                && self.attempt(most, |plan| plan.producers[nth].records /= 2)
            {}
        }
    }

    fn try_one_by_one(&mut self, most: usize) {
        for nth in (0..self.plan.faults.rules.len()).rev() {
            self.attempt(most, |plan| _ = plan.faults.rules.remove(nth));
        }
        for nth in (0..self.plan.network.len()).rev() {
            self.attempt(most, |plan| _ = plan.network.remove(nth));
        }
        for nth in (0..self.plan.consumers.len()).rev() {
            self.attempt(most, |plan| _ = plan.consumers.remove(nth));
        }
        for nth in (0..self.plan.wanderers.len()).rev() {
            self.attempt(most, |plan| plan.wanderers.truncate(nth));
        }
        for nth in (0..self.plan.producers.len()).rev() {
            if self.plan.producers.len() > 1 {
                self.attempt(most, |plan| _ = plan.producers.remove(nth));
            }
        }
    }

    /// Whether the world still fails in the same way after `change`, which it then keeps.
    fn attempt(&mut self, most: usize, change: impl FnOnce(&mut Plan)) -> bool {
        if self.tried >= most {
            return false;
        }
        self.tried += 1;
        let mut plan = self.plan.clone();
        change(&mut plan);
        match judge(&plan) {
            Err(failure) if failure.rule == self.failure.rule => {
                (self.plan, self.failure) = (plan, failure);
                true
            }
            _ => false,
        }
    }
}
