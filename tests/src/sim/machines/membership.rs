//! Answers on their way to the machine of a group.

use ottla_core::groups::{ClassicGroup, GroupResponse, LookupError, read_coordinator};
use ottla_core::request::RequestError;
use ottla_core::time::Now;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;

use super::client::Done;
use super::connections::Purpose;

/// Hands `group` what it asked for; gives back what somebody else did.
pub(super) fn answer(group: &mut ClassicGroup, now: Now, (purpose, result): Done) -> Option<Done> {
    match purpose {
        Purpose::Coordinator(token) => {
            let result = result.map_err(LookupError::Request).and_then(|answer| {
                let response = answer.decode::<FindCoordinatorRequest>().map_err(LookupError::Request)?;
                read_coordinator(&response, answer.version).map_err(LookupError::Code)
            });
            group.on_coordinator(now, token, result);
        }
        Purpose::Group(token, api) => {
            let result = result.and_then(|answer| {
                GroupResponse::decode(api, &answer.body, answer.version)
                    .expect("group requests have group answers")
                    .map_err(RequestError::Decode)
            });
            group.on_response(now, token, result);
        }
        _ => return Some((purpose, result)),
    }
    None
}
