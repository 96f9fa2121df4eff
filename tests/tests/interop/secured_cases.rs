//! What Java's clients try on a secured test broker, and what must come of it: the same as on Apache Kafka, where
//! `cargo xtask kafka check` tries it with the same program.

use super::secured_broker::{DELEGATION_TOKEN, PASSWORDS, SecuredBroker, USERS};

const MODULES: &str = "org.apache.kafka.common.security";
const OK: &str = "ok";
const NO_TLS: &str = "SslAuthenticationException";
const NO_LOGIN: &str = "SaslAuthenticationException";

/// One client.
pub struct Case {
    pub name: String,
    /// The client's configuration.
    pub properties: String,
    /// `ok`, or the exception's name.
    pub wanted: &'static str,
}

/// How a listener is reached, apart from the login.
#[derive(Clone, Copy)]
struct Way {
    listener: &'static str,
    protocol: &'static str,
    shows_certificate: bool,
}

const fn way(listener: &'static str, protocol: &'static str) -> Way {
    Way { listener, protocol, shows_certificate: false }
}

/// Writes cases for one broker.
pub struct Cases<'a> {
    broker: &'a SecuredBroker,
    all: Vec<Case>,
}

impl<'a> Cases<'a> {
    pub fn new(broker: &'a SecuredBroker) -> Self {
        Self { broker, all: Vec::new() }
    }

    pub fn done(self) -> Vec<Case> {
        self.all
    }

    /// Certificates on both sides.
    pub fn certificates(mut self) -> Self {
        for listener in ["ssl", "ssl-1.2", "ssl-1.3"] {
            self.tls(listener, "ca.pem", None, OK);
            self.tls(listener, "other-ca.pem", None, NO_TLS);
        }
        for listener in ["ssl-expired", "ssl-not-yet-valid", "ssl-wrong-host", "ssl-wrong-ca"] {
            self.tls(listener, "ca.pem", None, NO_TLS);
        }
        for (listener, none) in [("mtls", NO_TLS), ("mtls-requested", OK)] {
            self.tls(listener, "ca.pem", None, none);
            self.tls(listener, "ca.pem", Some("client"), OK);
        }
        for certificate in ["client-expired", "client-wrong-ca"] {
            self.tls("mtls", "ca.pem", Some(certificate), NO_TLS);
        }
        self
    }

    /// Names and passwords, right and wrong, in every mechanism, with and without TLS.
    pub fn passwords(mut self) -> Self {
        let mutual = Way { shows_certificate: true, ..way("sasl-mtls", "SASL_SSL") };
        let plain = way("sasl-plaintext", "SASL_PLAINTEXT");
        let ways = [plain, way("sasl-ssl", "SASL_SSL"), mutual, way("all-mechanisms", "SASL_PLAINTEXT")];
        for at in ways {
            for (mechanism, suffix) in PASSWORDS {
                for user in USERS {
                    self.password(at, mechanism, user, &format!("{user}-{suffix}"), OK, 0);
                }
                self.password(at, mechanism, "alice", "wrong", NO_LOGIN, 0);
                self.password(at, mechanism, "nobody", "alice-plain", NO_LOGIN, 0);
            }
        }
        self.password(
            way("oauth", "SASL_PLAINTEXT"),
            "PLAIN",
            "alice",
            "x",
            "UnsupportedSaslMechanismException",
            0,
        );
        let [id, hmac] = DELEGATION_TOKEN;
        for (hmac, wanted) in [(hmac, OK), ("d3Jvbmc=", NO_LOGIN)] {
            let options = format!("username=\"{id}\" password=\"{hmac}\" tokenauth=\"true\"");
            let module = format!("{MODULES}.scram.ScramLoginModule");
            self.login(
                plain,
                "SCRAM-SHA-512",
                &format!("delegation token {hmac}"),
                &module,
                &options,
                "",
                wanted,
            );
        }
        self
    }

    /// Tokens, unsecured and signed.
    pub fn tokens(mut self) -> Self {
        const SCOPE: &str = "unsecuredLoginListClaim_scope=\",kafka\"";
        const ALICE: &str = "unsecuredLoginStringClaim_sub=\"alice\"";
        for at in [way("oauth-unsecured", "SASL_PLAINTEXT"), way("oauth-unsecured-ssl", "SASL_SSL")] {
            self.unsecured(at, "token", &format!("{ALICE} {SCOPE}"), OK);
            let extension = "unsecuredLoginExtension_team=\"blue\"";
            self.unsecured(at, "token and extension", &format!("{ALICE} {SCOPE} {extension}"), OK);
            self.unsecured(at, "no scope", ALICE, NO_LOGIN);
        }
        for at in [way("oauth", "SASL_PLAINTEXT"), way("oauth-ssl", "SASL_SSL")] {
            self.unsecured(at, "unsecured token", &format!("{ALICE} {SCOPE}"), NO_LOGIN);
            for (file, wanted) in [
                ("token", OK),
                ("expired-token", NO_LOGIN),
                ("wrong-audience-token", NO_LOGIN),
                ("unknown-key-token", NO_LOGIN),
            ] {
                self.signed(at, file, wanted, 0);
            }
        }
        self
    }

    /// Clients that produce for so long, across the ends of their sessions.
    pub fn sessions(mut self, seconds: u32) -> Self {
        for at in [way("reauth", "SASL_PLAINTEXT"), way("reauth-ssl", "SASL_SSL")] {
            for (mechanism, suffix) in PASSWORDS {
                self.password(at, mechanism, "alice", &format!("alice-{suffix}"), OK, seconds);
            }
            self.signed(at, "token", OK, seconds);
        }
        self
    }

    fn tls(
        &mut self,
        listener: &'static str,
        authority: &str,
        certificate: Option<&str>,
        wanted: &'static str,
    ) {
        let mut more = self.trust(authority);
        if let Some(certificate) = certificate {
            more += &self.show(certificate);
        }
        let what = format!("{authority} {}", certificate.unwrap_or("no certificate"));
        self.case(way(listener, "SSL"), &what, &more, wanted);
    }

    fn password(
        &mut self,
        at: Way,
        mechanism: &str,
        user: &str,
        password: &str,
        wanted: &'static str,
        seconds: u32,
    ) {
        let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
        let options = format!("username=\"{user}\" password=\"{password}\"");
        let more = lasting(seconds);
        let what = format!("{user} {password}");
        self.login(at, mechanism, &what, &format!("{MODULES}.{module}"), &options, &more, wanted);
    }

    fn unsecured(&mut self, at: Way, what: &str, options: &str, wanted: &'static str) {
        let module = format!("{MODULES}.oauthbearer.OAuthBearerLoginModule");
        self.login(at, "OAUTHBEARER", what, &module, options, "", wanted);
    }

    fn signed(&mut self, at: Way, file: &str, wanted: &'static str, seconds: u32) {
        let module = format!("{MODULES}.oauthbearer.OAuthBearerLoginModule");
        let handler = format!("{MODULES}.oauthbearer.OAuthBearerLoginCallbackHandler");
        let more = format!(
            "sasl.login.callback.handler.class={handler}\nsasl.oauthbearer.token.endpoint.url=file://{}\n{}",
            self.broker.file(file),
            lasting(seconds)
        );
        self.login(at, "OAUTHBEARER", file, &module, "", &more, wanted);
    }

    #[expect(clippy::too_many_arguments, reason = "each is a line of a configuration")]
    fn login(
        &mut self,
        at: Way,
        mechanism: &str,
        what: &str,
        module: &str,
        options: &str,
        more: &str,
        wanted: &'static str,
    ) {
        let mut lines =
            format!("sasl.mechanism={mechanism}\nsasl.jaas.config={module} required {options};\n{more}");
        if at.protocol == "SASL_SSL" {
            lines += &self.trust("ca.pem");
        }
        if at.shows_certificate {
            lines += &self.show("client");
        }
        self.case(at, &format!("{mechanism} {what}"), &lines, wanted);
    }

    fn case(&mut self, at: Way, what: &str, lines: &str, wanted: &'static str) {
        let servers = self.broker.bootstrap_servers(at.listener);
        self.all.push(Case {
            name: format!("{} {what}", at.listener),
            properties: format!("bootstrap.servers={servers}\nsecurity.protocol={}\n{lines}", at.protocol),
            wanted,
        });
    }

    fn trust(&self, authority: &str) -> String {
        format!("ssl.truststore.type=PEM\nssl.truststore.location={}\n", self.broker.file(authority))
    }

    fn show(&self, certificate: &str) -> String {
        let file = self.broker.file(&format!("{certificate}.store.pem"));
        format!("ssl.keystore.type=PEM\nssl.keystore.location={file}\n")
    }
}

fn lasting(seconds: u32) -> String {
    if seconds == 0 { String::new() } else { format!("witness.seconds={seconds}\n") }
}
