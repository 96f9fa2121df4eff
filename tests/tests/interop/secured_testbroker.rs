//! On our test broker with its doors locked: other clients get in by every one, if they have the key.

use super::secured_broker::SecuredBroker;
use super::secured_cases::{Case, Cases};
use ottla_tests::real_kafka::required;
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
