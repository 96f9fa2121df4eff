//! On our test broker with its doors locked: other clients get in by every one, if they have the key.

use super::secured_broker::{PASSWORDS, SecuredBroker};
use super::secured_cases::{Case, Cases};
use ottla_tests::real_kafka::required;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The program that tries the same on Apache Kafka.
const WITNESS: &str = include_str!("../../../xtask/src/kafka/check/Witness.java");
const LIFETIME: Duration = Duration::from_secs(2);

/// Tries all cases, and returns what came of each.
fn witness(broker: &SecuredBroker, cases: &[Case]) -> BTreeMap<String, String> {
    let configurations = broker.folder.join("configurations");
    fs::create_dir_all(&configurations).expect("a folder");
    for case in cases {
        fs::write(configurations.join(&case.name), &case.properties).expect("written");
    }
    let source = broker.folder.join("Witness.java");
    fs::write(&source, WITNESS).expect("written");
    let tokens = ["token", "expired-token", "wrong-audience-token", "unknown-key-token"];
    let urls = tokens.map(|name| format!("file://{}", broker.file(name))).join(",");
    let mut java = Command::new("java");
    java.arg(format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={urls}"));
    java.args(["-Xmx512m", "-Dlog4j2.level=OFF", "-Dlog4j2.statusLoggerLevel=OFF"]);
    java.args(["-cp", &format!("{}/*", required("OTTLA_TEST_JAVA_LIBS"))]).arg(&source);
    java.arg(broker.bootstrap_servers("plaintext")).arg(&configurations);
    let output = java.output().expect("java");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let outcome = |line: &str| line.split_once('\t').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    printed.lines().filter_map(outcome).collect()
}

fn check(broker: &SecuredBroker, cases: &[Case]) {
    let outcomes = witness(broker, cases);
    let mut wrong = Vec::new();
    for case in cases {
        let outcome = outcomes.get(&case.name).map_or("nothing", String::as_str);
        println!("{}: {}", case.name, outcome.replace('\t', ": "));
        if outcome.split('\t').next() != Some(case.wanted) {
            wrong.push(format!("{}: wanted {}: {outcome}", case.name, case.wanted));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{} cases as wanted", cases.len());
}

#[test]
#[ignore = "needs Java: cargo xtask test"]
fn java_is_let_in_or_refused_as_on_kafka() {
    let broker = SecuredBroker::start(LIFETIME);
    let cases = Cases::new(&broker).certificates().passwords().tokens().done();
    check(&broker, &cases);
}

#[test]
#[ignore = "needs Java: cargo xtask test"]
fn java_authenticates_again_while_it_produces() {
    let broker = SecuredBroker::start(LIFETIME);
    let cases = Cases::new(&broker).sessions(7).done();
    check(&broker, &cases);
    let (logins, expired) = broker.logins();
    let most = logins.values().max().copied().unwrap_or_default();
    let again = logins.values().filter(|count| **count > 1).count();
    println!("{} connections, {again} of them authenticated again, one {most} times", logins.len());
    assert!(again >= cases.len(), "a producer of each case, at least");
    assert!(most >= 3, "more than twice in three sessions: {most}");
    assert_eq!(expired, 0, "nobody came too late");
}

/// Sends a record with kcat and reads it back, and says what it complained of if it could not.
fn kcat(broker: &SecuredBroker, listener: &str, options: &[String]) -> Result<(), String> {
    let servers = broker.bootstrap_servers(listener);
    let run = |arguments: &[&str], input: &[u8]| {
        let mut command = Command::new("kcat");
        command.args(["-b", &servers, "-t", "witness", "-X", "message.timeout.ms=10000"]).args(arguments);
        for option in options {
            command.args(["-X", option]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kcat");
        child.stdin.take().expect("a piped input").write_all(input).expect("written");
        let output = child.wait_with_output().expect("kcat ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(output.stdout) } else { Err(said) }
    };
    run(&["-P"], listener.as_bytes())?;
    let read = run(&["-C", "-o", "beginning", "-e", "-q", "-f", "%s\n"], b"")?;
    let read = String::from_utf8_lossy(&read).into_owned();
    assert!(read.lines().any(|line| line == listener), "{read}");
    Ok(())
}

#[test]
#[ignore = "needs kcat: cargo xtask test"]
fn kcat_is_let_in_by_password_token_and_certificate() {
    let broker = SecuredBroker::start(LIFETIME);
    let trust = format!("ssl.ca.location={}", broker.file("ca.pem"));
    let protocol = |name: &str| format!("security.protocol={name}");
    // Not SCRAM: librdkafka before 2.3 repeats its own nonce, which Kafka refuses, and so does the test broker.
    let login = |user: &str, password: &str| {
        let options = ["sasl.mechanism=PLAIN".to_owned(), format!("sasl.username={user}")];
        [&options[..], &[format!("sasl.password={password}")]].concat()
    };
    let token =
        ["sasl.mechanism=OAUTHBEARER", "enable.sasl.oauthbearer.unsecure.jwt=true"].map(str::to_owned);
    let token = [&token[..], &["sasl.oauthbearer.config=principal=alice scope=kafka".to_owned()]].concat();
    let certificate = [
        format!("ssl.certificate.location={}", broker.file("client.pem")),
        format!("ssl.key.location={}", broker.file("client.key")),
    ];
    let plain = login("alice", "alice-plain");
    for (listener, name, options) in [
        ("plaintext", "plaintext", Vec::new()),
        ("sasl-plaintext", "sasl_plaintext", plain.clone()),
        ("ssl", "ssl", vec![trust.clone()]),
        ("ssl-1.2", "ssl", vec![trust.clone()]),
        ("mtls", "ssl", [&certificate[..], std::slice::from_ref(&trust)].concat()),
        ("sasl-ssl", "sasl_ssl", [&plain[..], std::slice::from_ref(&trust)].concat()),
        ("oauth-unsecured", "sasl_plaintext", token),
    ] {
        let options = [&options[..], &[protocol(name)]].concat();
        assert_eq!(kcat(&broker, listener, &options), Ok(()), "{listener}");
    }
    let wrong = [&login("alice", "wrong")[..], &[protocol("sasl_plaintext")]].concat();
    let said = kcat(&broker, "sasl-plaintext", &wrong).expect_err("a wrong password");
    assert!(said.contains("Invalid username or password"), "{said}");
}

/// Tries clients of KafkaJS: by name, what is beside the addresses in their configuration, and for how long they send.
fn kafkajs(broker: &SecuredBroker, clients: &[(&str, &str, Value, u32)]) -> Vec<String> {
    let line = |(name, listener, config, seconds): &(&str, &str, Value, u32)| {
        let mut config = config.clone();
        let servers = broker.bootstrap_servers(listener);
        config["brokers"] = servers.split(',').collect();
        format!("{}\n", json!({ "name": name, "config": config, "seconds": seconds }))
    };
    let input: String = clients.iter().map(line).collect();
    let mut node = Command::new("node");
    node.env("NODE_PATH", required("OTTLA_TEST_NODE_MODULES"));
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/kafkajs/log_in.js"));
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = node.spawn().expect("node");
    child.stdin.take().expect("a piped input").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{printed}");
    printed.lines().map(str::to_owned).collect()
}

fn kafkajs_login(mechanism: &str, user: &str, password: &str) -> Value {
    let mechanism = mechanism.to_lowercase();
    json!({ "sasl": { "mechanism": mechanism, "username": user, "password": password } })
}

#[test]
#[ignore = "needs Node: cargo xtask test"]
fn kafkajs_is_let_in_by_password_and_certificate() {
    let broker = SecuredBroker::start(LIFETIME);
    let read = |name: &str| fs::read_to_string(broker.file(name)).expect("a file");
    let trust = json!({ "ca": [read("ca.pem")] });
    let mutual = json!({ "ca": [read("ca.pem")], "cert": read("client.pem"), "key": read("client.key") });
    let mut clients = vec![
        ("tls", "ssl", json!({ "ssl": trust }), 0),
        ("mutual tls", "mtls", json!({ "ssl": mutual }), 0),
        ("wrong", "sasl-plaintext", kafkajs_login("SCRAM-SHA-256", "alice", "wrong"), 0),
    ];
    for (mechanism, suffix) in PASSWORDS {
        let mut config = kafkajs_login(mechanism, "alice", &format!("alice-{suffix}"));
        clients.push((mechanism, "sasl-plaintext", config.clone(), 0));
        config["ssl"] = trust.clone();
        clients.push((mechanism, "sasl-ssl", config, 0));
    }
    let outcomes = kafkajs(&broker, &clients);
    assert_eq!(outcomes.len(), clients.len());
    for outcome in outcomes {
        let wanted = if outcome.starts_with("wrong") { "\tKafkaJSSASLAuthenticationError\t" } else { "\tok" };
        assert!(outcome.contains(wanted), "{outcome}");
    }
}

#[test]
#[ignore = "needs Node: cargo xtask test"]
fn kafkajs_authenticates_again_while_it_produces() {
    let broker = SecuredBroker::start(LIFETIME);
    let client = |(mechanism, suffix): (&'static str, &str)| {
        let mut config = kafkajs_login(mechanism, "alice", &format!("alice-{suffix}"));
        // Before the end of a session, and not twice within a second, which Kafka refuses.
        config["reauthenticationThreshold"] = 500.into();
        (mechanism, "reauth", config, 7)
    };
    let clients: Vec<_> = PASSWORDS.into_iter().map(client).collect();
    for outcome in kafkajs(&broker, &clients) {
        assert!(outcome.ends_with("\tok"), "{outcome}");
    }
    let (logins, expired) = broker.logins();
    let again = logins.values().filter(|count| **count >= 3).count();
    assert!(again >= clients.len(), "{logins:?}");
    assert_eq!(expired, 0, "nobody came too late");
}
