//! What Java's clients try on a secured cluster, and what must come of it.

use crate::kafka::companion::Kind;
use crate::kafka::security::{
    CLIENTS, KEY_PASSWORD, KEYTABS, Listener, REALM, SERVICE, SecurityFolder, TOKEN_FILES, Tokens, all_users,
    encrypted_keys, mechanisms, token_endpoint,
};
use crate::kafka::state::{Cluster, Endpoint};

const MODULES: &str = "org.apache.kafka.common.security";
const TOKEN_URL: &str = "sasl.oauthbearer.token.endpoint.url";

/// One client.
#[derive(Debug)]
pub struct Case {
    /// The listener's name, and what is special.
    pub name: String,
    /// The client's configuration.
    pub properties: String,
    /// `ok`, or the exception's name.
    pub wanted: &'static str,
}

impl Case {
    fn new(endpoint: &Endpoint, what: &str, wanted: &'static str) -> Case {
        let listener = endpoint.listener;
        let mut case = Case { name: format!("{} {what}", listener.name), properties: String::new(), wanted };
        case.add("bootstrap.servers", endpoint.bootstrap_servers());
        case.add("security.protocol", listener.protocol);
        if listener.session_lifetime_ms.is_some() && wanted == "ok" {
            // Two sessions and a bit.
            case.add("witness.seconds", 12);
        }
        case
    }

    fn add(&mut self, key: &str, value: impl std::fmt::Display) {
        self.properties.push_str(&format!("{key}={value}\n"));
    }

    fn trust(&mut self, folder: &SecurityFolder, authority: &str) {
        self.add("ssl.truststore.type", "PEM");
        self.add("ssl.truststore.location", folder.pki_file(authority).display());
    }

    fn show(&mut self, folder: &SecurityFolder, certificate: &str) {
        self.add("ssl.keystore.type", "PEM");
        self.add("ssl.keystore.location", folder.pki_file(&format!("{certificate}.store.pem")).display());
    }

    fn login(&mut self, mechanism: &str, module: &str, options: &str) {
        self.add("sasl.mechanism", mechanism);
        self.add("sasl.jaas.config", format!("{module} required {options};"));
    }

    fn password(&mut self, mechanism: &str, username: &str, password: &str) {
        let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
        let options = format!("username=\"{username}\" password=\"{password}\"");
        self.login(mechanism, &format!("{MODULES}.{module}"), &options);
    }

    fn unsecured_token(&mut self) {
        let module = format!("{MODULES}.oauthbearer.OAuthBearerLoginModule");
        self.login("OAUTHBEARER", &module, "unsecuredLoginStringClaim_sub=\"alice\"");
    }

    fn token(&mut self, url: &str, options: &str) {
        self.login("OAUTHBEARER", &format!("{MODULES}.oauthbearer.OAuthBearerLoginModule"), options);
        let handler = format!("{MODULES}.oauthbearer.OAuthBearerLoginCallbackHandler");
        self.add("sasl.login.callback.handler.class", handler);
        self.add(TOKEN_URL, url);
    }
}

/// Every case of a cluster's listeners.
pub fn all(cluster: &Cluster, folder: &SecurityFolder) -> Vec<Case> {
    let mut cases = Vec::new();
    for endpoint in &cluster.listeners {
        let offered = mechanisms(cluster, endpoint.listener);
        if offered.is_empty() {
            cases.extend(certificates(endpoint, folder));
        } else if !offered.contains(&"PLAIN") {
            let mut case = Case::new(endpoint, "PLAIN not offered", "UnsupportedSaslMechanismException");
            case.password("PLAIN", "alice", "alice-plain");
            dress(&mut case, endpoint.listener, folder);
            cases.push(case);
        }
        for mechanism in offered {
            let mut logins = match mechanism {
                "OAUTHBEARER" => tokens(cluster, endpoint, folder),
                "GSSAPI" => vec![ticket(endpoint, folder)],
                _ => passwords(endpoint, mechanism),
            };
            for case in &mut logins {
                dress(case, endpoint.listener, folder);
            }
            cases.extend(logins);
        }
    }
    cases
}

/// The URLs that a Java client must be allowed to take tokens from.
pub fn urls(cases: &[Case]) -> Vec<String> {
    let url = |line: &str| line.strip_prefix(TOKEN_URL)?.strip_prefix('=').map(str::to_owned);
    let mut urls: Vec<_> = cases.iter().flat_map(|case| case.properties.lines().filter_map(url)).collect();
    urls.sort();
    urls.dedup();
    urls
}

/// What a good client needs for TLS beneath a login.
fn dress(case: &mut Case, listener: &Listener, folder: &SecurityFolder) {
    if listener.certificate.is_some() {
        case.trust(folder, "ca.pem");
    }
    if listener.client_certificate {
        case.show(folder, "client");
    }
}

fn certificates(endpoint: &Endpoint, folder: &SecurityFolder) -> Vec<Case> {
    const REFUSED: &str = "SslAuthenticationException";
    let wanted = if endpoint.listener.certificate == Some("broker") { "ok" } else { REFUSED };
    let case = |what: &str, wanted, authority, certificate: Option<&str>| {
        let mut case = Case::new(endpoint, what, wanted);
        case.trust(folder, authority);
        if let Some(certificate) = certificate {
            case.show(folder, certificate);
        }
        case
    };
    if !endpoint.listener.client_certificate {
        let good = case("trusting the authority", wanted, "ca.pem", None);
        let other = case("trusting another authority", REFUSED, "other-ca.pem", None);
        return if wanted == "ok" { vec![good, other] } else { vec![good] };
    }
    let mut cases = vec![
        case("with a certificate", "ok", "ca.pem", Some("client")),
        case("without a certificate", REFUSED, "ca.pem", None),
        case("with an expired certificate", REFUSED, "ca.pem", Some("client-expired")),
        case("with a certificate not yet valid", REFUSED, "ca.pem", Some("client-not-yet-valid")),
        case("with another authority's certificate", REFUSED, "ca.pem", Some("client-wrong-ca")),
    ];
    // Java 17 reads the old encryption alone.
    if encrypted_keys(folder).any(|(name, _)| name == "3des") {
        let mut encrypted = case("with an encrypted key", "ok", "ca.pem", Some("client.3des"));
        encrypted.add("ssl.key.password", KEY_PASSWORD);
        cases.push(encrypted);
    }
    cases
}

fn passwords(endpoint: &Endpoint, mechanism: &'static str) -> Vec<Case> {
    const REFUSED: &str = "SaslAuthenticationException";
    let mut cases = Vec::new();
    for user in all_users().into_iter().filter(|user| user.mechanism == mechanism) {
        let mut case = Case::new(endpoint, &format!("{mechanism} {}", user.username), "ok");
        case.password(mechanism, user.username, &user.password);
        cases.push(case);
    }
    for (what, username, password) in [("wrong password", "alice", "wrong"), ("unknown user", "nobody", "x")]
    {
        let mut case = Case::new(endpoint, &format!("{mechanism} {what}"), REFUSED);
        case.password(mechanism, username, password);
        cases.push(case);
    }
    cases
}

fn tokens(cluster: &Cluster, endpoint: &Endpoint, folder: &SecurityFolder) -> Vec<Case> {
    const REFUSED: &str = "SaslAuthenticationException";
    let Some(port) = cluster.companion_port(Kind::TokenServer).filter(|_| endpoint.listener.uses_tokens())
    else {
        let mut case = Case::new(endpoint, "unsecured token", "ok");
        case.unsecured_token();
        return vec![case];
    };
    let mut cases = Vec::new();
    for name in TOKEN_FILES {
        let mut case = Case::new(endpoint, name, if name == "token" { "ok" } else { REFUSED });
        if name == "unsecured-token" {
            // Java's file reader wants three parts that are not empty; its own unsecured login makes such a token.
            case.unsecured_token();
            cases.push(case);
            continue;
        }
        case.token(&format!("file://{}", folder.oauth_file(name).display()), "");
        cases.push(case);
    }
    if endpoint.listener.tokens == Some(Tokens::JwksHttp) {
        for client in &CLIENTS {
            let mut case = Case::new(endpoint, &format!("client credentials of {}", client.id), "ok");
            let options = format!("clientId=\"{}\" clientSecret=\"{}\"", client.id, client.secret);
            case.token(&token_endpoint(port), &options);
            cases.push(case);
        }
    }
    cases
}

fn ticket(endpoint: &Endpoint, folder: &SecurityFolder) -> Case {
    let principal = KEYTABS[0];
    let mut case = Case::new(endpoint, "GSSAPI with a keytab", "ok");
    let options = format!(
        "useKeyTab=true storeKey=true keyTab=\"{}\" principal=\"{principal}@{REALM}\"",
        folder.keytab(principal).display()
    );
    case.login("GSSAPI", "com.sun.security.auth.module.Krb5LoginModule", &options);
    case.add("sasl.kerberos.service.name", SERVICE);
    case
}
