//! Keys of SASL.

use super::super::key::{Key, Kind};
use super::{CLIENT, MAX_INT, MILLIS, MILLIS_INT};

const KINIT: &str = "tickets are not renewed by a command: have a keytab, or renew them outside";
const BROKER_SIDE: &str = "tokens are checked by the broker";
const ANY: Kind = Kind::Integer(i64::MIN, i64::MAX);

pub(super) const KEYS: &[Key] = &[
    Key::new("sasl.mechanism", CLIENT, Kind::ChoiceAnyCase(MECHANISMS), Some("GSSAPI")).alias(&["sasl.mechanisms"]),
    Key::new("sasl.jaas.config", CLIENT, Kind::NonEmptyText, None)
        .secret()
        .note("Java's credentials: `org.apache.kafka.common.security.plain.PlainLoginModule required username=\"…\" password=\"…\";`"),
    Key::new("sasl.username", CLIENT, Kind::NonEmptyText, None).note("librdkafka's, for PLAIN and SCRAM"),
    Key::new("sasl.password", CLIENT, Kind::NonEmptyText, None).secret().note("librdkafka's, for PLAIN and SCRAM"),
    // OAUTHBEARER
    Key::new("sasl.oauthbearer.token.endpoint.url", CLIENT, Kind::NonEmptyText, None)
        .note("where tokens are fetched; `file:` names a file with a token in it"),
    Key::new("sasl.oauthbearer.client.credentials.client.id", CLIENT, Kind::NonEmptyText, None)
        .alias(&["sasl.oauthbearer.client.id"]),
    Key::new("sasl.oauthbearer.client.credentials.client.secret", CLIENT, Kind::NonEmptyText, None)
        .alias(&["sasl.oauthbearer.client.secret"])
        .secret(),
    Key::new("sasl.oauthbearer.scope", CLIENT, Kind::NonEmptyText, None),
    Key::new("sasl.oauthbearer.extensions", CLIENT, Kind::List, None).note("librdkafka's: `name=value,…` (KIP-342)"),
    Key::new("sasl.oauthbearer.header.urlencode", CLIENT, Kind::Boolean, Some("false")),
    Key::new("sasl.oauthbearer.assertion.private.key.file", CLIENT, Kind::NonEmptyText, None),
    Key::new("sasl.oauthbearer.assertion.private.key.passphrase", CLIENT, Kind::Text, None).secret(),
    Key::new("sasl.oauthbearer.assertion.private.key.pem", CLIENT, Kind::NonEmptyText, None)
        .secret()
        .note("librdkafka's: the private key itself"),
    Key::new("sasl.oauthbearer.assertion.file", CLIENT, Kind::NonEmptyText, None)
        .note("a file with an assertion that is signed already"),
    Key::new("sasl.oauthbearer.assertion.template.file", CLIENT, Kind::NonEmptyText, None)
        .alias(&["sasl.oauthbearer.assertion.jwt.template.file"]),
    Key::new("sasl.oauthbearer.assertion.algorithm", CLIENT, Kind::ChoiceAnyCase(&["RS256", "ES256"]), Some("RS256")),
    Key::new("sasl.oauthbearer.assertion.claim.aud", CLIENT, Kind::NonEmptyText, None),
    Key::new("sasl.oauthbearer.assertion.claim.iss", CLIENT, Kind::NonEmptyText, None),
    Key::new("sasl.oauthbearer.assertion.claim.sub", CLIENT, Kind::NonEmptyText, None),
    Key::new("sasl.oauthbearer.assertion.claim.exp.seconds", CLIENT, Kind::Integer(0, 86_400), Some("300")),
    Key::new("sasl.oauthbearer.assertion.claim.nbf.seconds", CLIENT, Kind::Integer(0, 3600), Some("60")),
    Key::new("sasl.oauthbearer.assertion.claim.jti.include", CLIENT, Kind::Boolean, Some("false")),
    Key::new("sasl.oauthbearer.jwt.retriever.class", CLIENT, Kind::Class, None)
        .note("`DefaultJwtRetriever`, `ClientCredentialsJwtRetriever`, `JwtBearerJwtRetriever` or `FileJwtRetriever` of `org.apache.kafka.common.security.oauthbearer`"),
    Key::new("sasl.login.callback.handler.class", CLIENT, Kind::Class, None)
        .note("Kafka's own two: `OAuthBearerLoginCallbackHandler` and `OAuthBearerUnsecuredLoginCallbackHandler`"),
    Key::new("sasl.oauthbearer.method", CLIENT, Kind::Choice(&["default", "oidc"]), Some("default"))
        .without_effect("whether tokens are fetched shows in the other keys"),
    Key::new("sasl.oauthbearer.grant.type", CLIENT, Kind::Choice(&["client_credentials", JWT_BEARER]), Some("client_credentials"))
        .note("librdkafka's"),
    Key::new("enable.sasl.oauthbearer.unsecure.jwt", CLIENT, Kind::Boolean, Some("false"))
        .note("librdkafka's: tokens that nobody signed, for development"),
    Key::new("sasl.oauthbearer.config", CLIENT, Kind::Text, None)
        .secret()
        .note("librdkafka's, for those tokens: `principal=… scope=… lifeSeconds=… extension_name=…`"),
    Key::new("sasl.oauthbearer.metadata.authentication.type", CLIENT, Kind::Choice(&["none", "azure_imds", "aws_iam"]), Some("none"))
        .only(&["none"], "tokens of cloud providers are not fetched"),
    // GSSAPI
    Key::new("sasl.kerberos.service.name", CLIENT, Kind::NonEmptyText, Some("kafka")),
    Key::new("sasl.kerberos.principal", CLIENT, Kind::NonEmptyText, None).note("librdkafka's"),
    Key::new("sasl.kerberos.keytab", CLIENT, Kind::NonEmptyText, None).note("librdkafka's"),
    Key::new("sasl.kerberos.kinit.cmd", CLIENT, Kind::Text, None).without_effect(KINIT),
    Key::new("sasl.kerberos.min.time.before.relogin", CLIENT, Kind::Millis(i64::MIN, i64::MAX), None).without_effect(KINIT),
    Key::new("sasl.kerberos.ticket.renew.jitter", CLIENT, Kind::Decimal(0.0, f64::MAX), None).without_effect(KINIT),
    Key::new("sasl.kerberos.ticket.renew.window.factor", CLIENT, Kind::Decimal(0.0, f64::MAX), None).without_effect(KINIT),
    // Logging in
    Key::new("sasl.login.class", CLIENT, Kind::Class, Some("")).only(&[""], "names a Java class"),
    Key::new("sasl.client.callback.handler.class", CLIENT, Kind::Class, Some(""))
        .only(&[""], "names a Java class: give credentials by sasl.jaas.config"),
    Key::new("sasl.login.connect.timeout.ms", CLIENT, MILLIS_INT, None).not_yet("fetching a token has one limit of its own"),
    Key::new("sasl.login.read.timeout.ms", CLIENT, MILLIS_INT, None).not_yet("fetching a token has one limit of its own"),
    Key::new("sasl.login.retry.backoff.ms", CLIENT, MILLIS, Some("100")),
    Key::new("sasl.login.retry.backoff.max.ms", CLIENT, MILLIS, Some("10000")),
    Key::new("sasl.login.refresh.window.factor", CLIENT, Kind::Decimal(0.5, 1.0), Some("0.8"))
        .note("the part of a token's life after which a new one is fetched"),
    Key::new("sasl.login.refresh.window.jitter", CLIENT, Kind::Decimal(0.0, 0.25), Some("0.05")),
    Key::new("sasl.login.refresh.min.period.seconds", CLIENT, Kind::Integer(0, 900), Some("60")),
    Key::new("sasl.login.refresh.buffer.seconds", CLIENT, Kind::Integer(0, 3600), Some("300")),
    // What a broker needs, in Java's list for clients all the same
    Key::new("sasl.oauthbearer.jwt.validator.class", CLIENT, Kind::Class, None).jvm_only(BROKER_SIDE),
    Key::new("sasl.oauthbearer.clock.skew.seconds", CLIENT, Kind::Integer(0, MAX_INT), None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.expected.audience", CLIENT, Kind::List, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.expected.issuer", CLIENT, Kind::Text, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.jwks.endpoint.url", CLIENT, Kind::Text, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.jwks.endpoint.refresh.ms", CLIENT, ANY, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", CLIENT, ANY, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", CLIENT, ANY, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.scope.claim.name", CLIENT, Kind::Text, None).without_effect(BROKER_SIDE),
    Key::new("sasl.oauthbearer.sub.claim.name", CLIENT, Kind::Text, None).without_effect(BROKER_SIDE),
];

const MECHANISMS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"];
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
