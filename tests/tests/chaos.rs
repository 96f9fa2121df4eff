//! A real Kafka of three nodes, killed in turn with SIGKILL while a default producer sends at a steady rate: what is
//! acknowledged is read exactly once, in order, and what is told as not written is not there. The next node dies only when
//! every replica is in sync again; a cluster that does not get there makes the run inconclusive, which is not passed.
//!
//! The short form under `cargo xtask test`, five minutes and eight kills under `cargo xtask soak --only chaos --minutes 5`.
//! A target of its own, as its cluster is no place for other tests.

use ottla_client::Client;
use ottla_tests::broker::{NewTopic, create_topic};
use ottla_tests::chaos::acknowledgements::Acknowledgements;
use ottla_tests::chaos::killer::{self, Times};
use ottla_tests::chaos::load::Load;
use ottla_tests::chaos::nodes::RealNodes;
use ottla_tests::chaos::plan::Plan;
use ottla_tests::chaos::reading::{by_kcat, by_ottla, mark_ends};
use ottla_tests::chaos::report::{Conclusion, Report, conclude};
use ottla_tests::chaos::watch;
use ottla_tests::real_kafka::{required, unique};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{block_in_place, spawn_blocking};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn what_is_acknowledged_is_read_once_and_in_order_though_nodes_are_killed() {
    let plan = Plan::of_environment();
    let servers = required("OTTLA_TEST_KAFKA_CHAOS");
    let topic = unique("chaos");
    create_topic(
        &servers,
        &NewTopic { name: &topic, partitions: plan.partitions, replicas: 3, configs: &[] },
    );
    println!("{plan:?}");

    let client = Client::builder(&servers).events(watch::printer()).connect().await.expect("Kafka is up");
    let producer = client.producer().build().expect("a producer");
    let noted = Arc::new(Acknowledgements::begin(plan.partitions));
    let load = Load::start(&producer, &topic, &plan, &noted);
    let mut nodes = RealNodes::of_environment(&topic);
    let began = noted.began();
    let killing = spawn_blocking(move || killer::run(&mut nodes, &plan, &Times::REAL, &|| began.elapsed()));
    let outages = killing.await.expect("killing does not panic");
    let outcome = load.finish().await;
    producer.close(Duration::MAX).await.expect("all is resolved");

    let mut readings = Vec::new();
    match (mark_ends(&client, &topic, plan.partitions).await, &outages.inconclusive) {
        (Ok(()), _) => readings.push(("ottla", by_ottla(&client, &topic, &outcome.history).await)),
        (Err(error), None) => panic!("a cluster whose nodes all live takes no record: {error}"),
        (Err(error), Some(_)) => println!("not read: {error}"),
    }
    client.close().await;
    if plan.has_second_reader && outages.inconclusive.is_none() {
        match block_in_place(|| by_kcat(&servers, &topic, &outcome.history)) {
            Some(verdict) => readings.push(("kcat", verdict)),
            None => println!("not read by kcat: it is not installed"),
        }
    }
    let acknowledgements = &*noted;
    let (outages, outcome, readings) = (&outages, &outcome, &readings[..]);
    println!("{}", Report { plan: &plan, outages, acknowledgements, outcome, readings });
    match conclude(outages, readings) {
        Conclusion::Passed => {}
        Conclusion::Failed => panic!("a rule is broken"),
        Conclusion::Inconclusive => panic!("inconclusive"),
    }
}
