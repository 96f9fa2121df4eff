//! A task's part of the records, and tasks that send theirs at the same time.

use std::ops::Range;

use ottla_client::Record;
use tokio::task::JoinSet;

use super::keys::Keys;
use super::pace::Pace;
use super::payload::Payload;
use super::session::Session;

/// Records of consecutive numbers; with its own handle to everything, so that a task can have it.
#[derive(Debug)]
pub struct Share {
    pub topic: String,
    pub payload: Payload,
    pub keys: Keys,
    pub numbers: Range<u64>,
    pub pace: Option<Pace>,
    /// How many there are.
    pub of: u64,
}

impl Share {
    /// All records in `--tasks` parts, which differ by one record at most.
    pub fn all(session: &Session<'_>) -> Vec<Share> {
        let (arguments, records) = (session.arguments, session.arguments.records());
        let tasks = arguments.producing.tasks.min(records);
        let share = |task| Share {
            topic: arguments.topic.clone(),
            payload: session.payload.clone(),
            keys: session.keys.clone(),
            numbers: boundary(records, task, tasks)..boundary(records, task + 1, tasks),
            pace: arguments.rate.map(|rate| Pace::shared(rate, tasks)),
            of: tasks,
        };
        (0..tasks).map(share).collect()
    }

    /// The records in their order, with the bytes of key and value.
    pub fn records(&self) -> impl Iterator<Item = (Record<'_>, u64)> {
        self.numbers.clone().zip(self.payload.values_from(self.numbers.start)).map(|(number, value)| {
            let record = Record::to(&self.topic).value(value);
            match self.keys.key(number) {
                Some(key) => (record.key(key), (key.len() + value.len()) as u64),
                None => (record, value.len() as u64),
            }
        })
    }
}

fn boundary(records: u64, task: u64, tasks: u64) -> u64 {
    (u128::from(records) * u128::from(task) / u128::from(tasks)) as u64
}

/// Waits for all: one where it stands, several as tasks of their own.
pub async fn together<T, F>(mut parts: Vec<F>) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    if parts.len() == 1 {
        let only = parts.remove(0);
        return Ok(vec![only.await?]);
    }
    let mut tasks: JoinSet<anyhow::Result<T>> = parts.into_iter().collect();
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(joined) = tasks.join_next().await {
        results.push(joined??);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_records_once() {
        for (records, tasks) in [(10, 1), (10, 3), (3, 3), (1_000_001, 8)] {
            let ends: Vec<u64> = (0..=tasks).map(|task| boundary(records, task, tasks)).collect();
            assert_eq!((ends[0], ends[tasks as usize]), (0, records));
            let sizes: Vec<u64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0) <= 1, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn an_error_of_one_is_the_error_of_all() {
        let part = |number: u64| async move {
            anyhow::ensure!(number != 2, "number 2 failed");
            Ok(number)
        };
        let mut all = together(vec![part(0), part(1)]).await.expect("none failed");
        all.sort_unstable();
        assert_eq!(all, [0, 1]);
        assert!(together(vec![part(1), part(2), part(3)]).await.is_err());
        assert!(together(vec![part(2)]).await.is_err());
    }
}
