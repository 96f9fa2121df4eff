//! Goes over the table of keys: no supported key is without effect, and defaults are the builders' own.

use ottla_client::config::{self, Config, Key, Kind, Properties, Role, Status};

use super::world::{client, outcome};

/// What must stand beside a key so that it can have an effect.
fn beside(key: &str) -> &'static str {
    const PLAIN: &str = "security.protocol=SASL_PLAINTEXT sasl.mechanism=PLAIN";
    const TOKENS: &str = "security.protocol=SASL_PLAINTEXT sasl.mechanism=OAUTHBEARER \
        sasl.oauthbearer.token.endpoint.url=https://id/token sasl.oauthbearer.client.id=c \
        sasl.oauthbearer.client.secret=s";
    const ASSERTION: &str = "security.protocol=SASL_PLAINTEXT sasl.mechanism=OAUTHBEARER \
        sasl.oauthbearer.token.endpoint.url=https://id/token \
        sasl.oauthbearer.grant.type=urn:ietf:params:oauth:grant-type:jwt-bearer";
    const SIGNED: &str = "security.protocol=SASL_PLAINTEXT sasl.mechanism=OAUTHBEARER \
        sasl.oauthbearer.token.endpoint.url=https://id/token sasl.oauthbearer.assertion.private.key.file=/k \
        sasl.oauthbearer.grant.type=urn:ietf:params:oauth:grant-type:jwt-bearer";
    const EITHER: &str = "security.protocol=SASL_PLAINTEXT sasl.mechanism=OAUTHBEARER \
        sasl.oauthbearer.token.endpoint.url=https://id/token sasl.oauthbearer.client.id=c \
        sasl.oauthbearer.client.secret=s sasl.oauthbearer.assertion.private.key.file=/k";
    const UNSECURED: &str = "security.protocol=SASL_PLAINTEXT sasl.mechanism=OAUTHBEARER \
        enable.sasl.oauthbearer.unsecure.jwt=true sasl.oauthbearer.config=principal=a";
    const KERBEROS: &str =
        "security.protocol=SASL_PLAINTEXT sasl.kerberos.principal=a sasl.kerberos.keytab=/k";
    match key {
        "compression.gzip.level" | "compression.level" => "compression.type=gzip",
        "compression.lz4.level" => "compression.type=lz4",
        "compression.zstd.level" => "compression.type=zstd",
        "group.id" => "",
        "sasl.mechanism" => "security.protocol=SASL_PLAINTEXT sasl.username=a sasl.password=b",
        "sasl.jaas.config" => PLAIN,
        "sasl.username" => "security.protocol=SASL_PLAINTEXT sasl.mechanism=PLAIN sasl.password=b",
        "sasl.password" => "security.protocol=SASL_PLAINTEXT sasl.mechanism=PLAIN sasl.username=a",
        "sasl.oauthbearer.assertion.private.key.file"
        | "sasl.oauthbearer.assertion.private.key.pem"
        | "sasl.oauthbearer.assertion.file" => ASSERTION,
        "sasl.oauthbearer.config"
        | "enable.sasl.oauthbearer.unsecure.jwt"
        | "sasl.login.callback.handler.class" => UNSECURED,
        "sasl.oauthbearer.grant.type" => EITHER,
        "sasl.oauthbearer.jwt.retriever.class" => SIGNED,
        key if key.starts_with("sasl.oauthbearer.assertion.") => SIGNED,
        key if key.starts_with("sasl.oauthbearer.") || key.starts_with("sasl.login.") => TOKENS,
        key if key.starts_with("sasl.kerberos.") => KERBEROS,
        "ssl.key.password" => "security.protocol=SSL ssl.keystore.location=/c.pem",
        "ssl.key.location" | "ssl.keystore.key" => "security.protocol=SSL ssl.certificate.location=/c.pem",
        "ssl.certificate.location" | "ssl.keystore.certificate.chain" => {
            "security.protocol=SSL ssl.key.location=/k.pem"
        }
        "ssl.truststore.type" => "security.protocol=SSL ssl.truststore.location=/ca",
        "ssl.keystore.type" => "security.protocol=SSL ssl.keystore.location=/c",
        key if key.contains("ssl.") => "security.protocol=SSL",
        _ => "group.id=g",
    }
}

/// A value that is not the default.
fn other_value(key: &Key) -> String {
    let value = match key.name() {
        "sasl.jaas.config" => {
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=a password=b;"
        }
        "sasl.oauthbearer.token.endpoint.url" => "file:/token",
        "sasl.oauthbearer.jwt.retriever.class" => {
            "org.apache.kafka.common.security.oauthbearer.ClientCredentialsJwtRetriever"
        }
        "sasl.login.callback.handler.class" => {
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
        }
        "sasl.oauthbearer.config" => "principal=b",
        "sasl.oauthbearer.extensions" => "a=b",
        "sasl.mechanism" => "PLAIN",
        "partition.assignment.strategy" => "roundrobin",
        "ssl.enabled.protocols" => "TLSv1.3",
        "ssl.truststore.type" | "ssl.keystore.type" => "JKS",
        "acks" => "1",
        "partitioner.class" => "consistent_random",
        "send.buffer.bytes" | "receive.buffer.bytes" => "65536",
        "bootstrap.servers" => "b:1",
        _ => "",
    };
    if !value.is_empty() {
        return value.to_owned();
    }
    let default = key.default().unwrap_or_default();
    match key.kind() {
        Kind::Boolean => (default != "true").to_string(),
        Kind::Integer(min, max) | Kind::Millis(min, max) | Kind::Kibibytes(min, max) => {
            let default = default.parse().unwrap_or(min.max(0));
            if default < max { default + 1 } else { default - 1 }.to_string()
        }
        Kind::Decimal(min, max) => ((min + max.min(1.0)) / 2.0).to_string(),
        Kind::Choice(values) | Kind::ChoiceAnyCase(values) => {
            (*values.iter().find(|value| !value.eq_ignore_ascii_case(default)).expect("another one"))
                .to_owned()
        }
        Kind::OffsetReset => "earliest".to_owned(),
        _ => "another".to_owned(),
    }
}

/// The lines beside a key, without one for the key itself; and the key with a value.
fn lines(key: &Key, name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let servers = ("bootstrap.servers".to_owned(), "a:1".to_owned());
    let beside = beside(key.name()).split_whitespace().filter_map(|line| line.split_once('='));
    let beside = beside.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let names = |name: &str| key.name() == name || key.aliases().contains(&name);
    let mut lines: Vec<_> = std::iter::once(servers).chain(beside).filter(|(name, _)| !names(name)).collect();
    lines.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    lines
}

#[tokio::test]
async fn every_supported_key_changes_something_under_each_of_its_names() {
    let (_broker, client) = client().await;
    let mut supported = 0;
    for key in config::keys().filter(|key| key.status() == Status::Supported) {
        supported += 1;
        let without = outcome(&client, &lines(key, key.name(), None));
        let value = other_value(key);
        let with = outcome(&client, &lines(key, key.name(), Some(&value)));
        assert_ne!(without, with, "{} has no effect", key.name());
        let is_refusal = ["ssl.truststore.type", "ssl.keystore.type", "sasl.login.callback.handler.class"];
        let is_refusal = is_refusal.contains(&key.name()) || key.name().ends_with("jwt.retriever.class");
        assert!(with.is_ok() || is_refusal, "{}={value}: {with:?}", key.name());
        for alias in key.aliases() {
            let value = if alias.ends_with(".kbytes") { "1".to_owned() } else { value.clone() };
            let aliased = outcome(&client, &lines(key, alias, Some(&value)));
            assert_eq!(aliased, with, "{alias} is not {}", key.name());
        }
    }
    assert!(supported > 80, "{supported} supported keys");
}

#[tokio::test]
async fn defaults_of_the_table_are_those_of_the_builders() {
    let (_broker, client) = client().await;
    // The number is kept, though it is the codec's own.
    let kept = ["compression.gzip.level", "compression.lz4.level", "compression.zstd.level"];
    for key in config::keys().filter(|key| key.status() == Status::Supported && !kept.contains(&key.name())) {
        let Some(default) = key.default() else { continue };
        let without = outcome(&client, &lines(key, key.name(), None));
        let with = outcome(&client, &lines(key, key.name(), Some(default)));
        assert_eq!(without, with, "the default of {} is not {default}", key.name());
    }
    let lines = |text: &str| {
        text.lines()
            .map(|line| line.split_once('=').expect("a line"))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    let plain = outcome(&client, &lines("bootstrap.servers=a:1\ngroup.id=g")).expect("a configuration");
    assert_eq!(plain.client, Ok(format!("{:?}", ottla_client::Client::builder("a:1"))));
    assert_eq!(plain.producer, Ok(format!("{:?}", client.producer())));
    assert_eq!(plain.consumer, Ok(format!("{:?}", client.consumer("g"))));
    let without_group = outcome(&client, &lines("bootstrap.servers=a:1")).expect("a configuration");
    assert_eq!(without_group.consumer, Ok(format!("{:?}", client.consumer_without_group())));
}

#[tokio::test]
async fn keys_that_take_some_values_take_these_and_refuse_others() {
    let (_broker, client) = client().await;
    for key in config::keys() {
        let Status::Only(values, reason) = key.status() else { continue };
        let outcome = |value: &str| {
            let outcome = outcome(&client, &lines(key, key.name(), Some(value)))?;
            outcome.producer.and(outcome.consumer)
        };
        for value in values {
            assert!(outcome(value).is_ok(), "{}={value}: {:?}", key.name(), outcome(value));
        }
        let other = other_value(key);
        // Nothing is made for the role of admin yet.
        if !values.contains(&other.as_str()) && key.roles() != [Role::Admin] {
            let error = outcome(&other).expect_err(key.name());
            assert!(error.starts_with(key.name()) && error.contains(reason), "{error}");
        }
    }
}

#[test]
fn keys_without_effect_are_listed_with_the_reason() {
    let all = [Role::Producer, Role::Consumer, Role::Admin, Role::SchemaRegistry];
    for key in config::keys() {
        let reason = match key.status() {
            Status::WithoutEffect(reason) | Status::JvmOnly(reason) | Status::NotYet(reason) => reason,
            _ => continue,
        };
        let properties = Properties::from_pairs([(key.name(), other_value(key))]).expect("one");
        let config = Config::new(&properties).unwrap_or_else(|error| panic!("{error}"));
        let unused = config.unused(&all);
        assert_eq!(unused.len(), 1, "{}: {unused:?}", key.name());
        assert!(unused[0].key() == key.name() && unused[0].reason().ends_with(reason), "{}", unused[0]);
    }
}

#[test]
fn every_name_is_in_one_row() {
    let mut names: Vec<&str> = config::keys()
        .flat_map(|key| [key.name()].into_iter().chain(key.aliases().iter().copied()))
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for key in config::keys() {
        assert!(!key.roles().is_empty(), "{}", key.name());
        let found = config::key(key.name()).expect("it is there");
        assert_eq!(found.name(), key.name());
    }
}
