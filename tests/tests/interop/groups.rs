//! Groups that ottla shares with others: each goes on where the other committed, and as members of one group they
//! share its partitions. Every record is read once.

use super::on_testbroker::OnTestBroker;
use ottla_client::{Client, OffsetReset};
use ottla_tests::broker::wait_for_members;
use ottla_tests::clients::{GroupClient, Java, KafkaClient, KafkaJs, Member, RunningMember, produce, until};
use ottla_tests::real_kafka::{RealKafka, unique};
use ottla_tests::workload::{Content, Received, check_sorted, keyed};
use std::time::Duration;
use tokio::runtime::Runtime;

const PARTITIONS: i32 = 6;
const RECORDS: usize = 6_000;

/// How long a member waits that cannot know how many records it will get.
const PATIENCE: Duration = Duration::from_secs(6);

/// Likewise, for one that knows.
const LONG: Duration = Duration::from_secs(30);

/// Far more than a member wants: it ends by its patience.
const ALL_THAT_COMES: usize = 1_000_000;

/// As every client can show it.
fn workload() -> Vec<Content> {
    keyed(RECORDS).iter().map(|content| KafkaJs::default().shows(content)).collect()
}

/// A topic and a group on a cluster of one broker, and ottla beside it.
struct Scene {
    bootstrap_servers: String,
    topic: String,
    group: String,
    client: Client,
    runtime: Runtime,
}

impl Scene {
    fn new(bootstrap_servers: &str, topic: String) -> Self {
        let runtime = Runtime::new().expect("threads for a runtime");
        let client = runtime.block_on(Client::builder(bootstrap_servers).connect()).expect("it is up");
        let (bootstrap_servers, group) = (bootstrap_servers.to_owned(), unique("shared"));
        Self { bootstrap_servers, topic, group, client, runtime }
    }

    fn send(&self, records: std::ops::Range<usize>) {
        self.runtime.block_on(async {
            let producer = self.client.producer().build().expect("a producer");
            produce(&producer, &self.topic, &workload()[records]).await;
        });
    }

    /// ottla as a member.
    fn join(&self) -> Member {
        let builder = self.client.consumer(self.group.as_str()).subscribe([self.topic.as_str()]);
        let builder = builder.auto_offset_reset(OffsetReset::Earliest);
        let _inside = self.runtime.enter();
        Member::join(builder.heartbeat_interval(Duration::from_millis(300)))
    }

    /// Another client as a member.
    fn start(&self, other: &dyn GroupClient, count: usize, patience: Duration) -> RunningMember {
        other.start_member(&self.bootstrap_servers, &self.topic, &self.group, count, patience)
    }

    fn has_members(&self, count: usize) {
        wait_for_members(&self.bootstrap_servers, &self.group, count);
    }

    fn check(&self, parts: [Vec<Received>; 2]) {
        let counts = parts.each_ref().map(Vec::len);
        assert!(counts.iter().all(|count| *count > 0), "both have read: {counts:?}");
        check_sorted(&workload(), parts.concat());
        println!("{} records, {} by the one and {} by the other", RECORDS, counts[0], counts[1]);
    }

    /// ottla reads a part, then the other the rest.
    fn the_other_goes_on(&self, other: &dyn GroupClient) {
        self.send(0..RECORDS / 3);
        let ottla = self.join();
        self.runtime.block_on(until("a part is read", || ottla.count() == RECORDS / 3));
        let first = self.runtime.block_on(ottla.leave());
        self.send(RECORDS / 3..RECORDS);
        let rest = self.start(other, RECORDS - first.len(), LONG).received();
        self.check([first, rest]);
    }

    /// The other reads a part, and ends in the middle of a batch; then ottla reads the rest.
    fn ottla_goes_on(&self, other: &dyn GroupClient) {
        self.send(0..RECORDS);
        let first = self.start(other, RECORDS / 3, LONG).received();
        assert_eq!(first.len(), RECORDS / 3);
        let ottla = self.join();
        self.runtime.block_on(until("the rest is read", || ottla.count() + first.len() >= RECORDS));
        let rest = self.runtime.block_on(ottla.leave());
        self.check([first, rest]);
    }

    /// Both are members at once, until the other leaves and ottla has all.
    fn both_share(&self, other: &dyn GroupClient) {
        let ottla = self.join();
        self.has_members(1);
        let other = self.start(other, ALL_THAT_COMES, PATIENCE);
        self.has_members(2);
        self.runtime.block_on(until("ottla has half", || ottla.partitions() == PARTITIONS as usize / 2));
        self.send(0..RECORDS / 2);
        let others = other.received();
        self.runtime.block_on(until("ottla has all", || ottla.partitions() == PARTITIONS as usize));
        self.send(RECORDS / 2..RECORDS);
        self.runtime.block_on(until("all is read", || ottla.count() + others.len() >= RECORDS));
        let ours = self.runtime.block_on(ottla.leave());
        self.check([ours, others]);
    }

    /// Two members of the same kind.
    fn two_share(&self, client: &dyn GroupClient) {
        let members = [(); 2].map(|()| self.start(client, ALL_THAT_COMES, PATIENCE));
        self.has_members(2);
        self.send(0..RECORDS);
        let parts = members.map(RunningMember::received);
        self.check(parts);
    }
}

fn on_kafka(act: impl FnOnce(&Scene)) {
    let kafka = RealKafka::one();
    let topic = kafka.topic("shared-group", PARTITIONS);
    act(&Scene::new(kafka.bootstrap_servers(), topic));
}

fn on_testbroker(act: impl FnOnce(&Scene)) {
    let broker = OnTestBroker::start(1);
    let topic = broker.topic("shared-group", PARTITIONS);
    act(&Scene::new(&broker.bootstrap_servers(), topic));
}

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn java_goes_on_where_ottla_committed() {
    on_kafka(|scene| scene.the_other_goes_on(&Java::default()));
    on_testbroker(|scene| scene.the_other_goes_on(&Java::default()));
}

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn ottla_goes_on_where_java_committed() {
    on_kafka(|scene| scene.ottla_goes_on(&Java::default()));
    on_testbroker(|scene| scene.ottla_goes_on(&Java::default()));
}

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn ottla_and_java_share_a_group() {
    on_kafka(|scene| scene.both_share(&Java::default()));
    on_testbroker(|scene| scene.both_share(&Java::default()));
}

#[test]
#[ignore = "needs Java: cargo xtask test"]
fn two_java_members_share_a_group_on_the_test_broker() {
    on_testbroker(|scene| scene.two_share(&Java::default()));
}

#[test]
#[ignore = "needs a real Kafka and Node: cargo xtask test"]
fn kafkajs_goes_on_where_ottla_committed() {
    on_kafka(|scene| scene.the_other_goes_on(&KafkaJs::default()));
    on_testbroker(|scene| scene.the_other_goes_on(&KafkaJs::default()));
}

#[test]
#[ignore = "needs a real Kafka and Node: cargo xtask test"]
fn ottla_goes_on_where_kafkajs_committed() {
    on_kafka(|scene| scene.ottla_goes_on(&KafkaJs::default()));
    on_testbroker(|scene| scene.ottla_goes_on(&KafkaJs::default()));
}

/// Not beside ottla: KafkaJS's own assignor is its only one, and no other client has it.
#[test]
#[ignore = "needs Node: cargo xtask test"]
fn two_kafkajs_members_share_a_group_on_the_test_broker() {
    on_testbroker(|scene| scene.two_share(&KafkaJs::default()));
}
