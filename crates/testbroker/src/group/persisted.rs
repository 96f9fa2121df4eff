//! What a coordinator writes down of a group, and what the next one makes of it: the members and assignments of the
//! last generation that became stable, or that nobody was left. A rebalance that is under way is forgotten.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::Str;

use super::{Group, GroupState, Member, MemberId};
use crate::now::Instant;

/// Kafka's `GroupMetadataValue`.
#[derive(Clone, Debug, Default)]
pub(super) struct Persisted {
    generation_id: i32,
    protocol_type: Option<Str>,
    protocol_name: Option<Str>,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
}

impl Group {
    /// The one place where a group's generation, members or assignment become final.
    pub(super) fn persist(&mut self) {
        self.persisted = Persisted {
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            members: self.members.clone(),
        };
    }

    /// The coordinator has lost the group: who waits is told so, and nobody watches the members.
    pub(crate) fn unload(&mut self, error: ErrorCode) {
        for mut member in std::mem::take(&mut self.members).into_values() {
            self.dismiss(&mut member, error);
        }
        self.static_members.clear();
        self.pending_members.clear();
        self.rebalance = None;
        self.sync_deadline = None;
    }

    /// A coordinator has read what was written down. Every member's session starts anew.
    pub(crate) fn load(&mut self, now: Instant) {
        let Persisted { generation_id, protocol_type, protocol_name, leader, members } =
            self.persisted.clone();
        self.generation_id = generation_id;
        self.protocol_type = protocol_type;
        self.protocol_name = protocol_name;
        self.leader = leader;
        self.members = members;
        for (id, member) in &mut self.members {
            member.awaiting_join = None;
            member.awaiting_sync = None;
            member.is_new = false;
            member.is_sync_pending = false;
            member.touch(now);
            if let Some(instance_id) = &member.instance_id {
                self.static_members.insert(instance_id.clone(), id.clone());
            }
        }
        // No step from where the last coordinator was: for this one the group begins here.
        self.state = if self.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
    }
}
