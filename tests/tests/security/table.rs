//! Through each way records are produced, and consumed in a group.

use crate::ways::{Proxies, Way};
use ottla_client::{OffsetReset, Record};
use ottla_tests::real_kafka::unique;
use ottla_tests::secured::Secured;
use std::time::Duration;
use tokio::time::timeout;

const RECORDS: usize = 20;

async fn round_trip(cluster: &Secured, way: &Way, proxies: &Proxies) -> Result<(), String> {
    let client = way.builder(cluster, proxies).connect().await.map_err(|error| error.to_string())?;
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
    producer.close().await;
    client.close().await;
    let expected: Vec<_> = (0..RECORDS).map(|number| number.to_string().into_bytes()).collect();
    if values == expected { Ok(()) } else { Err("other records came back".to_owned()) }
}

async fn every_way(cluster: &Secured) {
    let proxies = Proxies::start().await;
    let mut failures = Vec::new();
    for way in Way::all(cluster) {
        let passed = || proxies.socks5.passed() + proxies.http_connect.passed();
        let before = passed();
        let result = timeout(Duration::from_secs(30), round_trip(cluster, &way, &proxies)).await;
        let mut result = result.unwrap_or_else(|_| Err("not done in 30 s".to_owned()));
        if result.is_ok() && (passed() > before) != way.proxy.is_some() {
            result = Err(format!("{} connections went through a proxy", passed() - before));
        }
        println!("{way} {}", result.as_ref().map_or_else(String::as_str, |()| "ok"));
        failures.extend(result.err().map(|error| format!("{way}: {error}")));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn every_way_into_kafka_leads_to_produce_and_consume() {
    every_way(&Secured::kafka()).await;
}
