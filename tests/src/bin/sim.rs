//! Runs worlds.
fn main() {
    let mut args = std::env::args().skip(1);
    let scenario =
        args.next().and_then(|name| ottla_tests::sim::plan::Scenario::from_name(&name)).expect("scenario");
    let first: u64 = args.next().expect("first").parse().expect("n");
    let count: u64 = args.next().expect("count").parse().expect("n");
    for seed in first..first + count {
        let before = std::time::Instant::now();
        let plan = ottla_tests::sim::plan::Plan::draw(scenario, seed);
        match ottla_tests::sim::world::run(&plan) {
            Err(panic) => println!("{seed}: {panic}"),
            Ok(ended) => {
                println!(
                    "{seed}: {:?} lines {} faults {} {:?}",
                    before.elapsed(),
                    ended.text.lines().count(),
                    ended.faults,
                    ended.troubles
                );
                if count == 1 {
                    std::fs::write("/tmp/sim-world.jsonl", &ended.text).expect("file");
                }
                if std::env::var("TWICE").is_ok() {
                    let again = ottla_tests::sim::world::run(&plan).expect("no panic");
                    println!("same {}", again.text == ended.text);
                }
            }
        }
    }
}
