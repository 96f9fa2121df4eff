//! Through each way records are produced, and consumed in a group.

use crate::ways::{Proxies, Way};
use ottla_client::config::Config;
use ottla_client::{ClientBuilder, OffsetReset, Record};
use ottla_tests::real_kafka::unique;
use ottla_tests::secured::{Secured, SecuredTestBroker};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

const RECORDS: usize = 20;
const AT_ONCE: usize = 8;

/// Produces, and consumes in a group.
pub async fn round_trip(builder: ClientBuilder) -> Result<(), String> {
    let client = builder.connect().await.map_err(|error| error.to_string())?;
    let topic = unique("ways");
    let producer = client.producer().build().map_err(|error| error.to_string())?;
    for number in 0..RECORDS {
        let value = number.to_string();
        producer.send(Record::to(&topic).value(&value)).await.map_err(|error| error.to_string())?;
    }
    let consumer = client
        .consumer(unique("ways"))
        .subscribe([topic.as_str()])
        .auto_offset_reset(OffsetReset::Earliest)
        .build()
        .map_err(|error| error.to_string())?;
    let mut values = Vec::new();
    while values.len() < RECORDS {
        let batch = consumer.next_batch().await.map_err(|error| error.to_string())?.ok_or("closed")?;
        values.extend(batch.iter().filter_map(|record| record.value().map(<[u8]>::to_vec)));
    }
    consumer.close().await.map_err(|error| error.to_string())?;
    producer.close(Duration::MAX).await.map_err(|error| error.to_string())?;
    client.close().await;
    let expected: Vec<_> = (0..RECORDS).map(|number| number.to_string().into_bytes()).collect();
    if values == expected { Ok(()) } else { Err("other records came back".to_owned()) }
}

async fn in_time(builder: ClientBuilder) -> Result<(), String> {
    let result = timeout(Duration::from_secs(30), round_trip(builder)).await;
    result.unwrap_or_else(|_| Err("not done in 30 s".to_owned()))
}

/// Goes one way, by code and by properties; a line for each of them, and what failed.
async fn go(cluster: Arc<Secured>, way: Way) -> Vec<(String, Result<(), String>)> {
    let proxies = Proxies::start().await;
    let mut result = in_time(way.builder(&cluster, &proxies)).await;
    let passed = proxies.socks5.passed() + proxies.http_connect.passed();
    if result.is_ok() && (passed > 0) != way.proxy.is_some() {
        result = Err(format!("{passed} connections went through a proxy"));
    }
    let mut outcomes = vec![(way.to_string(), result)];
    if let Some(text) = way.properties(&cluster) {
        let config = Config::parse(&text).and_then(|config| config.client());
        let result = match config {
            Ok(builder) => in_time(builder).await,
            Err(error) => Err(error.to_string()),
        };
        outcomes.push((format!("{way} properties"), result));
    }
    outcomes
}

async fn every_way(cluster: &Secured) {
    let cluster = Arc::new(cluster.clone());
    let mut ways = Way::all(&cluster).into_iter();
    let (mut running, mut outcomes) = (JoinSet::new(), BTreeMap::new());
    loop {
        // So many that one waits for the group while others work.
        while running.len() < AT_ONCE {
            let Some(way) = ways.next() else { break };
            running.spawn(go(Arc::clone(&cluster), way));
        }
        let Some(done) = running.join_next().await else { break };
        outcomes.extend(done.expect("no panic"));
    }
    for (way, result) in &outcomes {
        println!("{way:60} {}", result.as_ref().map_or_else(String::as_str, |()| "ok"));
    }
    let failures: Vec<_> = outcomes.iter().filter(|(_, result)| result.is_err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn every_way_into_kafka_leads_to_produce_and_consume() {
    every_way(&Secured::kafka()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_into_the_test_broker_leads_to_produce_and_consume() {
    let broker = SecuredTestBroker::start().await;
    every_way(&broker.secured).await;
}
