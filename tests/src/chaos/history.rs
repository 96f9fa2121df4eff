//! What the producer said of every record that was sent.

use super::content::RecordId;

/// What became of a record, by the producer's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written.
    Acknowledged {
        /// Where.
        partition: i32,
        /// Where; `None` for a duplicate whose offset the broker has forgotten.
        offset: Option<i64>,
    },
    /// It is not, and will not be.
    NotWritten,
    /// Nobody knows.
    PerhapsWritten,
}

/// The fates of all records, by sender and number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// How many partitions there are.
    pub partitions: i32,
    /// Each sender's records, in the order in which they were sent.
    pub senders: Vec<Vec<Fate>>,
}

impl History {
    /// A record's fate; `None` if it was not sent.
    #[must_use]
    pub fn fate(&self, id: RecordId) -> Option<Fate> {
        self.senders.get(usize::from(id.sender))?.get(id.number as usize).copied()
    }

    /// All fates with their records.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, Fate)> {
        (0..).zip(&self.senders).flat_map(|(sender, fates)| {
            (0..).zip(fates).map(move |(number, fate)| (RecordId { sender, number }, *fate))
        })
    }

    /// How many records have a fate like this.
    pub fn count(&self, is_meant: impl Fn(Fate) -> bool) -> usize {
        self.senders.iter().flatten().filter(|fate| is_meant(**fate)).count()
    }
}
