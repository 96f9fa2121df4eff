//! Reads the whole log back: by our own consumer without a group, and by a client that is not ours.

use super::content::END;
use super::history::History;
use super::judge::{Judge, Verdict};
use crate::clients::assigned;
use ottla_client::{Client, Record, SendError};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

/// A reader that gets nothing for so long has read what there is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Marks the end of each partition, behind all that was sent: readers need not believe a broker's high watermark.
///
/// # Errors
/// A mark is not acknowledged.
///
/// # Panics
/// If the client is closed.
pub async fn mark_ends(client: &Client, topic: &str, partitions: i32) -> Result<(), SendError> {
    let producer = client.producer().build().expect("a producer");
    for partition in 0..partitions {
        let record = Record::to(topic).partition(partition).value(END);
        producer.send(record).await?;
    }
    // All of it is resolved: there is nothing to hand back.
    let _ = producer.close(Duration::MAX).await;
    Ok(())
}

/// What our consumer reads, judged.
///
/// # Panics
/// If it fails.
pub async fn by_ottla(client: &Client, topic: &str, history: &History) -> Verdict {
    let consumer = assigned(client, topic).await;
    let mut judge = Judge::new(history);
    while !judge.has_ended() {
        let Ok(batch) = timeout(PATIENCE, consumer.next_batch()).await else { break };
        for record in &batch.expect("no error").expect("the consumer is open") {
            judge.on_record(record.partition(), record.offset(), record.value().unwrap_or_default());
        }
    }
    consumer.close().await.expect("nothing to commit");
    judge.finish()
}

/// What kcat, and so librdkafka, reads to the end, judged; `None` where it is not installed. Blocks.
///
/// # Panics
/// If it fails, or prints something else.
#[must_use]
pub fn by_kcat(bootstrap_servers: &str, topic: &str, history: &History) -> Option<Verdict> {
    let mut command = Command::new("kcat");
    command.args(["-C", "-b", bootstrap_servers, "-t", topic, "-o", "beginning", "-e", "-q"]);
    command.args(["-X", "check.crcs=true", "-f", "%p %o %s\n"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().ok()?;
    let mut judge = Judge::new(history);
    let mut lines = BufReader::new(child.stdout.take().expect("a piped output"));
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let mut parts = line.strip_suffix(b"\n").unwrap_or(&line).splitn(3, |byte| *byte == b' ');
        let mut part = || parts.next().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&line)));
        let (partition, offset) = (number(part()), number(part()));
        judge.on_record(i32::try_from(partition).expect("a partition"), offset, part());
        line.clear();
    }
    let status = child.wait().expect("a child can be waited for");
    assert!(status.success(), "kcat failed: {status}");
    Some(judge.finish())
}

fn number(text: &[u8]) -> i64 {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("no number: {}", String::from_utf8_lossy(text)))
}
