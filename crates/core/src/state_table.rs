//! The table of a machine's states: every legal edge. A machine takes an edge only if its table has it.
//!
//! Not here: what a machine does about an edge that is not legal; and when edges are taken, which each machine's file
//! says.

use std::fmt;

#[cfg(feature = "__coverage")]
use crate::coverage::{Edge, EdgeHits};

/// The states of a machine, each with those that may follow it.
pub(crate) struct StateTable<S: 'static> {
    machine: &'static str,
    rows: &'static [(S, &'static [S])],
    #[cfg(feature = "__coverage")]
    hits: EdgeHits,
}

impl<S: Copy + PartialEq + fmt::Debug> StateTable<S> {
    /// A table with a row for every state. Leading from a state to itself is an edge like others.
    pub(crate) const fn new(machine: &'static str, rows: &'static [(S, &'static [S])]) -> Self {
        Self {
            machine,
            rows,
            #[cfg(feature = "__coverage")]
            hits: EdgeHits::new(),
        }
    }

    /// Whether the edge is legal. One that is, is counted as taken.
    pub(crate) fn take(&self, from: S, to: S) -> bool {
        let is_legal = self.rows.iter().any(|(state, next)| *state == from && next.contains(&to));
        // The simulation is optimised, and must not let it pass either.
        let is_checked = cfg!(any(debug_assertions, feature = "__coverage"));
        assert!(is_legal || !is_checked, "illegal: {} from {from:?} to {to:?}", self.machine);
        #[cfg(feature = "__coverage")]
        if let (true, Some(from), Some(to)) = (is_legal, self.row(from), self.row(to)) {
            self.hits.count(from, to);
        }
        is_legal
    }

    #[cfg(feature = "__coverage")]
    fn row(&self, wanted: S) -> Option<usize> {
        self.rows.iter().position(|(state, _)| *state == wanted)
    }

    /// Every legal edge, with how often it was taken.
    #[cfg(feature = "__coverage")]
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (at, (from, next)) in self.rows.iter().enumerate() {
            for to in *next {
                let hits = self.row(*to).map_or(0, |to| self.hits.of(at, to));
                let (from, to) = (format!("{from:?}"), format!("{to:?}"));
                edges.push(Edge { machine: self.machine, from, to, hits });
            }
        }
        edges
    }

    /// The table as text, for tests: a line for each state, with an `x` for each that may follow it in the lines' order.
    #[cfg(test)]
    pub(crate) fn picture(&self) -> Vec<String> {
        let line = |(state, next): &(S, &[S])| {
            let marks = self.rows.iter().map(|(to, _)| if next.contains(to) { 'x' } else { '.' });
            format!("{} {state:?}", marks.collect::<String>())
        };
        self.rows.iter().map(line).collect()
    }
}
