//! Tests of what the keys of TLS and SASL say together.

use std::time::Duration;

use super::super::builders::Config;
use super::super::login_module::{KerberosOptions, UnsecuredOptions};
use super::super::password::Password;
use super::super::sasl::ScramHash;
use super::super::tls::{Pem, TlsIdentity, TlsVersion, Verification};
use super::super::token_source::{AssertionKey, AssertionSource, TokenSource};
use super::*;

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"hunter2\";";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"hunter2\";";

fn security(text: &str) -> SecuritySettings {
    Config::parse(text).unwrap_or_else(|error| panic!("{text}\n{error}")).security().clone()
}

fn sasl(text: &str) -> SaslSettings {
    security(&format!("security.protocol=sasl_plaintext\n{text}")).sasl.expect("there is sasl")
}

fn tls(text: &str) -> TlsSettings {
    security(&format!("security.protocol=ssl\n{text}")).tls.expect("there is tls")
}

/// Of a text whose first line is `security.protocol`.
fn refused(protocol: &str, text: &str) -> String {
    let text = format!("security.protocol={protocol}\n{text}");
    let error = Config::parse(&text).map(|config| config.security().clone()).expect_err(&text).to_string();
    assert!(!error.contains("hunter2"), "{error}");
    error
}

#[test]
fn the_protocol_says_what_there_is() {
    let check = |protocol: &str, has_tls: bool, has_sasl: bool| {
        let text = format!("security.protocol={protocol}\nsasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN}");
        let security = security(&text);
        assert_eq!((security.tls.is_some(), security.sasl.is_some()), (has_tls, has_sasl), "{protocol}");
        assert_eq!(security.protocol(), protocol.to_ascii_uppercase());
    };
    check("PLAINTEXT", false, false);
    check("ssl", true, false);
    check("Sasl_Plaintext", false, true);
    check("SASL_SSL", true, true);
}

#[test]
fn passwords_come_in_javas_way_or_in_librdkafkas() {
    let plain = SaslSettings::Plain { username: "alice".to_owned(), password: Password::new("hunter2") };
    assert_eq!(sasl(&format!("sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN}")), plain);
    assert_eq!(sasl("sasl.mechanisms=PLAIN\nsasl.username=alice\nsasl.password=hunter2"), plain);
    for (name, hash) in [("SCRAM-SHA-256", ScramHash::Sha256), ("SCRAM-SHA-512", ScramHash::Sha512)] {
        let scram = SaslSettings::Scram {
            hash,
            username: "alice".to_owned(),
            password: Password::new("hunter2"),
            is_delegation_token: false,
        };
        assert_eq!(scram.mechanism(), name);
        assert_eq!(sasl(&format!("sasl.mechanism={name}\nsasl.jaas.config={SCRAM}")), scram);
        assert_eq!(
            sasl(&format!("sasl.mechanism={name}\nsasl.username=alice\nsasl.password=hunter2")),
            scram
        );
    }
}

#[test]
fn credentials_that_do_not_fit_or_are_missing_are_told() {
    let check = |text: &str, expected: &str| {
        let error = refused("SASL_PLAINTEXT", text);
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        &format!("sasl.mechanism=PLAIN\nsasl.jaas.config={SCRAM}"),
        "sasl.jaas.config (line 3): ScramLoginModule does not fit sasl.mechanism=PLAIN, which needs PlainLoginModule",
    );
    check(
        &format!("sasl.jaas.config={PLAIN}"),
        "sasl.jaas.config (line 2): PlainLoginModule does not fit sasl.mechanism=GSSAPI, the default, which needs \
         Krb5LoginModule: set sasl.mechanism to PLAIN",
    );
    check(
        "sasl.mechanism=PLAIN",
        "sasl.jaas.config: missing: PLAIN needs sasl.username and sasl.password, or ",
    );
    check("sasl.mechanism=PLAIN\nsasl.username=a", "sasl.password: missing beside sasl.username");
    check("sasl.mechanism=PLAIN\nsasl.password=hunter2", "sasl.username: missing beside sasl.password");
    check(
        &format!("sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN}\nsasl.username=bob"),
        "sasl.username (line 4): says the same as sasl.jaas.config: give one of the two",
    );
    check(
        "sasl.mechanism=PLAIN\nsasl.jaas.config=hunter2",
        "sasl.jaas.config (line 3): after the login module",
    );
    check("sasl.mechanism=PLAINTEXT", "sasl.mechanism (line 2): must be one of PLAIN, SCRAM-SHA-256");
    check("sasl.kerberos.keytab=/k", "sasl.kerberos.principal: missing beside sasl.kerberos.keytab");
}

#[test]
fn tokens_come_from_where_the_keys_say() {
    const OAUTH: &str = "sasl.mechanism=OAUTHBEARER\n";
    const MODULE: &str =
        "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";
    const HANDLER: &str = "sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";
    let source = |text: &str| match sasl(&format!("{OAUTH}{text}")) {
        SaslSettings::OAuthBearer(settings) => settings.source,
        other => panic!("{other:?}"),
    };
    let by_secret = |scope: Option<&str>| TokenSource::ClientCredentials {
        token_endpoint: "https://id/token".to_owned(),
        client_id: "c".to_owned(),
        client_secret: Password::new("hunter2"),
        scope: scope.map(str::to_owned),
        urlencode_header: false,
    };
    let endpoint = "sasl.oauthbearer.token.endpoint.url=https://id/token";
    // Java since 3.1, Java since 4.1, librdkafka.
    assert_eq!(
        source(&format!("{HANDLER}\n{endpoint}\n{MODULE} clientId=c clientSecret=hunter2;")),
        by_secret(None)
    );
    let keys = "sasl.oauthbearer.client.credentials.client.id=c\nsasl.oauthbearer.client.credentials.client.secret=hunter2";
    assert_eq!(
        source(&format!("{endpoint}\n{MODULE};\n{keys}\nsasl.oauthbearer.scope=x")),
        by_secret(Some("x"))
    );
    let keys =
        "sasl.oauthbearer.method=oidc\nsasl.oauthbearer.client.id=c\nsasl.oauthbearer.client.secret=hunter2";
    assert_eq!(source(&format!("{endpoint}\n{keys}")), by_secret(None));
    for url in ["file:/run/token", "file:///run/token", "file://localhost/run/token"] {
        let text = format!("sasl.oauthbearer.token.endpoint.url={url}");
        assert_eq!(source(&text), TokenSource::File("/run/token".into()));
    }
    let mut alice = UnsecuredOptions::new("alice");
    assert_eq!(
        source(&format!("{MODULE} unsecuredLoginStringClaim_sub=\"alice\";")),
        TokenSource::Unsecured(alice.clone())
    );
    alice.scope = Some("x y".to_owned());
    alice.lifetime = Duration::from_secs(60);
    let text = "enable.sasl.oauthbearer.unsecure.jwt=true\nsasl.oauthbearer.config=principal=alice scope=x,y lifeSeconds=60";
    assert_eq!(source(text), TokenSource::Unsecured(alice));
    let keys = "sasl.oauthbearer.jwt.retriever.class=org.apache.kafka.common.security.oauthbearer.JwtBearerJwtRetriever\n\
                sasl.oauthbearer.assertion.private.key.file=/k.pem\nsasl.oauthbearer.assertion.claim.iss=i";
    let TokenSource::JwtBearer { assertion: AssertionSource::Signed(claims), .. } =
        source(&format!("{endpoint}\n{keys}"))
    else {
        panic!("an assertion");
    };
    assert_eq!((claims.key, claims.issuer.as_deref()), (AssertionKey::File("/k.pem".into()), Some("i")));
    assert_eq!((claims.algorithm.as_str(), claims.lifetime), ("RS256", Duration::from_secs(300)));
    let keys = "sasl.oauthbearer.grant.type=urn:ietf:params:oauth:grant-type:jwt-bearer\nsasl.oauthbearer.assertion.file=/a";
    let TokenSource::JwtBearer { assertion, .. } = source(&format!("{endpoint}\n{keys}")) else {
        panic!("an assertion");
    };
    assert_eq!(assertion, AssertionSource::File("/a".into()));
}

#[test]
fn tokens_that_cannot_be_had_are_told() {
    let check = |text: &str, expected: &str| {
        let error = refused("SASL_SSL", &format!("sasl.mechanism=OAUTHBEARER\n{text}"));
        assert!(error.starts_with(expected), "{error}");
    };
    let endpoint = "sasl.oauthbearer.token.endpoint.url";
    check("", &format!("{endpoint}: missing"));
    check(&format!("{endpoint}=id/token"), &format!("{endpoint} (line 3): must begin with https:"));
    check(&format!("{endpoint}=https://id/token"), "sasl.oauthbearer.client.credentials.client.id: missing");
    check(
        "sasl.login.callback.handler.class=com.acme.Handler",
        "sasl.login.callback.handler.class (line 3): names a Java class that is not Kafka's",
    );
    check(
        "enable.sasl.oauthbearer.unsecure.jwt=true\nsasl.oauthbearer.config=hunter2",
        "sasl.oauthbearer.config (line 4): knows principal=",
    );
    check(
        "sasl.oauthbearer.extensions=a\nsasl.oauthbearer.token.endpoint.url=file:/t",
        "sasl.oauthbearer.extensions (line 3): must be name=value",
    );
}

#[test]
fn kerberos_takes_a_keytab_or_the_ticket_cache() {
    let gssapi = |service: &str, options| SaslSettings::Gssapi { service_name: service.to_owned(), options };
    let keytab = KerberosOptions {
        keytab: Some("/c.keytab".into()),
        principal: Some("c@R".to_owned()),
        ..KerberosOptions::default()
    };
    let cache = KerberosOptions { use_ticket_cache: true, ..KerberosOptions::default() };
    let module = "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required";
    assert_eq!(
        sasl(&format!(
            "{module} useKeyTab=true keyTab=\"/c.keytab\" principal=\"c@R\";\nsasl.kerberos.service.name=k"
        )),
        gssapi("k", keytab.clone())
    );
    assert_eq!(sasl(&format!("{module} useTicketCache=true serviceName=k;")), gssapi("k", cache.clone()));
    assert_eq!(sasl("sasl.kerberos.principal=c@R\nsasl.kerberos.keytab=/c.keytab"), gssapi("kafka", keytab));
    assert_eq!(sasl(""), gssapi("kafka", cache));
}

#[test]
fn certificates_come_from_files_or_from_the_text() {
    let file = |path: &str| Pem::File(path.into());
    let settings = tls(
        "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\nssl.keystore.type=PEM\nssl.keystore.location=/c.pem\nssl.key.password=hunter2",
    );
    assert_eq!(settings.roots, Some(file("/ca.pem")));
    let key_password = Some(Password::new("hunter2"));
    let identity = TlsIdentity { certificate_chain: file("/c.pem"), key: file("/c.pem"), key_password };
    assert_eq!(settings.identity, Some(identity));
    let settings = tls("ssl.ca.location=/ca.crt\nssl.certificate.location=/c.crt\nssl.key.location=/c.key");
    assert_eq!(settings.roots, Some(file("/ca.crt")));
    let identity = TlsIdentity { certificate_chain: file("/c.crt"), key: file("/c.key"), key_password: None };
    assert_eq!(settings.identity, Some(identity));
    assert_eq!(tls("").roots, None);
    assert_eq!(tls("").identity, None);
}

#[test]
fn a_certificate_that_was_joined_to_one_line_gets_its_lines_back() {
    let pem = "-----BEGIN CERTIFICATE-----\nabc\ndef=\n-----END CERTIFICATE-----\n";
    let twice = format!("{pem}{pem}");
    let check = |given: &str, expected: &str| {
        let settings = tls(&format!("ssl.truststore.certificates={given}"));
        assert_eq!(settings.roots, Some(Pem::Inline(Password::new(expected))), "{given}");
    };
    let in_one_line = "-----BEGIN CERTIFICATE----- abc def= -----END CERTIFICATE-----";
    check(in_one_line, pem);
    check(&format!("{in_one_line} {in_one_line}"), &twice);
    check("-----BEGIN CERTIFICATE-----abc \\\n  def=-----END CERTIFICATE-----", pem);
    check(&twice.trim_end().replace('\n', "\\n"), twice.trim_end());
}

#[test]
fn what_is_checked_of_a_certificate_follows_both_clients_keys() {
    let check = |text: &str, expected| assert_eq!(tls(text).verification, expected, "{text}");
    check("", Verification::Full);
    check("ssl.endpoint.identification.algorithm=https", Verification::Full);
    check("ssl.endpoint.identification.algorithm=", Verification::WithoutHostName);
    check("ssl.endpoint.identification.algorithm=none", Verification::WithoutHostName);
    check("enable.ssl.certificate.verification=false", Verification::Nothing);
}

#[test]
fn versions_of_tls_are_those_of_the_list_that_there_are() {
    let check = |list: &str, min, max| {
        let settings = tls(&format!("ssl.enabled.protocols={list}"));
        assert_eq!((settings.min_version, settings.max_version), (min, max), "{list}");
    };
    use TlsVersion::{Tls12, Tls13};
    check("TLSv1.2,TLSv1.3", Tls12, Tls13);
    check("TLSv1.3", Tls13, Tls13);
    check("TLSv1.2, TLSv1.1, TLSv1", Tls12, Tls12);
    let error = refused("SSL", "ssl.enabled.protocols=TLSv1.1");
    assert_eq!(
        error,
        "ssl.enabled.protocols (line 2): needs TLSv1.2 or TLSv1.3 among them, older versions are not spoken"
    );
    let error = refused("SSL", "ssl.enabled.protocols=TLS1.3");
    assert_eq!(error, "ssl.enabled.protocols (line 2): knows TLSv1.2 and TLSv1.3: TLS1.3");
}

#[test]
fn stores_of_java_are_refused_with_the_command_that_converts_them() {
    let check = |text: &str, expected: &str| assert_eq!(refused("SSL", text), expected, "{text}");
    check(
        "ssl.truststore.location=/etc/trust.jks\nssl.truststore.password=hunter2",
        "ssl.truststore.location (line 2): JKS stores are not read, only PEM; convert it with `keytool -list -rfc \
         -keystore /etc/trust.jks -storetype JKS > /etc/trust.pem` and set ssl.truststore.type=PEM and \
         ssl.truststore.location=/etc/trust.pem",
    );
    check(
        "ssl.keystore.location=client.p12\nssl.key.password=hunter2",
        "ssl.keystore.location (line 2): PKCS12 stores are not read, only PEM; convert it with `openssl pkcs12 -in \
         client.p12 -nodes -out client.pem` and set ssl.keystore.type=PEM and ssl.keystore.location=client.pem",
    );
    check(
        "ssl.keystore.type=PKCS12\nssl.keystore.location=client",
        "ssl.keystore.location (line 3): PKCS12 stores are not read, only PEM; convert it with `openssl pkcs12 -in \
         client -nodes -out client.pem` and set ssl.keystore.type=PEM and ssl.keystore.location=client.pem",
    );
    check(
        "ssl.truststore.type=BKS\nssl.truststore.location=a",
        "ssl.truststore.location (line 3): only PEM is read: BKS",
    );
}

#[test]
fn certificates_that_contradict_or_lack_something_are_told() {
    let check = |text: &str, expected: &str| assert_eq!(refused("SSL", text), expected, "{text}");
    check(
        "ssl.ca.location=/a\nssl.ca.pem=hunter2",
        "ssl.ca.location (line 2): says the same as ssl.ca.pem: give one of the two",
    );
    check(
        "ssl.keystore.location=/a\nssl.key.location=/b",
        "ssl.keystore.location (line 2): says the same as ssl.key.location: give one of the two",
    );
    check(
        "ssl.key.pem=hunter2",
        "ssl.key.pem (line 2): needs the certificates beside it: ssl.certificate.location or ssl.keystore.certificate.chain",
    );
    check(
        "ssl.certificate.location=/a",
        "ssl.certificate.location (line 2): needs the private key beside it: ssl.key.location or ssl.keystore.key",
    );
}

#[test]
fn secrets_are_in_no_debug_output() {
    let text = format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN}\nssl.key.pem=hunter2\n\
         ssl.certificate.location=/a\nssl.key.password=hunter2"
    );
    let config = Config::parse(&text).expect("it is well-formed");
    let shown = format!("{config:?} {:?}", config.security());
    assert!(shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
}
