//! A test broker as a server: `serve [HOST:PORT] [NODES]`. Prints `ready HOST:PORT[,…]` once it listens and runs
//! until Ctrl-C.

use ottla_testbroker::TestBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let nodes = args.next().map_or(Ok(1), |nodes| nodes.parse())?;
    let broker = TestBroker::builder().nodes(nodes).listen(&listen).start().await?;
    println!("ready {}", broker.bootstrap_servers());
    tokio::signal::ctrl_c().await?;
    broker.shutdown().await;
    Ok(())
}
