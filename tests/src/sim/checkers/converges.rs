//! Once nothing goes wrong any more, all that was sent is soon resolved and read. Clients promise to get over whatever
//! passes: what stays stuck then would have stayed stuck for ever.

use super::Checker;
use crate::sim::history::{ClientEvent, Event, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "converges", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let when = |wanted: &ClientEvent| {
        let is_it = |event: &Event| matches!(event, Event::Client(event) if event == wanted);
        outcome.history.iter().find(|happened| is_it(&happened.event)).map(|happened| happened.at)
    };
    let Some(stopped) = when(&ClientEvent::FaultsStopped) else {
        return Err("the faults never stopped".to_owned());
    };
    let limit = outcome.convergence_limit;
    match when(&ClientEvent::Converged) {
        Some(converged) if converged.saturating_sub(stopped) <= limit => Ok(()),
        Some(converged) => {
            Err(format!("it took {:?} until all was resolved and read", converged.saturating_sub(stopped)))
        }
        None => Err(format!("{limit:?} after the faults not all is resolved and read")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn a_world_converges_within_its_limit() {
        let calm = idempotent().sent(1).calm();
        calm.clone().after(Duration::from_millis(900)).converged().accepted_by(CHECKER);
        calm.clone().after(Duration::from_secs(1)).converged().refused_by(CHECKER, "it took 1.001s");
        calm.refused_by(CHECKER, "1s after the faults");
        idempotent().sent(1).refused_by(CHECKER, "the faults never stopped");
    }
}
