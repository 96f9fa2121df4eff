//! The protocol crate's example proxy before a real cluster. Other clients behind it: `interop/rewrite_hosts.rs`.

use ottla_tests::real_kafka::RealKafka;
use ottla_tests::rewrite_hosts::check_round_trip;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_client_behind_the_proxy_connects_to_nothing_else() {
    let kafka = RealKafka::three();
    let topic = kafka.topic("rewrite-hosts", 6);
    check_round_trip(kafka.bootstrap_servers(), &topic, 3).await;
}
