//! What the controller decided, and what nodes believe that have not heard of it yet.

use std::collections::BTreeMap;

use ottla_protocol::types::NodeId;

/// One fact of the cluster's metadata, and its older versions that some nodes still hold.
#[derive(Clone, Debug)]
pub(crate) struct Image<T> {
    current: T,
    outdated: BTreeMap<NodeId, T>,
}

impl<T: Clone> Image<T> {
    pub(crate) fn new(current: T) -> Self {
        Self { current, outdated: BTreeMap::new() }
    }

    /// As the controller has it.
    pub(crate) fn current(&self) -> &T {
        &self.current
    }

    /// As `node` has it.
    pub(crate) fn seen_by(&self, node: NodeId) -> &T {
        self.outdated.get(&node).unwrap_or(&self.current)
    }

    /// Changes it for all nodes but those of `unaware`, who go on with what they had.
    pub(crate) fn change(&mut self, next: T, unaware: &[NodeId]) {
        for node in unaware {
            self.outdated.entry(*node).or_insert_with(|| self.current.clone());
        }
        self.current = next;
    }

    /// `node` hears of the latest version.
    pub(crate) fn learn(&mut self, node: NodeId) {
        self.outdated.remove(&node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_heard_goes_on_with_what_it_had() {
        let (a, b) = (NodeId(1), NodeId(2));
        let mut image = Image::new("old");
        image.change("new", &[b]);
        image.change("newest", &[b]);
        assert_eq!((image.seen_by(a), image.seen_by(b), image.current()), (&"newest", &"old", &"newest"));
        image.learn(b);
        assert_eq!(image.seen_by(b), &"newest");
    }
}
