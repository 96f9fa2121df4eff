//! Connects to Amazon MSK and lists the brokers:
//! `cargo run -p ottla-example-msk-iam -- BOOTSTRAP:9098 REGION`, with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and,
//! for temporary credentials, `AWS_SESSION_TOKEN`.

use std::env;
use std::error::Error;

use aws_credential_types::Credentials;
use ottla_client::{Client, TlsConfig};
use ottla_example_msk_iam::MskIamCredentials;

fn from_environment() -> Result<Credentials, String> {
    let required = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
    let (id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(id, secret, env::var("AWS_SESSION_TOKEN").ok(), None, "environment"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [bootstrap_servers, region] = &arguments[..] else {
        return Err("usage: ottla-example-msk-iam BOOTSTRAP_SERVERS REGION".into());
    };
    let credentials = MskIamCredentials::new(region, || Box::pin(async { from_environment() }));
    let client = Client::builder(bootstrap_servers)
        .tls(TlsConfig::builder().build()?)
        .sasl_provider(credentials)
        .connect()
        .await?;
    for broker in client.snapshot().brokers.values() {
        println!("{broker:?}");
    }
    client.close().await;
    Ok(())
}
