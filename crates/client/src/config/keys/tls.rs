//! Keys of TLS.

use super::super::key::{Key, Kind};
use super::CLIENT;

const JAVA_CRYPTO: &str = "chooses a part of Java's cryptography";
const OPENSSL: &str = "OpenSSL is not used";

pub(super) const KEYS: &[Key] = &[
    Key::new("ssl.truststore.location", CLIENT, Kind::NonEmptyText, None).alias(&["ssl.ca.location"]).note(
        "a file of PEM certificates; without it and `ssl.truststore.certificates`, the usual authorities",
    ),
    Key::new("ssl.truststore.certificates", CLIENT, Kind::NonEmptyText, None)
        .alias(&["ssl.ca.pem"])
        .secret()
        .note("PEM certificates themselves"),
    Key::new("ssl.truststore.type", CLIENT, Kind::Text, Some("PEM"))
        .note("Java: JKS. A JKS or PKCS12 store is refused with the command that converts it"),
    Key::new("ssl.truststore.password", CLIENT, Kind::Text, None)
        .secret()
        .jvm_only("a PEM file of certificates has no password"),
    Key::new("ssl.keystore.location", CLIENT, Kind::NonEmptyText, None)
        .note("a PEM file of the private key and its certificates"),
    Key::new("ssl.keystore.certificate.chain", CLIENT, Kind::NonEmptyText, None)
        .alias(&["ssl.certificate.pem"])
        .secret()
        .note("PEM certificates themselves, the client's own first"),
    Key::new("ssl.keystore.key", CLIENT, Kind::NonEmptyText, None)
        .alias(&["ssl.key.pem"])
        .secret()
        .note("the PEM private key itself"),
    Key::new("ssl.certificate.location", CLIENT, Kind::NonEmptyText, None)
        .note("librdkafka's: a PEM file of the client's certificates"),
    Key::new("ssl.key.location", CLIENT, Kind::NonEmptyText, None)
        .note("librdkafka's: a PEM file of the private key"),
    Key::new("ssl.key.password", CLIENT, Kind::Text, None).secret().note("of an encrypted private key"),
    Key::new("ssl.keystore.type", CLIENT, Kind::Text, Some("PEM"))
        .note("Java: JKS. A JKS or PKCS12 store is refused with the command that converts it"),
    Key::new("ssl.keystore.password", CLIENT, Kind::Text, None)
        .secret()
        .jvm_only("a PEM file has no password of its own: ssl.key.password is that of the key"),
    Key::new(
        "ssl.endpoint.identification.algorithm",
        CLIENT,
        Kind::ChoiceAnyCase(&["https", "none", ""]),
        Some("https"),
    )
    .note("empty or `none`: the broker's host name is not compared with its certificate"),
    Key::new("enable.ssl.certificate.verification", CLIENT, Kind::Boolean, Some("true"))
        .note("librdkafka's; `false` trusts any broker, and so anybody between"),
    Key::new("ssl.enabled.protocols", CLIENT, Kind::List, Some("TLSv1.2,TLSv1.3"))
        .note("TLSv1.2 and TLSv1.3; older ones are passed over while one of these is there"),
    Key::new("ssl.protocol", CLIENT, Kind::Choice(&["TLS", "TLSv1.2", "TLSv1.3", "SSL"]), None)
        .without_effect("ssl.enabled.protocols says which versions are used"),
    Key::new("ssl.cipher.suites", CLIENT, Kind::List, Some(""))
        .only(&[""], "the suites cannot be chosen: all that are offered are recommended ones"),
    Key::new("ssl.crl.location", CLIENT, Kind::Text, Some(""))
        .only(&[""], "revoked certificates are not looked up"),
    Key::new("ssl.engine.factory.class", CLIENT, Kind::Class, Some(""))
        .only(&["", "org.apache.kafka.common.security.ssl.DefaultSslEngineFactory"], "names a Java class"),
    Key::new("ssl.provider", CLIENT, Kind::Text, None).jvm_only(JAVA_CRYPTO),
    Key::new("ssl.keymanager.algorithm", CLIENT, Kind::Text, None).jvm_only(JAVA_CRYPTO),
    Key::new("ssl.trustmanager.algorithm", CLIENT, Kind::Text, None).jvm_only(JAVA_CRYPTO),
    Key::new("ssl.secure.random.implementation", CLIENT, Kind::Text, None).jvm_only(JAVA_CRYPTO),
    Key::new("ssl.ca.certificate.stores", CLIENT, Kind::List, None)
        .without_effect("names stores of Windows, of which none is read"),
    Key::new("ssl.curves.list", CLIENT, Kind::Text, Some(""))
        .only(&[""], "the curves cannot be chosen: all that are offered are recommended ones"),
    Key::new("ssl.sigalgs.list", CLIENT, Kind::Text, Some(""))
        .only(&[""], "the algorithms cannot be chosen: all that are offered are recommended ones"),
    Key::new("ssl.providers", CLIENT, Kind::Text, None).without_effect(OPENSSL),
    Key::new("ssl.engine.location", CLIENT, Kind::Text, None).without_effect(OPENSSL),
    Key::new("ssl.engine.id", CLIENT, Kind::Text, None).without_effect(OPENSSL),
];
