//! What the journal hears of a group.

use ottla_protocol::consumer_protocol::decode_assignment;
use ottla_protocol::types::GroupId;

use super::{Group, GroupState, Member, MemberId};
use crate::journal::{JournalEvent, JournalMember};

impl Group {
    /// The group as it is, if its state or generation is another one than the last time.
    pub(crate) fn news(&mut self, id: &GroupId) -> Option<JournalEvent> {
        let is = (self.state, self.generation_id);
        if self.told.replace(is) == Some(is) {
            return None;
        }
        Some(JournalEvent::GroupChanged {
            group: id.to_string(),
            state: self.state.name(),
            generation_id: self.generation_id,
            protocol: self.protocol_name().to_string(),
            members: self.members.iter().map(|(id, member)| self.described(id, member)).collect(),
        })
    }

    fn described(&self, id: &MemberId, member: &Member) -> JournalMember {
        // Before that the assignments are those of the last generation.
        let is_assigned = self.state == GroupState::Stable && &*self.protocol_type() == "consumer";
        let assignment = is_assigned.then(|| decode_assignment(&member.assignment).ok()).flatten();
        let mut topics = Vec::new();
        for row in assignment.into_iter().flat_map(|assignment| assignment.assigned_partitions) {
            topics.push((row.topic.to_string(), row.partitions.iter().copied().collect()));
        }
        JournalMember {
            member_id: id.0.to_string(),
            client_id: member.client_id.to_string(),
            assignment: topics,
        }
    }
}
